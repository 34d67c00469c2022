"""From what a Mac says to the State that rules speak of: over the shell in macOS, through the beacon in recovery.

A field stays UNKNOWN where the Mac does not show it. What a real Mac hides is not guessed: the kext receipt is known by
its hash only, approvals and collections are not read in recovery.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field

from kextrel.device.flows import terminal
from kextrel.device.flows.place import Place, find
from kextrel.device.remote import look
from kextrel.device.rig import Rig
from kextrel.errors import UnreadableAnswer
from kextrel.macos import observation, readiness
from kextrel.macos.observation import Observation
from kextrel.macos.sysext import SystemExtension
from kextrel.timing import Deadline
from kextrel.vocabulary import UNKNOWN, Architecture, Enrollment, Environment, KextManagement, State, Unknown, Version

__all__ = ["Sighting", "new_token", "observe", "of_recovery", "recovery_script"]


@dataclass(frozen=True)
class Sighting:
    """A state, the observation that it is from (None where nothing could be asked), and why fields are unknown."""

    state: State
    observation: Observation | None = None
    notes: tuple[str, ...] = ()
    at: float = field(default_factory=time.monotonic, compare=False)
    """When it was seen, on the monotonic clock."""


def observe(rig: Rig, *, deadline: Deadline) -> Sighting:
    """Everything that can be seen of the Mac where it is now. UnreadableAnswer where the script itself does not run."""
    place = find(rig, deadline=deadline)
    if place is Place.MACOS:
        return _kept(rig, _over_shell(rig, deadline))
    if place is Place.RECOVERY:
        token = new_token()
        report = terminal.fetch(rig, recovery_script(rig, token), seconds=rig.timeouts.observe, deadline=deadline)
        return _kept(rig, of_recovery(report, token))
    if place is Place.OFF:  # two wires that say nothing are no proof: a cable may be out, or the display asleep
        return Sighting(State(), notes=("neither the shell answers nor has the screen a signal: it seems to be off",))
    return Sighting(State(), notes=(f"the Mac is in {place}, where nothing can be asked",))


def recovery_script(rig: Rig, token: str) -> str:
    """A script for recovery that posts what can be seen there to @REPORT@, marked with `token` (see `new_token`)."""
    return observation.recovery_script(token, volume_group=rig.volume_group)


def of_recovery(report: bytes, token: str) -> Sighting:
    """Reads what `recovery_script` posted. UnreadableAnswer for a report with nothing in it, or with another token."""
    seen = observation.read_recovery(report, token=token)
    if seen.problem and not any(field.known for field in seen.fields().values()):
        raise UnreadableAnswer("the observing script in recovery", seen.problem)
    return _sighting(seen)


def _over_shell(rig: Rig, deadline: Deadline) -> Sighting:
    token = new_token()
    silicon = rig.facts.architecture is Architecture.APPLE_SILICON  # whose tools alone ask which macOS is meant
    if silicon and rig.facts.other_macos and rig.volume_group is None:
        rig.volume_group = readiness.read_volume_group(look(rig, readiness.VOLUME_GROUP, deadline=deadline).out)
    script = observation.script(token, volume_group=rig.volume_group).encode()
    done = look(rig, observation.COMMAND, input=script, seconds=rig.timeouts.observe, deadline=deadline)
    seen = observation.read(done.stdout, token=token)
    if seen.problem and not any(field.known for field in seen.fields().values()):
        said = (done.err or done.out).strip().splitlines()
        raise UnreadableAnswer("the observing script", said[0] if said else f"it ended with {done.exit_code}")
    return _sighting(seen, has_token=rig.facts.bootstrap_token)


def new_token() -> str:
    """What marks one run of an observing script: random, so that no other answer is taken for its own."""
    return secrets.token_hex(16)


def _kept(rig: Rig, sighting: Sighting) -> Sighting:
    rig.found_in = sighting.state.boot
    if sighting.observation is not None:
        rig.sink.record("device", "observation", **sighting.observation.to_json())
    return sighting


def _sighting(seen: Observation, *, has_token: bool = False) -> Sighting:
    state = State(
        boot=seen.environment.value,
        security_mode=seen.security_mode.value,
        sip=_sip(seen),
        kext_management=seen.kext_management.value,
        uakl=_uakl(seen, has_token=has_token),
        aux_kc=UNKNOWN if _in_safe_mode(seen) else seen.aux_kc.value,
        receipt=UNKNOWN if _in_safe_mode(seen) else _receipt(seen),
        loaded_kexts=seen.loaded_kexts.value,
        system_extensions=_system_extensions(seen.system_extensions.value),
    )
    notes = tuple(f"{name}: {why}" for name, why in seen.unknown().items()) + seen.contradictions
    return Sighting(state, seen, (seen.problem, *notes) if seen.problem else notes)


def _sip(seen: Observation) -> bool | Unknown:
    """The stored policy; in force from the next boot. Custom is neither of the two words that the language has."""
    return {"enabled": True, "disabled": False}.get(str(seen.sip_stored.value), UNKNOWN)


def _uakl(seen: Observation, *, has_token: bool) -> frozenset[str] | Unknown:
    """Approved by the user, or by a profile. Without an enrollment there are no profiles to look for."""
    if _before_collections(seen):
        return frozenset()
    user, mdm = seen.approved_kexts.value, seen.mdm_allowed_kexts.value
    if user is UNKNOWN:
        return UNKNOWN
    if mdm is UNKNOWN:
        return user if seen.enrollment.value is Enrollment.NONE else UNKNOWN
    return user | mdm if mdm <= user or _mdm_manages_kexts(seen, has_token=has_token) else UNKNOWN


def _mdm_manages_kexts(seen: Observation, *, has_token: bool) -> bool:
    """Whether what a profile lists, and was asked for, is approved by that alone.

    On Apple silicon the boot policy must let an MDM manage kexts, or the MDM must be able to see to that itself with
    its token (MDM-10). Where not, KextPolicy has the same rows, and nothing tells whether they are in the UAKL.
    """
    if seen.architecture.value in (Architecture.INTEL, Architecture.INTEL_T2):
        return True
    by_itself = seen.enrollment.value is Enrollment.AUTOMATED_DEVICE and has_token
    management = seen.kext_management.value
    return by_itself or (management is not UNKNOWN and KextManagement.REMOTE in management)


def _receipt(seen: Observation) -> frozenset[str] | Unknown:
    """No receipt and an empty collection is an empty receipt; what a receipt lists cannot be read from its hash."""
    if _before_collections(seen):
        return frozenset()
    empty = seen.auxr.known and seen.auxr.value is None and seen.aux_kc.value == frozenset()
    return frozenset() if empty else UNKNOWN


def _in_safe_mode(seen: Observation) -> bool:
    """There no AuxKC is loaded, and nothing tells what the last normal boot had."""
    return seen.environment.value is Environment.SAFE_MODE


def _before_collections(seen: Observation) -> bool:
    """Before macOS 11 there is neither an AuxKC nor a receipt, and consent is not what rules call the UAKL."""
    return isinstance(seen.macos.value, Version) and seen.macos.value < Version(11)


def _system_extensions(listed: tuple[SystemExtension, ...] | Unknown) -> dict[str, str] | Unknown:
    """By bundle identifier. Of a live and a dying record with the same identifier the live one counts."""
    if listed is UNKNOWN:
        return UNKNOWN
    by_life = sorted(listed, key=lambda one: str(one.state).startswith("activated"))
    return {one.bundle_id: str(one.state) for one in by_life}
