"""The focus ring: which widget the keys go to, and which ones Tab stops at."""

from __future__ import annotations

from collections.abc import Sequence

from kextrel.virtual.ui.widgets import Stop, Widget

__all__ = ["FocusRing"]


class FocusRing:
    """The widgets of one window in the order of Tab.

    Without keyboard navigation (AppleKeyboardUIMode is not 2 or 3) Tab stops at text fields only and passes over
    buttons, lists and pop-ups.
    """

    def __init__(self, widgets: Sequence[Widget], *, navigation: bool) -> None:
        wanted = {Stop.ALWAYS, Stop.NAVIGATION} if navigation else {Stop.ALWAYS}
        self._stops = [widget for widget in widgets if widget.stop in wanted]
        self.current: Widget | None = self._stops[0] if self._stops else None

    def move(self, *, back: bool = False) -> None:
        """To the next stop (or the one before), around the ends; nothing moves where nothing can be stopped at."""
        if self.current is None:
            return
        at = self._stops.index(self.current) + (-1 if back else 1)
        self.focus(self._stops[at % len(self._stops)])

    def focus(self, widget: Widget) -> None:
        """To `widget`, if it is one that can be stopped at."""
        if widget in self._stops:
            self.current = widget
            widget.focused()

    def resume(self, name: str) -> None:
        """To the stop of that name, if there still is one: a window that was built anew keeps its focus."""
        self.current = next((stop for stop in self._stops if stop.name == name), self.current)
