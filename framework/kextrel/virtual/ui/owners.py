"""Who is it: the picker of users who own the volume, and the page that asks for a password. recoveryOS shows both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from kextrel.virtual.ui.host import Account, Host
from kextrel.virtual.ui.keys import Key
from kextrel.virtual.ui.login import portrait
from kextrel.virtual.ui.marks import WIDTH, Box, Mark, Rect, Text
from kextrel.virtual.ui.widgets import GREY, Button, Field, Label, Stop, Widget
from kextrel.virtual.ui.window import Frame, Window

__all__ = ["PANEL", "PasswordPage", "Picker", "owners"]

PANEL = Rect(WIDTH // 2 - 330, 170, 660, 440)


def owners(host: Host) -> list[Account]:
    """Administrators who own the volume; where nobody does, all administrators: their passwords unlock nothing."""
    found = [account for account in host.spec.owners if account.admin]
    return found or [account for account in host.spec.accounts if account.admin]


class _People(Widget):
    """Portraits side by side with full names; Left and Right select."""

    stop = Stop.ALWAYS

    def __init__(self, people: Sequence[Account]) -> None:
        super().__init__(Rect(0, 0, 0, 0), "people")
        self._people, self.at = people, 0

    @property
    def chosen(self) -> Account:
        return self._people[self.at]

    def key(self, key: Key) -> bool:
        step = {"left": -1, "right": 1}.get(key.name)
        if step is None:
            return False
        self.at = min(max(self.at + step, 0), len(self._people) - 1)
        return True

    def marks(self, focused: bool) -> Iterator[Mark]:
        for number, account in enumerate(self._people):
            x = WIDTH // 2 + int((number - (len(self._people) - 1) / 2) * 170)
            if number == self.at:
                yield Box(Rect(x - 76, 296, 152, 156), "#d6e4fb" if focused else "#dcdce0", None, 12)
            yield from portrait(x, 360, 96)
            yield Text(x, 432, account.full_name, 16, anchor="m")


class Picker(Window):
    """`choose` gets who was picked with Return, "Next"."""

    def __init__(
        self, application: str, title: str, people: Sequence[Account], choose: Callable[[Account], None], *,
        back: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        row = _People(people)
        x, y, w, h = PANEL

        def go() -> None:
            choose(row.chosen)

        widgets = [
            Label(WIDTH // 2, y + 44, title, size=24, anchor="m", bold=True),
            Label(WIDTH // 2, y + 84, "Select a user you know the password for.", size=16, anchor="m"),
            row,
            Label(x + 40, y + h - 42, "Forgot all passwords?", size=15, colour="#0a60d0"),
            Button(Rect(x + w - 150, y + h - 60, 110, 34), "Next", go, default=True),
        ]
        super().__init__(application, PANEL, widgets, frame=Frame.ALERT, confirm=go, cancel=back)


class PasswordPage(Window):
    """`enter` gets the password and answers with what is wrong, "" for nothing; Escape goes `back`."""

    def __init__(
        self, application: str, title: str, account: Account, enter: Callable[[Account, str], str],
        back: Callable[[], None],
    ) -> None:  # fmt: skip
        self._account, self._enter = account, enter
        x, y, w, h = PANEL
        self._field = Field(Rect(WIDTH // 2 - 140, y + 250, 280, 34), name="password", secret=True)
        self._fixed: list[Widget] = [
            Label(WIDTH // 2, y + 44, title, size=24, anchor="m", bold=True),
            Label(WIDTH // 2, y + 214, f"Enter the password for the user “{account.full_name}”.", size=16, anchor="m"),
            self._field,
            Button(Rect(x + w - 150, y + h - 60, 110, 34), "Continue", self._go, default=True),
        ]
        super().__init__(application, PANEL, self._fixed, frame=Frame.ALERT, confirm=self._go, cancel=back)

    def _go(self) -> None:
        wrong = self._enter(self._account, self._field.clear())
        if wrong:
            self.fill([*self._fixed, Label(WIDTH // 2, PANEL.y + 310, wrong, size=15, colour=GREY, anchor="m")])

    def _marks(self, *, active: bool) -> Iterator[Mark]:
        yield from super()._marks(active=active)
        yield from portrait(WIDTH // 2, PANEL.y + 140, 96)
