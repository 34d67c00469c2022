"""Restart, boot and power cut."""

from __future__ import annotations

from collections.abc import Callable

from kextrel.device.actions import management
from kextrel.device.flows import power, recovery, safemode
from kextrel.device.flows.place import Place, find
from kextrel.device.observe import Sighting, observe
from kextrel.device.performed import Performed
from kextrel.device.remote import look
from kextrel.device.rig import Rig
from kextrel.errors import NotPossible, UnreadableAnswer
from kextrel.macos import readiness
from kextrel.timing import Deadline
from kextrel.vocabulary import Architecture, Environment, Outcome, Reason
from kextrel.vocabulary.actions import Boot, PowerCut, Restart

__all__ = ["boot", "power_cut", "restart"]

_TRIES = 2  # of the button's gestures: a relay that bounces makes another gesture of them


def restart(rig: Rig, action: Restart, *, deadline: Deadline) -> Performed:
    """By the user (macOS itself, or out of recovery into macOS) or by the MDM. Another boot time is the proof."""
    if action.by == "mdm":
        return management.restart(rig, action, deadline=deadline)
    to_macos(rig, deadline=deadline)
    return Performed(Outcome.RESTARTED)


def boot(rig: Rig, action: Boot, *, deadline: Deadline) -> Performed:
    """Into an environment. Where the Mac really is afterwards is the state's to say.

    No Intel Mac has the two recoveries that the held button enters: that is said without touching it.
    """
    intel = rig.facts.architecture is not Architecture.APPLE_SILICON
    if intel and action.into in (Environment.ONE_TRUE_RECOVERY, Environment.FALLBACK_RECOVERYOS):
        return Performed(Outcome.REFUSED, Reason.UNSUPPORTED_HARDWARE, f"{rig.facts.architecture} has no such recovery")
    if action.into not in _WAYS:
        raise NotPossible(f"not implemented: booting {rig.facts.architecture} into {action.into}")
    return Performed(Outcome.BOOTED, sighting=_WAYS[action.into](rig, deadline))


def power_cut(rig: Rig, action: PowerCut, *, deadline: Deadline) -> Performed:
    """Mains off, a dwell, mains on, and macOS again, by itself; where that is lost, by the button.

    `rebuild`: in the middle of a restart, when what was approved goes into the AuxKC; nobody sees how far that is.
    """
    place = find(rig, deadline=deadline)
    if place is Place.MACOS:
        _refuse_to_stay_off(rig, deadline)
    if action.during == "rebuild":
        if place is not Place.MACOS:
            raise NotPossible("a power cut during a rebuild needs macOS, which builds the AuxKC as it goes down")
        power.cut_in_restart(rig, deadline=deadline)
    else:
        power.cut(rig, deadline=deadline)
    power.resume(rig, deadline=deadline)
    return Performed(Outcome.RESTARTED)


def _refuse_to_stay_off(rig: Rig, deadline: Deadline) -> None:
    """A Mac that does not start by itself when the mains are back is not prepared for this (PREP-09)."""
    try:
        stays_off = readiness.read_power(look(rig, readiness.POWER, deadline=deadline).out).get("autorestart") == 0
    except UnreadableAnswer as error:
        rig.note(f"it is not known whether it starts by itself: {error}")
        return
    if stays_off:
        raise NotPossible(
            f"autorestart is off on {rig.name}, so a power cut would leave it off; run `kextrel lab prepare` (PREP-09)"
        )


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


def _macos(rig: Rig, deadline: Deadline) -> Sighting | None:
    to_macos(rig, deadline=deadline)
    return None


def _safe_mode(rig: Rig, deadline: Deadline) -> Sighting | None:
    safemode.enter(rig, deadline=deadline)
    return None


def _recovery(rig: Rig, deadline: Deadline) -> Sighting | None:
    """Ordinary recovery: by Command-R on Intel, by nvram on Apple silicon, whose button enters another one."""
    if rig.facts.architecture is not Architecture.APPLE_SILICON:
        recovery.enter(rig, deadline=deadline)
        return None
    if not recovery.enter_by_software(rig, deadline=deadline):
        raise NotPossible("recovery-boot-mode was not honoured: this release has no software way into recovery")
    return None


_WAYS: dict[Environment, Callable[[Rig, Deadline], Sighting | None]] = {
    Environment.MACOS: _macos,
    Environment.SAFE_MODE: _safe_mode,
    Environment.ONE_TRUE_RECOVERY: _one_true,
    Environment.FALLBACK_RECOVERYOS: _fallback,
    Environment.RECOVERYOS: _recovery,
}
