"""The starting state of a scenario, reached by flows. What is observed first decides: what is so already is not done.

A wire that fails on the way is a BenchError; a Mac that will not go there is NotPossible: the scenario is not checked.
"""

from __future__ import annotations

from kextrel.device.actions.boot import to_macos
from kextrel.device.actions.security import set_security, set_sip, trigger_panic_medic
from kextrel.device.baseline import is_forgotten, take_bundles_away
from kextrel.device.flows import login, recovery
from kextrel.device.flows.place import Place, find
from kextrel.device.observe import Sighting, observe
from kextrel.device.rig import Rig
from kextrel.errors import NotPossible
from kextrel.timing import Deadline
from kextrel.vocabulary import UNKNOWN, KextManagement, Mac, SecurityMode, Start, State
from kextrel.vocabulary.actions import SetSecurity, SetSip

__all__ = ["prepare"]


def prepare(rig: Rig, start: Start, *, deadline: Deadline) -> Sighting:
    """Brings the Mac to `start`, in macOS, with somebody logged in where a screen shows it; what was seen then."""
    rig.catalog.learn(start.extensions)
    _refuse_what_is_not_built(start)
    _meet(rig, start.mac)
    if find(rig, deadline=deadline) is not Place.MACOS:
        recovery.leave(rig, deadline=deadline)
    take_bundles_away(rig, deadline=deadline)
    seen = _reach_policy(rig, start.mac, deadline)
    _log_in(rig, start.mac, deadline)
    return seen


def _refuse_what_is_not_built(start: Start) -> None:
    """Starting states whose flows come later."""
    asked = {
        "profiles installed before the first step": bool(start.profiles),
        "a Mac that is offline": not start.mac.online,
        "a Mac with nobody logged in": not start.mac.logged_in,
        "an extension from an older macOS": any(e.installed_before for e in start.extensions.values()),
    }
    for what, wanted in asked.items():
        if wanted:
            raise NotPossible(f"not implemented: {what}")


def _meet(rig: Rig, mac: Mac) -> None:
    """Requirements are not made, only met."""
    facts = rig.facts
    for name, wanted, there in (
        ("architecture", mac.architecture, facts.architecture),
        ("macos", mac.macos, facts.macos),
        ("enrollment", mac.enrollment, facts.enrollment),
    ):
        if wanted != there:
            raise NotPossible(f"{rig.name} is {name} {there}, and the scenario needs {wanted}")


def _reach_policy(rig: Rig, mac: Mac, deadline: Deadline) -> Sighting:
    seen = observe(rig, deadline=deadline)
    state = seen.state
    if UNKNOWN in (state.security_mode, state.kext_management):
        raise NotPossible(f"the boot policy of {rig.name} cannot be read (bputil -d), so no start can be reached")
    forgotten = is_forgotten(rig, state)
    if forgotten and _is_so(state, mac):
        return seen
    if not (forgotten and _full_from_macos(rig, mac, deadline)):
        _by_recovery(rig, mac, forgotten, deadline)
    seen = observe(rig, deadline=deadline)
    state = seen.state
    if not _is_so(state, mac):
        raise NotPossible(f"{rig.name} did not go to {_words(mac)}: it is at {state.security_mode}, SIP {state.sip}")
    if state.uakl is not UNKNOWN and not is_forgotten(rig, state):
        raise NotPossible(f"{rig.name} still has approvals of an earlier run; panic medic did not take them")
    return seen


def _full_from_macos(rig: Rig, mac: Mac, deadline: Deadline) -> bool:
    """Full may be set from macOS [bputil(1)], which saves the walk; where it is not taken the walk is made."""
    if _mode(mac) is not SecurityMode.FULL:
        return False
    done = set_security(rig, SetSecurity(SecurityMode.FULL), deadline=deadline)
    if done.sighting is None or not _is_so(done.sighting.state, mac):
        return False
    to_macos(rig, deadline=deadline)
    return True


def _by_recovery(rig: Rig, mac: Mac, forgotten: bool, deadline: Deadline) -> None:
    """One visit to 1TR for all: the policy written afresh, then SIP, then panic medic."""
    recovery.enter(rig, deadline=deadline)
    seen = observe(rig, deadline=deadline)
    state = seen.state
    fresh = SetSecurity(_mode(mac), mac.kext_management)
    if (state.security_mode, state.kext_management) != (_mode(mac), mac.kext_management) or (
        mac.sip and state.sip is not True
    ):
        seen = set_security(rig, fresh, deadline=deadline).sighting or seen
    if seen.state.sip is not mac.sip:
        set_sip(rig, SetSip(mac.sip), deadline=deadline)
    if not forgotten:
        trigger_panic_medic(rig, deadline=deadline)
    recovery.leave(rig, deadline=deadline)


def _mode(mac: Mac) -> SecurityMode | None:
    """SIP is off under permissive only, whatever the scenario left out."""
    return mac.security_mode if mac.sip else SecurityMode.PERMISSIVE


def _is_so(state: State, mac: Mac) -> bool:
    """Whether the policy that was seen is the one asked for; what cannot be seen is taken as so."""
    for seen, wanted in (
        (state.security_mode, _mode(mac)),
        (state.sip, mac.sip),
        (state.kext_management, mac.kext_management),
    ):
        if seen is not UNKNOWN and seen != wanted:
            return False
    return True


def _words(mac: Mac) -> str:
    allowed = ", ".join(sorted(KextManagement(who) for who in mac.kext_management)) or "nobody"
    return f"{_mode(mac)}, SIP {'on' if mac.sip else 'off'}, kexts managed by {allowed}"


def _log_in(rig: Rig, mac: Mac, deadline: Deadline) -> None:
    if mac.logged_in and rig.wires.screen is not None and rig.wires.keyboard is not None:
        login.ensure(rig, deadline=deadline)
