"""Command lines about apps that carry system extensions. Each function returns one quoted line.

What needs the login session is sent into it by launchctl(1). No password is ever part of a line. Raises UsageError for
a path or a name that will not do.
"""

from __future__ import annotations

import re
import shlex
from typing import Literal

from kextrel.errors import UsageError
from kextrel.macos.commands import SUDO
from kextrel.vocabulary import Category

__all__ = [
    "carried",
    "delete_in_finder",
    "developer_mode",
    "install",
    "list_extensions",
    "open_extension_settings",
    "remove",
    "request",
    "reset",
]

_APP = re.compile(r"(?:/[^/\0\n]+){1,20}/[^/\0\n]+\.app\Z")
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,200}\Z")
_POINTS = {
    Category.ENDPOINT_SECURITY: "com.apple.system_extension.endpoint_security.extension-point",
    Category.NETWORK: "com.apple.system_extension.network_extension.extension-point",
    Category.DRIVER: "com.apple.system_extension.driver_extension.extension-point",
}
_EXTENSIONS_PANE = "x-apple.systempreferences:com.apple.ExtensionsPreferences?extensionPointIdentifier="


def install(staged: str, target: str, *, sudo: str = SUDO) -> str:
    """Puts an uploaded app in its place, owned by root:wheel; what was at `target` (a path to a .app) is replaced."""
    source, place = _app(staged), _app(target)
    steps = (
        _line(sudo, "chown", "-R", "root:wheel", source),
        _line(sudo, "chmod", "-R", "755", source),
        _line(sudo, "rm", "-rf", place),
        _line(sudo, "mv", source, place),
    )
    return " && ".join(steps)


def remove(target: str, *, sudo: str = SUDO) -> str:
    """Takes an app off the disk; its extensions go at the next start."""
    return _line(sudo, "rm", "-rf", _app(target))


def carried(folder: str, prefix: str) -> str:
    """Lists the extensions, one path a line, in the apps of `folder` whose names begin with `prefix`."""
    path = shlex.quote(_app(f"{folder}/{prefix}.app").removesuffix(".app"))
    return f"ls -1d {path}*.app/Contents/Library/SystemExtensions/* 2>/dev/null"


def request(app: str, verb: Literal["activate", "deactivate"], bundle_id: str, *, user: str | None, uid: int) -> str:
    """Has the app ask for its extension, in the login session of `user`, or outside of any where that is None.

    The programme has the app's name, takes the verb and the identifier, and prints what `extension_request.read` reads.
    """
    programme = f"{_app(app)}/Contents/MacOS/{app.rsplit('/', 1)[-1].removesuffix('.app')}"
    words = [programme, verb, _word(bundle_id)]
    return _line("", *words) if user is None else _in_session(user, uid, *words)


def delete_in_finder(app: str, *, user: str, uid: int) -> str:
    """Moves the app to the bin as a person does it in Finder; it waits for what Finder asks."""
    path = _app(app).replace("\\", "\\\\").replace('"', '\\"')
    script = f'tell application "Finder" to delete (POSIX file "{path}" as alias)'
    return _in_session(user, uid, "osascript", "-e", script)


def open_extension_settings(category: Category) -> str:
    """Settings of macOS 15 and later at Login Items & Extensions, with the list of one kind of extension open."""
    return _line("", "open", _EXTENSIONS_PANE + _POINTS[category])


def list_extensions() -> str:
    return _line("", "systemextensionsctl", "list")


def reset(*, sudo: str = SUDO) -> str:
    """Removes all system extensions and their state; needs SIP off [systemextensionsctl(8)]."""
    return _line(sudo, "systemextensionsctl", "reset")


def developer_mode(on: bool, *, sudo: str = SUDO) -> str:
    """Needs SIP off, even to be asked [systemextensionsctl(8)]."""
    return _line(sudo, "systemextensionsctl", "developer", "on" if on else "off")


def _in_session(user: str, uid: int, *words: str) -> str:
    return _line(SUDO, "launchctl", "asuser", str(uid), "sudo", "-n", "-u", _word(user), *words)


def _line(sudo: str, *words: str) -> str:
    return shlex.join([*shlex.split(sudo), *words])


def _app(path: str) -> str:
    """An absolute path to an app: `rm -rf` gets nothing else."""
    if not _APP.match(path) or ".." in path.split("/"):
        raise UsageError(f"{path!r} is not an absolute path to an app (.app)")
    return path


def _word(name: str) -> str:
    if not _WORD.match(name):
        raise UsageError(f"{name!r} is not a bundle identifier or a user's short name")
    return name
