"""How a Mac was set up, read from the answers of its tools."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kextrel.errors import UnreadableAnswer, UsageError
from kextrel.macos import readiness

OURS = "5E4B1A2C-0B1D-4E2F-8A3B-4C5D6E7F8091"
RIGHTS = """\
Matching Defaults entries for admin on mini:
    env_reset, lecture_file=/etc/sudo_lecture

User admin may run the following commands on mini:
    (ALL) ALL
    (ALL) NOPASSWD: {}
"""
POWER = """\
System-wide power settings:
Currently in use:
 standby              0
 displaysleep         10 (display sleep prevented by screensharingd)
 sleep                1 (sleep prevented by coreaudiod, sharingd)
 autorestart          1
"""
OWNERS = """\
Cryptographic users for disk3s1s1 (3 found)
|
+-- 5E4B1A2C-0B1D-4E2F-8A3B-4C5D6E7F8091
|   Type: Local Open Directory User
|   Volume Owner: Yes
|
+-- 11111111-2222-4333-8444-555555555555
|   Type: Local Open Directory User
|   Volume Owner: No
|
+-- EBC6C064-0000-11AA-AA11-00306543ECAC
    Type: Personal Recovery User
    Volume Owner: Yes
"""
VOLUMES = """\
APFS Containers (2 found)
|
+-- Container disk3 AAAA
    +-> Volume disk3s1 BBBB
    |   ---------------------------------------------------
    |   APFS Volume Disk (Role):   disk3s1 (System)
    |   Name:                      Macintosh HD (Case-insensitive)
    |   Mount Point:               /
    |
    +-> Volume disk3s5 CCCC
    |   APFS Volume Disk (Role):   disk3s5 (Data)
    |   Name:                      Macintosh HD - Data (Case-insensitive)
    |
    +-> Volume disk3s7 DDDD
        APFS Volume Disk (Role):   disk3s7 (System)
        Name:                      Beta (old) (Case-insensitive)
"""
PORTS = """\

Hardware Port: Ethernet
Device: en0
Ethernet Address: 02:00:00:00:00:01

Hardware Port: Wi-Fi
Device: en1
Ethernet Address: 02:00:00:00:00:02

VLAN Configurations
===================
"""


@pytest.mark.parametrize(
    ("read", "text", "found"),
    [
        (readiness.read_rights, RIGHTS.format("ALL"), ("ALL",)),
        (readiness.read_rights, RIGHTS.format("/bin/a, /bin/b"), ("/bin/a", "/bin/b")),
        (readiness.read_rights, RIGHTS.format("SETENV: ALL"), ("ALL",)),
        (readiness.read_rights, RIGHTS.partition("    (ALL) NOPASSWD")[0], ()),
        (readiness.read_secure_token, "2026 sysadminctl[5:6] Secure token is ENABLED for user Lab Admin\n", True),
        (readiness.read_secure_token, "2026 sysadminctl[5:6] Secure token is DISABLED for user Lab Admin\n", False),
        (readiness.read_screen_lock, "sysadminctl[1:2] screenLock is off\n", "off"),
        (readiness.read_screen_lock, "sysadminctl[1:2] screenLock delay is immediate\n", "immediate"),
        (readiness.read_screen_lock, "sysadminctl[1:2] screenLock delay is 300 seconds\n", "300 seconds"),
        (readiness.read_power, POWER, {"standby": 0, "displaysleep": 10, "sleep": 1, "autorestart": 1}),
        (readiness.read_battery, '  "BatteryInstalled" = Yes\n', True),
        (readiness.read_battery, '  "BatteryInstalled" = No\n', False),
        (readiness.read_battery, "", False),
        (readiness.read_uid, f"GeneratedUID: {OURS.lower()}\n", OURS),
        (
            readiness.read_owners,
            OWNERS,
            {OURS, "EBC6C064-0000-11AA-AA11-00306543ECAC"},
        ),
        (readiness.read_system_volumes, VOLUMES, ("Macintosh HD", "Beta (old)")),
        (readiness.read_ports, PORTS, {"en0": "Ethernet", "en1": "Wi-Fi"}),
    ],
)  # fmt: skip
def test_what_is_read(read: Callable[[str], Any], text: str, found: object) -> None:
    assert read(text) == found


@pytest.mark.parametrize(
    "read",
    [
        readiness.read_rights,
        readiness.read_secure_token,
        readiness.read_screen_lock,
        readiness.read_power,
        readiness.read_uid,
        readiness.read_owners,
        readiness.read_system_volumes,
        readiness.read_ports,
    ],
)
@pytest.mark.parametrize("text", ["", "zsh: command not found: it\n", "\x1b[31mUnknown\n" * 3])
def test_another_answer_is_not_taken_for_one(read: Callable[[str], Any], text: str) -> None:
    with pytest.raises(UnreadableAnswer):
        read(text)


@pytest.mark.parametrize("user", ["", "a b", "$(id)", "-x", "admin\nroot"])
def test_only_a_user_is_asked_about(user: str) -> None:
    for line in (readiness.secure_token, readiness.is_administrator, readiness.generated_uid):
        with pytest.raises(UsageError, match="not a user's short name"):
            line(user)


def test_paths_and_addresses_are_quoted() -> None:
    assert readiness.verify_kext("/tmp/a b; id.kext").endswith(" '/tmp/a b; id.kext'")
    assert readiness.fetch("http://h/$(id)", interface="en0").endswith(" --interface en0 'http://h/$(id)'")


def test_the_volume_group_is_read_and_nothing_else_for_it() -> None:
    group = "A3A3F2E0-1B5C-4C5D-9F6B-0123456789AB"
    text = f"   Volume UUID:               B{group[1:]}\n   APFS Volume Group:         {group}\n"
    assert readiness.read_volume_group(text) == group
    with pytest.raises(UnreadableAnswer):
        readiness.read_volume_group("   APFS Volume Group:         none\n")


def test_who_may_unlock_filevault() -> None:
    listed = f"admin,{OURS}\r\nodd, name,11111111-2222-4333-8444-555555555555\n"
    assert readiness.read_filevault_users(listed) == ("admin", "odd, name")
    assert readiness.read_filevault_users("") == ()
    for wrong in ("Error: not for you", "admin", f",{OURS}", "admin,5E4B"):
        with pytest.raises(UnreadableAnswer, match="fdesetup list"):
            readiness.read_filevault_users(wrong)
