"""Profiles for kexts: MDM-11, MDM-12, MDM-13; the tables are read off the rules' words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kextrel.vocabulary import Architecture, Enrollment, KernelPolicy, Profile, Signature, SystemPolicy, Version
from kextrel.vocabulary.actions import Approve, Install, Load, Restart

WALK = Callable[..., Any]
DRIVER, TEAM = "com.example.kextrel.driver", "KXTRL00001"
HERE = frozenset({DRIVER})
ON_INTEL = {
    "architecture": Architecture.INTEL,
    "macos": Version.parse("12.7"),
    "security_mode": None,
    "enrollment": Enrollment.DEVICE,
}
INSTALL, LOAD, APPROVE = Install("driver"), Load("driver"), Approve("driver")


def kexts(*teams: str, overrides: bool | None = None, id: str = "kexts", **bundles: Any) -> Profile:
    return Profile(id, KernelPolicy(frozenset(teams), bundles.get("bundles", {}), overrides))


@pytest.mark.parametrize(
    ("profile", "extension", "allowed"),
    [
        (kexts(TEAM), {}, True),
        (kexts("OTHER"), {}, False),
        (kexts(bundles={TEAM: HERE}), {}, True),
        (kexts(bundles={TEAM: frozenset({"com.example.other"})}), {}, False),
        (kexts(bundles={"OTHER": HERE}), {}, False),
        (kexts(bundles={"": HERE}), {}, False),
        (kexts(bundles={"": HERE}), {"signature": Signature.NONE}, True),
        (kexts(bundles={TEAM: HERE}), {"signature": Signature.NONE}, False),
        (kexts(TEAM), {"signature": Signature.NONE}, False),
    ],
)
def test_mdm_11_which_kexts_a_profile_allows(
    walk: WALK, profile: Profile, extension: dict[str, Any], allowed: bool
) -> None:
    mac = walk(mac={**ON_INTEL, "sip": False}, profiles=[profile], **extension).do(INSTALL, LOAD)
    assert mac.answers() == ["restart-required" if allowed else "approval-forbidden"]
    assert "MDM-11" in mac.last.rules


def test_mdm_11_a_bad_signature_comes_first(walk: WALK) -> None:
    mac = walk(mac=ON_INTEL, profiles=[kexts(bundles={"": HERE})], signature=Signature.NONE)
    assert mac.do(INSTALL, LOAD).answers() == ["signature"]


@pytest.mark.parametrize(("overrides", "forbidden"), [(None, True), (False, True), (True, False)])
def test_mdm_12_what_no_profile_allows_cannot_be_approved(walk: WALK, overrides: bool | None, forbidden: bool) -> None:
    mac = walk(mac=ON_INTEL, profiles=[kexts("OTHER", overrides=overrides)]).do(INSTALL, LOAD)
    assert mac.answers() == ["approval-forbidden" if forbidden else "approval-required"]
    mac.do(APPROVE)
    assert mac.answers() == ["approval-forbidden" if forbidden else "approved"]
    assert mac.do(Restart()).situation.state.aux_kc == (frozenset() if forbidden else HERE)


def test_mdm_12_a_policy_for_system_extensions_forbids_no_kext(walk: WALK) -> None:
    profile = Profile("agents", None, SystemPolicy(allow_user_overrides=False))
    assert walk(mac=ON_INTEL, profiles=[profile]).do(INSTALL, LOAD).answers() == ["approval-required"]


@pytest.mark.parametrize(
    ("first", "second", "answer"),
    [
        (kexts(TEAM, id="a", overrides=True), kexts("OTHER", id="b"), "restart-required"),
        (kexts("OTHER", id="a"), kexts(TEAM, id="b"), "restart-required"),
        (kexts("OTHER", id="a", overrides=True), kexts(id="b", overrides=True), "approval-required"),
        (kexts("OTHER", id="a", overrides=True), kexts(id="b"), "approval-forbidden"),
        (kexts("OTHER", id="a", overrides=False), kexts(id="b", overrides=True), "approval-forbidden"),
    ],
)
def test_mdm_13_lists_are_united_and_one_no_is_enough(walk: WALK, first: Profile, second: Profile, answer: str) -> None:
    mac = walk(mac=ON_INTEL, profiles=[first, second]).do(INSTALL, LOAD)
    assert mac.answers() == [answer]
    assert ("MDM-13" in mac.last.rules) is (answer != "approval-required")
