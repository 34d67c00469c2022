"""Which reader reads a command's answer: found by the command line as somebody typed it.

`sudo -n /usr/bin/bputil -d`, `ssh admin@mac kmutil load -p X.kext`, `kextstat | grep -i x`, `sh -c 'csrutil status'`:
what runs a command as somebody else or elsewhere, options, paths and what comes after a pipe do not matter. A file's
own name will do where a file is read: `/Library/SystemExtensions/db.plist`, `Policy.mobileconfig`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from kextrel.errors import UnreadableAnswer, UsageError, nearest
from kextrel.macos import (
    bputil,
    codesign,
    commandline,
    csrutil,
    extension_request,
    extensionstore,
    gatekeeper,
    installed,
    ioreg,
    kextpolicy,
    kexts,
    load,
    logs,
    mobileconfig,
    profiler,
    profiles,
    recoveryonly,
    screentext,
    securityinfo,
    sessions,
    sysext,
    system,
)
from kextrel.macos.text import Reading

__all__ = ["COMMANDS", "Reader", "reader"]

Reader = Callable[[str | bytes], Reading]

# One form of each, for the sentence that says what is known.
COMMANDS = (
    "kmutil load",
    "kmutil showloaded",
    "kmutil configure-boot",
    "kextstat",
    "kextcache -i /",
    "bputil -d",
    "csrutil status",
    "sqlite3 KextPolicy",
    "profiles status -type enrollment",
    "profiles status -type bootstraptoken",
    "profiles show",
    "profiles show -type enrollment",
    "mdmclient QuerySecurityInfo",
    "sw_vers",
    "uname -a",
    "sysctl kern.boottime",
    "system_profiler SPHardwareDataType",
    "system_profiler SPiBridgeDataType",
    "systemextensionsctl list",
    "systemextensionsctl reset",
    "plutil -p /Library/SystemExtensions/db.plist",
    "cat NAME.mobileconfig",
    "codesign -dv",
    "spctl --status",
    "spctl --assess",
    "spctl kext-consent status",
    "stapler validate",
    "nvram",
    "fdesetup status",
    "rdma_ctl status",
    "last",
    "ssh",
    "log show",
    "ioreg -rlw0 -k IOUserServerName",
)

_csrutil: Reader = screentext.tolerant(csrutil.read, screentext.CSRUTIL)
_bputil: Reader = screentext.tolerant(bputil.read, screentext.BPUTIL)

_BY_TOOL: Mapping[str, Reader] = MappingProxyType(
    {
        "kextload": load.read_text,
        "kextutil": load.read_text,
        "kextunload": load.read_text,
        "kextcache": recoveryonly.read_kextcache,
        "kextstat": kexts.read,
        "bputil": _bputil,
        "csrutil": _csrutil,
        "sw_vers": system.read_sw_vers,
        "uname": system.read_uname,
        "nvram": system.read_nvram,
        "fdesetup": system.read_filevault,
        "codesign": codesign.read,
        "ioreg": ioreg.read,
        "stapler": gatekeeper.read_stapler,
        "rdma_ctl": recoveryonly.read_switch,
        "last": sessions.read_last,
        "ssh": sessions.read_ssh,
        "log": logs.read,
    }
)
_BY_VERB: Mapping[tuple[str, str], Reader] = MappingProxyType(
    {
        ("kmutil", "showloaded"): kexts.read,
        ("kmutil", "log"): logs.read,
        ("kmutil", "configure-boot"): recoveryonly.read_configure_boot,
        **{
            ("kmutil", verb): load.read_text
            for verb in ("load", "unload", "install", "rebuild", "create", "trigger-panic-medic", "clear-staging")
        },
        ("systemextensionsctl", "list"): sysext.read,
        **{
            ("systemextensionsctl", verb): recoveryonly.read_extensions_change
            for verb in ("reset", "uninstall", "developer", "gc")
        },
        ("mdmclient", "QuerySecurityInfo"): securityinfo.read,
    }
)
_BY_DATA_TYPE: Mapping[str, Reader] = MappingProxyType(
    {"SPHardwareDataType": profiler.read_hardware, "SPiBridgeDataType": profiler.read_bridge}
)
# What is named by the file that is read, whatever reads it.
_BY_FILE: tuple[tuple[re.Pattern[str], Reader], ...] = (
    (re.compile(r"SystemExtensions/db\b|\bmacos\.systemExtensions\b|\bsystem_extensions\b"), extensionstore.read),
    (re.compile(r"\.mobileconfig\b"), mobileconfig.read),
)
# How people call what an app says: its own programme, an installer's script, a helper that mounts.
_PROGRAMME = re.compile(r"\.app/Contents/|\.sh\Z|\Amount_")
_REQUESTS = frozenset({"activate", "deactivate", "install", "uninstall", "extension", "enable", "disable"})


def reader(command: str) -> Reader:
    """The reader for what `command` prints. Raises UsageError, with the nearest known command, when there is none."""
    parts = commandline.parts(command)
    if not parts:
        raise UsageError("a command line is needed, such as 'bputil -d'")
    by_file = next((read for pattern, read in _BY_FILE if pattern.search(command)), None)
    found = by_file or next((read for words in parts if (read := _of(words))), None) or _of_an_app(parts[0])
    if found is None:
        typed = " ".join(parts[0])
        raise UsageError(f"no reader for what '{typed}' prints; {nearest(typed, COMMANDS)}")
    return found


def _of(words: list[str]) -> Reader | None:
    tool, arguments = commandline.name(words[0]), words[1:]
    if tool == "ssh":
        return _of_ssh(arguments)
    verb = next((word for word in arguments if not word.startswith("-")), "")
    return _BY_TOOL.get(tool) or _BY_VERB.get((tool, verb)) or _by_arguments(tool, arguments)


def _of_ssh(arguments: list[str]) -> Reader:
    """The command that ssh runs over there; without one, what ssh says itself."""
    remote = commandline.remote(arguments)
    return (_of(remote) if remote else None) or sessions.read_ssh


def _by_arguments(tool: str, arguments: list[str]) -> Reader | None:
    if tool == "profiles":
        return _profiles(arguments)
    if tool == "spctl":
        return _spctl(arguments)
    if tool == "system_profiler":
        types = [word for word in arguments if word.startswith("SP")]
        return _BY_DATA_TYPE.get(types[0]) if len(types) == 1 else None
    if tool == "sysctl":
        names = tuple(word for word in arguments if not word.startswith("-"))
        return partial(system.read_sysctl, names=names) if "-n" in arguments else system.read_sysctl
    if tool == "sqlite3" and any("KextPolicy" in word for word in arguments):
        sql = " ".join(arguments)
        return partial(kextpolicy.read, table=kextpolicy.table_of(sql), columns=kextpolicy.columns_of(sql))
    return None


def _profiles(arguments: list[str]) -> Reader | None:
    verb = arguments[0].lstrip("-") if arguments else ""
    # Short options may stand together: -Pv.
    verb = verb[0] if re.match(r"-[PLCSe]", arguments[0] if arguments else "") else verb
    if verb == "status":
        return profiles.read_bootstrap_token if "bootstraptoken" in arguments else profiles.read
    if verb in ("show", "list", "P", "L", "C"):
        return securityinfo.read_assignment if "enrollment" in arguments else installed.read
    # Its older spellings: -S is the status, -e the assignment.
    older: Mapping[str, Reader] = {"S": profiles.read, "e": securityinfo.read_assignment}
    return older.get(verb)


def _spctl(arguments: list[str]) -> Reader:
    if "kext-consent" in arguments:
        return gatekeeper.read_consent
    short = "".join(word[1:] for word in arguments if re.match(r"-[a-z]+\Z", word))
    assesses = "--assess" in arguments or "a" in short
    return gatekeeper.read_assess if assesses else gatekeeper.read_status


def _of_an_app(words: list[str]) -> Reader | None:
    asks = not _REQUESTS.isdisjoint(words[1:])
    return _said_by_an_app if asks or _PROGRAMME.search(words[0]) else None


def _said_by_an_app(text: str | bytes) -> Reading:
    """An app tells of its own request, or passes on why its kext was not loaded."""
    try:
        return extension_request.read(text)
    except UnreadableAnswer as refused:
        try:
            return load.read_text(text)
        except UnreadableAnswer:
            raise refused from None
