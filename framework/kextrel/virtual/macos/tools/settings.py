"""Settings of the system and of the login session: pmset(1), defaults(1), open(1), osascript(1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from kextrel.virtual.macos import plists
from kextrel.virtual.macos.files import read_bounded
from kextrel.virtual.macos.plists import BadPlist, mapping
from kextrel.virtual.macos.tools.mac import machine, need_root
from kextrel.virtual.macos.tools.sessions import delete, launch
from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.registry import tool

if TYPE_CHECKING:
    from kextrel.virtual.ui.display import Display

__all__ = ["defaults", "open_tool", "osascript", "pmset"]

_QUIT = re.compile(r'(?:tell\s+)?(?:quit\s+)?app(?:lication)?\s+"([^"]{1,100})"(?:\s+to\s+quit)?\s*\Z')
_DELETE = re.compile(
    r'tell\s+app(?:lication)?\s+"Finder"\s+to\s+delete\s+\(?\s*POSIX\s+file\s+"([^"]{1,1000})"\s*(?:as\s+alias)?\s*\)?\Z'
)
_CLICK = re.compile(
    r'tell\s+app(?:lication)?\s+"System Events"\s+to\s+click\s+button\s+"(?P<button>[^"]{1,100})"\s+'
    r'of\s+(?:tab\s+group\s+1\s+of\s+)?window\s+1\s+of\s+process\s+"(?P<process>[^"]{1,100})"\Z'
)
_GLOBAL = ("-g", "-globalDomain", "NSGlobalDomain", "Apple Global Domain")


_TIMES = {"sleep": "sleep", "displaysleep": "display_sleep", "disksleep": "disk_sleep"}
_LONGEST = 100_000  # minutes


@tool("/usr/bin/pmset", where=("macos",))
async def pmset(proc: Proc) -> int:
    """-g; -a KEY VALUE…: autorestart is kept by the power controller, the times are settings."""
    mac = machine(proc)
    if proc.args[:1] == ["-g"]:
        rows = {name: getattr(mac.settings, kept) for name, kept in _TIMES.items()} | {"womp": 1}
        rows |= {"autorestart": int(mac.autorestart), "powernap": 1, "networkoversleep": 0, "ttyskeepawake": 1}
        proc.out("System-wide power settings:\nCurrently in use:\n")
        proc.out("".join(f" {name:<20} {value}\n" for name, value in rows.items()))
        return 0
    pairs = list(zip(proc.args[1::2], proc.args[2::2], strict=False))
    if proc.args[:1] not in (["-a"], ["-c"]) or len(proc.args) % 2 == 0 or not all(_is_time(v) for _, v in pairs):
        raise Exit(64, "Usage: pmset <options>")
    need_root(proc, "'pmset' must be run as root...")
    for name, value in pairs:
        if name == "autorestart":
            mac.autorestart = value != "0"
        elif name in _TIMES:
            setattr(mac.settings, _TIMES[name], int(value))
    return 0


def _is_time(value: str) -> bool:
    return value.isdecimal() and int(value) <= _LONGEST


@tool("/usr/bin/defaults", where=("macos",))
async def defaults(proc: Proc) -> int:
    """read DOMAIN [KEY], of the user's global domain or of a property list's path (with or without .plist); write
    -g KEY [-int|-bool|-string] VALUE."""
    match proc.args:
        case ["write", domain, key, *value] if domain in _GLOBAL and value:
            machine(proc).settings.of(proc.user.name)[key] = _typed(value)
            return 0
        case ["read", domain, *keys]:
            return _read(proc, domain, keys)
    raise Exit(255, "Command line interface to a user's defaults.\nSyntax: 'defaults' read <domain> [<key>]")


def _read(proc: Proc, domain: str, keys: list[str]) -> int:
    values = machine(proc).settings.of(proc.user.name) if domain in _GLOBAL else _file(proc, domain)
    if not keys:
        proc.out(f"{_shown(values)}\n")
        return 0
    if keys[0] not in values:
        name = "kCFPreferencesAnyApplication" if domain in _GLOBAL else domain
        raise Exit(1, f"\nThe domain/default pair of ({name}, {keys[0]}) does not exist")
    proc.out(f"{_shown(values[keys[0]])}\n")
    return 0


def _typed(value: list[str]) -> int | bool | str:
    """`-int 3`, `-bool true`, `-string X`, or a bare string."""
    match value:
        case ["-int" | "-integer", number] if number.lstrip("-").isdecimal() and len(number) < 19:
            return int(number)
        case ["-bool" | "-boolean", word] if word.lower() in ("true", "yes", "1", "false", "no", "0"):
            return word.lower() in ("true", "yes", "1")
        case ["-string", text] | [text] if not text.startswith("-"):
            return text
    raise Exit(255, "Command line interface to a user's defaults.\nSyntax: 'defaults' write <domain> <key> <value>")


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
    """-e 'quit app "NAME"', 'tell application "NAME" to quit', Finder's 'delete (POSIX file "PATH" as alias)', and a
    click of System Events on a button of a window."""
    scripts = [text for flag, text in zip(proc.args, proc.args[1:], strict=False) if flag == "-e"]
    deleted = _DELETE.match(scripts[0].strip()) if scripts else None
    if deleted is not None:
        await delete(proc, deleted.group(1), session=_session(proc))
        return 0
    clicked = _CLICK.match(scripts[0].strip()) if scripts else None
    if clicked is not None:
        _click(proc, clicked["process"], clicked["button"])
        return 0
    found = _QUIT.match(scripts[0].strip()) if scripts else None
    if found is None:
        raise Exit(1, "0:0: syntax error: A command was expected but something else was found. (-2741)")
    if not _session(proc) or not _display(proc).quit(found.group(1)):
        raise Exit(1, "0:0: execution error: An error of type -10810 has occurred. (-10810)")
    return 0


def _click(proc: Proc, process: str, button: str) -> None:
    """System Events takes the click for sshd's children where they may reach the session, and may control the Mac as
    they may read its disk: a person gave both to Remote Login (PREP-03)."""
    if not _session(proc) or not machine(proc).has("PREP-03"):
        raise Exit(
            1, "0:0: execution error: System Events got an error: osascript is not allowed assistive access. (-25211)"
        )
    if not _display(proc).click(process, button):
        raise Exit(
            1, f'0:0: execution error: System Events got an error: Can’t get button "{button}" of window 1. (-1728)'
        )


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
