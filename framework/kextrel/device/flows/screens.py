"""The words by which a screen is known, tolerant of OCR: 0 for O, 1 for l, lost blanks, lost punctuation.

A screen is told by its words alone (text says nothing of focus or colour), so each has words that no other screen has;
where two could be seen at once the more particular one comes first in `_KNOWN`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import lru_cache

__all__ = ["EXCHANGED", "LETTERS", "Shown", "at_prompt", "fold", "has", "last_line", "shown", "shows"]

LETTERS, EXCHANGED = "qyxz", "qzxy"
"""What is typed to see whether keys arrive as they were pressed, and what a German layout makes of it: no word of any
screen has either."""
_PROMPT = "bash-3.2#"
_LOOKALIKES = str.maketrans({"0": "o", "1": "l", "|": "l", "!": "l", "i": "l", "5": "s", "$": "s"})


class Shown(StrEnum):
    """What is on the screen, in words for people."""

    NOTHING = "nothing"
    HOLDING = "the request to go on holding the button"
    LOADING_OPTIONS = "the startup options being loaded"
    STARTUP_OPTIONS = "the startup options"
    NO_MOUSE = "the request for a mouse"
    LANGUAGE = "recovery's language page"
    USER_PICKER = "recovery's user picker"
    USER_PASSWORD = "recovery's password field"  # noqa: S105 - a description
    TERMINAL = "recovery's Terminal"
    RECOVERY = "recovery's main window"
    SECURITY_USER = "Startup Security Utility's request for a user"
    SECURITY_LEVELS = "Startup Security Utility of a T2 Mac"
    SECURITY_VOLUMES = "Startup Security Utility's list of volumes"
    SECURITY_POLICY = "the security policy of a volume in Startup Security Utility"
    LOGIN = "the login window"
    DESKTOP = "the desktop"
    OTHER = "something else"


@lru_cache(maxsize=512)  # one screen is asked for many phrases, again and again
def fold(text: str) -> str:
    """`text` as it is compared: small letters and digits only, look-alikes made one."""
    return re.sub(r"[^a-z0-9]", "", text.casefold().translate(_LOOKALIKES))


def has(text: str, *phrases: str) -> bool:
    """Whether all `phrases` are on the screen. A phrase may be broken over lines."""
    folded = fold(text)
    return all(fold(phrase) in folded for phrase in phrases)


def last_line(text: str) -> str:
    """The last line with anything on it, or "": where a terminal's prompt stands."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def at_prompt(text: str) -> bool:
    """Whether recovery's Terminal waits for a line, with nothing typed yet."""
    return fold(last_line(text)).endswith(fold(_PROMPT))


def shown(text: str) -> Shown:
    """Which screen `text` is of."""
    if not text.strip():
        return Shown.NOTHING
    return next((screen for screen, known in _KNOWN if known(text)), Shown.OTHER)


def shows(*screens: Shown) -> Callable[[str], bool]:
    """A question for Screen.wait: is it one of these?"""
    return lambda text: shown(text) in screens


def _all_of(*phrases: str) -> Callable[[str], bool]:
    return lambda text: has(text, *phrases)


def _any_of(phrases: Iterable[str]) -> Callable[[str], bool]:
    known = tuple(phrases)
    return lambda text: any(has(text, phrase) for phrase in known)


_KNOWN: tuple[tuple[Shown, Callable[[str], bool]], ...] = (
    (Shown.HOLDING, _all_of("Continue holding for startup options")),
    (Shown.LOADING_OPTIONS, _all_of("Loading startup options")),
    (Shown.NO_MOUSE, _all_of("Connect a mouse or trackpad")),
    (Shown.USER_PICKER, _all_of("Select a user you know the password for")),
    (Shown.USER_PASSWORD, _all_of("Enter the password for the user")),
    (Shown.TERMINAL, _any_of([_PROMPT, "Terminal — bash", "Terminal Shell Edit View"])),
    (Shown.SECURITY_USER, _all_of("macOS needs to verify a user to continue")),
    (Shown.SECURITY_LEVELS, _all_of("Secure Boot", "Full Security", "Medium Security")),
    (Shown.SECURITY_POLICY, _all_of("Full Security", "Reduced Security", "Cancel")),
    (Shown.SECURITY_VOLUMES, _all_of("Startup Security Utility", "Security Policy")),
    (Shown.RECOVERY, _all_of("Reinstall macOS", "Disk Utility")),
    (Shown.LANGUAGE, _any_of(["Select your language", "Choose your language"])),
    (Shown.DESKTOP, _all_of("File Edit View Go Window Help")),
    (Shown.STARTUP_OPTIONS, _all_of("Options", "Shut Down", "Restart")),
    (Shown.LOGIN, _all_of("Enter Password")),
)
