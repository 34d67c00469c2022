from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from kextrel.virtual.macos.managedkexts import PAYLOAD, ManagedKexts, rows
from kextrel.virtual.mdm.profile import Profile

TEAM, NAME = "KXTRL00001", "com.example.kextrel.driver"


def _of(*payloads: dict[str, Any], defect: str = "") -> ManagedKexts:
    management = SimpleNamespace(payloads=lambda kind: list(payloads))
    return ManagedKexts(SimpleNamespace(management=management, defect=lambda rule: rule == defect))  # type: ignore[arg-type]


def test_a_team_allows_all_its_kexts_and_a_bundle_only_itself():
    by_team, by_bundle = _of({"AllowedTeamIdentifiers": [TEAM]}), _of({"AllowedKernelExtensions": {TEAM: [NAME]}})
    assert by_team.allows(TEAM, NAME)
    assert by_team.allows(TEAM, "com.example.other")
    assert by_bundle.allows(TEAM, NAME)
    assert not by_bundle.allows(TEAM, "com.example.other")
    assert not by_bundle.allows("KXTRL00002", NAME)


def test_the_empty_team_is_that_of_unsigned_kexts():
    assert _of({"AllowedKernelExtensions": {"": [NAME]}}).allows("", NAME)


@pytest.mark.parametrize(
    ("payloads", "forbidden"),
    [
        ([], False),
        ([{}], True),
        ([{"AllowUserOverrides": True}], False),
        ([{"AllowUserOverrides": True}, {"AllowUserOverrides": False}], True),
        ([{"AllowedTeamIdentifiers": [TEAM]}], False),
    ],
)
def test_users_may_override_only_where_every_payload_says_so(payloads, forbidden):
    assert _of(*payloads).forbids(TEAM, NAME) is forbidden


def test_one_payload_that_lets_anybody_approve_is_enough():
    assert not _of({}).by_anybody
    assert _of({}, {"AllowNonAdminUserApprovals": True}).by_anybody


def test_the_defect_spares_nobody_the_question_and_breaks_nothing_else():
    broken = _of({"AllowedTeamIdentifiers": [TEAM]}, defect="MDM-02")
    assert not broken.allows(TEAM, NAME)
    assert not broken.forbids(TEAM, NAME)
    assert broken.forbids("KXTRL00002", NAME)


@pytest.mark.parametrize("value", [None, 3, "KXTRL00001", [1, 2], {"KXTRL00001": "x"}])
def test_a_key_of_another_form_allows_nothing(value):
    assert list(rows([{"AllowedTeamIdentifiers": value, "AllowedKernelExtensions": value}])) == []


@pytest.fixture
def managed(small_mac, make_kext):
    """A Mac with a kext on it: `managed("MDM-02", AllowedTeamIdentifiers=[…])` has that profile and that defect."""

    def build(*defects: str, **payload: Any) -> SimpleNamespace:
        mac = small_mac(*defects)
        mac.lower(smb0=1, smb3=1)
        if payload:
            content = {"PayloadType": PAYLOAD, "PayloadUUID": "P", **payload}
            mac.management.install(Profile({"PayloadIdentifier": "p", "PayloadContent": [content]}))
        return SimpleNamespace(mac=mac, path=mac.install(make_kext()))

    return build


def test_an_allowed_kext_is_staged_without_a_word_and_runs_after_the_next_boot(managed):
    scene = managed(AllowedTeamIdentifiers=[TEAM])
    assert scene.mac.kernel.load(scene.path).code == 28
    assert scene.mac.display.blocked == []
    assert scene.mac.kernel.pending() == []
    scene.mac.boot()
    assert scene.mac.loaded() == [NAME]


def test_with_the_defect_somebody_is_asked_all_the_same(managed):
    scene = managed("MDM-02", AllowedTeamIdentifiers=[TEAM])
    assert scene.mac.kernel.load(scene.path).code == 27
    assert len(scene.mac.display.blocked) == 1


