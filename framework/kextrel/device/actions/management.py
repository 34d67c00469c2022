"""What an MDM does to a Mac: profiles come and go, it restarts, it is enrolled. The Mac's answer decides, and after it
what the Mac itself lists."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kextrel.bench.protocols import BootId, Completed, MdmAnswer
from kextrel.bundles.mobileconfig import mobileconfig, profile_identifier
from kextrel.device.flows import filevault, login
from kextrel.device.flows import mdm as server
from kextrel.device.flows.place import Place, find
from kextrel.device.flows.screens import has
from kextrel.device.performed import Performed
from kextrel.device.remote import answered, look, run
from kextrel.device.rig import Rig
from kextrel.errors import BenchError, DeadlineExceeded, NotPossible
from kextrel.macos import commands, installed, mdm
from kextrel.timing import Deadline
from kextrel.vocabulary import Enrollment, Outcome, Reason
from kextrel.vocabulary.actions import Enroll, InstallProfile, RemoveProfile, Restart, Unenroll

__all__ = ["enroll", "install_profile", "remove_profile", "restart", "unenroll"]

_KINDS = (Enrollment.DEVICE, Enrollment.AUTOMATED_DEVICE)
_BAD_PROFILE = ("MCProfileErrorDomain", "MCPayloadErrorDomain")
_LOOK_AGAIN = 0.5  # wall seconds between two looks at an enrollment
_CLEARING = 10.0  # wall seconds for taking away what was copied, whatever else has run out of time


def install_profile(rig: Rig, action: InstallProfile, *, deadline: Deadline) -> Performed:
    """By the MDM's InstallProfile, confirmed by ProfileList; by hand with the tool that there was before macOS 11."""
    _need_macos(rig, action.verb, deadline)
    if action.from_ == "hand":
        return _by_hand(rig, action, deadline)
    if not server.is_managed(rig, deadline=deadline):
        return Performed(Outcome.REFUSED, Reason.ENROLLMENT, "the Mac is not enrolled, so no MDM installs anything")
    answer = server.install(rig, action.profile, deadline=deadline)
    if not server.is_taken(answer):
        return Performed(Outcome.REFUSED, _why_not_installed(rig, answer), server.said(answer))
    if server.has(rig, profile_identifier(action.profile.id), deadline=deadline):
        return Performed(Outcome.INSTALLED)
    return Performed(Outcome.REFUSED, None, "the Mac acknowledged InstallProfile and does not list the profile")


def remove_profile(rig: Rig, action: RemoveProfile, *, deadline: Deadline) -> Performed:
    """By the MDM's RemoveProfile, confirmed by ProfileList."""
    _need_macos(rig, action.verb, deadline)
    if not server.is_managed(rig, deadline=deadline):
        return Performed(Outcome.REFUSED, Reason.NOT_INSTALLED, "the Mac is not enrolled, so it has no profile of ours")
    identifier = profile_identifier(action.profile)
    was_there = server.has(rig, identifier, deadline=deadline)
    answer = server.remove(rig, identifier, deadline=deadline)
    if not was_there:
        return Performed(Outcome.REFUSED, Reason.NOT_INSTALLED, f"the Mac lists no such profile; {server.said(answer)}")
    if server.is_taken(answer) and not server.has(rig, identifier, deadline=deadline):
        return Performed(Outcome.REMOVED)
    return Performed(Outcome.REFUSED, None, f"the Mac still lists the profile; {server.said(answer)}")


