"""Rows 1 to 4: who comes in over SSH, what they may do there, and whom the Mac's boot policy listens to."""

from __future__ import annotations

from kextrel.bench.retry import Transient
from kextrel.bench.sshlink import Locked
from kextrel.device.flows import filevault
from kextrel.device.readiness.asking import Asking
from kextrel.device.readiness.finding import Finding, missing, ok, unknown
from kextrel.errors import BenchError, UnreadableAnswer
from kextrel.macos import readiness as told
from kextrel.macos.probes import KEXT_POLICY
from kextrel.vocabulary import Architecture

__all__ = ["OUR_TOOLS", "disk_access", "handshake", "ownership", "sudo"]

OUR_TOOLS = ("ALL",)
"""What sudo must run without a password: the walks use a dozen tools, `sh` among them, so there is no shorter list."""
_NOT_PERMITTED = "Operation not permitted"


def handshake(asking: Asking) -> Finding:
    """PREP-01: one login, with the key or the password of the profile, to a host key that is pinned in it."""
    shell = asking.rig.wires.shell
    if shell is None:
        return missing("PREP-01", "the profile has no shell wire; switch Remote Login on and add the wire")
    try:
        said = shell.check(deadline=asking.deadline.within(asking.rig.timeouts.command, "a login"))
    except Transient as error:
        if _is_locked(asking):
            how = "type it at the Mac"
            how += ", or run `kextrel lab prepare`" if asking.rig.filevault_takes is not False else ""
            return missing("PREP-01", f"macOS waits for FileVault's password before it starts; {how}")
        how = "start macOS, switch Remote Login on there, and look at host and port in the profile"
        how = error.hint if isinstance(error, Locked) else how
        return missing("PREP-01", f"nobody answers: {error.what}; {how}")
    except BenchError as error:
        return missing("PREP-01", f"{error.what}; {error.hint or 'look at the shell wire in the profile'}")
    return ok("PREP-01", said)


def _is_locked(asking: Asking) -> bool:
    """Whether FileVault is what no shell answers for; a wire that fails here hides nothing of what the shell said."""
    try:
        return filevault.waits(asking.rig, deadline=asking.deadline)
    except BenchError as error:
        asking.rig.note(f"it was not seen whether FileVault is locked: {error}")
        return False


def sudo(asking: Asking) -> Finding:
    """PREP-02: what `sudo -n -l` lists."""
    done = asking.run(told.SUDO_RIGHTS)
    user, how = asking.user, "add a NOPASSWD entry in /etc/sudoers.d, or run `kextrel lab prepare`"
    if done.exit_code != 0:
        return missing("PREP-02", f"sudo wants a password of {user}, and scenarios give it none; {how}")
    free = told.read_rights(done.out)
    if not set(OUR_TOOLS) <= set(free):
        listed = ", ".join(free) or "nothing"
        return missing("PREP-02", f"sudo lets {user} run {listed} without a password, and ALL is needed; {how}")
    return ok("PREP-02", f"{user} may run everything without a password")


def disk_access(asking: Asking) -> Finding:
    """PREP-03: the head of KextPolicy, which root itself may not read without Full Disk Access."""
    done = asking.root(f"head -c 16 {KEXT_POLICY} >/dev/null")
    if done.exit_code == 0:
        return ok("PREP-03", "KextPolicy can be read")
    if _NOT_PERMITTED in done.err:
        where = "Settings, General, Sharing, Remote Login, Allow full disk access for remote users"
        return missing(
            "PREP-03", f"remote users have no Full Disk Access, so approvals cannot be read; switch on {where}"
        )
    return unknown("PREP-03", f"KextPolicy was not read: {done.err.strip()[:160]}")


def ownership(asking: Asking) -> Finding:
    """PREP-04: a member of admin, with a secure token; on Apple silicon an owner of the volume."""
    user = asking.rig.accounts.admin.name
    if asking.run(told.is_administrator(user)).exit_code != 0:
        return missing("PREP-04", f"{user} is no administrator; make {user} one in Settings, Users & Groups")
    token = asking.run(told.secure_token(user))
    if not told.read_secure_token(token.out):
        how = f"give it one with `sysadminctl -secureTokenOn {user}` in the name of an administrator who has one"
        return missing("PREP-04", f"{user} has no secure token, so the boot policy takes no password of {user}; {how}")
    if asking.rig.facts.architecture is Architecture.APPLE_SILICON and not _owns(asking, user):
        return missing("PREP-04", f"{user} does not own the volume; log in once as {user} at the Mac's own keyboard")
    return ok("PREP-04", f"{user} is an administrator with a secure token")


def _owns(asking: Asking, user: str) -> bool:
    named = asking.run(told.generated_uid(user))
    if named.exit_code != 0:
        raise UnreadableAnswer(named.command, named.err.strip())
    return told.read_uid(named.out) in told.read_owners(asking.run(told.volume_owners()).out)
