"""How a Mac was set up: what pmset, sysadminctl, diskutil, sudo and others say of it, and what asks them.

Each `read_…` takes the text of one answer and raises UnreadableAnswer where it is another tool's. Sources: the tools'
manual pages; prepare.md.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from kextrel.errors import UnreadableAnswer, UsageError
from kextrel.macos.text import clean, meaningful

__all__ = [
    "APPLE_SIGNING",
    "BATTERY",
    "FILEVAULT",
    "FILEVAULT_USERS",
    "HARDWARE_PORTS",
    "KEYBOARD_MODE",
    "POWER",
    "SCREEN_LOCK",
    "SUDO_RIGHTS",
    "VOLUMES",
    "VOLUME_GROUP",
    "assess",
    "checked_user",
    "fetch",
    "generated_uid",
    "is_administrator",
    "read_battery",
    "read_filevault_users",
    "read_owners",
    "read_ports",
    "read_power",
    "read_rights",
    "read_screen_lock",
    "read_secure_token",
    "read_system_volumes",
    "read_uid",
    "read_volume_group",
    "secure_token",
    "verify_app",
    "verify_kext",
    "verify_notarized",
    "volume_owners",
]

SUDO_RIGHTS = "sudo -n -l"
FILEVAULT = "fdesetup status"
FILEVAULT_USERS = "fdesetup list"
SCREEN_LOCK = "sysadminctl -screenLock status 2>&1"
POWER = "pmset -g"
KEYBOARD_MODE = "defaults read -g AppleKeyboardUIMode"
BATTERY = "ioreg -r -c AppleSmartBattery"
VOLUMES = "diskutil apfs list"
VOLUME_GROUP = "diskutil info /"
HARDWARE_PORTS = "networksetup -listallhardwareports"
APPLE_SIGNING = "https://gs.apple.com/"

_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}\Z")
_UUID = re.compile(r"[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}")
_FREE = re.compile(r"\)\s*NOPASSWD:(.*)\Z")
_TAGS = re.compile(r"(?:[A-Z_]{2,20}:\s*)+")  # SETENV: and its like, before a programme
_SETTING = re.compile(r"\s*(\w{2,40})\s+(\d{1,9})\b")
_LOCK = re.compile(r"screenLock (?:is (off)|delay is (immediate|[\d.]+ seconds))")
# Developer ID of a team that may sign kexts: Apple's marker extension in its certificate.
_MAY_SIGN_KEXTS = "=anchor apple generic and certificate leaf[field.1.2.840.113635.100.6.1.18] exists"


def secure_token(user: str) -> str:
    """It answers on standard error."""
    return _line("sysadminctl", "-secureTokenStatus", checked_user(user)) + " 2>&1"


def is_administrator(user: str) -> str:
    """Exit 0 for a member of the group admin, 67 for anybody else."""
    return _line("dseditgroup", "-o", "checkmember", "-m", checked_user(user), "admin")


def generated_uid(user: str) -> str:
    return _line("dscl", ".", "-read", f"/Users/{checked_user(user)}", "GeneratedUID")


def volume_owners() -> str:
    return _line("diskutil", "apfs", "listUsers", "/")


def fetch(url: str, *, interface: str = "", seconds: int = 15) -> str:
    """Asks for `url` and prints the status of the answer; by `interface` only, where one is given."""
    by = ("--interface", interface) if interface else ()
    return _line("curl", "-sS", "-o", "/dev/null", "-m", str(seconds), "-w", "%{http_code}", *by, url)


def verify_kext(path: str) -> str:
    """Whether a team that Apple lets sign kexts signed the bundle, and it is whole: exit 0."""
    return _line("codesign", "-v", "-R", _MAY_SIGN_KEXTS, path)


def verify_notarized(path: str) -> str:
    """Whether Apple's notary has notarized it: exit 0; 3 where it is whole and was not."""
    return _line("codesign", "-v", "--check-notarization", "-R", "=notarized", path)


def verify_app(path: str) -> str:
    """Whether a chain that this Mac trusts signed the application, and it is whole: exit 0."""
    return _line("codesign", "-v", "-R", "=anchor apple generic", path)


def assess(path: str) -> str:
    """Whether Gatekeeper would let it be installed, which needs Apple's notary: exit 0; 3 where it would not."""
    return _line("spctl", "-a", "-t", "install", path)


