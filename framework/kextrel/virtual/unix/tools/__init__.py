"""The command-line tools that any Unix has. Importing this package registers them."""
