"""The wires that a bench sees of a virtual Mac: real protocols on pseudo-terminals and loopback sockets."""
