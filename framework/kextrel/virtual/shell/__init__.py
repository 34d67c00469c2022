"""A POSIX shell: words and commands are parsed into a tree, and the tree runs in a process of a virtual Mac."""
