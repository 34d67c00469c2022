"""The screen of a virtual Mac: windows with widgets and a focus ring, read as text and painted as a picture."""

from kextrel.virtual.ui.display import Display

__all__ = ["Display"]
