"""A window: a frame, widgets, a focus ring, what Return and Escape do; and the stack in which windows lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import Enum

from kextrel.virtual.ui.focus import FocusRing
from kextrel.virtual.ui.keys import Key
from kextrel.virtual.ui.marks import Box, Disc, Layer, Mark, Rect, Text
from kextrel.virtual.ui.widgets import GREY, Button, Widget

__all__ = ["TITLE_BAR", "Frame", "Stack", "Window"]

TITLE_BAR = 34


class Frame(Enum):
    """What is drawn around a window."""

    TITLED = "title bar"
    ALERT = "alert or sheet"
    BARE = "nothing"


class Window:
    """One window of one application. `confirm` is what Return does, `cancel` what Escape does."""

    def __init__(
        self, application: str, rect: Rect, widgets: Sequence[Widget], *, frame: Frame = Frame.TITLED, title: str = "",
        navigation: bool = True, confirm: Callable[[], None] | None = None, cancel: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        self.application, self.rect, self.title = application, rect, title
        self.confirm, self.cancel = confirm, cancel
        self._frame, self._navigation = frame, navigation
        self.widgets: Sequence[Widget] = widgets
        self.ring = FocusRing(widgets, navigation=navigation)

    @property
    def is_alert(self) -> bool:
        """Whether it is a dialogue: no command but its own buttons closes it."""
        return self._frame is Frame.ALERT

    def fill(self, widgets: Sequence[Widget]) -> None:
        """Puts other widgets in; the focus stays at the stop of the same name."""
        kept = self.ring.current.name if self.ring.current else ""
        self.widgets, self.ring = widgets, FocusRing(widgets, navigation=self._navigation)
        self.ring.resume(kept)

    def refresh(self) -> None:
        """Called before the window is drawn and before it hears a key: a live window looks at what it shows."""

    def closed(self) -> None:
        """Called when the window was taken away."""

    def key(self, key: Key) -> bool:
        """Tab moves the focus; then the focused widget is asked; then Return and Escape."""
        if key.name == "tab" and not key.command:
            self.ring.move(back=key.shift)
            return True
        if self.ring.current is not None and self.ring.current.key(key):
            return True
        action = {"return": self.confirm, "escape": self.cancel}.get(key.name)
        if action is not None:
            action()
        return action is not None

    def layer(self, *, active: bool) -> Layer:
        """The window as a layer; `active`: it has the keys, so its focus is drawn."""
        return Layer(self.rect, tuple(self._marks(active=active)))

    def _marks(self, *, active: bool) -> Iterator[Mark]:
        if self._frame is not Frame.BARE:
            yield Box(self.rect.inset(-1), "#8c8c92", None, 13)
            yield Box(self.rect, "#ececee", None, 12)
        if self._frame is Frame.TITLED:
            yield from self._title_bar(active=active)
        for widget in self.widgets:
            yield from widget.marks(active and widget is self.ring.current)

    def _title_bar(self, *, active: bool) -> Iterator[Mark]:
        x, y = self.rect.x, self.rect.y + TITLE_BAR // 2
        yield Text(x + self.rect.w // 2, y, self.title, 14, "#3c3c40" if active else GREY, "m", True)
        for number, colour in enumerate(("#ff5f57", "#febc2e", "#28c840")):
            yield Disc(Rect(x + 14 + number * 20, y - 6, 12, 12), colour if active else "#c9c9ce")


class Stack:
    """Windows from bottom to top; the keys go to the top one."""

    def __init__(self) -> None:
        self._windows: list[Window] = []

    @property
    def top(self) -> Window | None:
        return self._windows[-1] if self._windows else None

    def open(self, window: Window) -> None:
        """Puts `window` on top."""
        self._windows.append(window)

    def close(self, window: Window) -> None:
        """Takes `window` away; harmless when it is gone."""
        if window in self._windows:
            self._windows.remove(window)
            window.closed()

    def of(self, application: str) -> list[Window]:
        """The windows of `application`, from bottom to top."""
        return [window for window in self._windows if window.application == application]

    def raise_application(self, application: str) -> bool:
        """Puts the windows of `application` on top in their order; False when it has none."""
        mine = self.of(application)
        self._windows = [window for window in self._windows if window.application != application] + mine
        return bool(mine)

    def quit(self, application: str) -> bool:
        """Closes the windows of `application`; False when it has none."""
        mine = self.of(application)
        for window in mine:
            self.close(window)
        return bool(mine)

    def click(self, application: str, button: str) -> bool:
        """A programme clicks a button of that name in the topmost window of `application`, which takes it or not.
        False where there is none."""
        window = next(iter(reversed(self.of(application))), None)
        if window is None:
            return False
        window.refresh()
        found = next((one for one in window.widgets if isinstance(one, Button) and one.name == button), None)
        if found is not None and not found.by_hand:
            found.press()
        return found is not None

    def key(self, key: Key) -> bool:
        """To the top window, after the commands that every application has: Command-Q quits, Command-W closes."""
        window = self.top
        if window is None:
            return False
        window.refresh()
        if key.command and key.name in ("q", "w") and not window.is_alert:
            (self.quit(window.application) if key.name == "q" else self.close(window))
            return True
        return window.key(key)

    def layers(self, *, alone: bool = False) -> Iterator[Layer]:
        """One layer a window, from bottom to top; `alone`: only those of the application on top."""
        for window in self._windows:
            if not alone or window.application == self._windows[-1].application:
                window.refresh()
                yield window.layer(active=window is self.top)
