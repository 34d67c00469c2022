"""Safe mode: Shift held as the Mac starts; kern.safeboot is the proof.

Intel looks at the keyboard from the start on. Apple silicon asks at the startup options: with Shift held, Continue
under the volume reads "Continue in Safe Mode".
"""

from __future__ import annotations

from kextrel.device.flows import filevault, login, power
from kextrel.device.flows.place import blame_or
from kextrel.device.flows.screens import Shown, has, shown
from kextrel.device.flows.walks import walk_for
from kextrel.device.remote import is_safe_boot
from kextrel.device.rig import Rig
from kextrel.timing import Deadline
from kextrel.vocabulary import Architecture

__all__ = ["enter"]

_TRIES = 2
_CONTINUE = "Continue in Safe Mode"


def enter(rig: Rig, *, deadline: Deadline) -> None:
    """From wherever the Mac is to safe mode, with somebody logged in where a screen shows it.

    BenchError of the keyboard where macOS came up as ever: Shift was not seen by the Mac.
    """
    for attempt in range(_TRIES):
        if rig.facts.architecture is Architecture.APPLE_SILICON:
            _by_startup_options(rig, deadline)
        else:
            power.start_holding(rig, "shift", deadline=deadline)
        filevault.await_macos(rig, deadline=deadline.within(rig.timeouts.boot, "safe mode"))
        if is_safe_boot(rig, deadline=deadline):
            login.ensure(rig, automatic=False, deadline=deadline)
            return
        rig.note(f"Shift was held (try {attempt + 1} of {_TRIES}) and kern.safeboot is 0")
    raise blame_or(rig, rig.keyboard.name, f"held Shift {_TRIES} times and macOS came up as ever", deadline=deadline)


def _by_startup_options(rig: Rig, deadline: Deadline) -> None:
    """The volume stands one before Options; Return with Shift once the button says so."""
    power.shut_down(rig, deadline=deadline)
    power.startup_options(rig, deadline=deadline)
    for _ in range(walk_for(rig.facts.macos).rights_to_options - 1):
        rig.keyboard.press("right", deadline=deadline)
    with rig.keyboard.held("shift", deadline=deadline):
        rig.sees(lambda t: has(t, _CONTINUE), rig.timeouts.screen, deadline=deadline, what=_CONTINUE)
        rig.keyboard.press("shift", "return", deadline=deadline)
    left = rig.sees(
        lambda t: shown(t) is not Shown.STARTUP_OPTIONS, rig.timeouts.screen, deadline=deadline, what="safe mode"
    )
    if left is None:
        what = "pressed Return on the volume and the startup options stayed"
        raise blame_or(rig, rig.keyboard.name, what, deadline=deadline)
