from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kextrel.virtual.mdm.management import Management
from kextrel.virtual.mdm.profile import Profile
from kextrel.virtual.mdm.store import FOLDER, Enrolled
from kextrel.virtual.unix.fs import FileSystem, Volume
from kextrel.virtual.unix.nodes import Directory

KEXTS = "com.apple.syspolicy.kernel-extension-policy"


def _profile(identifier: str, *teams: str) -> Profile:
    payload = {"PayloadType": KEXTS, "AllowedTeamIdentifiers": list(teams)}
    return Profile({"PayloadIdentifier": identifier, "PayloadContent": [payload]})


@pytest.fixture
def mac() -> Any:
    return SimpleNamespace(disk=FileSystem.on(Volume("Macintosh HD", Directory(0o755)), lambda: 0.0))


def test_payloads_of_a_type_come_from_every_profile_and_outlive_the_process(mac: Any) -> None:
    management = Management(mac)
    management.install(_profile("one", "KXTRL00001"))
    management.install(_profile("two", "KXTRL00002"))
    again = Management(mac)
    assert [one["AllowedTeamIdentifiers"] for one in again.payloads(KEXTS)] == [["KXTRL00001"], ["KXTRL00002"]]
    assert again.payloads("com.apple.system-extension-policy") == []


def test_a_profile_of_the_same_identifier_replaces_the_one_before(mac: Any) -> None:
    management = Management(mac)
    for team in ("KXTRL00001", "KXTRL00002"):
        management.install(_profile("one", team))
    assert [one["AllowedTeamIdentifiers"] for one in management.payloads(KEXTS)] == [["KXTRL00002"]]


def test_who_asked_hears_of_what_comes_and_goes_and_of_nothing_else(mac: Any) -> None:
    management, heard = Management(mac), []
    management.on_change(lambda: heard.append(len(management.payloads(KEXTS))))
    management.install(_profile("one", "KXTRL00001"))
    assert management.remove("one")
    assert not management.remove("one")
    assert heard == [1, 0]


def test_an_enrollment_is_kept_and_forgotten(mac: Any) -> None:
    management = Management(mac)
    assert (management.enrollment, management.server_url) == ("none", "")
    management.store.enroll(Enrolled("device", "http://127.0.0.1:1/mdm", "com.apple.mgmt.x", "magic", b"token"))
    assert (Management(mac).enrollment, Management(mac).server_url) == ("device", "http://127.0.0.1:1/mdm")
    management.store.enroll(None)
    assert Management(mac).enrollment == "none"


@pytest.mark.parametrize("damage", [b"", b"bplist00", b"<plist><array/></plist>", b"\0" * 64])
def test_a_damaged_store_is_an_empty_one(mac: Any, damage: bytes) -> None:
    management = Management(mac)
    management.install(_profile("one", "KXTRL00001"))
    for name in mac.disk.listdir(FOLDER):
        mac.disk.write_bytes(f"{FOLDER}/{name}", damage)
    assert management.payloads(KEXTS) == []
    assert management.enrollment == "none"
