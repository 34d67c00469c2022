"""The starting state of a scenario, reached by flows. What is observed first decides: what is so already is not done.

A wire that fails on the way is a BenchError; a Mac that will not go there is NotPossible: the scenario is not checked.
"""

from __future__ import annotations

from kextrel.device.actions import upgrading
from kextrel.device.actions.boot import to_macos
from kextrel.device.actions.bundles import install
from kextrel.device.actions.security import set_security, set_sip
from kextrel.device.baseline import forget_approvals, is_forgotten, take_bundles_away, was_asked_for
from kextrel.device.flows import consent, login, mdm, recovery
from kextrel.device.flows.place import Place, find
from kextrel.device.leftovers import leave_developer_mode, take_extensions_away
from kextrel.device.observe import Sighting, observe
from kextrel.device.remote import exists
from kextrel.device.requirements import confirm, confirm_release, meet
from kextrel.device.rig import Rig
from kextrel.errors import NotPossible
from kextrel.timing import Deadline
from kextrel.vocabulary import UNKNOWN, Architecture, Environment, KextManagement, Mac, SecurityMode, Start, State
from kextrel.vocabulary.actions import Install, SetSecurity, SetSip, Upgrade

__all__ = ["prepare"]


def prepare(rig: Rig, start: Start, *, deadline: Deadline, baseline: Sighting | None = None) -> Sighting:
    """Brings the Mac to `start`, in macOS, with somebody logged in where a screen shows it, or nobody where that is
    what it says, and the kexts there that an older macOS left; what was seen then.

    `baseline`: what was seen a moment ago, at the end of a baseline: then only what it did not know of is looked for.
    """
    rig.catalog.begin(start.extensions)
    rig.start = start.mac
    meet(rig, start.mac)
    _come_from_an_older_macos(rig, start, deadline)
    seen = _out_of_safe_mode(rig, _tidied(rig, baseline, deadline) or observe(rig, deadline=deadline), deadline)
    confirm_release(rig, seen)
    seen = _reach_policy(rig, start.mac, seen, deadline)
    leave_developer_mode(rig, seen.state.sip, deadline=deadline)
    if start.profiles:
        mdm.keep_only(rig, start.profiles, deadline=deadline)
        seen = observe(rig, deadline=deadline)
    _log_in_or_out(rig, start.mac, deadline)
    return observe(rig, deadline=deadline) if _put_there(rig, start, deadline) else seen


def _tidied(rig: Rig, baseline: Sighting | None, deadline: Deadline) -> Sighting | None:
    """In macOS, enrolled as the profile says, nothing of ours there; `baseline`, while it is still what the Mac is."""
    if baseline is None and find(rig, deadline=deadline) is not Place.MACOS:
        recovery.leave(rig, deadline=deadline)
    confirm(rig, deadline=deadline)
    if baseline is None:
        mdm.keep_only(rig, (), deadline=deadline)  # before the policy: a restart then forgets what they allowed
    extensions = take_extensions_away(rig, deadline=deadline)
    bundles = take_bundles_away(rig, deadline=deadline)
    return None if extensions or bundles else baseline


def _out_of_safe_mode(rig: Rig, seen: Sighting, deadline: Deadline) -> Sighting:
    """A run that was killed, or a person, may have left it there: no scenario begins in safe mode."""
    if seen.state.boot is not Environment.SAFE_MODE:
        return seen
    to_macos(rig, deadline=deadline)
    return observe(rig, deadline=deadline)


def _come_from_an_older_macos(rig: Rig, start: Start, deadline: Deadline) -> None:
    """What was there before 10.13 asked for consent was really there: a Mac that still runs such a release gets it, and
    is upgraded; on one that was upgraded before it must lie there, approved. NotPossible on any other."""
    old = [name for name in start.extensions if consent.is_kept(rig, rig.catalog.extension(name))]
    if not old:
        return
    if find(rig, deadline=deadline) is not Place.MACOS:
        recovery.leave(rig, deadline=deadline)
    now = upgrading.running(rig, deadline)
    if now < consent.CONSENT_SINCE:
        for name in old:
            install(rig, Install(name), deadline=deadline)
        upgrading.upgrade(rig, Upgrade(start.mac.macos), deadline=deadline)
    approved = observe(rig, deadline=deadline).observation
    names = approved.approved_kexts.value if approved is not None else UNKNOWN
    for extension in map(rig.catalog.kext, old):
        there = exists(rig, rig.catalog.installed_at(extension), deadline=deadline)
        if not there or names is UNKNOWN or extension.bundle_id not in names:
            raise NotPossible(f"{extension.bundle_id} was not on {rig.name} when it ran {extension.installed_before}")


