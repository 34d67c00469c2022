"""The MDM as devices use it: a command and its answer, the profiles that it lists, whether it manages this Mac at all.

A Mac that is off or in recovery answers nothing, so all of this is for a running macOS.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kextrel.bench.protocols import MdmAnswer
from kextrel.bundles.mobileconfig import PREFIX, mobileconfig, profile_identifier
from kextrel.device.remote import answered, look
from kextrel.device.rig import Rig
from kextrel.errors import DeadlineExceeded, NotPossible
from kextrel.macos import commands, mdm, profiles
from kextrel.macos.mdm import ListedProfile
from kextrel.macos.profiles import EnrollmentAnswer
from kextrel.timing import Deadline
from kextrel.vocabulary import Enrollment, Profile

__all__ = ["ask", "enrollment", "has", "install", "is_managed", "is_taken", "keep_only", "listed", "remove", "said"]

_KINDS = (Enrollment.DEVICE, Enrollment.AUTOMATED_DEVICE)


def ask(rig: Rig, request: Mapping[str, Any], *, deadline: Deadline) -> MdmAnswer:
    """One command and its final answer, within the mdm timeout. NotNow is waited over; whatever ends the wait, the
    command is taken back. NotPossible for a Mac that goes on saying NotNow (PREP-14)."""
    kind = str(request["RequestType"])
    limit = deadline.within(rig.timeouts.mdm, f"the answer to {kind}")
    command = rig.mdm.send(request, deadline=limit)
    not_now = 0
    while True:
        try:
            answer = rig.mdm.receive(command, deadline=limit)
        except DeadlineExceeded as error:
            if deadline.expired or not not_now:
                raise
            raise NotPossible(
                f"{rig.name} answers {kind} with NotNow ({not_now} times), so it is not managed (PREP-14);"
                f" is it locked? {error}"
            ) from error
        if answer.status != "NotNow":
            return answer
        not_now += 1


def is_taken(answer: MdmAnswer) -> bool:
    """Whether the Mac acknowledged the command."""
    return answer.status == "Acknowledged"


def said(answer: MdmAnswer) -> str:
    """An answer in words: its status, and its errors."""
    chain = "; ".join(str(error) for error in mdm.errors(answer.body))
    return f"{answer.status}: {chain}" if chain else answer.status


def enrollment(rig: Rig, *, deadline: Deadline) -> EnrollmentAnswer:
    """What the Mac itself says of its enrollment (`profiles status`)."""
    done = answered(look(rig, commands.profiles_status(), deadline=deadline), 0)
    return profiles.read(done.out)


def is_managed(rig: Rig, *, deadline: Deadline) -> bool:
    """Whether an MDM manages this Mac now, whatever kind of enrollment it is."""
    return enrollment(rig, deadline=deadline).mdm is True


def listed(rig: Rig, *, deadline: Deadline) -> tuple[ListedProfile, ...]:
    """All profiles on the Mac, as it tells its server. NotPossible where it refuses to."""
    answer = ask(rig, mdm.profile_list(), deadline=deadline)
    if not is_taken(answer):
        raise NotPossible(f"{rig.name} does not list its profiles: {said(answer)}")
    return mdm.listed(answer.body)


def has(rig: Rig, identifier: str, *, deadline: Deadline) -> bool:
    """Whether a profile with that PayloadIdentifier is installed."""
    return any(one.identifier == identifier for one in listed(rig, deadline=deadline))


def install(rig: Rig, profile: Profile, *, deadline: Deadline) -> MdmAnswer:
    return ask(rig, mdm.install_profile(mobileconfig(profile)), deadline=deadline)


def remove(rig: Rig, identifier: str, *, deadline: Deadline) -> MdmAnswer:
    return ask(rig, mdm.remove_profile(identifier), deadline=deadline)


def keep_only(rig: Rig, wanted: Iterable[Profile], *, deadline: Deadline) -> None:
    """Of our profiles exactly `wanted` are installed afterwards, checked by ProfileList; others' are left alone.

    A Mac without an MDM wire or without an enrollment that takes our payloads has none of ours. NotPossible where the
    Mac will not.
    """
    profiles_wanted = {profile_identifier(profile.id): profile for profile in wanted}
    if not profiles_wanted and (rig.wires.mdm is None or rig.facts.enrollment not in _KINDS):
        return
    if not is_managed(rig, deadline=deadline):
        raise NotPossible(f"{rig.name} is not enrolled, and its profile says {rig.facts.enrollment}; enroll it again")
    for identifier in _ours(rig, deadline):
        if identifier not in profiles_wanted:
            _must(rig, remove(rig, identifier, deadline=deadline), f"remove {identifier}")
    for profile in profiles_wanted.values():  # again where it is there: another run may have meant something else by it
        _must(rig, install(rig, profile, deadline=deadline), f"install '{profile.id}'")
    there = _ours(rig, deadline)
    if there != profiles_wanted.keys():
        raise NotPossible(f"{rig.name} has the profiles {sorted(there)} and should have {sorted(profiles_wanted)}")


def _ours(rig: Rig, deadline: Deadline) -> set[str]:
    return {one.identifier for one in listed(rig, deadline=deadline) if one.identifier.startswith(PREFIX)}


def _must(rig: Rig, answer: MdmAnswer, what: str) -> None:
    if not is_taken(answer):
        raise NotPossible(f"{rig.name} does not {what}: {said(answer)}")
