"""macOS on the screen: the login window, one person's desktop, the lock screen, and a display that goes to sleep."""

from __future__ import annotations

from collections.abc import Sequence

from kextrel.virtual.ui.desktop import Desktop
from kextrel.virtual.ui.host import Account, Host
from kextrel.virtual.ui.keys import Key
from kextrel.virtual.ui.login import LoginPage
from kextrel.virtual.ui.marks import Layer

__all__ = ["Session"]

_MINUTE = 60.0


class Session:
    """One boot of macOS, from launchd's last service on.

    The desktop of whom the machine logged in by itself (PREP-05), else the login window waits. Where the display's
    sleep is set it comes after so many minutes without a key, and with it the screen lock, where that is set (PREP-06):
    the first key then only wakes the display.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self.desktop: Desktop | None = None
        self._page: LoginPage | None = None
        self._asleep, self._over, self._touched = False, False, host.clock.now()
        user = host.spec.account(host.console_user) if host.console_user else None
        if user is not None:
            self.desktop = Desktop(host, user)
        else:
            self._page = LoginPage(host.spec.accounts, self._enter)
        if host.settings.display_sleep:
            # Nobody touches a bench's Mac after a boot, so this wait is one that the Mac's clock may jump over.
            host.clock.call_later(host.settings.display_sleep * _MINUTE, self._look)

    @property
    def signal(self) -> bool:
        """False while the display sleeps: it takes the video signal away."""
        self._look()
        return not self._asleep

    def key(self, key: Key) -> None:
        asleep = not self.signal
        self._asleep, self._touched = False, self._host.clock.now()
        if asleep:
            return
        if self._page is not None:
            self._page.key(key)
        elif self.desktop is not None:
            if key.name == "q" and key.command and key.control:
                self._lock()
            else:
                self.desktop.key(key)

    def layers(self) -> Sequence[Layer]:
        if self._page is not None:
            return [self._page.layer(active=True)]
        return self.desktop.layers() if self.desktop is not None else []

    def log_out(self) -> None:
        """The desktop and all that is open on it is gone: the login window waits for anybody."""
        self.desktop, self._page = None, LoginPage(self._host.spec.accounts, self._enter)

    def left(self) -> None:
        """Ends the watch for the display's sleep."""
        self._over = True

    def _look(self) -> None:
        """Puts the display to sleep when its time has come, and locks the screen with it."""
        idle, minutes = self._host.clock.now() - self._touched, self._host.settings.display_sleep
        if minutes and idle >= minutes * _MINUTE and not (self._over or self._asleep):
            self._asleep = True
            if self._host.settings.screen_lock != "off":
                self._lock()

    def _lock(self) -> None:
        if self.desktop is not None and self._page is None:
            self._page = LoginPage([self.desktop.user], self._enter)

    def _enter(self, account: Account, password: str) -> bool:
        system = self._host.system
        right = system is not None and system.users.check(account.name, password)
        if right and self.desktop is None:
            self._host.log_in(account.name)
            self.desktop = Desktop(self._host, account)
        if right:
            self._page = None
        return right
