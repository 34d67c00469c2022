"""The wires: one module a kind. `protocols` says what a device binds to."""
