"""profiles(1) and mdmclient: what a Mac says of its enrollment and its configuration profiles.

`profiles show` prints one line an attribute, as captured on 10.11 with `-P -v`; `-output stdout-xml` a property list.
"""

from __future__ import annotations

import plistlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from kextrel.virtual.macos.tools.mac import machine, need_root
from kextrel.virtual.macos.tools.options import Options, parse
from kextrel.virtual.mdm.management import Management
from kextrel.virtual.mdm.profile import Profile
from kextrel.virtual.mdm.security import security_info
from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.registry import tool

__all__ = ["mdmclient", "profiles"]

_USAGE = "usage: profiles <command> [options]"
_NO_INSTALLS = "profiles tool no longer supports installs.  Use System Settings Profiles to add configuration profiles."
_NOT_ASSIGNED = "Client is not DEP enabled."
_LEVEL = "_computerlevel"
_ROWS_SINCE, _SERVER_SINCE, _BOOTSTRAP_TOKEN_SINCE = (10, 13, 4), (11,), (10, 15)
_VERBS_SINCE = (10, 13)
"""Before, profiles(1) had options only."""
_OLD = {"P": "show", "L": "list"}


@tool("/usr/bin/profiles", where=("macos",))
async def profiles(proc: Proc) -> int:
    """status, list, show, remove, renew; install says where to go instead."""
    if not proc.args:
        raise Exit(1, _USAGE)
    options = parse(
        proc.args[1:],
        flags=("all", "verbose", "force"),
        values=("type", "output", "identifier", "path", "user", "password"),
        short={"v": "verbose", "a": "all", "o": "output"},
        usage=_USAGE,
        code=1,
    )
    match _verb(proc):
        case "status":
            return _status(proc, options)
        case "list" | "show" as verb:
            return await _shown(proc, options, short=verb == "list")
        case "remove":
            return _remove(proc, options)
        case "renew":
            return _renew(proc, options)
        case "install":
            raise Exit(1, _NO_INSTALLS)
        case _:
            raise Exit(1, _USAGE)


def _verb(proc: Proc) -> str:
    """What is asked for, as a verb or by an option of old."""
    word = proc.args[0].lstrip("-")
    if word == proc.args[0] and machine(proc).spec.release < _VERBS_SINCE:
        raise Exit(1, _USAGE)
    return _OLD.get(word, word)


def _status(proc: Proc, options: Options) -> int:
    management = machine(proc).management
    match options.last("type"):
        case "enrollment":
            proc.out("".join(f"{line}\n" for line in _enrollment(management, machine(proc).spec.release)))
        case "bootstraptoken" if machine(proc).spec.release >= _BOOTSTRAP_TOKEN_SINCE:
            need_root(proc, "profiles: the command requires root privileges")
            enrolled = management.store.enrolled()
            supported = enrolled is not None and enrolled.kind != "user"
            proc.out(f"profiles: Bootstrap Token supported on server: {_word(supported)}\n")
            proc.out(f"profiles: Bootstrap Token escrowed to server: {_word(bool(enrolled and enrolled.escrowed))}\n")
        case _:
            raise Exit(1, "profiles: unknown type for status")
    return 0


def _word(true: bool) -> str:
    return "YES" if true else "NO"


_APPROVED = {"none": "No", "user": "Yes (User Enrollment)"}


def _enrollment(management: Management, release: tuple[int, ...]) -> Iterator[str]:
    """ "(User Approved)" stands there where the enrollment counts as such; that of a user's own account does not. One
    sentence before 10.13.4, and the server from 11 on."""
    kind = management.enrollment
    if release < _ROWS_SINCE:
        yield f"There is {'no' if kind == 'none' else 'an'} enrollment profile installed on this system"
        return
    yield f"Enrolled via DEP: {'Yes' if kind == 'automated-device' else 'No'}"
    yield f"MDM enrollment: {_APPROVED.get(kind, 'Yes (User Approved)')}"
    if kind != "none" and release >= _SERVER_SINCE:
        yield f"MDM server: {management.server_url}"


# -- what is installed


async def _shown(proc: Proc, options: Options, *, short: bool) -> int:
    management = machine(proc).management
    if options.last("type") == "enrollment":
        return _assignment(proc)
    installed = management.store.profiles() if proc.user.uid == 0 else []
    if options.last("output") == "stdout-xml":
        await proc.write(plistlib.dumps({_LEVEL: [_as_xml(one) for one in installed]} if installed else {}).decode())
        return 0
    if not installed:
        domain = "in the system domain" if proc.user.uid == 0 else f"for user '{proc.user.name}'"
        proc.out(f"There are no configuration profiles installed {domain}\n")
        return 0
    for number, one in enumerate(installed, 1):
        lines = [f"profileIdentifier: {one.identifier}"] if short else _attributes(one)
        await proc.write("".join(f"{_LEVEL}[{number}] attribute: {line}\n" for line in lines))
        await proc.write("" if short else "".join(f"{_LEVEL}[{number}] {line}\n" for line in _payloads(one)))
    many = (
        f"are {len(installed)} system configuration profiles"
        if len(installed) > 1
        else "is 1 system configuration profile"
    )
    proc.out(f"There {many} installed\n" if short else "")
    return 0


