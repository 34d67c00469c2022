"""Settings of the system and of the login session: pmset(1), defaults(1), open(1), osascript(1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from kextrel.virtual.macos import plists
from kextrel.virtual.macos.files import read_bounded
from kextrel.virtual.macos.plists import BadPlist, mapping
from kextrel.virtual.macos.tools.mac import machine, need_root
from kextrel.virtual.macos.tools.sessions import delete, launch
from kextrel.virtual.unix.process import Exit, Proc, tool

if TYPE_CHECKING:
    from kextrel.virtual.ui.display import Display

__all__ = ["defaults", "open_tool", "osascript", "pmset"]

_QUIT = re.compile(r'(?:tell\s+)?(?:quit\s+)?app(?:lication)?\s+"([^"]{1,100})"(?:\s+to\s+quit)?\s*\Z')
_DELETE = re.compile(
    r'tell\s+app(?:lication)?\s+"Finder"\s+to\s+delete\s+\(?\s*POSIX\s+file\s+"([^"]{1,1000})"\s*(?:as\s+alias)?\s*\)?\Z'
)
_GLOBAL = ("-g", "-globalDomain", "NSGlobalDomain", "Apple Global Domain")


@tool("/usr/bin/pmset", where=("macos",))
async def pmset(proc: Proc) -> int:
    """-g; -a KEY VALUE…: autorestart is kept by the power controller, the rest is shown as the preparation left it."""
    mac = machine(proc)
    if proc.args[:1] == ["-g"]:
        awake = mac.has("PREP-06")
        rows = {"sleep": 0 if awake else 1, "displaysleep": 0 if awake else 10, "disksleep": 10, "womp": 1}
        rows |= {"autorestart": int(mac.autorestart), "powernap": 1, "networkoversleep": 0, "ttyskeepawake": 1}
        proc.out("System-wide power settings:\nCurrently in use:\n")
        proc.out("".join(f" {name:<20} {value}\n" for name, value in rows.items()))
        return 0
    if proc.args[:1] not in (["-a"], ["-c"]) or len(proc.args) % 2 == 0:
        raise Exit(64, "Usage: pmset <options>")
    need_root(proc, "'pmset' must be run as root...")
    for name, value in zip(proc.args[1::2], proc.args[2::2], strict=True):
        if name == "autorestart":
            mac.autorestart = value != "0"
    return 0


@tool("/usr/bin/defaults", where=("macos",))
async def defaults(proc: Proc) -> int:
    """read DOMAIN [KEY], of the global domain or of a property list's path (with or without .plist)."""
    if proc.args[:1] != ["read"] or len(proc.args) < 2:
        raise Exit(255, "Command line interface to a user's defaults.\nSyntax: 'defaults' read <domain> [<key>]")
    domain, keys = proc.args[1], proc.args[2:]
    values = _global(proc) if domain in _GLOBAL else _file(proc, domain)
    if not keys:
        proc.out(f"{_shown(values)}\n")
        return 0
    if keys[0] not in values:
        name = "kCFPreferencesAnyApplication" if domain in _GLOBAL else domain
        raise Exit(1, f"\nThe domain/default pair of ({name}, {keys[0]}) does not exist")
    proc.out(f"{_shown(values[keys[0]])}\n")
    return 0


def _global(proc: Proc) -> dict[str, Any]:
    values: dict[str, Any] = {"AppleLanguages": ["en-US"], "AppleLocale": "en_US"}
    return values | ({"AppleKeyboardUIMode": 3} if machine(proc).has("PREP-07") else {})


def _file(proc: Proc, domain: str) -> dict[str, Any]:
    path = domain if domain.endswith(".plist") else f"{domain}.plist"
    try:
        return mapping(read_bounded(proc.fs, path, plists.LIMIT))
    except (OSError, BadPlist):
        raise Exit(1, f"\nDomain {domain} does not exist") from None


def _shown(value: Any) -> str:
    """As `defaults` writes an old-style property list, near enough to read."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, dict):
        return "{\n" + "".join(f"    {name} = {_shown(part)};\n" for name, part in sorted(value.items())) + "}"
    if isinstance(value, list):
        return "(\n" + ",\n".join(f"    {_shown(part)}" for part in value) + "\n)"
    if isinstance(value, bytes):
        return f"{{length = {len(value)}, bytes = 0x{value.hex()}}}"
    return str(value)


@tool("/usr/bin/open", where=("macos",))
async def open_tool(proc: Proc) -> int:
    """A URL of System Settings, or an application (-a NAME, or its path; --args …), in the session at the console."""
    own, arguments = _split(proc.args, "--args")
    words = [word for word in own if not word.startswith("-")]
    if not words:
        raise Exit(1, "Usage: open [-e] [-t] [-f] [-W] [-R] [-n] [-g] [-h] [-a <application>] [filenames]")
    target = words[-1]
    if "-a" in own or target.rstrip("/").endswith(".app"):
        launch(proc, words[0], arguments, session=_session(proc))
        return 0
    if not target.startswith("x-apple.systempreferences:"):
        raise Exit(1, f"The file {proc.fs.absolute(target)} does not exist.")
    if not _session(proc) or not _display(proc).open_settings(target):
        raise Exit(1, f"_LSOpenURLsWithCompletionHandler() failed with error -10810 for the URL {target}.")
    return 0


@tool("/usr/bin/osascript", where=("macos",))
async def osascript(proc: Proc) -> int:
    """-e 'quit app "NAME"', 'tell application "NAME" to quit', and Finder's 'delete (POSIX file "PATH" as alias)'."""
    scripts = [text for flag, text in zip(proc.args, proc.args[1:], strict=False) if flag == "-e"]
    deleted = _DELETE.match(scripts[0].strip()) if scripts else None
    if deleted is not None:
        await delete(proc, deleted.group(1), session=_session(proc))
        return 0
    found = _QUIT.match(scripts[0].strip()) if scripts else None
    if found is None:
        raise Exit(1, "0:0: syntax error: A command was expected but something else was found. (-2741)")
    if not _session(proc) or not _display(proc).quit(found.group(1)):
        raise Exit(1, "0:0: execution error: An error of type -10810 has occurred. (-10810)")
    return 0


def _split(words: list[str], mark: str) -> tuple[list[str], list[str]]:
    """What stands before and behind the first `mark`."""
    at = words.index(mark) if mark in words else len(words)
    return words[:at], words[at + 1 :]


def _display(proc: Proc) -> Display:
    found: Display = proc.machine.display
    return found


def _session(proc: Proc) -> bool:
    """Whether the process may reach the console's login session: its user's own, or root."""
    user = proc.system.console_user
    return user is not None and proc.user.uid in (0, user.uid)
