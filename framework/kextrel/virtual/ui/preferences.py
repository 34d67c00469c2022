"""System Preferences of macOS 10.12 to 12: Security & Privacy, where a lock stands before what may be allowed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from kextrel.virtual.ui.authority import administrator, allow_extensions, approve_kexts
from kextrel.virtual.ui.dialogues import PREFERENCES, Authentication, home_of, recovery_needed, restart_needed
from kextrel.virtual.ui.host import Account, ExtensionRecord, Host, Pending
from kextrel.virtual.ui.keys import Key
from kextrel.virtual.ui.marks import Box, Mark, Rect, Text
from kextrel.virtual.ui.widgets import ACCENT, GREY, INK, Button, Field, Label, Stop, Widget
from kextrel.virtual.ui.window import Stack, Window

__all__ = ["Preferences"]

_PANE = "Security & Privacy"
_TABS = ("General", "FileVault", "Firewall", "Privacy")
_PLACE = Rect(240, 80, 800, 640)
_LEFT, _RIGHT = _PLACE.x + 40, _PLACE.x + _PLACE.w - 40
_ICONS = ("General", "Desktop & Screen Saver", "Dock & Menu Bar", _PANE, "Software Update", "Network", "Sharing")
_RESTARTS_SINCE = (11,)
"""Before there was a collection to build, what was allowed could be loaded at once."""
_LOCKED, _UNLOCKED = "Click the lock to make changes.", "Click the lock to prevent further changes."


class _Tabs(Widget):
    """The tabs side by side: one stop, Left and Right choose."""

    stop = Stop.NAVIGATION

    def __init__(self, at: int, choose: Callable[[int], None]) -> None:
        super().__init__(Rect(_LEFT + 120, _PLACE.y + 76, 480, 28), "tabs")
        self._at, self._choose = at, choose

    def marks(self, focused: bool) -> Iterator[Mark]:
        for number, name in enumerate(_TABS):
            tab = Rect(self.rect.x + number * 120, self.rect.y, 120, self.rect.h)
            chosen = number == self._at
            yield Box(tab, ACCENT if chosen else "#ffffff", "#c8c8cc", 5)
            yield Text(*tab.middle, name, 14, "#ffffff" if chosen else INK, "m")
        yield from super().marks(focused)

    def key(self, key: Key) -> bool:
        step = {"left": -1, "right": 1}.get(key.name)
        if step is None or not 0 <= self._at + step < len(_TABS):
            return False
        self._choose(self._at + step)
        return True


class _Lock(Button):
    """The lock in the lower left corner, with the words beside it."""

    def __init__(self, press: Callable[[], None], *, locked: bool) -> None:
        super().__init__(Rect(_LEFT - 16, _PLACE.y + _PLACE.h - 62, 36, 36), "lock", press)
        self._locked = locked

    def marks(self, focused: bool) -> Iterator[Mark]:
        x, y = self.rect.middle
        yield Box(Rect(x - 10, y - 2, 20, 16), "#c9a227", None, 3)
        yield Box(Rect(x - 7 + (0 if self._locked else 9), y - 14, 14, 14), None, GREY, 6, 3)
        yield Text(x + 34, y, _LOCKED if self._locked else _UNLOCKED, 14)
        if focused:
            yield Box(self.rect.inset(-4), None, ACCENT, 8, 3)


class Preferences(Window):
    """The window, with the icons of all panes until `go`; a pane that is not built here stays there."""

    def __init__(self, host: Host, stack: Stack, user: Account) -> None:
        self._host, self._stack, self._user = host, stack, user
        self._navigation_on = host.settings.keyboard_navigation(user.name)
        self._unlocked_by: Account | None = None
        self._search = Field(Rect(_RIGHT - 160, _PLACE.y + 40, 160, 26), name="search", hint="Search")
        self._shown: object = None
        self._tab: int | None = None
        super().__init__(PREFERENCES, _PLACE, [self._search], navigation=self._navigation_on)

    def go(self, url: str) -> None:
        """Shows the pane that an x-apple.systempreferences URL names."""
        pane, _, anchor = url.partition(":")[2].partition("?")
        self._tab = None
        if pane == "com.apple.preference.security":
            self._tab = next((at for at, name in enumerate(_TABS) if anchor.startswith(name)), 0)

    def refresh(self) -> None:
        pending, waiting = tuple(self._host.kernel.pending()), tuple(self._host.extensions.pending())
        names = tuple(one.bundle_id for one in pending), tuple(one.unique_id for one in waiting)
        state = (self._tab, self._unlocked_by, names)
        if state != self._shown:
            self._shown = state
            self.title = PREFERENCES if self._tab is None else _PANE
            self.fill([self._search, *self._page(pending, waiting)])

    def _page(self, pending: Sequence[Pending], waiting: Sequence[ExtensionRecord]) -> Iterator[Widget]:
        if self._tab is None:
            for number, name in enumerate(_ICONS):
                yield Label(_LEFT, _PLACE.y + 110 + number * 44, name, size=15)
            return
        yield _Tabs(self._tab, self._choose_tab)
        yield _Lock(self._lock, locked=self._unlocked_by is None)
        if self._tab == 0:
            yield from self._general(pending, waiting)

    def _general(self, pending: Sequence[Pending], waiting: Sequence[ExtensionRecord]) -> Iterator[Widget]:
        y = _PLACE.y + 150
        yield Label(_LEFT, y, "A login password has been set for this user")
        yield Label(_LEFT, y + 60, "Allow apps downloaded from:", bold=True)
        for number, source in enumerate(("App Store", "App Store and identified developers")):
            yield Label(_LEFT + 24, y + 92 + 28 * number, source)
        y += 160
        for developer in dict.fromkeys(one.developer_name for one in pending):
            group = [one for one in pending if one.developer_name == developer]
            open_ones = [one for one in group if not one.forbidden]
            yield from self._row(y, f"developer “{developer}”", self._button(y, open_ones))
            y += 72
        for application in dict.fromkeys(one.application for one in waiting):
            mine = [one for one in waiting if one.application == application]
            yield from self._row(y, f"application “{application}”", _allow_button(y, self._allower(mine)))
            y += 72

    def _row(self, y: int, whose: str, button: Button | None) -> Iterator[Widget]:
        """The sentence, and its button unless a profile forbids to allow it."""
        text = f"System software from {whose} was blocked from loading."
        yield Label(_LEFT, y, text, width=_RIGHT - _LEFT)
        if button is not None:
            yield button

    def _button(self, y: int, pending: Sequence[Pending]) -> Button | None:
        """What may be done about one developer's kexts: on Apple silicon recovery comes first where LocalPolicy lets no
        kexts be, and its button says so."""
        if not pending:
            return None
        if all(one.allowed_by_policy for one in pending):
            return _allow_button(y, self._approver(pending))
        return Button(Rect(_RIGHT - 244, y + 16, 240, 30), "Enable System Extensions…", self._send_to_recovery)

    def _send_to_recovery(self) -> None:
        """Behind the lock, as Allow is."""
        if self._unlocked_by is not None:
            home, shutdown = home_of(self._host.spec.release), self._host.request_shutdown
            self._stack.open(recovery_needed(self._stack, shutdown, navigation=self._navigation_on, home=home))

    def _choose_tab(self, tab: int) -> None:
        self._tab = tab

    # -- the lock, and what it guards

    def _lock(self) -> None:
        if self._unlocked_by is not None:
            self._unlocked_by = None
            return
        message = f"{PREFERENCES} is trying to unlock {_PANE} preferences."
        sheet = Authentication(
            self._stack, self._user.full_name, self._unlock, navigation=self._navigation_on, title=PREFERENCES,
            message=message, button="Unlock", application=PREFERENCES,
        )  # fmt: skip
        self._stack.open(sheet)

    def _unlock(self, user: str, password: str) -> bool:
        self._unlocked_by = administrator(self._host, user, password)
        return self._unlocked_by is not None

    def _approver(self, pending: Sequence[Pending]) -> Callable[[], None]:
        def allow() -> None:
            done = self._unlocked_by is not None and approve_kexts(self._host, self._unlocked_by, pending)
            if done and self._host.spec.release >= _RESTARTS_SINCE:
                home, restart = home_of(self._host.spec.release), self._host.request_restart
                self._stack.open(restart_needed(self._stack, restart, navigation=self._navigation_on, home=home))

        return allow

    def _allower(self, waiting: Sequence[ExtensionRecord]) -> Callable[[], None]:
        def allow() -> None:
            if self._unlocked_by is not None:
                allow_extensions(self._host, self._unlocked_by, waiting)

        return allow


def _allow_button(y: int, press: Callable[[], None]) -> Button:
    return Button(Rect(_RIGHT - 84, y + 16, 80, 30), "Allow", press, by_hand=True)
