"""Two tools that disagree: both are shown."""

from __future__ import annotations

import pytest


def test_two_tools_that_disagree_are_both_shown(fake_mac):
    fake_mac.says("csrutil", "System Integrity Protection status: disabled.\n")
    fake_mac.says("kmutil showloaded --collection", "Index Refs Address\n")
    found = fake_mac.observe().contradictions
    assert len(found) == 2
    assert "SIP is disabled" in found[0]
    assert "com.example.driver is loaded" in found[1]


@pytest.mark.parametrize(
    ("rows", "contradicts"),
    [
        ("KXTRL00001|com.example.driver|0|Kextrel|8\nend\n", True),
        ("KXTRL00001|com.example.driver|0|Kextrel|8\nKXTRL00002|com.example.driver|1|Kextrel|8\nend\n", False),
        ("KXTRL00001|com.example.other|0|Kextrel|8\nend\n", False),
        ("end\n", False),
    ],
    ids=["denied", "denied to another team", "another denied", "no row"],
)
def test_a_loaded_kext_that_is_not_allowed_is_a_contradiction(fake_mac, rows, contradicts):
    fake_mac.says("sqlite3 kext_policy;", rows)
    expected = ("kmutil showloaded says that com.example.driver is loaded, KextPolicy that it is not allowed",)
    assert fake_mac.observe().contradictions == (expected if contradicts else ())


OLD_KEXTS = (
    "Index Refs Address            Size       Wired      Name (Version) UUID <Linked Against>\n"
    "  1  0 0xff 0x10 0x10 com.apple.kpi.bsd (18.7.0) <1>\n 99  0 0xff 0x10 0x10 com.example.driver (1.0) <1>\n"
)


def test_the_tool_that_an_older_mac_has_is_the_one_that_is_named(fake_mac):
    fake_mac.lacks("kmutil")
    fake_mac.program("kextstat", f"cat <<'X'\n{OLD_KEXTS}X")
    fake_mac.says("sqlite3 kext_policy;", "KXTRL00001|com.example.driver|0|Kextrel|8\nend\n")
    (told,) = fake_mac.observe().contradictions
    assert told == "kextstat says that com.example.driver is loaded, KextPolicy that it is not allowed"


TITLES = "enabled\tactive\tteamID\tbundleID (version)\tname\t[state]\n"
DRIVERS = "2 extension(s)\n--- com.apple.system_extension.driver_extension\n" + TITLES
NEW = "*\t*\tKXTRL00001\tcom.example.dext (2.0/8)\tLab Driver\t[activated enabled]\n"
OLD = "\t\tKXTRL00001\tcom.example.dext (1.0/7)\tLab Driver\t[{}]\n"


@pytest.mark.parametrize(
    ("state", "contradicts"),
    [("terminating for upgrade via delegate", True), ("terminated waiting to uninstall on reboot", False)],
)
def test_an_enabled_driver_whose_older_one_still_runs_is_a_contradiction(fake_mac, state, contradicts):
    fake_mac.says("systemextensionsctl", DRIVERS + NEW + OLD.format(state))
    fake_mac.lacks("ioreg")  # else it would say whether the old one runs: see test_drivers
    found = fake_mac.observe().contradictions
    assert len(found) == contradicts
    assert not found or "com.example.dext 2.0/8 is enabled, and of 1.0/7 that it still runs" in found[0]
