"""set-security by Startup Security Utility: what the policy reads before and after it decides."""

from __future__ import annotations

from dataclasses import dataclass

from kextrel.device.flows.place import Place, blame_or, find
from kextrel.device.flows.startupsecurity import Taken, choose_level, choose_policy
from kextrel.device.flows.walks import Chord
from kextrel.device.observe import Sighting, observe
from kextrel.device.performed import Performed
from kextrel.device.rig import Account, Rig
from kextrel.errors import NotPossible
from kextrel.timing import Deadline
from kextrel.vocabulary import (
    UNKNOWN,
    Architecture,
    Environment,
    KextManagement,
    Outcome,
    Reason,
    SecurityMode,
    State,
    Unknown,
)
from kextrel.vocabulary.actions import SetSecurity

__all__ = ["is_wrong_place", "set_by_utility"]

_TRIES = 2  # keys that are lost choose something else, and that is seen only afterwards
_LEVELS = (SecurityMode.FULL, SecurityMode.MEDIUM, SecurityMode.NONE)  # from top to bottom
_RADIOS = {SecurityMode.FULL: 0, SecurityMode.REDUCED: 1, SecurityMode.PERMISSIVE: 1}
_RECOVERIES = (Environment.ONE_TRUE_RECOVERY, Environment.RECOVERYOS)
_REASONS = {
    Taken.NOT_SHOWN: Reason.NOT_OFFERED,
    Taken.NO_SUCH_USER: Reason.NOT_ADMIN,
    Taken.WRONG_PASSWORD: Reason.AUTHENTICATION,
}


@dataclass(frozen=True)
class _Policy:
    """What the utility sets."""

    mode: SecurityMode | Unknown | None
    management: frozenset[KextManagement] | Unknown

    @classmethod
    def of(cls, state: State) -> _Policy:
        return cls(state.security_mode, state.kext_management)


def is_wrong_place(action: SetSecurity, where: Environment | Unknown) -> bool:
    """Whether Apple silicon's policy may not be set so from `where`, as far as that was seen: only 1TR may lower it,
    plain reduced may be set from ordinary recovery too, full from anywhere [bputil(1)]."""
    if where is UNKNOWN or (action.mode is SecurityMode.FULL and not action.allow):
        return False
    plain_reduced = action.mode is SecurityMode.REDUCED and not action.allow
    return where not in (_RECOVERIES if plain_reduced else _RECOVERIES[:1])


def set_by_utility(rig: Rig, action: SetSecurity, *, deadline: Deadline) -> Performed:
    """Operates the utility in recovery, with the credential asked for."""
    place = find(rig, deadline=deadline)
    if place is Place.MACOS:
        return Performed(Outcome.REFUSED, Reason.WRONG_ENVIRONMENT, "Startup Security Utility is in recovery only")
    if place is not Place.RECOVERY:
        raise NotPossible(f"Startup Security Utility needs recovery, and the Mac is in {place}")
    if _is_not_there(rig, action):
        return Performed(Outcome.REFUSED, Reason.NOT_OFFERED, "Startup Security Utility has no such choice")
    first = before = _read(rig, deadline)
    account = rig.accounts.acting(action.as_)
    for _ in range(_TRIES):
        taken = _operate(rig, action, account, before, deadline)
        after = _read(rig, deadline)
        reached = _Policy.of(after.state) == _wanted(action, before.state)
        if taken is not Taken.CHOSEN or reached:
            break
        rig.note(f"after Startup Security Utility the policy reads {_Policy.of(after.state)}; choosing once more")
        before = after
    return _judge(rig, action, taken, reached, first, after, deadline)


def _is_not_there(rig: Rig, action: SetSecurity) -> bool:
    if rig.facts.architecture is Architecture.INTEL_T2:
        return bool(action.allow) or action.mode not in _LEVELS
    return action.mode is SecurityMode.FULL and bool(action.allow)