def restart(rig: Rig, action: Restart, *, deadline: Deadline) -> Performed:
    """By the MDM's RestartDevice. Another boot time is the proof; a notification on the screen says that it waits.

    In recovery, or off, the command waits in the server's queue for macOS: deferred.
    """
    paths = [rig.catalog.installed_at(rig.catalog.kext(name)) for name in action.kext_paths]
    request = mdm.restart_device(rebuild=action.rebuild_kernel_cache, kext_paths=paths, notify=action.notify_user)
    if find(rig, deadline=deadline) is not Place.MACOS:
        return _queue(rig, request, deadline)
    if not server.is_managed(rig, deadline=deadline):
        return Performed(Outcome.REFUSED, Reason.ENROLLMENT, "the Mac is not enrolled, so no MDM restarts it")
    login.stay_out(rig, deadline=deadline)
    filevault.check_way(rig)
    before = rig.shell.boot_id(deadline=deadline.within(rig.timeouts.command))
    answer = server.ask(rig, request, deadline=deadline)
    if not server.is_taken(answer):
        reason = None if rig.facts.enrollment in _KINDS else Reason.ENROLLMENT
        return Performed(Outcome.REFUSED, reason, server.said(answer))
    if action.notify_user and _is_told(rig, before, deadline):
        return Performed(Outcome.DEFERRED, note="the Mac acknowledged it, tells its user, and goes on running")
    return _restarted(rig, before, deadline)


def enroll(rig: Rig, action: Enroll, *, deadline: Deadline) -> Performed:
    """Automated Device Enrollment again, by `profiles renew`; any other way in takes a person at the Mac."""
    if action.enrollment is not Enrollment.AUTOMATED_DEVICE:
        raise NotPossible(
            f"not implemented: enrolling by {action.enrollment} enrollment, which a person does in Settings"
        )
    _need_macos(rig, action.verb, deadline)
    answered(run(rig, commands.profiles_renew(), deadline=deadline), 0)
    limit = deadline.within(rig.timeouts.mdm, "the enrollment")
    while not server.is_managed(rig, deadline=limit):
        limit.check(rig.shell.name, "`profiles renew` was taken, and the Mac is still not enrolled: is it assigned?")
        rig.clock.sleep(min(_LOOK_AGAIN, limit.remaining))
    return Performed(Outcome.DONE)


def unenroll(rig: Rig, action: Unenroll, *, deadline: Deadline) -> Performed:
    """The MDM takes its own enrollment profile away; only where `enroll` brings it back by itself."""
    if rig.facts.enrollment is not Enrollment.AUTOMATED_DEVICE:
        raise NotPossible("not implemented: ending an enrollment that only a person could begin again")
    _need_macos(rig, action.verb, deadline)
    own = [one.identifier for one in server.listed(rig, deadline=deadline) if mdm.MDM_PAYLOAD in one.types]
    if not own:
        raise NotPossible(f"{rig.name} lists no profile with a payload {mdm.MDM_PAYLOAD}, so it cannot be taken away")
    answer = server.remove(rig, own[0], deadline=deadline)
    if server.is_managed(rig, deadline=deadline):
        return Performed(Outcome.REFUSED, None, f"the Mac is still enrolled; {server.said(answer)}")
    return Performed(Outcome.DONE)


def _need_macos(rig: Rig, verb: str, deadline: Deadline) -> None:
    place = find(rig, deadline=deadline)
    if place is not Place.MACOS:
        raise NotPossible(f"`{verb}` needs macOS, and the Mac is in {place}")


def _why_not_installed(rig: Rig, answer: MdmAnswer) -> Reason | None:
    """The enrollment is the first reason where it does not do; else what the errors say of the profile."""
    if rig.facts.enrollment not in _KINDS:
        return Reason.ENROLLMENT
    domains = {error.domain for error in mdm.errors(answer.body)}
    return Reason.MALFORMED_PROFILE if domains & set(_BAD_PROFILE) else None


def _by_hand(rig: Rig, action: InstallProfile, deadline: Deadline) -> Performed:
    """The tool's answer, and what is listed afterwards. Settings refuses these payloads too, after more keys."""
    done = _profiles_install(rig, action, deadline)
    there = installed.read(answered(look(rig, commands.profiles_show(), deadline=deadline), 0).out)
    if done.exit_code == 0 and profile_identifier(action.profile.id) in there.identifiers:
        return Performed(Outcome.INSTALLED, note="by `profiles install`")
    enough = rig.facts.enrollment in _KINDS and server.is_managed(rig, deadline=deadline)
    reason = Reason.NOT_OFFERED if enough else Reason.ENROLLMENT
    text = (done.err or done.out).strip()
    return Performed(Outcome.REFUSED, reason, f"profiles install ended with {done.exit_code}: {text[:160]}")


