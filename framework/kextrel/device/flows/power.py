"""Off and on again: every step is confirmed by what is seen, and a gesture ends on its effect, not on a count.

A relay has no acknowledgement, so a contact that does not move is found here: the Mac does not go off, or the startup
options do not come. After bounded retries that is the button's or the mains' failure, not the screen's.
"""

from __future__ import annotations

from contextlib import ExitStack

from kextrel.bench.letgo import surely
from kextrel.bench.protocols import BootId
from kextrel.device.flows import filevault
from kextrel.device.flows.place import Place, await_off, blame_or, find, no_signal
from kextrel.device.flows.screens import Shown, shown, shows
from kextrel.device.remote import run
from kextrel.device.rig import Rig
from kextrel.errors import BenchError, NotPossible
from kextrel.macos import commands
from kextrel.timing import Deadline

__all__ = [
    "cut",
    "cut_in_restart",
    "force_off",
    "go_down",
    "restart",
    "resume",
    "shut_down",
    "start_holding",
    "start_macos",
    "startup_options",
]

_TRIES = 2
_SHORT = 0.5  # Mac seconds: a press that starts the Mac
_DOUBLE_GAP = 0.3  # Mac seconds between the two presses of the fallback gesture; they must come within about 1 s
_AGAIN = 0.2  # Mac seconds until a keyboard that refused is asked again
_REST = 2.0  # Mac seconds between a hold that ended in off and the next gesture: else the two are one
_MAINS_OFF = 5.0  # Mac seconds until the power supply is empty
_STARTED = (Shown.LANGUAGE, Shown.NO_MOUSE, Shown.USER_PICKER, Shown.RECOVERY, Shown.LOGIN, Shown.DESKTOP)
_AFTER_HOLD = (Shown.LOADING_OPTIONS, Shown.STARTUP_OPTIONS)


def shut_down(rig: Rig, *, deadline: Deadline) -> None:
    """To off, from wherever the Mac is: by macOS itself where it answers, else by holding the button."""
    place = find(rig, deadline=deadline)
    if place is Place.OFF:
        return
    if place is Place.MACOS and _shut_down_by_macos(rig, deadline):
        return
    force_off(rig, deadline=deadline)


def force_off(rig: Rig, *, deadline: Deadline) -> None:
    """Holds the button until the signal is gone. BenchError of the button when it does not go."""
    for attempt in range(_TRIES):
        with rig.button.held(deadline=deadline):
            gone = await_off(rig, rig.timeouts.button, deadline=deadline)
        if gone:
            rig.clock.dwell(_REST, deadline, rig.button.name)
            return
        rig.note(f"the button was held (try {attempt + 1} of {_TRIES}) and the Mac stayed on")
    raise blame_or(rig, rig.button.name, f"was held {_TRIES} times and the Mac stayed on", deadline=deadline)


def start_macos(rig: Rig, *, deadline: Deadline) -> BootId:
    """From off to an answering macOS by a short press."""
    for attempt in range(_TRIES):
        rig.button.press(_SHORT, deadline=deadline)
        if _wakes(rig, deadline):
            return filevault.await_macos(rig, deadline=deadline.within(rig.timeouts.boot, "the start of macOS"))
        rig.note(f"the button was pressed (try {attempt + 1} of {_TRIES}) and the Mac stayed off")
    raise blame_or(rig, rig.button.name, f"was pressed {_TRIES} times and the Mac stayed off", deadline=deadline)


def startup_options(rig: Rig, *, fallback: bool = False, deadline: Deadline) -> None:
    """From off to the startup options by holding the button; `fallback`: by a press and then a hold."""
    for attempt in range(_TRIES):
        if fallback:
            rig.button.press(_SHORT, deadline=deadline)
            rig.clock.dwell(_DOUBLE_GAP, deadline, rig.button.name)
        if _hold_for_options(rig, deadline):
            return
        rig.note(f"the button was held (try {attempt + 1} of {_TRIES}) and no startup options came")
        _back_to_off(rig, deadline)
    what = f"was held {_TRIES} times and no startup options came"
    raise blame_or(rig, rig.button.name, what, deadline=deadline)


