"""Dialogues and sheets of macOS 12 to 15 about extensions: the words, the buttons, what Return and Escape do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kextrel.virtual.ui.marks import WIDTH, Rect
from kextrel.virtual.ui.widgets import Button, Field, Label, Widget
from kextrel.virtual.ui.window import Frame, Stack, Window

__all__ = [
    "AGENT",
    "FINDER",
    "PREFERENCES",
    "SETTINGS",
    "Authentication",
    "Home",
    "accessory",
    "application_blocked",
    "blocked",
    "home_of",
    "recovery_needed",
    "removes_extensions",
    "restart_asked_for",
    "restart_needed",
]

AGENT, FINDER = "UserNotificationCenter", "Finder"
SETTINGS, PREFERENCES = "System Settings", "System Preferences"
_W, _PAD = 600, 28
_BUTTON_H = 32


@dataclass(frozen=True)
class Home:
    """Where a release has the switches for extensions: the application, how a sentence names the place, the button."""

    application: str = SETTINGS
    place: str = SETTINGS
    button: str = "Open System Settings"


_SETTINGS = Home()


def home_of(release: tuple[int, ...]) -> Home:
    """System Settings from 13 on, System Preferences before."""
    if release >= (13,):
        return _SETTINGS
    return Home(PREFERENCES, "Security & Privacy System Preferences", "Open Security Preferences")


def _alert(
    stack: Stack, application: str, texts: Sequence[str], buttons: Sequence[tuple[str, Callable[[], None]]], *,
    navigation: bool, y: int = 190, escape: int = 0,
) -> Window:  # fmt: skip
    """An alert with a bold first line. The last button is the default; `escape` is the number of the one that Escape
    presses. A button closes the alert first."""
    x = (WIDTH - _W) // 2
    widgets: list[Widget] = []
    at = y + 40
    for number, text in enumerate(texts):
        label = Label(x + _PAD, at, text, size=15 if number == 0 else 14, bold=number == 0, width=_W - 2 * _PAD)
        widgets.append(label)
        at += label.rect.h + 12

    def closing(act: Callable[[], None]) -> Callable[[], None]:
        def press() -> None:
            stack.close(window)
            act()

        return press

    acts = [closing(act) for _, act in buttons]
    widgets += _buttons([label for label, _ in buttons], acts, x + _W - _PAD, at + 6)
    rect = Rect(x, y, _W, at + 6 + _BUTTON_H + 24 - y)
    window = Window(
        application, rect, widgets, frame=Frame.ALERT, navigation=navigation, confirm=acts[-1], cancel=acts[escape]
    )
    return window


def _buttons(labels: Sequence[str], acts: Sequence[Callable[[], None]], right: int, y: int) -> list[Widget]:
    """Buttons side by side, the last one blue and ending at `right`."""
    widths = [len(label) * 9 + 28 for label in labels]
    left = right - sum(widths) - 14 * (len(widths) - 1)
    made: list[Widget] = []
    for number, (label, act, width) in enumerate(zip(labels, acts, widths, strict=True)):
        made.append(Button(Rect(left, y, width, _BUTTON_H), label, act, default=number == len(labels) - 1))
        left += width + 14
    return made


def _nothing() -> None:
    """What a button does that only closes its dialogue."""


def accessory(stack: Stack, *, navigation: bool) -> Window:
    """A new USB accessory waits to be let in. Only its own keys could press a button here, and those do not come in."""
    texts = ("Allow accessory to connect?", "Do you want to connect “USB Keyboard” to this Mac?")
    return _alert(stack, AGENT, texts, (("Don’t Allow", _nothing), ("Allow", _nothing)), navigation=navigation)


def application_blocked(
    stack: Stack, application: str, open_settings: Callable[[], None], *, navigation: bool, home: Home
) -> Window:
    """An application asked to activate a system extension that nobody allowed."""
    text = (
        f"The application “{application}” tried to load a new system extension. "
        f"If you want to enable it, open {home.place}."
    )
    buttons = ((home.button, open_settings), ("OK", _nothing))
    return _alert(stack, AGENT, ("System Extension Blocked", text), buttons, navigation=navigation, escape=1)


def removes_extensions(
    stack: Stack, application: str, go_on: Callable[[], None], cancel: Callable[[], None], *, navigation: bool
) -> Window:
    """Finder was asked to delete an application that carries active system extensions."""
    texts = ("Finder", f"“{application}” contains system extensions that will be removed.")
    return _alert(stack, FINDER, texts, (("Cancel", cancel), ("Continue", go_on)), navigation=navigation)


def blocked(stack: Stack, developer: str, open_settings: Callable[[], None], *, navigation: bool, home: Home) -> Window:
    """Somebody asked for a kext that nobody approved."""
    text = (
        f"A program tried to load new system extension(s) signed by “{developer}”. "
        f"If you want to enable these extensions, open {home.place}."
    )
    buttons = ((home.button, open_settings), ("OK", _nothing))
    return _alert(stack, AGENT, ("System Extension Blocked", text), buttons, navigation=navigation, escape=1)


def recovery_needed(stack: Stack, shut_down: Callable[[], None], *, navigation: bool, home: Home = _SETTINGS) -> Window:
    """Settings cannot allow it: the security policy does not let kexts in, and only recovery changes that."""
    texts = (
        "To enable system extensions, you need to modify your security settings in the Recovery environment.",
        "To do this, shut down your system. Then press and hold the power button to launch Startup Security Utility.",
    )
    buttons = (("Cancel", _nothing), ("Shutdown", shut_down))
    return _alert(stack, home.application, texts, buttons, navigation=navigation)


def restart_needed(stack: Stack, restart: Callable[[], None], *, navigation: bool, home: Home = _SETTINGS) -> Window:
    """Allowed; the new kernel collection is used from the next boot on."""
    texts = ("A restart is required before new system extensions can be used.",)
    buttons = (("Not Now", _nothing), ("Restart", restart))
    return _alert(stack, home.application, texts, buttons, navigation=navigation)


def restart_asked_for(stack: Stack, restart: Callable[[], None], *, navigation: bool) -> Window:
    """The MDM server would like a restart when it suits whoever is there."""
    texts = ("Restart Required", "Your organization requires this Mac to restart.")
    return _alert(stack, AGENT, texts, (("Later", _nothing), ("Restart", restart)), navigation=navigation)


class Authentication(Window):
    """The sheet that asks for an administrator. `modify` gets the name and the password and says whether they were
    good: then the sheet goes, else it stays and the password field is empty again. `title`, `message` and `button` are
    its words; `cancelled` is told when it goes without having been confirmed."""

    def __init__(
        self, stack: Stack, person: str, modify: Callable[[str, str], bool], *, navigation: bool,
        title: str = "Privacy & Security", message: str = "", button: str = "Modify Settings",
        application: str = SETTINGS, cancelled: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        x, y, w = (WIDTH - 420) // 2, 170, 420
        self._stack, self._modify, self._cancelled = stack, modify, cancelled
        self._user = Field(Rect(x + 40, y + 170, w - 80, 32), name="user", text=person)
        self._password = Field(Rect(x + 40, y + 214, w - 80, 32), name="password", secret=True, hint="Password")
        middle = x + w // 2
        widgets: list[Widget] = [
            Label(middle, y + 40, title, size=17, anchor="m", bold=True),
            Label(middle, y + 84, message or f"{title} is trying to modify your system settings.", anchor="m"),
            Label(middle, y + 128, "Enter your password to allow this.", anchor="m"),
            self._user,
            self._password,
            *_buttons(("Cancel", button), (self._close, self._confirm), x + w - 40, y + 270),
        ]
        rect = Rect(x, y, w, 330)
        super().__init__(
            application, rect, widgets, frame=Frame.ALERT, navigation=navigation, confirm=self._confirm,
            cancel=self._close,
        )  # fmt: skip
        self.ring.focus(self._password)

    def closed(self) -> None:
        if self._cancelled is not None:
            self._cancelled()

    def _close(self) -> None:
        self._password.clear()
        self._stack.close(self)

    def _confirm(self) -> None:
        if self._modify(self._user.text, self._password.clear()):
            self._cancelled = None
            self._stack.close(self)
        else:
            self.ring.focus(self._password)