def _profiles_install(rig: Rig, action: InstallProfile, deadline: Deadline) -> Completed:
    staging = run(rig, "mktemp -d /private/tmp/kextrel.XXXXXX", deadline=deadline).out.strip()
    if not staging.startswith("/private/tmp/kextrel."):
        raise NotPossible(f"{rig.name} gives no place to copy to: mktemp answered {staging!r}")
    path = f"{staging}/profile.mobileconfig"
    try:
        with tempfile.NamedTemporaryFile(prefix="kextrel-", suffix=".mobileconfig") as local:
            local.write(mobileconfig(action.profile))
            local.flush()
            rig.shell.upload(Path(local.name), path, deadline=deadline.within(rig.timeouts.transfer, "the copy"))
        return answered(run(rig, commands.profiles_install(path), deadline=deadline))
    finally:
        clearing = Deadline.after(_CLEARING, "clearing up")
        rig.shell.run(shlex.join(["rm", "-rf", staging]), deadline=clearing)


def _queue(rig: Rig, request: Mapping[str, Any], deadline: Deadline) -> Performed:
    """For a Mac that cannot poll: whether it is managed is what the profile says, for nobody can be asked."""
    if rig.facts.enrollment is Enrollment.NONE:
        return Performed(Outcome.REFUSED, Reason.ENROLLMENT, "the profile says that no MDM manages this Mac")
    command = rig.mdm.send(request, deadline=deadline.within(rig.timeouts.mdm, "queuing the command"))
    return Performed(Outcome.DEFERRED, note=f"{command.request_type} waits in the server's queue for macOS")


def _is_told(rig: Rig, before: BootId, deadline: Deadline) -> bool:
    """Whether the Mac goes on running with the notification on its screen, which is then declined."""
    if rig.wires.screen is None:
        raise NotPossible("whether a user is told is seen on the screen, and this Mac has no screen wire")

    def decided(text: str) -> bool:
        return _is_notice(text) or _goes_down(rig, before, deadline)

    text = rig.sees(decided, rig.timeouts.shutdown, deadline=deadline, what="a notification or a restart")
    if text is None or not _is_notice(text):
        return False

    def follows(_: str) -> bool:
        return _goes_down(rig, before, deadline)

    if rig.sees(follows, rig.timeouts.settle, deadline=deadline, what="a restart all the same") is not None:
        return False
    _decline(rig, deadline)
    return True


def _decline(rig: Rig, deadline: Deadline) -> None:
    """Later, by Escape: the next walk needs the keys. A notification that stays is only said."""
    rig.keyboard.press("escape", deadline=deadline)
    gone = rig.sees(lambda t: not _is_notice(t), rig.timeouts.settle, deadline=deadline, what="no notification")
    if gone is None:
        rig.note("Escape was pressed and the notification stayed")


def _is_notice(text: str) -> bool:
    return has(text, "requires this Mac to restart")


def _goes_down(rig: Rig, before: BootId, deadline: Deadline) -> bool:
    """Whether the boot `before` has ended, or ends just now."""
    limit = deadline.within(rig.timeouts.command)
    try:
        return not rig.shell.reachable(deadline=limit) or rig.shell.boot_id(deadline=limit) != before
    except BenchError as error:
        rig.note(f"the shell went away while it was asked for its boot: {error}")
        return True


def _restarted(rig: Rig, before: BootId, deadline: Deadline) -> Performed:
    try:
        waiting = deadline.within(rig.timeouts.boot, "the restart")
        filevault.await_macos(rig, deadline=waiting, other_than=before)
    except DeadlineExceeded as error:
        if deadline.expired or _goes_down(rig, before, deadline):
            raise
        what = "acknowledged RestartDevice, and neither restarts nor tells anybody on its screen"
        raise NotPossible(f"{rig.name} {what}") from error
    return Performed(Outcome.RESTARTED)
