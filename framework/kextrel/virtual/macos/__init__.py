"""macOS on a virtual Mac: kernel management, the system policy database, and the tools that show them."""
