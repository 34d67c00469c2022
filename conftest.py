"""What this project's own tests need of pytest, and nothing else: the plugin comes by its entry point."""

pytest_plugins = ["pytester"]
