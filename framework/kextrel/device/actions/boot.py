"""Restart, boot and power cut."""

from __future__ import annotations

from collections.abc import Callable

from kextrel.device.flows import power, recovery
from kextrel.device.flows.place import Place, find
from kextrel.device.observe import Sighting, observe
from kextrel.device.performed import Performed
from kextrel.device.rig import Rig
from kextrel.errors import NotPossible
from kextrel.timing import Deadline
from kextrel.vocabulary import Architecture, Environment, Outcome
from kextrel.vocabulary.actions import Boot, PowerCut, Restart

__all__ = ["boot", "power_cut", "restart"]

_TRIES = 2  # of the button's gestures: a relay that bounces makes another gesture of them


def restart(rig: Rig, action: Restart, *, deadline: Deadline) -> Performed:
    """By the user: macOS's own restart, or out of recovery into macOS. Another boot time is the proof."""
    if action.by == "mdm":
        raise NotPossible("not implemented: a restart by MDM")
    to_macos(rig, deadline=deadline)
    return Performed(Outcome.RESTARTED)


def boot(rig: Rig, action: Boot, *, deadline: Deadline) -> Performed:
    """Into an environment. Where the Mac really is afterwards is the state's to say."""
    seen = None
    if action.into is Environment.MACOS:
        to_macos(rig, deadline=deadline)
    elif rig.facts.architecture is not Architecture.APPLE_SILICON or action.into not in _WAYS:
        raise NotPossible(f"not implemented: booting {rig.facts.architecture} into {action.into}")
    else:
        seen = _WAYS[action.into](rig, deadline)
    return Performed(Outcome.BOOTED, sighting=seen)


def power_cut(rig: Rig, action: PowerCut, *, deadline: Deadline) -> Performed:
    """Mains off, a dwell, mains on, and macOS again: by itself where autorestart is set, else by the button."""
    if action.during != "idle":
        raise NotPossible("not implemented: a power cut during a rebuild")
    power.cut(rig, deadline=deadline)
    power.resume(rig, deadline=deadline)
    return Performed(Outcome.RESTARTED)


def to_macos(rig: Rig, *, deadline: Deadline) -> None:
    """A new boot of macOS, from wherever the Mac is."""
    if find(rig, deadline=deadline) is Place.MACOS:
        power.restart(rig, deadline=deadline)
    else:
        recovery.leave(rig, deadline=deadline)


def _by_button(rig: Rig, deadline: Deadline, wanted: Environment) -> Sighting | None:
    seen = None
    for _ in range(_TRIES):
        recovery.enter(rig, fallback=wanted is Environment.FALLBACK_RECOVERYOS, deadline=deadline)
        seen = observe(rig, deadline=deadline)
        if seen.state.boot is wanted:
            break
        rig.note(f"the gesture for {wanted} led to {seen.state.boot}")
    return seen


def _one_true(rig: Rig, deadline: Deadline) -> Sighting | None:
    return _by_button(rig, deadline, Environment.ONE_TRUE_RECOVERY)


def _fallback(rig: Rig, deadline: Deadline) -> Sighting | None:
    return _by_button(rig, deadline, Environment.FALLBACK_RECOVERYOS)


def _by_software(rig: Rig, deadline: Deadline) -> None:
    if not recovery.enter_by_software(rig, deadline=deadline):
        raise NotPossible("recovery-boot-mode was not honoured: this release has no software way into recovery")


_WAYS: dict[Environment, Callable[[Rig, Deadline], Sighting | None]] = {
    Environment.ONE_TRUE_RECOVERY: _one_true,
    Environment.FALLBACK_RECOVERYOS: _fallback,
    Environment.RECOVERYOS: _by_software,
}