def start_holding(rig: Rig, *keys: str, deadline: Deadline) -> None:
    """Starts the Mac with keys held on the keyboard from its first sign of life until it shows a screen.

    Intel Macs look at the keyboard as their firmware starts: Command-R, Shift. From off by the button; where the bench
    has none, by macOS's own restart.
    """
    with ExitStack() as held:
        if rig.wires.button is None:
            _restart_holding(rig, held, keys, deadline)
        else:
            _press_holding(rig, held, keys, deadline)
        what = f"a screen, with {'-'.join(keys)} held"
        rig.sees(lambda t: shown(t) in _STARTED, rig.timeouts.button, deadline=deadline, what=what)


def _restart_holding(rig: Rig, held: ExitStack, keys: tuple[str, ...], deadline: Deadline) -> None:
    if find(rig, deadline=deadline) is not Place.MACOS:
        raise NotPossible(f"{rig.name} has no button wire, and without one only macOS can be restarted with keys held")
    held.enter_context(rig.keyboard.held(*keys, deadline=deadline))
    go_down(rig, commands.restart(), deadline=deadline)
    rig.shell.wait_until_gone(deadline=deadline.within(rig.timeouts.shutdown, "the end of macOS"))


def _press_holding(rig: Rig, held: ExitStack, keys: tuple[str, ...], deadline: Deadline) -> None:
    """A keyboard takes nothing while its Mac is off: it is asked again and again from the press on."""
    shut_down(rig, deadline=deadline)
    for attempt in range(_TRIES):
        rig.button.press(_SHORT, deadline=deadline)
        refused = _taken(rig, held, keys, deadline)
        if refused is None and _wakes(rig, deadline):
            return
        held.close()
        if refused is not None and not no_signal(rig, deadline=deadline):
            raise refused
        rig.note(f"the button was pressed (try {attempt + 1} of {_TRIES}) and the Mac stayed off")
    raise blame_or(rig, rig.button.name, f"was pressed {_TRIES} times and the Mac stayed off", deadline=deadline)


def _taken(rig: Rig, held: ExitStack, keys: tuple[str, ...], deadline: Deadline) -> BenchError | None:
    """Holds the keys, until `held` ends, as soon as the keyboard takes them; its last refusal where it does not."""
    limit = deadline.within(rig.timeouts.screen, "the keyboard being held")
    while True:
        try:
            held.enter_context(rig.keyboard.held(*keys, deadline=limit))
        except BenchError as error:
            if limit.remaining <= rig.clock.wall(_AGAIN):
                return error
        else:
            return None
        rig.clock.dwell(_AGAIN, limit, rig.keyboard.name)


def restart(rig: Rig, *, deadline: Deadline) -> BootId:
    """Restarts a running macOS by its own command; the new boot has another boot time."""
    before = rig.shell.boot_id(deadline=deadline.within(rig.timeouts.command))
    go_down(rig, commands.restart(), deadline=deadline)
    waiting = deadline.within(rig.timeouts.boot, "the restart")
    return filevault.await_macos(rig, deadline=waiting, other_than=before)


def cut(rig: Rig, *, deadline: Deadline) -> None:
    """Takes the mains away until nothing answers, waits, and gives them back. Afterwards the Mac may be on or off."""
    was_on = find(rig, deadline=deadline) is not Place.OFF
    _without_mains(rig, was_on, deadline)


def cut_in_restart(rig: Rig, *, deadline: Deadline) -> None:
    """Takes the mains away as soon as macOS, on its way down, no longer answers: the AuxKC is built about then."""
    go_down(rig, commands.restart(), deadline=deadline)
    rig.shell.wait_until_gone(deadline=deadline.within(rig.timeouts.shutdown, "the end of macOS"))
    _without_mains(rig, True, deadline)


