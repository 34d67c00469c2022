"""recoveryOS: who may use it, its four utilities, the menu bar, Terminal. Shortcuts and walks as on 14.5."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from kextrel.virtual.ui.boot import SCREEN, backdrop
from kextrel.virtual.ui.host import Account, Host
from kextrel.virtual.ui.keys import Key
from kextrel.virtual.ui.login import portrait
from kextrel.virtual.ui.marks import WIDTH, Box, Layer, Mark, Rect, Text
from kextrel.virtual.ui.menubar import MenuBar
from kextrel.virtual.ui.terminal import Terminal
from kextrel.virtual.ui.widgets import GREY, Button, Field, Label, Listing, Stop, Widget
from kextrel.virtual.ui.window import Frame, Stack, Window

__all__ = ["Recovery"]

_NAME = "Recovery"
_PANEL = Rect(WIDTH // 2 - 330, 170, 660, 440)
_UTILITIES = ("Restore from Time Machine", "Reinstall macOS {release}", "Safari", "Disk Utility")
_RELEASES = {"11": "Big Sur", "12": "Monterey", "13": "Ventura", "14": "Sonoma", "15": "Sequoia", "26": "Tahoe"}
_GROUND = "#2b2d33"


class Recovery:
    """The screens of one boot into recoveryOS. Without a mouse it stops at its first screen and hears no key."""

    signal = True

    def __init__(self, host: Host) -> None:
        self._host, self._stack = host, Stack()
        self._inside = False
        utilities = [
            ("Startup Security Utility", self._opener("Startup Security Utility")),
            ("Terminal", self._terminal),
        ]
        utilities.append(("Share Disk…", self._opener("Share Disk")))
        titles = (_NAME, "File", "Edit", "Utilities", "Window", "Help")
        self._menu = MenuBar(titles, {"Utilities": utilities})
        self._terminal_menu = MenuBar(("Terminal", "Shell", "Edit", "View", "Window", "Help"))
        if host.spec.has("PREP-08"):
            self._pick()
        else:
            self._stack.open(_no_mouse())

    @property
    def _bar(self) -> MenuBar:
        return self._terminal_menu if self._stack.top and self._stack.top.application == "Terminal" else self._menu

    def key(self, key: Key) -> None:
        if self._inside and self._bar.key(key):
            return
        if self._inside and key.command and key.shift and key.name == "t":
            self._terminal()
            return
        top = self._stack.top
        if top is not None and top.application == _NAME and key.command:
            return  # the assistant itself can be neither closed nor quit
        self._stack.key(key)

    def layers(self) -> Sequence[Layer]:
        """An open application hides the utilities; they are back when it quits."""
        shown = list(self._stack.layers(alone=True))
        return [backdrop(fill=_GROUND), *shown, *(self._bar.layers() if self._inside else ())]

    def left(self) -> None:
        """Closes Terminal: its shell is hung up."""
        self._stack.quit("Terminal")

    # -- who is it -------------------------------------------------------------------------------------------------

    def _pick(self) -> None:
        """Administrators who own the volume; where nobody does, all administrators: their passwords unlock nothing."""
        owners = [account for account in self._host.spec.owners if account.admin]
        people = owners or [account for account in self._host.spec.accounts if account.admin]
        self._show(_Picker(people, self._ask))

    def _ask(self, account: Account) -> None:
        self._show(_Password(account, self._enter, self._pick))

    def _enter(self, account: Account, password: str) -> bool:
        if not self._host.startup.unlocks(account.name, password):
            return False
        self._inside = True
        self._show(self._utilities())
        return True

    def _show(self, window: Window) -> None:
        self._stack.quit(_NAME)
        self._stack.open(window)

    # -- the utilities ---------------------------------------------------------------------------------------------

    def _utilities(self) -> Window:
        release = _RELEASES.get(self._host.spec.macos.split(".")[0], self._host.spec.macos)
        rows = [row.format(release=release) for row in _UTILITIES]
        x, y, w, h = _PANEL
        listing = Listing(Rect(x + 40, y + 50, w - 80, 280), rows, 0, lambda _: None, pitch=64)

        def go() -> None:
            self._open(rows[listing.at])

        button = Button(Rect(x + w - 150, y + h - 60, 110, 34), "Continue", go, default=True)
        return Window(_NAME, _PANEL, [listing, button], frame=Frame.ALERT, confirm=go)

    def _opener(self, name: str) -> Callable[[], None]:
        return lambda: self._open(name)

    def _open(self, name: str) -> None:
        """An application of which only the window is there: Command-Q leaves it."""
        self._stack.open(Window(name, _PANEL, [Label(*_PANEL.middle, name, size=20, anchor="m")], title=name))

    def _terminal(self) -> None:
        if not self._stack.raise_application("Terminal"):
            self._stack.open(Terminal(self._host))


def _no_mouse() -> Window:
    texts = (("Connect a mouse or trackpad", 30), ("To continue, connect a mouse or trackpad to your Mac.", 18))
    labels = [
        Label(WIDTH // 2, 380 + 46 * n, text, size=size, anchor="m", colour="#f5f5f7")
        for n, (text, size) in enumerate(texts)
    ]
    return Window(_NAME, SCREEN, labels, frame=Frame.BARE)


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


class _Picker(Window):
    def __init__(self, people: Sequence[Account], choose: Callable[[Account], None]) -> None:
        row = _People(people)
        x, y, w, h = _PANEL

        def go() -> None:
            choose(row.chosen)

        widgets = [
            Label(WIDTH // 2, y + 44, "macOS Recovery", size=24, anchor="m", bold=True),
            Label(WIDTH // 2, y + 84, "Select a user you know the password for.", size=16, anchor="m"),
            row,
            Label(x + 40, y + h - 42, "Forgot all passwords?", size=15, colour="#0a60d0"),
            Button(Rect(x + w - 150, y + h - 60, 110, 34), "Next", go, default=True),
        ]
        super().__init__(_NAME, _PANEL, widgets, frame=Frame.ALERT, confirm=go)


class _Password(Window):
    def __init__(self, account: Account, enter: Callable[[Account, str], bool], back: Callable[[], None]) -> None:
        self._account, self._enter = account, enter
        x, y, w, h = _PANEL
        self._field = Field(Rect(WIDTH // 2 - 140, y + 250, 280, 34), name="password", secret=True)
        self._fixed: list[Widget] = [
            Label(WIDTH // 2, y + 44, "macOS Recovery", size=24, anchor="m", bold=True),
            Label(WIDTH // 2, y + 214, f"Enter the password for the user “{account.full_name}”.", size=16, anchor="m"),
            self._field,
            Button(Rect(x + w - 150, y + h - 60, 110, 34), "Continue", self._go, default=True),
        ]
        super().__init__(_NAME, _PANEL, self._fixed, frame=Frame.ALERT, confirm=self._go, cancel=back)

    def _go(self) -> None:
        if not self._enter(self._account, self._field.clear()):
            text = "The password you entered is incorrect."
            self.fill([*self._fixed, Label(WIDTH // 2, _PANEL.y + 310, text, size=15, colour=GREY, anchor="m")])

    def _marks(self, *, active: bool) -> Iterator[Mark]:
        yield from super()._marks(active=active)
        yield from portrait(WIDTH // 2, _PANEL.y + 140, 96)