def read_rights(text: str) -> tuple[str, ...]:
    """What `sudo -l` lists as free of a password: ("ALL",), or programmes."""
    lines = list(meaningful(clean(text)))
    if not any("may run the following" in line for line in lines):
        raise UnreadableAnswer(SUDO_RIGHTS, lines[0] if lines else "")
    free = (found.group(1).split(",") for line in lines if (found := _FREE.search(line)))
    return tuple(_TAGS.sub("", word.strip()) for words in free for word in words)


def read_secure_token(text: str) -> bool:
    """ENABLED or DISABLED."""
    for word, answer in (("is ENABLED", True), ("is DISABLED", False)):
        if word in text:
            return answer
    raise UnreadableAnswer("sysadminctl -secureTokenStatus", text.strip())


def read_filevault_users(text: str) -> tuple[str, ...]:
    """Who may unlock FileVault, by short name; of each `fdesetup list` has a line with name and UUID."""
    rows = [line.strip().rpartition(",") for line in meaningful(clean(text))]
    for name, _, identity in rows:
        if not name or _UUID.fullmatch(identity.strip()) is None:
            raise UnreadableAnswer(FILEVAULT_USERS, name or identity)
    return tuple(name for name, _, _ in rows)


def read_screen_lock(text: str) -> str:
    """ "off", "immediate" or "300 seconds"."""
    found = _LOCK.search(text)
    if found is None:
        raise UnreadableAnswer("sysadminctl -screenLock status", text.strip())
    return found.group(1) or found.group(2)


def read_power(text: str) -> Mapping[str, int]:
    """The settings in use, by name; what stands behind a number is why it does not hold now."""
    found = {m.group(1): int(m.group(2)) for line in meaningful(clean(text)) if (m := _SETTING.match(line))}
    if "displaysleep" not in found:
        raise UnreadableAnswer(POWER, text.strip())
    return found


def read_battery(text: str) -> bool:
    """Whether a battery is in the Mac; no node is no battery."""
    return bool(re.search(r'"BatteryInstalled"\s*=\s*(Yes|1)\b', text))


def read_uid(text: str) -> str:
    found = _UUID.search(text.upper())
    if found is None:
        raise UnreadableAnswer("dscl", text.strip())
    return found.group()


def read_owners(text: str) -> frozenset[str]:
    """The UUIDs of the cryptographic users that own the volume."""
    blocks = re.split(r"\+-- ", clean(text))
    if "Cryptographic user" not in blocks[0]:
        raise UnreadableAnswer("diskutil apfs listUsers", text.strip())
    owning = (_UUID.match(block.upper()) for block in blocks if re.search(r"Volume Owner:\s+Yes", block))
    return frozenset(found.group() for found in owning if found)


def read_system_volumes(text: str) -> tuple[str, ...]:
    """The names of the volumes with a macOS, one a volume group."""
    lines = [line.strip(" |") for line in clean(text).splitlines()]
    named = [line.partition(":")[2].rpartition(" (Case")[0].strip() for line in lines if line.startswith("Name:")]
    roles = [line for line in lines if line.startswith("APFS Volume Disk (Role):")]
    if not roles or len(roles) != len(named):
        raise UnreadableAnswer(VOLUMES, text.strip())
    return tuple(name for role, name in zip(roles, named, strict=True) if role.endswith("(System)"))


def read_volume_group(text: str) -> str:
    """The UUID of the volume group that `diskutil info` speaks of."""
    found = re.search(r"APFS Volume Group:\s{1,40}([0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12})\b", clean(text))
    if found is None:
        raise UnreadableAnswer(VOLUME_GROUP, text.strip())
    return found.group(1)


def read_ports(text: str) -> Mapping[str, str]:
    """Device -> name of each hardware port: {"en0": "Ethernet"}."""
    found = re.findall(r"Hardware Port: (.{1,100})\nDevice: (\w{1,20})\n", clean(text))
    if not found:
        raise UnreadableAnswer(HARDWARE_PORTS, text.strip())
    return {device: name for name, device in found}


def checked_user(user: str) -> str:
    """`user`, a short name and nothing else: what may stand in a command line or in sudoers. UsageError else."""
    if not _USER.match(user):
        raise UsageError(f"{user!r} is not a user's short name")
    return user


def _line(*words: str) -> str:
    return shlex.join(words)
