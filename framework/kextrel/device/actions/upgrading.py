"""Another, newer macOS on the same Mac. Nothing but an erase takes it back, so the profile must allow it."""

from __future__ import annotations

from dataclasses import replace

from kextrel.device.actions.bundles import need_macos
from kextrel.device.flows import filevault, login, power
from kextrel.device.performed import Performed
from kextrel.device.remote import answered, look, run
from kextrel.device.rig import Rig
from kextrel.errors import NotPossible, UnreadableAnswer
from kextrel.macos import upgrading as told
from kextrel.timing import Deadline
from kextrel.vocabulary import Architecture, Outcome, Reason, Version
from kextrel.vocabulary.actions import Upgrade

__all__ = ["running", "upgrade"]

_FETCHES_SINCE = Version(10, 15)  # softwareupdate(8)


def upgrade(rig: Rig, action: Upgrade, *, deadline: Deadline) -> Performed:
    """Fetches the installer of that release from Apple and starts it. Done is what the Mac then says that it runs.

    An older release, or the same, is refused with nothing tried: no installer goes back.
    """
    need_macos(rig, action.verb, deadline, safe=True)
    now = running(rig, deadline)
    if action.macos <= now:
        return Performed(Outcome.REFUSED, Reason.UNSUPPORTED_VERSION, f"it runs {now}, and none goes back")
    if not rig.facts.upgrades:
        raise NotPossible(
            f"only an erase takes an upgrade of {rig.name} back; say upgrades: true in its profile where it may be done"
        )
    _install(rig, _fetched(rig, now, action.macos, deadline), action.macos, deadline)
    return _upgraded(rig, action.macos, deadline)


def running(rig: Rig, deadline: Deadline) -> Version:
    """What the Mac itself says that it runs, in macOS. UnreadableAnswer where that is no release."""
    said = answered(look(rig, told.RELEASE, deadline=deadline), 0).out.strip()
    try:
        return Version.parse(said)
    except ValueError as error:
        raise UnreadableAnswer(told.RELEASE, str(error)) from error


def _fetched(rig: Rig, now: Version, macos: Version, deadline: Deadline) -> str:
    """The installer application of that release, there already or fetched from Apple."""
    there = _there(rig, macos, deadline)
    if there is not None:
        return there
    done = run(rig, told.fetch(macos), deadline=deadline, seconds=rig.timeouts.upgrade)
    fetched = _there(rig, macos, deadline)
    if fetched is None:
        said = (done.err or done.out).strip().splitlines() or ["nothing"]
        able = now >= _FETCHES_SINCE
        how = "see whether Apple offers it to that Mac" if able else "put it among its applications by hand"
        raise NotPossible(f"{rig.name} gets no installer of macOS {macos} from Apple ({said[-1][:160]}); {how}")
    return fetched


def _there(rig: Rig, macos: Version, deadline: Deadline) -> str | None:
    return told.read_installers(look(rig, told.INSTALLERS, deadline=deadline).out).get(str(macos))


def _install(rig: Rig, installer: str, macos: Version, deadline: Deadline) -> None:
    """Starts it: the Mac prepares itself, then ends the connection, and is an installer for a while."""
    before = rig.shell.boot_id(deadline=deadline.within(rig.timeouts.command))
    owner = rig.accounts.admin if rig.facts.architecture is Architecture.APPLE_SILICON else None
    given = f"{owner.password}\n".encode() if owner is not None else b""
    command = told.start(installer, macos, owner.name if owner is not None else None)
    power.go_down(rig, command, deadline=deadline, input=given, seconds=rig.timeouts.upgrade)
    waiting = deadline.within(rig.timeouts.upgrade, "the other macOS")
    filevault.await_macos(rig, deadline=waiting, other_than=before)


def _upgraded(rig: Rig, macos: Version, deadline: Deadline) -> Performed:
    now = running(rig, deadline)
    if now != macos:
        return Performed(Outcome.REFUSED, None, f"the installer ran, and the Mac came back with macOS {now}")
    rig.facts = replace(rig.facts, macos=macos)
    if rig.wires.screen is not None:
        login.arrived_user(rig, deadline=deadline)
    return Performed(Outcome.DONE, note=f"{rig.name} must be erased before it is what its profile says")
