"""Accounts and volumes: dseditgroup(8), dscl(1), sysadminctl(8), diskutil(8)."""

from __future__ import annotations

from kextrel.virtual.macos.tools.mac import answer, machine, stamp, user_uuid
from kextrel.virtual.macos.tools.options import parse
from kextrel.virtual.settings import LOCKS_AT_ONCE
from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.registry import tool

__all__ = ["diskutil", "dscl", "dseditgroup", "sysadminctl"]

_VOLUME_GROUPS_SINCE = (10, 15)

_NOT_A_MEMBER = 67
_USAGE = (
    "Usage: sysadminctl\n\t-secureTokenStatus <user name>\n"
    "\t-screenLock <status || immediate || off || seconds> -password <password>"
)


@tool("/usr/sbin/dseditgroup", where=("macos",))
async def dseditgroup(proc: Proc) -> int:
    """-o checkmember -m USER GROUP."""
    options = parse(
        proc.args,
        values=("operation", "member", "node"),
        short={"o": "operation", "m": "member", "n": "node"},
        usage="dseditgroup -o checkmember -m member groupname",
    )
    if options.last("operation") != "checkmember" or not options.operands:
        raise Exit(64, "dseditgroup: only '-o checkmember [-m member] groupname' can be used here")
    group, name = options.operands[0], options.last("member", proc.user.name)
    user = proc.system.users.get(name)
    gid = proc.system.users.group_id(group)
    if user is None or gid is None:
        raise Exit(64, "Group not found." if gid is None else f"Username {name} not found.")
    if gid in user.groups:
        proc.out(f"yes {name} is a member of {group}\n")
        return 0
    proc.out(f"no {name} is NOT a member of {group}\n")
    return _NOT_A_MEMBER


@tool("/usr/sbin/sysadminctl", where=("macos",))
async def sysadminctl(proc: Proc) -> int:
    """-secureTokenStatus USER; -screenLock status, -screenLock off|immediate|SECONDS -password PASSWORD ("-" asks). It
    answers on standard error."""
    settings = machine(proc).settings
    match proc.args:
        case ["-secureTokenStatus", name]:
            user = proc.system.users.get(name)
            if user is None:
                text = f"Unknown user {name}"
            else:
                owns = any(owner.name == name for owner in machine(proc).spec.owners)
                text = f"Secure token is {'ENABLED' if owns else 'DISABLED'} for user {user.full_name}"
        case ["-screenLock", "status"]:
            text = _lock_words(settings.screen_lock)
        case ["-screenLock", when, "-password", given] if when in ("off", LOCKS_AT_ONCE) or when.isdecimal():
            password = await answer(proc, "Enter password:", echo=False) if given == "-" else given
            right = proc.system.users.check(proc.user.name, password)
            settings.screen_lock = when if right else settings.screen_lock
            text = _lock_words(when) if right else "Password is incorrect"
        case _:
            raise Exit(64, _USAGE)
    proc.err(f"{stamp(proc.system.clock.now())} sysadminctl[{proc.pid}:4f21] {text}\n")
    return 0


def _lock_words(when: str) -> str:
    if when == "off":
        return "screenLock is off"
    return f"screenLock delay is {when}" + (" seconds" if when.isdecimal() else "")


@tool("/usr/bin/dscl", where=("macos",))
async def dscl(proc: Proc) -> int:
    """. -read /Users/NAME [KEY…]."""
    match proc.args:
        case ["." | "/Local/Default", "-read" | "read", path, *keys] if path.startswith("/Users/"):
            user = proc.system.users.get(path.removeprefix("/Users/"))
            if user is None:
                raise Exit(56, "<dscl_cmd> DS Error: -14136 (eDSRecordNotFound)")
            rows = {
                "GeneratedUID": user_uuid(proc, user.name), "NFSHomeDirectory": user.home,
                "RealName": f"\n {user.full_name}", "RecordName": user.name, "UniqueID": str(user.uid),
            }  # fmt: skip
            proc.out("".join(f"{key}: {value}\n" for key, value in rows.items() if not keys or key in keys))
            return 0
    raise Exit(64, "dscl (v20.4)\nusage: dscl [options] [<datasource> [<command>]]")