def _without_mains(rig: Rig, was_on: bool, deadline: Deadline) -> None:
    filevault.check_way(rig)
    try:
        rig.power.off(deadline=deadline)
        if was_on:
            _confirm_cut(rig, deadline)
        rig.clock.dwell(_MAINS_OFF, deadline, rig.power.name)
    finally:
        surely(lambda: _give_back(rig))


def _give_back(rig: Rig) -> None:
    rig.power.on(deadline=Deadline.after(rig.timeouts.command, "the mains being switched on again"))


def resume(rig: Rig, *, deadline: Deadline) -> BootId:
    """To macOS after the mains came back: by itself (autorestart, PREP-09), else by a press."""
    if rig.wires.button is None or _wakes(rig, deadline):
        return filevault.await_macos(rig, deadline=deadline.within(rig.timeouts.boot, "macOS after the power cut"))
    return start_macos(rig, deadline=deadline)


def _confirm_cut(rig: Rig, deadline: Deadline) -> None:
    if rig.wires.screen is not None:
        if not await_off(rig, rig.timeouts.button, deadline=deadline):
            raise blame_or(rig, rig.power.name, "was switched off and the Mac stayed on", deadline=deadline)
        return
    try:
        rig.shell.wait_until_gone(deadline=deadline.within(rig.timeouts.button, "the Mac going off"))
    except BenchError as error:
        raise BenchError("was switched off and the Mac stayed on", wire=rig.power.name) from error


def _shut_down_by_macos(rig: Rig, deadline: Deadline) -> bool:
    go_down(rig, commands.shut_down(), deadline=deadline)
    rig.shell.wait_until_gone(deadline=deadline.within(rig.timeouts.shutdown, "the shutdown"))
    if rig.wires.screen is None:
        return True
    return await_off(rig, rig.timeouts.shutdown, deadline=deadline)


def go_down(rig: Rig, command: str, *, deadline: Deadline, input: bytes = b"", seconds: float | None = None) -> None:
    """Runs a command that ends the connection it came over: that end is no failure, what comes next is looked at."""
    filevault.check_way(rig)
    try:
        done = run(rig, command, deadline=deadline, input=input, seconds=seconds)
    except BenchError as error:
        rig.note(f"the connection ended with `{command}`: {error}")
        return
    if done.exit_code not in (0, 255) and done.exit_code < 128:
        raise BenchError(f"`{command}` ended with {done.exit_code}: {done.err.strip()[:200]}", wire=rig.shell.name)


def _wakes(rig: Rig, deadline: Deadline) -> bool:
    """Whether the Mac gives any sign of life after a press."""
    if rig.wires.screen is None:
        return True

    def signal(text: str) -> bool:
        return bool(text.strip()) or not no_signal(rig, deadline=deadline)

    return rig.sees(signal, rig.timeouts.button, deadline=deadline, what="a signal") is not None


def _hold_for_options(rig: Rig, deadline: Deadline) -> bool:
    with rig.button.held(deadline=deadline):
        seen = rig.sees(
            shows(*_AFTER_HOLD), rig.timeouts.button, deadline=deadline, what="the startup options, while holding"
        )
    if seen is None:
        return False
    options = shows(Shown.STARTUP_OPTIONS)
    return rig.sees(options, rig.timeouts.recovery, deadline=deadline, what="the startup options") is not None


def _back_to_off(rig: Rig, deadline: Deadline) -> None:
    """Off again for another try, where the Mac did something else; a blind screen is not made worse by more holding."""
    if no_signal(rig, deadline=deadline):
        return
    if shown(rig.screen.text(deadline=deadline)) is Shown.NOTHING:
        raise blame_or(rig, rig.button.name, "was held and no startup options came", deadline=deadline)
    shut_down(rig, deadline=deadline)
