"""The login window, the lock screen and FileVault's unlock: somebody's full name, and a field for the password."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from kextrel.virtual.ui.boot import SCREEN
from kextrel.virtual.ui.host import Account, Host
from kextrel.virtual.ui.keys import Key
from kextrel.virtual.ui.marks import WIDTH, Box, Disc, Fade, Layer, Mark, Rect, Text
from kextrel.virtual.ui.widgets import Field
from kextrel.virtual.ui.window import Frame, Window

__all__ = ["WALLPAPER", "LoginPage", "Unlock", "portrait"]

WALLPAPER = Fade(SCREEN, "#3f6fb5", "#c58fb4")
_FIELD = Rect(WIDTH // 2 - 110, 640, 220, 32)


class LoginPage(Window):
    """One of `people` is asked for the password; Left and Right go to another one. Return hands it to `enter`; the
    field is empty again then, and after a wrong password the page stays."""

    def __init__(self, people: Sequence[Account], enter: Callable[[Account, str], object]) -> None:
        self._people, self._enter, self._at = people, enter, 0
        self._field = Field(_FIELD, name="password", secret=True, hint="Enter Password")
        super().__init__("loginwindow", SCREEN, [self._field], frame=Frame.BARE, confirm=self._confirm)

    def key(self, key: Key) -> bool:
        step = {"left": -1, "right": 1}.get(key.name)
        if step is None:
            return super().key(key)
        self._at = min(max(self._at + step, 0), len(self._people) - 1)
        self._field.clear()
        return True

    def _confirm(self) -> None:
        self._enter(self._people[self._at], self._field.clear())

    def _marks(self, *, active: bool) -> Iterator[Mark]:
        yield WALLPAPER
        yield from portrait(WIDTH // 2, 540, 88)
        yield Text(WIDTH // 2, 610, self._people[self._at].full_name, 20, "#ffffff", "m", True)
        yield Box(_FIELD.inset(-1), "#ffffff", None, 7)
        yield from super()._marks(active=active)


class Unlock:
    """What a Mac with FileVault shows before its boot: those who may unlock it, as the login window shows everybody,
    and nothing to tell the two apart by; that is a choice, for releases differ. After a wrong password the page shakes,
    and the field is empty again. Whoever is right is logged in by it."""

    signal = True

    def __init__(self, host: Host) -> None:
        self._vault = host.filevault
        self._page = LoginPage(self._vault.users, self._enter)

    def key(self, key: Key) -> None:
        self._page.key(key)

    def layers(self) -> Sequence[Layer]:
        return [self._page.layer(active=True)]

    def left(self) -> None:
        """There is nothing to clear up."""

    def _enter(self, account: Account, password: str) -> None:
        if self._vault.takes(account.name, password):
            self._vault.open(account.name)


def portrait(x: int, y: int, size: int) -> Iterator[Mark]:
    """The picture of somebody who gave none: a head and shoulders in a disc around (x, y)."""
    yield Disc(Rect(x - size // 2, y - size // 2, size, size), "#aeb4c0")
    head, shoulders = size * 2 // 5, size * 3 // 5
    yield Disc(Rect(x - head // 2, y - size * 2 // 5, head, head), "#f2f2f7")
    yield Disc(Rect(x - shoulders // 2, y + size // 12, shoulders, size * 2 // 5), "#f2f2f7")