@tool("/usr/sbin/diskutil")
async def diskutil(proc: Proc) -> int:
    """list; apfs list; apfs listUsers; info."""
    match proc.args:
        case ["apfs", "listUsers", *_]:
            proc.out(_users(proc))
        case ["apfs", "list", *_]:
            proc.out(_containers(proc))
        case ["list", *_]:
            proc.out(_disks(proc))
        case ["info", *_]:
            name = machine(proc).spec.disk_name
            proc.out(
                f"   Device Identifier:         disk3s1s1\n   Volume Name:               {name}\n"
                "   Mounted:                   Yes\n   Mount Point:               /\n"
                f"   File System Personality:   APFS\n   FileVault:                 {_encrypted(proc)}\n"
                "   Sealed:                    Yes\n"
                f"{_group_row(proc)}"
            )
        case _:
            raise Exit(1, "Usage:  diskutil <verb> <options>, where <verb> is list, info or apfs")
    return 0


def _encrypted(proc: Proc) -> str:
    return "Yes" if machine(proc).spec.filevault else "No"


def _group_row(proc: Proc) -> str:
    """System and data lie on volumes of their own since 10.15."""
    group = f"   APFS Volume Group:         {machine(proc).startup.volume_group}\n"
    return group if machine(proc).spec.release >= _VOLUME_GROUPS_SINCE else ""


def _users(proc: Proc) -> str:
    owners = machine(proc).spec.owners
    entries = [(user_uuid(proc, owner.name), "Local Open Directory User") for owner in owners]
    entries.append(("EBC6C064-0000-11AA-AA11-00306543ECAC", "Personal Recovery User"))
    lines = [f"Cryptographic users for disk3s1s1 ({len(entries)} found)", "|"]
    for index, (identity, kind) in enumerate(entries):
        bar = "|" if index + 1 < len(entries) else " "
        lines += [f"+-- {identity}", f"{bar}   Type: {kind}", f"{bar}   Volume Owner: Yes"]
        lines += ["|"] if bar == "|" else []
    return "\n".join(lines) + "\n"


def _containers(proc: Proc) -> str:
    spec, container = machine(proc).spec, user_uuid(proc, "container")
    unlocked = "Yes (Unlocked)" if spec.filevault else "No"
    return (
        "APFS Container (1 found)\n|\n"
        f"+-- Container disk3 {container}\n"
        "    ====================================================\n"
        "    APFS Container Reference:     disk3\n"
        "    |\n"
        f"{_system_volume('disk3s1', machine(proc).startup.volume_group, spec.disk_name, '/', unlocked)}"
        f"{_system_volume('disk3s7', user_uuid(proc, 'other'), spec.other_macos, 'Not Mounted', 'No')}"
        "    +-> Volume disk3s5\n"
        "        ---------------------------------------------------\n"
        "        APFS Volume Disk (Role):   disk3s5 (Data)\n"
        f"        Name:                      {spec.disk_name} - Data (Case-insensitive)\n"
        "        Mount Point:               /System/Volumes/Data\n"
        f"        FileVault:                 {unlocked}\n"
    )


def _system_volume(device: str, identity: str, name: str, mounted: str, filevault: str) -> str:
    """One volume with a macOS, nothing where it has no name."""
    if not name:
        return ""
    return (
        f"    +-> Volume {device} {identity}\n"
        "    |   ---------------------------------------------------\n"
        f"    |   APFS Volume Disk (Role):   {device} (System)\n"
        f"    |   Name:                      {name} (Case-insensitive)\n"
        f"    |   Mount Point:               {mounted}\n"
        "    |   Sealed:                    Yes\n"
        f"    |   FileVault:                 {filevault}\n"
        "    |\n"
    )


def _disks(proc: Proc) -> str:
    name = machine(proc).spec.disk_name
    return (
        "/dev/disk3 (synthesized):\n"
        "   #:                       TYPE NAME                    SIZE       IDENTIFIER\n"
        "   0:      APFS Container Scheme -                      +245.1 GB   disk3\n"
        f"   1:                APFS Volume {name:<23} 10.2 GB    disk3s1\n"
        f"   2:                APFS Volume {name + ' - Data':<23} 31.4 GB    disk3s5\n\n"
    )
