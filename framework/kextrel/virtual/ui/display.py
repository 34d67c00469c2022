"""The display: what the Mac tells it to show, what the wires read of it, and the keys that they send."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from kextrel.virtual.ui import painting
from kextrel.virtual.ui.boot import BlackScreen, Progress, Scene, SetupAssistant
from kextrel.virtual.ui.host import Host
from kextrel.virtual.ui.keys import SHIFT, is_modifier, key_of
from kextrel.virtual.ui.login import Unlock
from kextrel.virtual.ui.marks import HEIGHT, WIDTH, Layer, Rect, Shape
from kextrel.virtual.ui.reading import read
from kextrel.virtual.ui.recovery import Recovery
from kextrel.virtual.ui.session import Session
from kextrel.virtual.ui.startup_options import StartupOptions

__all__ = ["Display"]

_FAR = 4096  # a mouse's absolute coordinates end before this
_ARROW = ((0, 0), (0, 17), (4, 13), (7, 19), (10, 18), (7, 12), (12, 12))


class Display:
    """One Mac's screen and keyboard. The Mac calls the hooks; the keyboard's wire calls `key`; PiKVM reads.

    Without a signal (the Mac is off) nothing is shown and every key is lost, as on a real Mac.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._scene: Scene | None = None
        self._scenes: dict[str, Callable[[], Scene | None]] = {
            "off": lambda: None,
            "firmware": lambda: Progress(host.clock),
            "startup-options": self._options,
            "locked": lambda: Unlock(host),
            "recovery": lambda: Recovery(host),
            "macos": lambda: Session(host),
            "other-macos": lambda: SetupAssistant(),
        }
        self._arrow: tuple[int, int] | None = None

    # -- the wires ------------------------------------------------------------------------------------------------

    @property
    def signal(self) -> bool:
        """Whether there is a video signal: the Mac is on and the display is not asleep."""
        return self._scene is not None and self._scene.signal

    def key(self, down: bool, usage: int, modifiers: int) -> None:
        """A key of the USB keyboard page (HID usage, 0x04 is A) went down or up, with the modifier byte (bit 0: left
        Control, 1: Shift, 2: Option, 3: Command, 4-7: the right ones). Keys that nobody listens to are lost.

        A key acts when it goes down, once: the system's key repeat is off.
        """
        if isinstance(self._scene, StartupOptions):
            self._scene.shift_held = bool(modifiers & SHIFT)
        key = None if is_modifier(usage) or not down else key_of(usage, modifiers, self._host.spec.layout)
        if key is not None and self._scene is not None:
            self._scene.key(key)

    def pointer(self, x: int, y: int, buttons: int) -> None:  # noqa: ARG002 - see below
        """The mouse went to (x, y) of 0-4095: the arrow is there now. Clicks are lost: keys alone operate it."""
        self._arrow = (x * WIDTH // _FAR, y * HEIGHT // _FAR)

    def text(self) -> str:
        """What OCR reads: lines from top to bottom; empty when there is no signal."""
        return read(self._layers())

    def jpeg(self) -> bytes | None:
        """The picture, 1280x800 JPEG, or None without a signal."""
        if not self.signal:
            return None
        return painting.jpeg((*self._layers(), *self._pointed()))

    def _pointed(self) -> Iterator[Layer]:
        if self._arrow is not None:
            x, y = self._arrow
            outline = tuple((x + across, y + down) for across, down in _ARROW)
            yield Layer(Rect(x, y, 0, 0), (Shape(outline, "#1d1d1f"),))

    def _layers(self) -> Sequence[Layer]:
        return list(self._scene.layers()) if self._scene is not None and self.signal else []

    # -- the machine ------------------------------------------------------------------------------------------------

    def firmware(self, text: str | None) -> None:
        """The boot ROM's black screen, with a line of its own while the power button is held."""
        self._show(BlackScreen(text))

    def entered(self, environment: str) -> None:
        """The machine's environment is another one: "off" (no signal), "firmware" (the logo and a bar),
        "startup-options" (their choice goes to Host.boot_selected), "locked" (FileVault's unlock), "recovery" (user
        picker, utilities, Terminal), "macos" (the desktop of Host.console_user, or the login window), "other-macos"
        (another one that nobody ever set up)."""
        self._show(self._scenes[environment]())

    def _show(self, scene: Scene | None) -> None:
        if self._scene is not None:
            self._scene.left()
        self._scene = scene

    def _options(self) -> Scene:
        spec = self._host.spec
        return StartupOptions(spec.disk_name, self._host.boot_selected, spec.other_macos)

    def logged_out(self) -> None:
        """The session ended: the login window is shown, where macOS runs."""
        if isinstance(self._scene, Session):
            self._scene.log_out()

    # -- macOS's services -------------------------------------------------------------------------------------------

    def extension_blocked(self, developer: str) -> None:
        """Kernel management took a request that nobody approved: the dialogue appears, if somebody is logged in."""
        if isinstance(self._scene, Session) and self._scene.desktop is not None:
            self._scene.desktop.blocked(developer)

    def application_blocked(self, application: str, category: str) -> None:
        """sysextd waits for somebody to allow an extension of `application`: the alert appears, if anybody is there."""
        if isinstance(self._scene, Session) and self._scene.desktop is not None:
            self._scene.desktop.application_blocked(application, category)

    def restart_asked_for(self, restart: Callable[[], None]) -> bool:
        """The MDM server would like a restart: a notification, `restart` when somebody agrees. False without a login
        session."""
        if not isinstance(self._scene, Session) or self._scene.desktop is None:
            return False
        self._scene.desktop.restart_asked_for(restart)
        return True

    def authorize(self, title: str, message: str, done: Callable[[str | None], None]) -> bool:
        """Asks for an administrator; `done` gets the short name of who confirmed it, None when nobody did. False, and
        `done` is never called, when there is no login session to ask in."""
        if not isinstance(self._scene, Session) or self._scene.desktop is None:
            return False
        self._scene.desktop.authorize(title, message, done)
        return True

    def delete(self, application: str, done: Callable[[str | None], None]) -> bool:
        """Finder asks before it deletes an application that carries active system extensions; `done` gets who confirmed
        it, None when nobody did. False, and `done` is never called, when there is no login session."""
        if not isinstance(self._scene, Session) or self._scene.desktop is None:
            return False
        self._scene.desktop.delete(application, done)
        return True

    def open_settings(self, url: str) -> bool:
        """`open URL` of an x-apple.systempreferences URL. False when there is no login session to open it in."""
        if not isinstance(self._scene, Session) or self._scene.desktop is None:
            return False
        self._scene.desktop.open_settings(url)
        return True

    def click(self, application: str, button: str) -> bool:
        """System Events clicks `button` of `application` for a programme. False without a login session or button."""
        desktop = self._scene.desktop if isinstance(self._scene, Session) else None
        return desktop is not None and desktop.click(application, button)

    def quit(self, application: str) -> bool:
        """`quit app "NAME"`: closes its windows. False when there is no login session; True even if it did not run."""
        if not isinstance(self._scene, Session) or self._scene.desktop is None:
            return False
        self._scene.desktop.quit(application)
        return True