def _reach_policy(rig: Rig, mac: Mac, seen: Sighting, deadline: Deadline) -> Sighting:
    state = seen.state
    if UNKNOWN in (state.security_mode, state.kext_management):
        why = next((note for note in seen.notes if note.startswith("security_mode")), "it does not say")
        raise NotPossible(f"the boot policy of {rig.name} cannot be read, so no start can be reached: {why[:200]}")
    forgotten = is_forgotten(rig, state) and not was_asked_for(rig, seen) and consent.is_fresh(rig, deadline=deadline)
    if forgotten and _is_so(state, mac):
        return seen
    if not (forgotten and _full_from_macos(rig, mac, deadline)):
        _by_recovery(rig, mac, state, forgotten, deadline)
    seen = observe(rig, deadline=deadline)
    state = seen.state
    if not _is_so(state, mac):
        raise NotPossible(f"{rig.name} did not go to {_words(mac)}: it is at {state.security_mode}, SIP {state.sip}")
    if state.uakl is not UNKNOWN and not is_forgotten(rig, state):
        raise NotPossible(f"{rig.name} still has approvals of an earlier run; panic medic did not take them")
    if not consent.is_fresh(rig, deadline=deadline):
        raise NotPossible(f"{rig.name} still remembers an earlier run's consent, or spares our teams the question")
    return seen


def _full_from_macos(rig: Rig, mac: Mac, deadline: Deadline) -> bool:
    """Full may be set from macOS [bputil(1)], which saves the walk; where it is not taken the walk is made."""
    if not _is_silicon(mac) or _mode(mac) is not SecurityMode.FULL:
        return False
    done = set_security(rig, SetSecurity(SecurityMode.FULL), deadline=deadline)
    if done.sighting is None or not _is_so(done.sighting.state, mac):
        return False
    to_macos(rig, deadline=deadline)
    return True


def _by_recovery(rig: Rig, mac: Mac, state: State, forgotten: bool, deadline: Deadline) -> None:
    """One visit to recovery for all: the policy written afresh, then SIP, then approvals forgotten. `state` was seen in
    macOS, where all of it but a SIP in force until the next boot can be read."""
    recovery.enter(rig, deadline=deadline)
    if _must_be_written(state, mac):
        done = set_security(rig, _fresh(mac), deadline=deadline).sighting
        state = state if done is None else done.state
    if state.sip is not mac.sip:
        set_sip(rig, SetSip(mac.sip), deadline=deadline)
    if not forgotten:
        forget_approvals(rig, deadline=deadline)
    recovery.leave(rig, deadline=deadline)


def _must_be_written(state: State, mac: Mac) -> bool:
    """Whether the security mode is to be set. Apple silicon writes SIP with it, on; Intel keeps SIP by itself."""
    if (state.security_mode, state.kext_management) != (_mode(mac), mac.kext_management):
        return True
    return _is_silicon(mac) and mac.sip and state.sip is not True


def _fresh(mac: Mac) -> SetSecurity:
    """The whole policy in one request: by bputil, on a T2 in Startup Security Utility."""
    if _is_silicon(mac):
        return SetSecurity(_mode(mac), mac.kext_management)
    return SetSecurity(_mode(mac), using="startup-security-utility")


def _is_silicon(mac: Mac) -> bool:
    return mac.architecture is Architecture.APPLE_SILICON


def _mode(mac: Mac) -> SecurityMode | None:
    """On Apple silicon SIP is off under permissive only, whatever the scenario left out."""
    return mac.security_mode if mac.sip or not _is_silicon(mac) else SecurityMode.PERMISSIVE


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
    return f"{_mode(mac) or 'no security mode'}, SIP {'on' if mac.sip else 'off'}, kexts managed by {allowed}"


def _put_there(rig: Rig, start: Start, deadline: Deadline) -> bool:
    """Copies what was there before the first step; whether there is any. From macOS 11 on it does not matter which
    release found it: nobody is spared the question for that (UAK-02 ends with 10.15)."""
    old = [name for name, one in start.extensions.items() if one.installed_before is not None]
    new = [name for name in old if not consent.is_kept(rig, rig.catalog.extension(name))]
    for name in new:
        install(rig, Install(name), deadline=deadline)
    return bool(new)


def _log_in_or_out(rig: Rig, mac: Mac, deadline: Deadline) -> None:
    if not mac.logged_in:
        login.log_out(rig, deadline=deadline)
    elif rig.wires.screen is not None and rig.wires.keyboard is not None:
        login.ensure(rig, deadline=deadline)
