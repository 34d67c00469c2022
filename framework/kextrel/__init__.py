"""Kextrel drives test Macs over real wires and holds what they do with extensions against a policy model."""

__version__ = "0.1.0"
