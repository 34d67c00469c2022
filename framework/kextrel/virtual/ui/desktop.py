"""The desktop of somebody who is logged in: the menu bar, the Dock, and the windows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from kextrel.virtual.ui.authority import administrator
from kextrel.virtual.ui.boot import SCREEN
from kextrel.virtual.ui.dialogues import (
    AGENT,
    FINDER,
    PREFERENCES,
    SETTINGS,
    Authentication,
    accessory,
    application_blocked,
    blocked,
    home_of,
    removes_extensions,
    restart_asked_for,
)
from kextrel.virtual.ui.host import Account, Host
from kextrel.virtual.ui.keys import Key
from kextrel.virtual.ui.login import WALLPAPER
from kextrel.virtual.ui.marks import HEIGHT, WIDTH, Box, Layer, Mark, Rect
from kextrel.virtual.ui.menubar import MenuBar
from kextrel.virtual.ui.preferences import Preferences
from kextrel.virtual.ui.settings import Settings
from kextrel.virtual.ui.window import Stack

__all__ = ["Desktop"]

_SECURITY_12 = "x-apple.systempreferences:com.apple.preference.security?General"
_SECURITY = "x-apple.systempreferences:com.apple.settings.PrivacySecurity.extension?Security"
_EXTENSIONS = "x-apple.systempreferences:com.apple.ExtensionsPreferences?extensionPointIdentifier={}.extension-point"
_DOCK = ("#2f9bf4", "#f4f4f6", "#34c759", "#ff453a", "#ff9f0a", "#8e8e93", "#5e5ce6", "#3a3a3c")


class Desktop:
    """What one login session shows. Keys go to the menu bar while it is walked, else to the window on top."""

    def __init__(self, host: Host, user: Account) -> None:
        self.user = user
        self._host, self._stack = host, Stack()
        self._menus = {
            SETTINGS: MenuBar((SETTINGS, "File", "Edit", "View", "Window", "Help")),
            PREFERENCES: MenuBar((PREFERENCES, "Edit", "View", "Window", "Help")),
            "Finder": MenuBar(("Finder", "File", "Edit", "View", "Go", "Window", "Help")),
        }
        self._asked: dict[str, object] = {}
        self._home = home_of(host.spec.release)
        self._security = _SECURITY if self._home.application == SETTINGS else _SECURITY_12
        if host.spec.asks_for_accessories:
            self._stack.open(accessory(self._stack, navigation=self._navigation))

    @property
    def _navigation(self) -> bool:
        """Whether Tab goes to every control: a programme asks when it opens a window."""
        return self._host.settings.keyboard_navigation(self.user.name)

    @property
    def _bar(self) -> MenuBar:
        application = self._stack.top.application if self._stack.top else ""
        return self._menus.get(application, self._menus["Finder"])

    def key(self, key: Key) -> None:
        if not self._bar.key(key):
            self._stack.key(key)

    def layers(self) -> Sequence[Layer]:
        windows = list(self._stack.layers())
        clock = time.strftime("%a %d %b  %H:%M", time.gmtime(self._host.clock.now()))
        return [Layer(SCREEN, (WALLPAPER, *_dock())), *windows, *self._bar.layers(clock)]

    def blocked(self, developer: str) -> None:
        """Shows the dialogue about `developer`, unless the one before is still there."""
        if self._asked.get(developer) in self._stack.of(AGENT):
            return
        window = blocked(
            self._stack, developer, lambda: self.open_settings(self._security), navigation=self._navigation,
            home=self._home,
        )  # fmt: skip
        self._asked[developer] = window
        self._stack.open(window)

    def application_blocked(self, application: str, category: str) -> None:
        """Shows the alert about `application`, unless the one before is still there."""
        key = f"application {application}"
        if self._asked.get(key) in self._stack.of(AGENT):
            return
        own_place = self._host.spec.release >= (15,)
        url = _EXTENSIONS.format(category) if own_place else self._security
        window = application_blocked(
            self._stack, application, lambda: self.open_settings(url), navigation=self._navigation, home=self._home
        )
        self._asked[key] = window
        self._stack.open(window)

    def restart_asked_for(self, restart: Callable[[], None]) -> None:
        """Shows the MDM server's wish for a restart; `restart` when somebody agrees."""
        self._stack.open(restart_asked_for(self._stack, restart, navigation=self._navigation))

    def authorize(self, title: str, message: str, done: Callable[[str | None], None]) -> None:
        """Shows a sheet that asks for an administrator; `done` gets who confirmed it, None when it went otherwise."""

        def modify(user: str, password: str) -> bool:
            account = administrator(self._host, user, password)
            if account is not None:
                done(account.name)
            return account is not None

        sheet = Authentication(
            self._stack, self.user.full_name, modify, navigation=self._navigation, title=title, message=message,
            button="OK", application=title, cancelled=lambda: done(None),
        )  # fmt: skip
        self._stack.open(sheet)

    def delete(self, application: str, done: Callable[[str | None], None]) -> None:
        """Finder is asked to delete an application that carries active system extensions: a sheet says so, and a second
        one asks for an administrator. `done` gets who confirmed both, None when somebody cancelled."""

        def go_on() -> None:
            self.authorize(FINDER, "Finder wants to make changes.", done)

        self._stack.open(
            removes_extensions(self._stack, application, go_on, lambda: done(None), navigation=self._navigation)
        )

    def open_settings(self, url: str) -> None:
        """Opens System Settings (System Preferences before 13) at `url`, or brings what is open to the front."""
        application = Settings if self._home.application == SETTINGS else Preferences
        if not self._stack.raise_application(self._home.application):
            self._stack.open(application(self._host, self._stack, self.user))
        window = self._stack.of(self._home.application)[0]
        if isinstance(window, Settings | Preferences):
            window.go(url)

    def click(self, application: str, button: str) -> bool:
        """A programme clicks `button` of `application`; False when there is none of that name."""
        return self._stack.click(application, button)

    def quit(self, application: str) -> bool:
        """Closes all windows of `application`; False when it does not run."""
        return self._stack.quit(application)


def _dock() -> Iterator[Mark]:
    width = len(_DOCK) * 62 + 16
    x, y = (WIDTH - width) // 2, HEIGHT - 78
    yield Box(Rect(x, y, width, 68), "#b5aecb", "#cfc9de", 20)
    for number, colour in enumerate(_DOCK):
        yield Box(Rect(x + 14 + number * 62, y + 10, 48, 48), colour, None, 12)
