"""macOS 15's home of system extensions: Login Items & Extensions, whose sheets have a switch for each of a kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from kextrel.virtual.ui.authority import administrator
from kextrel.virtual.ui.dialogues import SETTINGS, Authentication
from kextrel.virtual.ui.host import Account, ExtensionRecord, Host
from kextrel.virtual.ui.keys import Key
from kextrel.virtual.ui.marks import WIDTH, Box, Disc, Mark, Rect
from kextrel.virtual.ui.widgets import ACCENT, Art, Button, Label, Stop, Widget
from kextrel.virtual.ui.window import Frame, Stack, Window

__all__ = ["PANE", "ExtensionSheet", "kind_of"]

PANE = "Login Items & Extensions"
_KINDS = {
    "com.apple.system_extension.endpoint_security": "Endpoint Security Extensions",
    "com.apple.system_extension.network_extension": "Network Extensions",
    "com.apple.system_extension.driver_extension": "Driver Extensions",
}
_W, _TOP, _PITCH = 560, 150, 64
_DIM = "#c9c9ce"


def kind_of(url: str) -> str | None:
    """The category of system extensions that an x-apple.systempreferences URL points to; None for another pane."""
    point = url.partition("extensionPointIdentifier=")[2].removesuffix(".extension-point")
    return point if "ExtensionsPreferences" in url and point in _KINDS else None


class Switch(Widget):
    """A switch: Space flips it while it has the focus. Its position is a colour, so OCR does not see it."""

    stop = Stop.NAVIGATION

    def __init__(self, rect: Rect, name: str, *, on: bool, movable: bool, flip: Callable[[], None]) -> None:
        super().__init__(rect, name)
        self._on, self._movable, self._flip = on, movable, flip

    def marks(self, focused: bool) -> Iterator[Mark]:
        yield Box(self.rect, ACCENT if self._on and self._movable else _DIM, None, self.rect.h // 2)
        side = self.rect.h - 4
        left = self.rect.x + (self.rect.w - side - 2 if self._on else 2)
        yield Disc(Rect(left, self.rect.y + 2, side, side), "#ffffff")
        yield from super().marks(focused)

    def key(self, key: Key) -> bool:
        if key.name != "space" or key.command or key.control:
            return False
        if self._movable:
            self._flip()
        return True


class ExtensionSheet(Window):
    """The sheet of one category: each extension with its application's name, its identifier and its switch."""

    def __init__(self, host: Host, stack: Stack, user: Account, category: str) -> None:
        self._host, self._stack, self._user, self._category = host, stack, user, category
        self._navigation_on = host.settings.keyboard_navigation(user.name)
        self._shown: object = None
        rect = Rect((WIDTH - _W) // 2, _TOP, _W, 480)
        super().__init__(
            SETTINGS, rect, [], frame=Frame.ALERT, navigation=self._navigation_on, cancel=self._close
        )  # fmt: skip
        self.refresh()

    def refresh(self) -> None:
        rows = [one for one in self._host.extensions.switches() if one.category == self._category]
        state = tuple((one.unique_id, self._host.extensions.is_on(one)) for one in rows)
        if state != self._shown:
            self._shown = state
            self.fill(list(self._widgets(rows)))

    def key(self, key: Key) -> bool:
        done = self.ring.current
        if key.name == "return" and isinstance(done, Button):
            done.press()
            return True
        return super().key(key)

    def _widgets(self, rows: Sequence[ExtensionRecord]) -> Iterator[Widget]:
        left, right, y = self.rect.x + 28, self.rect.x + _W - 28, _TOP + 34
        yield Label(left, y, _KINDS[self._category], size=16, bold=True)
        y += 50
        for record in rows:
            yield Art(Box(Rect(left - 8, y - 22, _W - 40, _PITCH - 8), "#f7f7f9", "#dededf", 8))
            yield Label(left + 4, y - 6, record.application)
            yield Label(left + 4, y + 16, record.identifier, size=12)
            yield self._switch(record, Rect(right - 46, y - 8, 40, 22))
            y += _PITCH
        yield Button(Rect(right - 80, _TOP + 430, 76, 32), "Done", self._close, default=True)

    def _switch(self, record: ExtensionRecord, rect: Rect) -> Switch:
        extensions, on = self._host.extensions, self._host.extensions.is_on(record)
        movable = extensions.removable_from_ui(record) if on else True
        return Switch(rect, f"switch of {record.unique_id}", on=on, movable=movable, flip=lambda: self._ask(record))

    def _ask(self, record: ExtensionRecord) -> None:
        def modify(user: str, password: str) -> bool:
            account = administrator(self._host, user, password)
            return account is not None and self._flip(record, account)

        self._stack.open(
            Authentication(self._stack, self._user.full_name, modify, navigation=self._navigation_on, title=PANE)
        )

    def _flip(self, record: ExtensionRecord, account: Account) -> bool:
        """Tells sysextd; False when it has other reasons to refuse, and the sheet stays."""
        change = self._host.extensions.disable if self._host.extensions.is_on(record) else self._host.extensions.enable
        try:
            change(record, account.name)
        except (PermissionError, LookupError):
            return False
        return True

    def _close(self) -> None:
        self._stack.close(self)
