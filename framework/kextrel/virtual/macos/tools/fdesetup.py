"""fdesetup(8): FileVault's state, its users, and a restart that asks nobody."""

from __future__ import annotations

import plistlib
from xml.parsers.expat import ExpatError

from kextrel.virtual.macos.tools.mac import answer, machine, need_root, user_uuid
from kextrel.virtual.macos.tools.options import parse
from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.registry import tool

__all__ = ["fdesetup"]

_OFF, _AUTHENTICATION, _PARAMETER, _INPUT = 1, 11, 12, 15
"""Its exit codes, by its manual page."""
_LONGEST = 1 << 16
_USAGE = "usage: fdesetup verb [options]"


@tool("/usr/bin/fdesetup", where=("macos",))
async def fdesetup(proc: Proc) -> int:
    """status, isactive, list, supportsauthrestart, authrestart [-inputplist] [-delayminutes 0]."""
    on = machine(proc).filevault.on
    match proc.args:
        case ["status"]:
            proc.out(f"FileVault is {'On' if on else 'Off'}.\n")
        case ["isactive"]:
            proc.out(f"{on}\n".lower())
            return 0 if on else _OFF
        case ["supportsauthrestart"]:
            proc.out("true\n")
        case ["list"]:
            need_root(proc, "fdesetup: you must be root to list the users of FileVault", _PARAMETER)
            users = machine(proc).filevault.users if on else ()
            proc.out("".join(f"{user.name},{user_uuid(proc, user.name)}\n" for user in users))
        case ["authrestart", *rest]:
            await _restart(proc, rest)
        case _:
            raise Exit(1, _USAGE)
    return 0


async def _restart(proc: Proc, args: list[str]) -> None:
    """Keeps the key for one start, once somebody who may unlock the volume has given their password."""
    need_root(proc, "fdesetup: you must be root to restart", _PARAMETER)
    options = parse(args, flags=("inputplist",), values=("delayminutes",), usage=_USAGE, code=_PARAMETER)
    if options.last("delayminutes", "0") != "0":
        raise Exit(_PARAMETER, "fdesetup: only a restart without delay can be asked for here")
    vault = machine(proc).filevault
    if not vault.on:
        raise Exit(_OFF, "FileVault is Off.")
    user, password = await (_from_plist(proc) if "inputplist" in options else _asked(proc))
    if not vault.takes(user, password):
        raise Exit(_AUTHENTICATION, "Error: Unable to unlock or authenticate to FileVault.")
    vault.keep()
    machine(proc).request_restart()


async def _asked(proc: Proc) -> tuple[str, str]:
    user = await answer(proc, "Enter the user name:")
    return user, await answer(proc, f"Enter the password for user '{user}':", echo=False)


async def _from_plist(proc: Proc) -> tuple[str, str]:
    """Username and Password of a property list on standard input."""
    data = await proc.read_all()
    try:
        said = plistlib.loads(data[:_LONGEST], fmt=plistlib.FMT_XML)
    except (ValueError, ExpatError):  # no property list, or one with entities
        said = None
    found = [said.get(key) for key in ("Username", "Password")] if isinstance(said, dict) else []
    if not all(isinstance(one, str) for one in found) or not found:
        raise Exit(_INPUT, "Error: Unable to read the property list from standard input.")
    return str(found[0]), str(found[1])
