"""The one programme of others that this Mac runs: an application that asks sysextd for its extensions.

It is known by its Mach-O: an executable for this Mac that is linked against SystemExtensions.framework, inside an
application. What it is told on its command line, and what it prints, is that of the application that the bench makes:

    NAME activate|deactivate BUNDLEID
"""

from __future__ import annotations

from functools import partial

from kextrel.virtual.macos import macho
from kextrel.virtual.macos.code import FRAMEWORK, user_slice
from kextrel.virtual.macos.extensionrules import Refused
from kextrel.virtual.macos.files import read_bounded
from kextrel.virtual.macos.sysextd import Request, SystemExtensions
from kextrel.virtual.unix.process import Exit, Main, Proc
from kextrel.virtual.unix.programs import runs_machine_code
from kextrel.virtual.unix.signals import NUMBERS, SIGKILL, SignalDeath

__all__ = ["known"]

_LARGEST = 64 << 20
_INSIDE = "/Contents/MacOS/"
_FRAMEWORK_SINCE = (10, 15)
_SAID = {
    "completed": "finished: completed",
    "reboot": "finished: will complete after reboot",
    "waiting": "needs user approval",
}


@runs_machine_code
def known(proc: Proc, path: str) -> Main | None:
    """What the Mach-O at `path` does, if it is an application's executable that this Mac knows."""
    try:
        found = macho.slices(read_bounded(proc.fs, path, _LARGEST))
    except macho.BadMachO:
        return None
    part = user_slice(found, proc.machine.spec.architecture)
    app, inside, name = proc.fs.real(path).rpartition(_INSIDE)
    asks = part is not None and any(library.startswith(FRAMEWORK) for library in part.libraries)
    if part is None or part.filetype != macho.EXECUTABLE or not asks or not inside or "/" in name:
        return None
    return partial(_run, app=app, signed=part.signature is not None)


async def _run(proc: Proc, *, app: str, signed: bool) -> int:
    if not signed and proc.machine.spec.architecture == "apple-silicon":
        raise SignalDeath(SIGKILL)  # no code without a signature, be it ad-hoc, runs on Apple silicon
    if proc.machine.spec.release < _FRAMEWORK_SINCE:
        proc.err(
            f"dyld: Library not loaded: {FRAMEWORK}\n  Referenced from: {proc.argv[0]}\n  Reason: image not found\n"
        )
        raise SignalDeath(NUMBERS["ABRT"])
    match proc.args:
        case [("activate" | "deactivate") as verb, identifier]:
            return await _request(proc, verb, identifier, app)
    raise Exit(64, f"usage: {proc.name} activate|deactivate BUNDLEID")


async def _request(proc: Proc, verb: str, identifier: str, app: str) -> int:
    def replacing(old: str, new: str) -> None:
        proc.out(f"replacing {old} with {new}\n")

    proc.out(f"request: {verb} {identifier}\n")
    daemon: SystemExtensions = proc.machine.extensions
    request = Request(verb, identifier, app, _in_login_session(proc), replacing)
    try:
        proc.out(f"{_SAID[await proc.outside(daemon.submit(request))]}\n")
    except Refused as refusal:
        proc.out(f"failed: OSSystemExtensionErrorDomain {refusal.code.value}\n")
        return 1
    return 0


def _in_login_session(proc: Proc) -> bool:
    """Whether the process belongs to the login session of who is at the screen now."""
    user = proc.system.console_user
    return user is not None and proc.gui == user.uid