def _attributes(profile: Profile) -> Iterator[str]:
    content = profile.content
    yield f"name: {content.get('PayloadDisplayName', '')}"
    yield f"configurationDescription: {content.get('PayloadDescription', '')}"
    yield f"organization: {content.get('PayloadOrganization', '')}"
    yield f"profileIdentifier: {profile.identifier}"
    yield f"profileUUID: {content.get('PayloadUUID', '')}"
    yield f"profileType: {content.get('PayloadType', '')}"
    yield f"removalDisallowed: {'FALSE' if profile.by_hand else 'TRUE'}"
    yield f"version: {content.get('PayloadVersion', '')}"
    yield "containsComputerItems: TRUE"
    yield f"installationDate: {_date(profile)}"


def _payloads(profile: Profile) -> Iterator[str]:
    yield f"payload count = {len(profile.payloads)}"
    keys = {"name": "DisplayName", "description": "Description", "type": "Type", "organization": "Organization"}
    keys |= {"identifier": "Identifier", "uuid": "UUID"}
    for number, payload in enumerate(profile.payloads, 1):
        for name, key in keys.items():
            yield f"           payload[{number}] {name}\t\t\t= {payload.get(f'Payload{key}', '')}"


def _as_xml(profile: Profile) -> dict[str, Any]:
    """One profile of `-output stdout-xml`."""
    content = {f"Profile{key}": profile.content.get(f"Payload{key}", "") for key in ("DisplayName", "Organization")}
    return {
        **content,
        "ProfileIdentifier": profile.identifier,
        "ProfileInstallDate": _date(profile),
        "ProfileItems": [_item(payload) for payload in profile.payloads],
        "ProfileRemovalDisallowed": "false" if profile.by_hand else "true",
        "ProfileType": "Configuration",
        "ProfileUUID": profile.content.get("PayloadUUID", ""),
        "ProfileVersion": 1,
    }


def _item(payload: dict[str, Any]) -> dict[str, Any]:
    common = {key: value for key, value in payload.items() if key.startswith("Payload")}
    return {**common, "PayloadContent": {key: value for key, value in payload.items() if key not in common}}


def _date(profile: Profile) -> str:
    return datetime.fromtimestamp(profile.installed, UTC).strftime("%Y-%m-%d %H:%M:%S +0000")


# -- enrollment


def _assignment(proc: Proc) -> int:
    """What Apple's servers say of the Mac; only Automated Device Enrollment has anything there."""
    need_root(proc, "profiles: the command requires root privileges")
    mac = machine(proc)
    if mac.spec.enrollment != "automated-device" or mac.management.client is None:
        raise Exit(1, f"Error fetching Device Enrollment configuration: {_NOT_ASSIGNED}")
    content = {"AllowPairing": True, "ConfigurationURL": mac.management.client.url, "IsMandatory": True}
    content |= {"IsMDMUnremovable": True, "IsMultiUser": False, "IsSupervised": True}
    proc.out(f"Device Enrollment configuration:\n{_described(content)}\n")
    return 0


def _renew(proc: Proc, options: Options) -> int:
    need_root(proc, "profiles: the command requires root privileges")
    mac = machine(proc)
    if options.last("type") != "enrollment":
        raise Exit(1, _USAGE)
    if mac.spec.enrollment != "automated-device" or mac.management.client is None:
        raise Exit(1, f"profiles: renew failed: {_NOT_ASSIGNED}")
    if mac.management.enrollment == "none":
        mac.management.renew()
    return 0


def _remove(proc: Proc, options: Options) -> int:
    """What the MDM server installed stays; the enrollment itself may go, but for an automated one."""
    need_root(proc, "profiles: the command requires root privileges")
    management, identifier = machine(proc).management, options.last("identifier") or ""
    found = next((one for one in management.store.profiles() if one.identifier == identifier), None)
    if found is None:
        raise Exit(1, f"profiles: the profile '{identifier}' was not found")
    if found.by_hand:
        management.remove(identifier)
    elif identifier == management.enrollment_profile and management.enrollment != "automated-device":
        management.unenroll()
    else:
        raise Exit(1, f"profiles: the profile '{identifier}' cannot be removed: it is managed by your organization")
    return 0


@tool("/usr/libexec/mdmclient", where=("macos",))
async def mdmclient(proc: Proc) -> int:
    """QuerySecurityInfo, as Cocoa describes a dictionary."""
    if proc.args != ["QuerySecurityInfo"]:
        raise Exit(64, "usage: mdmclient QuerySecurityInfo")
    need_root(proc, "mdmclient: this command must be run as root")
    mac = machine(proc)
    proc.out(f"Daemon response: {_described({'SecurityInfo': security_info(mac, mac.management)})}\n")
    return 0


def _described(value: object, indent: int = 0) -> str:
    """NSDictionary's description: keys sorted, one a line, four spaces deeper at each level."""
    inner, outer = " " * (indent + 4), " " * indent
    if isinstance(value, dict):
        rows = (f"{inner}{_plain(key)} = {_nested(value[key], indent + 4)};\n" for key in sorted(value))
        return "{\n" + "".join(rows) + outer + "}"
    return _plain(str(int(value)) if isinstance(value, bool) else str(value))


def _nested(value: object, indent: int) -> str:
    described = _described(value, indent)
    return " " * indent + described if isinstance(value, dict) else described


def _plain(text: str) -> str:
    """In quotation marks, unless it is one word."""
    return text if text.replace("_", "").isalnum() and text.isascii() else f'"{text}"'