def _read(rig: Rig, deadline: Deadline) -> Sighting:
    seen = observe(rig, deadline=deadline)
    if UNKNOWN in (seen.state.security_mode, seen.state.kext_management):
        raise NotPossible("the boot policy could not be read, so it is not known what to choose or what changed")
    return seen


def _operate(rig: Rig, action: SetSecurity, account: Account, before: Sighting, deadline: Deadline) -> Taken:
    wanted = _wanted(action, before.state)
    if rig.facts.architecture is Architecture.INTEL_T2:
        keys = _along(_LEVELS.index(_mode(before.state.security_mode)), _LEVELS.index(_mode(wanted.mode)))
        return choose_level(rig, account, keys, deadline=deadline)
    words = "Permissive Security" if wanted.mode is not before.state.security_mode and _is_permissive(wanted) else ""
    return choose_policy(rig, account, _on_sheet(before, wanted), words=words, deadline=deadline)


def _wanted(action: SetSecurity, before: State) -> _Policy:
    """A mode is written with what is named beside it; an allowance alone keeps the rest and turns full into reduced."""
    if action.mode is not None:
        return _Policy(action.mode, action.allow)
    mode = SecurityMode.REDUCED if before.security_mode is SecurityMode.FULL else before.security_mode
    kept = before.kext_management
    return _Policy(mode, action.allow if kept is UNKNOWN else kept | action.allow)


def _on_sheet(before: Sighting, wanted: _Policy) -> tuple[Chord, ...]:
    """Keys from the chosen radio button to the wanted one, then over the two boxes that reduced security has."""
    start, end = (_RADIOS[_mode(mode)] for mode in (before.state.security_mode, wanted.mode))
    keys = _along(start, end)
    if wanted.mode is SecurityMode.FULL or wanted.management is UNKNOWN:
        return keys
    for box, now in _boxes(before).items():
        keys += (("tab",), ("space",)) if (box in wanted.management) is not now else (("tab",),)
    return keys


def _boxes(before: Sighting) -> dict[KextManagement, bool]:
    """What is ticked: the user's own allowances; what the MDM allowed itself (smb4) is not among them."""
    seen = before.observation
    ticked = (False, False) if seen is None else (seen.smb2.value is True, seen.smb3.value is True)
    return dict(zip((KextManagement.USER, KextManagement.REMOTE), ticked, strict=True))


def _along(start: int, end: int) -> tuple[Chord, ...]:
    return (("down",),) * (end - start) if end >= start else (("up",),) * (start - end)


def _mode(mode: SecurityMode | Unknown | None) -> SecurityMode:
    if not isinstance(mode, SecurityMode):
        raise NotPossible("this Mac reads no security mode, so it is not known which one is chosen")
    return mode


def _reads(state: State) -> tuple[object, ...]:
    return (state.security_mode, state.sip, state.kext_management)


def _is_permissive(policy: _Policy) -> bool:
    return policy.mode is SecurityMode.PERMISSIVE


def _judge(
    rig: Rig, action: SetSecurity, taken: Taken, reached: bool, first: Sighting, after: Sighting, deadline: Deadline
) -> Performed:
    changed = _reads(first.state) != _reads(after.state)
    if changed and (reached or taken is not Taken.CHOSEN):
        return Performed(Outcome.CHANGED, None, "" if reached else str(taken), after)
    if reached and taken is Taken.CHOSEN:
        return Performed(Outcome.UNCHANGED, sighting=after)
    silicon = rig.facts.architecture is Architecture.APPLE_SILICON
    if silicon and not changed and is_wrong_place(action, first.state.boot):
        return Performed(Outcome.REFUSED, Reason.WRONG_ENVIRONMENT, str(taken), after)
    if taken is Taken.NO_UTILITY:
        raise NotPossible(f"{taken}, so nothing could be chosen")
    if taken is Taken.CHOSEN:
        what = f"chose in Startup Security Utility, and the policy reads {after.state.security_mode}"
        raise blame_or(rig, rig.keyboard.name, what, deadline=deadline)
    return Performed(Outcome.REFUSED, _REASONS[taken], str(taken), after)
