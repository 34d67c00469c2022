"""Programmes in the login session at the screen: launchctl(1), what open(1) launches, what Finder deletes."""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Sequence
from functools import partial

from kextrel.virtual.macos import plists
from kextrel.virtual.macos.files import read_bounded
from kextrel.virtual.macos.tools.mac import machine
from kextrel.virtual.unix.fs import Cred, FileSystem
from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.registry import tool
from kextrel.virtual.unix.users import User

__all__ = ["delete", "launch", "launchctl"]

_USAGE = "Usage: launchctl <subcommand> ... | help [subcommand]"


@tool("/bin/launchctl", where=("macos",))
async def launchctl(proc: Proc) -> int:
    """Root only. asuser UID PROGRAM [ARGUMENTS]: runs it, still as who asks, in the bootstrap domain of that user.
    bootout gui/UID: ends the session of that user at the screen."""
    match proc.args:
        case ["asuser", uid, *argv] if uid.isdecimal() and argv:
            if proc.user.uid != 0:
                raise Exit(1, "Could not switch to audit session 0x186a3: 1: Operation not permitted")
            proc.gui, proc.argv = int(uid), argv
            return await proc.system.program(proc)
        case ["bootout", domain] if domain.startswith("gui/"):
            return _end_session(proc, domain.removeprefix("gui/"))
        case ["asuser", *_]:
            raise Exit(64, "Usage: launchctl asuser <UID> <program> [...]")
    raise Exit(64, _USAGE)


def _end_session(proc: Proc, uid: str) -> int:
    mac, user = machine(proc), proc.system.console_user
    if proc.user.uid != 0:
        raise Exit(
            1, "Boot-out failed: 1: Operation not permitted\nTry re-running the command as root for richer errors."
        )
    if user is None or str(user.uid) != uid:
        raise Exit(125, "Boot-out failed: 125: Domain does not support specified action")
    mac.log_out()
    return 0


def launch(proc: Proc, application: str, arguments: Sequence[str], *, session: bool) -> None:
    """LaunchServices: starts the application (a name or a path) for who is at the screen, without our output. Exit when
    there is none, or no `session`."""
    path = _bundle(proc, application)
    user = proc.system.console_user
    if not session or user is None:
        raise Exit(1, f"_LSOpenURLsWithCompletionHandler() failed with error -10810 for the file {path}.")
    try:
        info = plists.mapping(read_bounded(proc.fs, f"{path}/Contents/Info.plist", plists.LIMIT))
    except (OSError, plists.BadPlist):
        info = {}
    executable = plists.text(info, "CFBundleExecutable")
    if not executable or "/" in executable:
        raise Exit(1, f"_LSOpenURLsWithCompletionHandler() failed with error -10827 for the file {path}.")
    started = proc.system.spawn([f"{path}/Contents/MacOS/{executable}", *arguments], user=user)
    started.gui = user.uid


def _bundle(proc: Proc, application: str) -> str:
    name = application.rstrip("/")
    places = [name] if "/" in name else [f"/Applications/{name.removesuffix('.app')}.app", name]
    found = next((place for place in places if place.endswith(".app") and proc.fs.is_dir(place)), None)
    if found is None:
        raise Exit(1, f"Unable to find application named '{application}'")
    return proc.fs.real(found)


async def delete(proc: Proc, path: str, *, session: bool) -> None:
    """Finder: moves `path` to the Trash of who is at the screen. For an application that carries activated system
    extensions it asks on the screen first, and answers when somebody did. Exit when it cannot."""
    user = proc.system.console_user
    if not session or user is None:
        raise Exit(1, "0:0: execution error: An error of type -10810 has occurred. (-10810)")
    if not proc.fs.exists(path):
        raise Exit(1, f"0:0: execution error: File {path} wasn’t found. (-43)")
    mac, real = machine(proc), proc.fs.real(path)
    carried = mac.extensions.carried_by(real)
    if not all(mac.extensions.removable_from_ui(record) for record in carried):
        raise Exit(1, "0:0: execution error: Finder got an error: The operation can’t be completed. (-8072)")
    if not carried:
        _to_trash(proc.system.fs.seen_by(Cred.of(user)), real, user)
        return

    answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
    asked = mac.display.delete(posixpath.basename(real).removesuffix(".app"), partial(_answered, answer))
    if not asked or await proc.outside(answer) is None:
        raise Exit(1, "0:0: execution error: Finder got an error: User canceled. (-128)")
    _to_trash(proc.system.fs, real, user)
    mac.extensions.app_deleted(real)


def _answered(answer: asyncio.Future[str | None], user: str | None) -> None:
    if not answer.done():
        answer.set_result(user)


def _to_trash(disk: FileSystem, path: str, user: User) -> None:
    """With the rights that `disk` has: the user's own, or those of the administrator who was asked."""
    trash = f"{user.home}/.Trash"
    if not disk.is_dir(trash):
        disk.mkdir(trash, mode=0o700)
        disk.chown(trash, user.uid, user.gid)
    stem, suffix = posixpath.splitext(posixpath.basename(path))
    name, number = f"{stem}{suffix}", 1
    while disk.exists(f"{trash}/{name}"):
        number += 1
        name = f"{stem} {number}{suffix}"
    disk.rename(path, f"{trash}/{name}")