def test_under_full_security_a_profile_alone_loads_nothing(managed):
    scene = managed(AllowedTeamIdentifiers=[TEAM])
    scene.mac.lower(afresh=True)
    assert scene.mac.kernel.load(scene.path).code == 27
    scene.mac.boot()
    assert scene.mac.loaded() == []


def test_where_users_may_not_override_nobody_can_approve_and_nothing_asks(managed):
    scene = managed(AllowedTeamIdentifiers=["KXTRL00002"])
    assert scene.mac.kernel.load(scene.path).code == 27
    assert scene.mac.display.blocked == []
    (pending,) = scene.mac.kernel.pending()
    assert pending.forbidden
    with pytest.raises(PermissionError, match="profile"):
        scene.mac.kernel.approve(pending, "admin")
    assert scene.mac.kernel.approved() == frozenset()


@pytest.mark.parametrize("anybody", [True, False])
def test_a_standard_user_may_approve_where_a_profile_says_so(managed, anybody):
    scene = managed(AllowUserOverrides=True, AllowNonAdminUserApprovals=anybody)
    scene.mac.lower(smb2=1)
    scene.mac.kernel.load(scene.path)
    (pending,) = scene.mac.kernel.pending()
    if anybody:
        scene.mac.kernel.approve(pending, "student")
        assert scene.mac.kernel.approved() == {(TEAM, NAME)}
    else:
        with pytest.raises(PermissionError):
            scene.mac.kernel.approve(pending, "student")


def test_what_profiles_allow_stands_in_the_database_and_goes_with_them(managed):
    scene = managed(AllowedTeamIdentifiers=[TEAM], AllowedKernelExtensions={"KXTRL00002": ["com.example.b"]})
    assert scene.mac.kernel.load(scene.path).code == 28

    def table() -> list[tuple[object, ...]]:
        with scene.mac.kernel.policy._open() as database:
            return database.execute("SELECT * FROM kext_policy_mdm ORDER BY team_id").fetchall()

    assert table() == [(TEAM, "", 1, "P"), ("KXTRL00002", "com.example.b", 1, "P")]
    scene.mac.management.remove("p")
    assert table() == []
    assert scene.mac.kernel.approved() == frozenset()


def _with_profile(mac: Any) -> Any:
    content = {"PayloadType": PAYLOAD, "PayloadUUID": "P", "AllowedTeamIdentifiers": [TEAM]}
    mac.management.install(Profile({"PayloadIdentifier": "p", "PayloadContent": [content]}))
    return mac


def test_where_users_alone_manage_kexts_a_profile_is_not_enough(small_mac, make_kext):
    mac = _with_profile(small_mac())
    mac.lower(smb0=1, smb2=1)
    assert mac.kernel.load(mac.install(make_kext())).code == 27
    assert len(mac.display.blocked) == 1


def test_the_server_that_owns_the_mac_is_waited_for_under_full_security(small_mac, make_kext):
    mac = _with_profile(small_mac(enrollment="automated-device"))
    path = mac.install(make_kext())
    assert mac.kernel.load(path).code == 27
    token = mac.sep.escrow()
    assert mac.kernel.load(path).code == 28
    mac.kernel.order_rebuild((), token)
    asyncio.run(mac.kernel.orderly_shutdown())
    mac.boot()
    assert mac.loaded() == [NAME]
    assert (mac.sep.policy().smb0, mac.sep.policy().smb4) == (1, 1)


@pytest.mark.parametrize("spec", [{}, {"architecture": "intel", "macos": "12.7"}])
def test_without_its_profile_a_kext_is_gone_after_the_next_boot(small_mac, make_kext, spec):
    mac = _with_profile(small_mac(**spec))
    if not spec:
        mac.lower(smb0=1, smb3=1)
    assert mac.kernel.load(mac.install(make_kext())).code == 28
    mac.boot()
    assert mac.loaded() == [NAME]
    mac.management.remove("p")
    asyncio.run(mac.kernel.orderly_shutdown())
    mac.boot()
    assert mac.loaded() == []
