"""Where the Mac is: found by looking, never assumed.

A shell that answers is macOS; else the screen's words tell; no signal is off.
"""

from __future__ import annotations

from enum import StrEnum

from kextrel.bench.protocols import BootId
from kextrel.device.flows import filevault
from kextrel.device.flows.screens import Shown, last_line, shown
from kextrel.device.rig import Rig
from kextrel.errors import BenchError
from kextrel.timing import Deadline

__all__ = ["Place", "arrive", "await_off", "blame_or", "by_words", "dark", "find", "no_signal"]

_SIGNAL_GAP = 3.0  # Mac seconds: a display changing its mode has no signal for a moment


class Place(StrEnum):
    MACOS = "macOS"
    RECOVERY = "recovery"
    STARTUP_OPTIONS = "the startup options"
    OFF = "off"


_BY_SCREEN = {
    Shown.HOLDING: Place.STARTUP_OPTIONS,
    Shown.LOADING_OPTIONS: Place.STARTUP_OPTIONS,
    Shown.STARTUP_OPTIONS: Place.STARTUP_OPTIONS,
    Shown.NO_MOUSE: Place.RECOVERY,
    Shown.LANGUAGE: Place.RECOVERY,
    Shown.USER_PICKER: Place.RECOVERY,
    Shown.USER_PASSWORD: Place.RECOVERY,
    Shown.TERMINAL: Place.RECOVERY,
    Shown.RECOVERY: Place.RECOVERY,
    Shown.SECURITY_USER: Place.RECOVERY,
    Shown.SECURITY_LEVELS: Place.RECOVERY,
    Shown.SECURITY_VOLUMES: Place.RECOVERY,
    Shown.SECURITY_POLICY: Place.RECOVERY,
    Shown.LOGIN: Place.MACOS,
    Shown.DESKTOP: Place.MACOS,
}


def by_words(text: str) -> Place | None:
    """Where a Mac is that shows these words; None for words that are no sign."""
    return _BY_SCREEN.get(shown(text))


def find(rig: Rig, *, deadline: Deadline) -> Place:
    """Where the Mac is now. Waits while it is on its way, at most the boot timeout.

    A Mac that shows macOS but has no answering shell is the shell's failure; a picture without a word, the screen's.
    One that waits for FileVault's unlock, where the profile states that, is on its way to macOS.
    """
    if _answers(rig, deadline):
        return Place.MACOS
    if rig.wires.screen is None:
        if filevault.waits(rig, deadline=deadline):
            filevault.await_macos(rig, deadline=deadline.within(rig.timeouts.boot, "macOS after FileVault's unlock"))
            return Place.MACOS
        raise BenchError(
            "does not answer", wire=rig.shell.name, hint="there is no screen wire to tell where the Mac is"
        )
    place = _by_screen(rig, deadline)
    if place is not Place.MACOS:
        return place
    patience = rig.timeouts.boot if rig.facts.filevault else rig.timeouts.login
    waiting = deadline.within(patience, "an answer of the shell, with macOS on the screen,")
    filevault.await_macos(rig, deadline=waiting)
    return Place.MACOS


def arrive(rig: Rig, before: BootId, *, deadline: Deadline) -> Place:
    """Where the Mac ends up after a restart out of the boot `before`: macOS, or a screen of recovery."""
    locked = rig.facts.filevault
    if locked:  # what the screen shows until then is that of the boot before
        rig.shell.wait_until_gone(deadline=deadline.within(rig.timeouts.shutdown, "the end of macOS"))

    def up(text: str) -> bool:
        if locked and shown(text) is Shown.LOGIN:
            return True
        return _BY_SCREEN.get(shown(text), Place.MACOS) is not Place.MACOS or _in_another_boot(rig, before, deadline)

    text = rig.sees(up, rig.timeouts.boot, deadline=deadline, what="macOS or recovery after the restart")
    if text is None:
        raise blame_or(rig, rig.shell.name, "does not answer after a restart", deadline=deadline)
    place = _BY_SCREEN.get(shown(text), Place.MACOS)
    if locked and place is Place.MACOS:
        waiting = deadline.within(rig.timeouts.boot, "macOS after the restart")
        filevault.await_macos(rig, deadline=waiting, other_than=before)
    return place


def no_signal(rig: Rig, *, deadline: Deadline) -> bool:
    """Whether the display has no signal at all: the Mac is off, or restarting."""
    return rig.screen.picture(deadline=deadline) is None


def await_off(rig: Rig, seconds: float, *, deadline: Deadline) -> bool:
    """Whether the signal goes within `seconds`."""

    def off(text: str) -> bool:
        return not text.strip() and no_signal(rig, deadline=deadline)

    return rig.sees(off, seconds, deadline=deadline, what="an end of the signal") is not None


def dark(rig: Rig, *, deadline: Deadline) -> bool:
    """Whether the screen has a signal and shows no word: asleep, or the capture is broken."""
    return not rig.screen.text(deadline=deadline).strip() and not no_signal(rig, deadline=deadline)


def blame_or(rig: Rig, wire: str, what: str, *, deadline: Deadline, hint: str = "") -> BenchError:
    """The error for an effect that was not seen: the screen's when it shows nothing at all, else `wire`'s."""
    if dark(rig, deadline=deadline):
        unseen = "" if wire == rig.screen.name else f"so it cannot be seen whether {wire} acts; "
        look = "look at the capture and the display's sleep"
        return BenchError("gives a picture without a word", wire=rig.screen.name, hint=unseen + look)
    return BenchError(what, wire=wire, hint=hint or f"the screen shows {_words(rig, deadline)}")


def _words(rig: Rig, deadline: Deadline) -> str:
    if no_signal(rig, deadline=deadline):
        return "no signal"
    text = rig.screen.text(deadline=deadline)
    kind = shown(text)
    return f"{last_line(text)[:80]!r} last" if kind is Shown.OTHER else str(kind)


def _answers(rig: Rig, deadline: Deadline) -> bool:
    shell = rig.wires.shell
    return shell is not None and shell.reachable(deadline=deadline.within(rig.timeouts.command))


def _in_another_boot(rig: Rig, before: BootId, deadline: Deadline) -> bool:
    """A shell that answers and dies again is that of the boot that is ending."""
    try:
        return _answers(rig, deadline) and rig.shell.boot_id(deadline=deadline.within(rig.timeouts.command)) != before
    except BenchError as error:
        rig.note(f"the shell went away while it was asked for its boot: {error}")
        return False


def _by_screen(rig: Rig, deadline: Deadline) -> Place:
    text = rig.screen.text(deadline=deadline)
    if not text.strip() and no_signal(rig, deadline=deadline):
        rig.clock.dwell(_SIGNAL_GAP, deadline, rig.screen.name)
        if no_signal(rig, deadline=deadline):
            return Place.OFF
    seen = rig.sees(lambda t: shown(t) in _BY_SCREEN, rig.timeouts.boot, deadline=deadline, what="any screen we know")
    if seen is not None:
        return _BY_SCREEN[shown(seen)]
    if _answers(rig, deadline):
        return Place.MACOS
    raise blame_or(rig, rig.screen.name, "shows nothing that is known", deadline=deadline)
