"""The display: what the Mac tells it to show, what the wires read of it, and the keys that they send."""

from __future__ import annotations

from kextrel.virtual.ui.host import Host

__all__ = ["Display"]


class Display:
    """One Mac's screen and keyboard. The Mac calls the hooks; the keyboard's wire calls `key`; PiKVM reads.

    Without a signal (`off`) nothing is shown and every key is lost, as on a real Mac.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._lines: list[str] = []
        self._signal = False
        self._user: str | None = None

    # -- the wires ------------------------------------------------------------------------------------------------

    @property
    def signal(self) -> bool:
        """Whether there is a video signal: the Mac is on and the display is not asleep."""
        return self._signal

    def key(self, down: bool, usage: int, modifiers: int) -> None:
        """A key of the USB keyboard page (HID usage, 0x04 is A) went down or up, with the modifier byte (bit 0: left
        Control, 1: Shift, 2: Option, 3: Command, 4-7: the right ones). Keys that nobody listens to are lost."""

    def pointer(self, x: int, y: int, buttons: int) -> None:
        """The mouse went to (x, y) of 0-4095: it moves the arrow; nothing here is operated by it."""

    def text(self) -> str:
        """What OCR reads: lines from top to bottom; empty when there is no signal."""
        return "\n".join(self._lines)

    def jpeg(self) -> bytes | None:
        """The picture, 1280x800 JPEG, or None without a signal."""
        return None

    # -- the machine ------------------------------------------------------------------------------------------------

    def off(self) -> None:
        """No signal: the Mac went off."""
        self._signal, self._lines, self._user = False, [], None

    def booting(self, progress: float = 0.0) -> None:
        """The Apple logo and the progress bar (0 to 1): firmware and kernel are at work. Ends the login session."""
        self._signal, self._lines, self._user = True, [], None

    def holding(self, loading: bool = False) -> None:
        """The power button is held from off: "Continue holding ...", then (`loading`) "Loading startup options..."."""

    def startup_options(self) -> None:
        """The startup options; the choice goes to Host.boot_selected."""

    def recovery(self) -> None:
        """recoveryOS is up: the user picker, then its utilities and Terminal."""

    def macos(self) -> None:
        """macOS is up: the desktop after automatic login, or the login window."""

    # -- macOS's services -------------------------------------------------------------------------------------------

    @property
    def console_user(self) -> str | None:
        """The short name of the account that is logged in at the console; None at the login window or outside macOS."""
        return self._user

    def extension_blocked(self, developer: str) -> None:
        """Kernel management took a request that nobody approved: the dialogue appears, if somebody is logged in."""

    def open_settings(self, url: str) -> bool:
        """`open URL` of an x-apple.systempreferences URL. False when there is no login session to open it in."""
        return self._user is not None

    def quit(self, application: str) -> bool:
        """`quit app "NAME"`: closes its windows. False when there is no login session or it does not run."""
        return self._user is not None
