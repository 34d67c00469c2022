"""Which reader reads a command's answer: found by the command line as somebody typed it.

`sudo -n /usr/bin/bputil -d`, `kmutil load -p X.kext`, `kextstat | grep -i x`: options of sudo, paths and what comes
after a pipe do not matter. `sqlite3 … KextPolicy 'select * from kext_policy_mdm'` names its table.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from functools import partial
from pathlib import PurePosixPath

from kextrel.errors import UsageError, nearest
from kextrel.macos import bputil, csrutil, installed, kextpolicy, kexts, load, profiler, profiles, sysext, system
from kextrel.macos.text import Reading

__all__ = ["COMMANDS", "Reader", "reader"]

Reader = Callable[[str | bytes], Reading]

_LOAD_VERBS = frozenset({"load", "unload", "install", "rebuild", "create", "configure-boot", "trigger-panic-medic"})
_TAKES_VALUE = frozenset({"-u", "-g", "-p", "-C", "-h", "-U", "-r", "-t", "-D", "-R", "-T"})
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")

# One form of each, for the sentence that says what is known.
COMMANDS = (
    "kmutil load",
    "kmutil showloaded",
    "kextstat",
    "bputil -d",
    "csrutil status",
    "sqlite3 KextPolicy",
    "profiles status -type enrollment",
    "profiles status -type bootstraptoken",
    "profiles show",
    "sw_vers",
    "uname -a",
    "sysctl kern.boottime",
    "system_profiler SPHardwareDataType",
    "system_profiler SPiBridgeDataType",
    "systemextensionsctl list",
    "nvram",
    "fdesetup status",
)

_BY_TOOL: dict[str, Reader] = {
    "kextload": load.read_text,
    "kextutil": load.read_text,
    "kextunload": load.read_text,
    "kextcache": load.read_text,
    "kextstat": kexts.read,
    "bputil": bputil.read,
    "csrutil": csrutil.read,
    "sw_vers": system.read_sw_vers,
    "uname": system.read_uname,
    "sysctl": system.read_sysctl,
    "nvram": system.read_nvram,
    "fdesetup": system.read_filevault,
}


_BY_DATA_TYPE: dict[str, Reader] = {
    "SPHardwareDataType": profiler.read_hardware,
    "SPiBridgeDataType": profiler.read_bridge,
}


def reader(command: str) -> Reader:
    """The reader for what `command` prints. Raises UsageError, with the nearest known command, when there is none."""
    words = _words(command)
    if not words:
        raise UsageError("a command line is needed, such as 'bputil -d'")
    tool, arguments = PurePosixPath(words[0]).name, words[1:]
    found = _BY_TOOL.get(tool) or _by_arguments(tool, arguments)
    if found is None:
        typed = " ".join([tool, *arguments])
        raise UsageError(f"no reader for what '{typed}' prints; {nearest(typed, COMMANDS)}")
    return found


def _by_arguments(tool: str, arguments: list[str]) -> Reader | None:
    if tool == "kmutil":
        verb = next((word for word in arguments if not word.startswith("-")), "")
        return kexts.read if verb == "showloaded" else load.read_text if verb in _LOAD_VERBS else None
    if tool == "systemextensionsctl" and arguments[:1] == ["list"]:
        return sysext.read
    if tool == "profiles" and arguments[:1] == ["status"]:
        return profiles.read_bootstrap_token if "bootstraptoken" in arguments else profiles.read
    if tool == "profiles" and arguments[:1] in (["show"], ["list"], ["-P"], ["-L"]):
        return installed.read
    if tool == "system_profiler":
        types = [word for word in arguments if word.startswith("SP")]
        return _BY_DATA_TYPE.get(types[0]) if len(types) == 1 else None
    if tool == "sqlite3" and any("KextPolicy" in word for word in arguments):
        return partial(kextpolicy.read, table=kextpolicy.table_of(" ".join(arguments)))
    return None


def _words(command: str) -> list[str]:
    """The words of the first command, without sudo, env and assignments before it."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError as error:
        raise UsageError(f"the command line {command!r} cannot be read: {str(error).lower()}") from None
    first: list[str] = []
    for word in words:
        if set(word) <= set("|&;<>"):
            break
        first.append(word)
    return _without_prefix(first)


def _without_prefix(words: list[str]) -> list[str]:
    rest = list(words)
    while rest and (PurePosixPath(rest[0]).name in ("sudo", "env", "command") or _ASSIGNMENT.match(rest[0])):
        rest.pop(0)
        while rest and rest[0].startswith("-"):
            option = rest.pop(0)
            if option in _TAKES_VALUE and rest:
                rest.pop(0)
    return rest
