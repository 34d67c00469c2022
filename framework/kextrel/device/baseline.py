"""Back to a baseline, each level at its price. What is already so is not done again.

Only panic medic forgets approvals on macOS 11 and later, and only recovery has it, or may take them out of a database
before: that is why `forgotten` is dear.
"""

from __future__ import annotations

from enum import StrEnum

from kextrel.device.actions.boot import to_macos
from kextrel.device.actions.management import enroll
from kextrel.device.actions.security import trigger_panic_medic
from kextrel.device.flows import consent, mdm, recovery
from kextrel.device.flows.place import Place, find
from kextrel.device.leftovers import leave_developer_mode, take_extensions_away
from kextrel.device.observe import Sighting, observe
from kextrel.device.remote import existing, run
from kextrel.device.rig import Facts, Rig
from kextrel.errors import NotPossible
from kextrel.macos import commands
from kextrel.timing import Deadline
from kextrel.vocabulary import UNKNOWN, Architecture, Enrollment, Environment, State, Unknown
from kextrel.vocabulary.actions import Enroll

__all__ = [
    "Level",
    "cost",
    "forget_approvals",
    "in_collection",
    "is_forgotten",
    "ours",
    "reach",
    "take_bundles_away",
    "was_asked_for",
]


class Level(StrEnum):
    """How far back: nothing of ours loaded or installed; and no approvals; and a new system."""

    CLEAN = "clean"
    FORGOTTEN = "forgotten"
    ERASED = "erased"


_RESTART = {Architecture.APPLE_SILICON: 1.5, Architecture.INTEL_T2: 2.5, Architecture.INTEL: 2.0}  # minutes
_RECOVERY = 4.0  # minutes: down, the held button, the picker, Terminal
_ERASE = 60.0  # minutes of a person's time, or a DFU restore and the preparation anew


def cost(level: Level, facts: Facts) -> float:
    """Lab minutes, at most: what a report says before a run starts."""
    restart = _RESTART[facts.architecture]
    return {Level.CLEAN: restart, Level.FORGOTTEN: restart * 2 + _RECOVERY, Level.ERASED: _ERASE}[level]


def reach(rig: Rig, level: Level, *, deadline: Deadline) -> Sighting:
    """Takes the Mac to `level`; what was seen then. NotPossible where it will not go there, BenchError where a wire
    fails."""
    if level is Level.ERASED:
        raise NotPossible(f"{rig.name} must be erased by a person or by DFU; then end its quarantine")
    if find(rig, deadline=deadline) is not Place.MACOS:
        recovery.leave(rig, deadline=deadline)
    _give_back_to_the_mdm(rig, deadline)
    take_extensions_away(rig, deadline=deadline)
    take_bundles_away(rig, deadline=deadline)
    seen = observe(rig, deadline=deadline)
    leave_developer_mode(rig, seen.state.sip, deadline=deadline)
    if level is Level.FORGOTTEN and not (is_forgotten(rig, seen.state) and consent.is_fresh(rig, deadline=deadline)):
        return _forget(rig, deadline)
    # Safe mode does not tell what the collection holds, and no scenario begins there.
    if in_collection(rig, seen.state) or seen.state.boot is Environment.SAFE_MODE:
        return _restart_without(rig, deadline)
    return seen


def _give_back_to_the_mdm(rig: Rig, deadline: Deadline) -> None:
    """None of our profiles is left, and a Mac that a scenario took out of its automated enrollment is in it again."""
    automated = rig.facts.enrollment is Enrollment.AUTOMATED_DEVICE
    if automated and not mdm.is_managed(rig, deadline=deadline):
        enroll(rig, Enroll(Enrollment.AUTOMATED_DEVICE), deadline=deadline)
    mdm.keep_only(rig, (), deadline=deadline)


def ours(rig: Rig) -> frozenset[str]:
    """The bundle identifiers of all kexts that this run knows."""
    return frozenset(extension.bundle_id for extension in rig.catalog.kexts())


def in_collection(rig: Rig, state: State) -> bool:
    """Whether a kext of ours is in the running collection or in the kernel, as far as that was seen."""
    return _any_of(rig, state.aux_kc) or _any_of(rig, state.loaded_kexts)


def is_forgotten(rig: Rig, state: State) -> bool:
    """Whether no approval of ours is left and nothing of ours is in the collection. Not seen is not forgotten."""
    if state.uakl is UNKNOWN and ours(rig):
        return False
    return not _any_of(rig, state.uakl) and not in_collection(rig, state)


def was_asked_for(rig: Rig, seen: Sighting) -> bool:
    """Whether a managed Mac remembers that one of ours was asked for: then a profile alone lets it into the collection,
    and it may wait there for the next boot already."""
    if rig.facts.enrollment is Enrollment.NONE or seen.observation is None:
        return False
    return _any_of(rig, seen.observation.asked_for_kexts.value)


def take_bundles_away(rig: Rig, *, deadline: Deadline) -> bool:
    """Removes the bundles that a run may have installed. Whether there was one."""
    ours = [one for one in rig.catalog.kexts() if not consent.is_kept(rig, one)]
    paths = sorted({rig.catalog.installed_at(extension) for extension in ours})
    there = existing(rig, paths, deadline=deadline)
    for path in there:
        run(rig, commands.remove_kext(path), deadline=deadline)
    return bool(there)


def _any_of(rig: Rig, seen: frozenset[str] | Unknown) -> bool:
    return seen is not UNKNOWN and bool(ours(rig) & seen)


def _forget(rig: Rig, deadline: Deadline) -> Sighting:
    recovery.enter(rig, deadline=deadline)
    said = forget_approvals(rig, deadline=deadline)
    recovery.leave(rig, deadline=deadline)
    seen = observe(rig, deadline=deadline)
    left = seen.state.uakl is not UNKNOWN and not is_forgotten(rig, seen.state)
    if left or not consent.is_fresh(rig, deadline=deadline):
        raise NotPossible(f"approvals or kexts of ours are left on {rig.name} after recovery: {said}")
    return seen


def forget_approvals(rig: Rig, *, deadline: Deadline) -> str:
    """In recovery: makes the Mac forget whom its users approved; what was said of it. By panic medic, which takes all,
    or before macOS 11, which has none, row by row."""
    if rig.facts.macos < consent.COLLECTIONS_SINCE:
        return consent.forget(rig, deadline=deadline) if consent.is_asked(rig) else "nobody is asked"
    code, text = trigger_panic_medic(rig, deadline=deadline)
    return f"panic medic ended with {code}: {text[:120]}"


def _restart_without(rig: Rig, deadline: Deadline) -> Sighting:
    """The bundles are gone from the disk, so the collection that the restart builds is without them."""
    to_macos(rig, deadline=deadline)
    seen = observe(rig, deadline=deadline)
    return _forget(rig, deadline) if in_collection(rig, seen.state) else seen
