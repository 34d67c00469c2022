"""recoveryOS: who may use it, its four utilities, the menu bar, Terminal. Shortcuts and walks as on 12 to 15; before
11 it was macOS Utilities.

An Intel Mac without a T2 asks nobody who they are, and has no Startup Security Utility.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kextrel.virtual.releases import name_of
from kextrel.virtual.ui.boot import SCREEN, backdrop
from kextrel.virtual.ui.host import Account, Host
from kextrel.virtual.ui.keys import Key
from kextrel.virtual.ui.marks import WIDTH, Layer, Rect
from kextrel.virtual.ui.menubar import Menu, MenuBar
from kextrel.virtual.ui.owners import PANEL, PasswordPage, Picker, owners
from kextrel.virtual.ui.startupsecurity import NAME as SECURITY
from kextrel.virtual.ui.startupsecurity import open_utility
from kextrel.virtual.ui.terminal import Terminal
from kextrel.virtual.ui.widgets import Button, Label, Listing
from kextrel.virtual.ui.window import Frame, Stack, Window

__all__ = ["Recovery"]

_NAME, _TITLE = "Recovery", "macOS Recovery"
_OLD_NAME, _OLD_BEFORE = "macOS Utilities", (11,)
_OLD_UTILITIES = ("Restore From Time Machine Backup", "Reinstall macOS", "Get Help Online", "Disk Utility")
_UTILITIES = ("Restore from Time Machine", "Reinstall macOS {release}", "Safari", "Disk Utility")
_FIRMWARE = "Firmware Password Utility"
_GROUND = "#2b2d33"


class Recovery:
    """The screens of one boot into recoveryOS. Without a mouse it stops at its first screen and hears no key."""

    signal = True

    def __init__(self, host: Host) -> None:
        self._host, self._stack = host, Stack()
        self._inside = False
        silicon = host.spec.architecture == "apple-silicon"
        self._old = host.spec.release < _OLD_BEFORE
        titles = (
            _OLD_NAME if self._old else _NAME,
            "File",
            "Edit",
            "Utilities",
            "Window",
            *(("Help",) if silicon else ()),
        )
        self._menu = MenuBar(titles, {"Utilities": self._tools()})
        self._terminal_menu = MenuBar(("Terminal", "Shell", "Edit", "View", "Window", "Help"))
        if silicon and not host.spec.has("PREP-08"):
            self._stack.open(_no_mouse())
        elif host.spec.architecture == "intel":
            self._come_in()
        else:
            self._pick()

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
        self._show(Picker(_NAME, _TITLE, owners(self._host), self._ask))

    def _ask(self, account: Account) -> None:
        self._show(PasswordPage(_NAME, _TITLE, account, self._enter, self._pick))

    def _enter(self, account: Account, password: str) -> str:
        if not self._host.startup.unlocks(account.name, password):
            return "The password you entered is incorrect."
        self._come_in()
        return ""

    def _come_in(self) -> None:
        self._inside = True
        self._show(self._utilities())

    def _show(self, window: Window) -> None:
        self._stack.quit(_NAME)
        self._stack.open(window)

    # -- the utilities ---------------------------------------------------------------------------------------------

    def _tools(self) -> Menu:
        """The menu Utilities of this Mac."""
        found: list[tuple[str, Callable[[], None]]] = [("Terminal", self._terminal)]
        if self._old:
            found.insert(0, ("Network Utility", lambda: self._open("Network Utility")))
        if self._old and self._host.spec.architecture == "intel":
            found.insert(0, (_FIRMWARE, lambda: self._open(_FIRMWARE)))
        if self._host.spec.architecture != "intel":
            found.insert(0, (SECURITY, lambda: open_utility(self._host, self._stack)))
        if self._host.spec.architecture == "apple-silicon":
            found.append(("Share Disk…", lambda: self._open("Share Disk")))
        return found

    def _utilities(self) -> Window:
        release = name_of(self._host.spec.macos)
        rows = [row.format(release=release) for row in (_OLD_UTILITIES if self._old else _UTILITIES)]
        x, y, w, h = PANEL
        listing = Listing(Rect(x + 40, y + 50, w - 80, 280), rows, 0, lambda _: None, pitch=64)

        def go() -> None:
            self._open(rows[listing.at])

        button = Button(Rect(x + w - 150, y + h - 60, 110, 34), "Continue", go, default=True)
        return Window(_NAME, PANEL, [listing, button], frame=Frame.ALERT, confirm=go)

    def _open(self, name: str) -> None:
        """An application of which only the window is there: Command-Q leaves it."""
        self._stack.open(Window(name, PANEL, [Label(*PANEL.middle, name, size=20, anchor="m")], title=name))

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
