"""System Settings: the sidebar, and of its panes Privacy & Security, where waiting extensions are allowed.

Kernel extensions are allowed here from 13 on, system extensions up to 14: 15 has a place of their own for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from kextrel.virtual.ui.authority import administrator, allow_extensions, approve_kexts, approver
from kextrel.virtual.ui.dialogues import SETTINGS, Authentication, recovery_needed, restart_needed
from kextrel.virtual.ui.host import Account, ExtensionRecord, Host, Pending
from kextrel.virtual.ui.loginitems import ExtensionSheet, kind_of
from kextrel.virtual.ui.marks import Box, Mark, Rect, Shape, Text
from kextrel.virtual.ui.widgets import GREY, Art, Button, Field, Label, Listing, Popup, Widget
from kextrel.virtual.ui.window import TITLE_BAR, Frame, Stack, Window

__all__ = ["PRIVACY", "Settings"]

PRIVACY = "Privacy & Security"
_PANES = (
    "Wi-Fi", "Bluetooth", "Network", "Notifications", "Sound", "Focus", "Screen Time", "General", "Appearance",
    "Accessibility", "Control Center", "Siri & Spotlight", PRIVACY, "Desktop & Dock", "Displays", "Wallpaper",
)  # fmt: skip
_PLACE = Rect(90, 60, 1100, 690)
_SIDE = 250
_LEFT, _RIGHT = _PLACE.x + _SIDE + 30, _PLACE.x + _PLACE.w - 30
_FROM, _FROM_15 = "Allow applications downloaded from", "Allow applications from"
_SOURCES = ("App Store", "App Store and identified developers")


class Settings(Window):
    """The window; `go` shows a pane, once it is open. It asks what is pending whenever it is shown or hears a key."""

    def __init__(self, host: Host, stack: Stack, user: Account) -> None:
        self._host, self._stack, self._user = host, stack, user
        self._navigation_on = host.settings.keyboard_navigation(user.name)
        self._source = _SOURCES[1]
        self._own_place = host.spec.release >= (15,)
        self._search = Field(Rect(_PLACE.x + 16, _PLACE.y + 44, _SIDE - 32, 28), name="search", hint="Search")
        self._sidebar = Listing(Rect(_PLACE.x + 12, _PLACE.y + 130, _SIDE - 24, 480), _PANES, 0, self._moved)
        self._shown: object = None
        super().__init__(SETTINGS, _PLACE, [self._search], title="", navigation=self._navigation_on)
        self._moved(0)

    def go(self, url: str) -> None:
        """Shows the pane that an x-apple.systempreferences URL names: this one by PrivacySecurity, else General, over
        which 15 puts the sheet of a kind of system extensions."""
        self._moved(_PANES.index(PRIVACY if "PrivacySecurity" in url else "General"))
        self._sidebar.at = self._pane
        for sheet in [window for window in self._stack.of(SETTINGS) if isinstance(window, ExtensionSheet)]:
            self._stack.close(sheet)
        kind = kind_of(url) if self._own_place else None
        if kind is not None:
            self._stack.open(ExtensionSheet(self._host, self._stack, self._user, kind))

    def refresh(self) -> None:
        pending = tuple(self._host.kernel.pending())
        waiting = () if self._own_place else tuple(self._host.extensions.pending())
        kexts = tuple((one.bundle_id, one.allowed_by_policy, one.forbidden) for one in pending)
        state = (self._pane, self._source, kexts, tuple(one.unique_id for one in waiting))
        if state != self._shown:
            self._shown = state
            self.title = _PANES[self._pane]
            name = Label(_PLACE.x + 60, _PLACE.y + 100, self._user.full_name, bold=True)
            pane = self._privacy(pending, waiting) if self.title == PRIVACY else ()
            self.fill([self._search, name, self._sidebar, *pane])

    def _moved(self, pane: int) -> None:
        self._pane = pane

    # -- Privacy & Security -----------------------------------------------------------------------------------------

    def _privacy(self, pending: Sequence[Pending], waiting: Sequence[ExtensionRecord]) -> Iterator[Widget]:
        y = _PLACE.y + TITLE_BAR + 30
        for name in ("Full Disk Access", "Developer Tools", "Analytics & Improvements", "Apple Advertising"):
            yield from _row(y, name)
            y += 44
        yield Label(_LEFT, y + 14, "Security", size=16, bold=True)
        y += 46
        sources = _FROM_15 if self._own_place else _FROM
        yield from _row(y, sources, chevron=False)
        yield Popup(
            Rect(_RIGHT - 300, y - 15, 290, 30), name=sources, chosen=self._source, open_menu=self._choose_source
        )
        y += 50
        for developer in dict.fromkeys(one.developer_name for one in pending):
            yield from self._pending(y, developer, [one for one in pending if one.developer_name == developer])
            y += 92
        for application in dict.fromkeys(one.application for one in waiting):
            yield from self._waiting(y, application, [one for one in waiting if one.application == application])
            y += 92
        yield from _row(y, "FileVault", chevron=False)
        yield Button(Rect(_RIGHT - 120, y - 16, 104, 32), "Turn On…", _lost)

    def _pending(self, y: int, developer: str, pending: Sequence[Pending]) -> Iterator[Widget]:
        """The sentence about one developer's extensions, and under it the button that policy and profiles leave."""
        yield from _blocked(y, f"developer “{developer}”")
        if all(one.forbidden for one in pending):
            return
        if all(one.allowed_by_policy for one in pending):
            yield Button(Rect(_RIGHT - 96, y + 22, 80, 32), "Allow", lambda: self._allow(pending), by_hand=True)
        else:
            yield Button(Rect(_RIGHT - 246, y + 22, 230, 32), "Enable System Extensions…", self._enable)

    def _waiting(self, y: int, application: str, waiting: Sequence[ExtensionRecord]) -> Iterator[Widget]:
        """The sentence about one application's system extensions, and its button."""
        yield from _blocked(y, f"application “{application}”")
        yield Button(Rect(_RIGHT - 96, y + 22, 80, 32), "Allow", lambda: self._allow_all(waiting), by_hand=True)

    def _allow_all(self, waiting: Sequence[ExtensionRecord]) -> None:
        def modify(user: str, password: str) -> bool:
            account = administrator(self._host, user, password)
            return account is not None and allow_extensions(self._host, account, waiting)

        self._authenticate(modify)

    def _enable(self) -> None:
        self._stack.open(recovery_needed(self._stack, self._host.request_shutdown, navigation=self._navigation_on))

    def _allow(self, pending: Sequence[Pending]) -> None:
        def modify(user: str, password: str) -> bool:
            account = approver(self._host, user, password)
            return account is not None and self._approve(account, [one for one in pending if not one.forbidden])

        self._authenticate(modify)

    def _approve(self, account: Account, pending: Sequence[Pending]) -> bool:
        """False when kernel management has other reasons to refuse, and the sheet stays."""
        if not approve_kexts(self._host, account, pending):
            return False
        self._stack.open(restart_needed(self._stack, self._host.request_restart, navigation=self._navigation_on))
        return True

    def _authenticate(self, modify: Callable[[str, str], bool]) -> None:
        sheet = Authentication(self._stack, self._user.full_name, modify, navigation=self._navigation_on)
        self._stack.open(sheet)

    # -- where applications may come from --------------------------------------------------------------------------

    def _choose_source(self) -> None:
        at = _SOURCES.index(self._source)
        rect = Rect(_RIGHT - 320, 330, 310, 80)
        listing = Listing(Rect(rect.x + 6, rect.y + 8, rect.w - 12, 62), _SOURCES, at, lambda _: None)

        def choose() -> None:
            self._stack.close(menu)
            if _SOURCES[listing.at] != self._source:
                self._authenticate(lambda user, password: self._set_source(listing.at, user, password))

        menu = Window(
            SETTINGS, rect, [listing], frame=Frame.ALERT, confirm=choose, cancel=lambda: self._stack.close(menu)
        )
        self._stack.open(menu)

    def _set_source(self, at: int, user: str, password: str) -> bool:
        account = administrator(self._host, user, password)
        if account is not None:
            self._source = _SOURCES[at]
        return account is not None

    def _marks(self, *, active: bool) -> Iterator[Mark]:
        marks = list(super()._marks(active=active))
        side = Box(Rect(_PLACE.x, _PLACE.y, _SIDE, _PLACE.h), "#dfe0e4", None, 12)
        yield from (*marks[:2], side, *marks[2:])


def _lost() -> None:
    """FileVault's assistant is not on this Mac: its button is there for the focus ring, and pressing it is lost."""


def _blocked(y: int, whose: str) -> Iterator[Widget]:
    """The box and the sentence; its button is the caller's."""
    yield Art(Box(Rect(_LEFT - 10, y - 20, _RIGHT - _LEFT + 20, 84), "#f7f7f9", "#dededf", 8))
    text = f"System software from {whose} was blocked from loading."
    yield Label(_LEFT + 6, y, text, width=_RIGHT - _LEFT - 12)


def _row(y: int, name: str, *, chevron: bool = True) -> Iterator[Widget]:
    box = Box(Rect(_LEFT - 10, y - 20, _RIGHT - _LEFT + 20, 40), "#f7f7f9", "#dededf", 8)
    tip = Shape(((_RIGHT - 12, y - 5), (_RIGHT - 6, y), (_RIGHT - 12, y + 5)), GREY)
    yield Art(box, Text(_LEFT + 6, y, name), *((tip,) if chevron else ()))
