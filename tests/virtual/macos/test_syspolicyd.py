"""Consent on macOS 10.13 to 10.15: who is asked, what is remembered, who is spared (Apple TN2459)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kextrel.virtual.macos import kextconsent
from kextrel.virtual.macos.kextpolicy import KextPolicy
from kextrel.virtual.macos.managedkexts import PAYLOAD
from kextrel.virtual.macos.syspolicyd import place_of
from kextrel.vocabulary import Signature

Macs = Callable[..., Any]
Make = Callable[..., Path]
TEAM, DRIVER = "KXTRL00001", "com.example.kextrel.driver"
POLICY = 27
DATABASE = "/private/var/db/SystemPolicyConfiguration/KextPolicy"


def asking(small_mac: Macs, macos: str = "10.14.6") -> Any:
    return small_mac(architecture="intel", macos=macos)


def code(mac: Any, path: str) -> int:
    refusal = mac.kernel.load(path)
    return 0 if refusal is None else refusal.code


def test_a_kext_waits_for_its_user_and_then_loads_without_a_restart(small_mac: Macs, make_kext: Make) -> None:
    mac = asking(small_mac)
    path = mac.install(make_kext())
    assert code(mac, path) == POLICY
    mac.kernel.approve(mac.kernel.pending()[0], "admin")
    assert (mac.kernel.pending(), mac.loaded()) == ([], [DRIVER])
    mac.boot()
    assert (code(mac, path), mac.loaded()) == (0, [DRIVER])


def test_an_approval_loads_what_was_blocked_with_it_and_nothing_else(small_mac: Macs, make_kext: Make) -> None:
    mac = asking(small_mac)
    near = make_kext(name="near", bundle_id="com.example.kextrel.near")
    other = make_kext(name="other", bundle_id="com.example.kextrel.other", team_id="KXTRL00002")
    for made in (make_kext(), near, other):
        code(mac, mac.install(made))
    mac.install(make_kext(name="unasked", bundle_id="com.example.kextrel.unasked"))
    mac.kernel.approve(mac.kernel.pending()[0], "admin")
    assert mac.loaded() == [DRIVER, "com.example.kextrel.near"]


def test_the_alert_comes_once_and_the_offer_again(small_mac: Macs, make_kext: Make) -> None:
    mac = asking(small_mac)
    path = mac.install(make_kext())
    code(mac, path)
    mac.boot()
    assert mac.kernel.pending() == []
    code(mac, path)
    assert len(mac.display.blocked) == 1
    assert [one.bundle_id for one in mac.kernel.pending()] == [DRIVER]


def test_a_standard_user_consents_to_nothing(small_mac: Macs, make_kext: Make) -> None:
    mac = asking(small_mac)
    code(mac, mac.install(make_kext()))
    with pytest.raises(PermissionError):
        mac.kernel.approve(mac.kernel.pending()[0], "student")


def test_consent_is_to_an_identifier_whatever_the_version(small_mac: Macs, make_kext: Make) -> None:
    mac = asking(small_mac)
    path = mac.install(make_kext())
    code(mac, path)
    mac.kernel.approve(mac.kernel.pending()[0], "admin")
    mac.disk.remove_tree(path)
    newer = mac.install(make_kext(version="2.0"))
    assert code(mac, newer) == 71  # the approval loaded the old one, and a kernel has room for one
    mac.kernel.unload(DRIVER)
    assert code(mac, newer) == 0


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/Library/Extensions/a.kext", "/Library/Extensions"),
        ("/Library/Application Support/Maker/deep/a.kext", "/Library/Application Support/Maker"),
        ("/Library/Application Support/a.kext", ""),
        ("/Applications/Maker.app/Contents/Resources/a.kext", "/Applications/Maker.app"),
        ("/opt/a.kext", ""),
    ],
)
def test_what_lies_together_is_approved_together(path: str, place: str) -> None:
    assert place_of(path) == place


def test_a_neighbour_of_the_same_team_is_spared_and_a_strangers_is_not(small_mac: Macs, make_kext: Make) -> None:
    mac = asking(small_mac)
    code(mac, mac.install(make_kext()))
    mac.kernel.approve(mac.kernel.pending()[0], "admin")
    near = mac.install(make_kext(name="near", bundle_id="com.example.kextrel.near"))
    far = mac.install(
        make_kext(name="far", bundle_id="com.example.kextrel.far"), "/Library/Application Support/Kextrel"
    )
    strange = mac.install(make_kext(name="other", bundle_id="com.example.kextrel.other", team_id="KXTRL00002"))
    assert [code(mac, path) for path in (near, far, strange)] == [0, POLICY, POLICY]


def test_teams_and_the_switch_count_from_the_next_boot(small_mac: Macs, make_kext: Make) -> None:
    mac = asking(small_mac)
    path = mac.install(make_kext())
    kextconsent.set_teams(mac.nvram, [TEAM])
    assert code(mac, path) == POLICY
    mac.boot()
    assert code(mac, path) == 0


def test_with_the_switch_off_a_signature_is_still_wanted(small_mac: Macs, make_kext: Make) -> None:
    mac = asking(small_mac)
    mac.sip = kextconsent.UNAPPROVED_KEXTS
    mac.boot()
    assert code(mac, mac.install(make_kext())) == 0
    assert code(mac, mac.install(make_kext(name="bad", bundle_id="com.example.bad", signature=Signature.NONE))) == 71


def test_what_was_there_before_this_daemon_is_approved(small_mac: Macs, make_kext: Make) -> None:
    mac = asking(small_mac)
    mac.disk.unlink(DATABASE)
    old = mac.install(make_kext())
    mac.boot()
    new = mac.install(make_kext(name="new", bundle_id="com.example.kextrel.new", team_id="KXTRL00002"))
    assert [code(mac, path) for path in (old, new)] == [0, POLICY]


@pytest.mark.parametrize(
    ("macos", "enrolled", "expected"),
    [("10.13.1", True, 0), ("10.13.1", False, POLICY), ("10.13.6", True, POLICY), ("10.12.6", False, 0)],
)
def test_the_first_releases_asked_nobody_on_a_mac_with_an_mdm(
    small_mac: Macs, make_kext: Make, monkeypatch: pytest.MonkeyPatch, macos: str, enrolled: bool, expected: int
) -> None:
    mac = asking(small_mac, macos)
    monkeypatch.setattr(type(mac.management), "enrollment", property(lambda _: "device" if enrolled else "none"))
    assert code(mac, mac.install(make_kext())) == expected


def test_a_profile_answers_for_all(small_mac: Macs, make_kext: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    mac = asking(small_mac, "10.15.7")
    payload = {"PayloadType": PAYLOAD, "PayloadUUID": "U", "AllowedTeamIdentifiers": [TEAM]}
    monkeypatch.setattr(mac.management, "payloads", lambda kind: [payload] if kind == PAYLOAD else [])
    assert code(mac, mac.install(make_kext())) == 0
    other = mac.install(make_kext(name="other", bundle_id="com.example.kextrel.other", team_id="KXTRL00002"))
    assert code(mac, other) == POLICY
    assert [one.forbidden for one in mac.kernel.pending()] == [True]
    with pytest.raises(PermissionError):
        mac.kernel.approve(mac.kernel.pending()[0], "admin")


def test_the_history_has_no_hashes_yet(small_mac: Macs, make_kext: Make) -> None:
    mac = asking(small_mac)
    path = mac.install(make_kext())
    code(mac, path)
    database = KextPolicy(mac.disk, hashes=False)
    assert database.asked() == [(path, TEAM, DRIVER)]
    assert b"cdhash" not in mac.disk.read_bytes(DATABASE)


def test_a_broken_daemon_asks_nobody_or_offers_for_ever(small_mac: Macs, make_kext: Make) -> None:
    silent = small_mac("UAK-01", architecture="intel", macos="10.14.6")
    assert code(silent, silent.install(make_kext())) == 0
    counts = {}
    for defects in ((), ("UAK-08",)):
        mac = small_mac(*defects, architecture="intel", macos="10.14.6")
        code(mac, mac.install(make_kext()))
        start = mac.clock.now()
        mac.clock.now = lambda: start + 31 * 60  # noqa: B023 - read before the next turn
        counts[defects] = len(mac.kernel.pending())
    assert counts == {(): 0, ("UAK-08",): 1}
