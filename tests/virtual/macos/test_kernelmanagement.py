"""From a load request to a kext in the running kernel, and everything that stands between."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kextrel.virtual.hardware.localpolicy import Change
from kextrel.virtual.macos import auxkc
from kextrel.virtual.macos.kernelmanagement import APPROVAL_WINDOW
from kextrel.vocabulary import Signature

DRIVER = "com.example.kextrel.driver"
KEXTS_ALLOWED = {"smb0": 1, "smb2": 1}
SIP_OFF = {"smb0": 1, "smb1": 1, "smb2": 1, "sip0": 0x7F}

Make = Callable[..., Path]
Macs = Callable[..., Any]


def installed_and_approved(mac: Any, bundle: Path) -> str:
    path = mac.install(bundle)
    assert mac.kernel.load(path).code == 27
    mac.approve_all()
    return path


def test_under_full_security_recovery_comes_first(small_mac: Macs, make_kext: Make) -> None:
    mac = small_mac()
    answer = mac.kernel.load(mac.install(make_kext()))
    assert answer.code == 27
    assert (
        f"Extension with identifiers {DRIVER} not approved to load. Please approve using System Settings."
        in answer.text
    )
    assert mac.display.blocked == ["Kextrel Sample KXTRL00001"]
    (pending,) = mac.kernel.pending()
    assert not pending.allowed_by_policy
    with pytest.raises(PermissionError):
        mac.kernel.approve(pending, "admin")
    mac.boot()
    assert mac.loaded() == []


def test_remote_management_alone_offers_the_user_nothing(small_mac: Macs, make_kext: Make) -> None:
    mac = small_mac()
    mac.lower(smb0=1, smb3=1)
    assert mac.kernel.load(mac.install(make_kext())).code == 27
    (pending,) = mac.kernel.pending()
    assert not pending.allowed_by_policy
    with pytest.raises(PermissionError):
        mac.kernel.approve(pending, "admin")


def test_the_whole_walk_to_loaded(small_mac: Macs, make_kext: Make) -> None:
    mac = small_mac()
    mac.lower(**KEXTS_ALLOWED)
    path = installed_and_approved(mac, make_kext())
    assert mac.kernel.load(path).code == 28
    assert mac.loaded() == []
    policy = mac.sep.policy()
    assert all(len(value or "") == 96 for value in (policy.auxp, policy.auxi, policy.auxr))
    mac.boot()
    assert mac.loaded() == [DRIVER]
    assert mac.kernel.load(path).code == 0


def test_a_standard_user_cannot_approve(small_mac: Macs, make_kext: Make) -> None:
    mac = small_mac()
    mac.lower(**KEXTS_ALLOWED)
    mac.kernel.load(mac.install(make_kext()))
    with pytest.raises(PermissionError):
        mac.kernel.approve(mac.kernel.pending()[0], "student")
    assert not mac.kernel.policy.allowed("KXTRL00001", DRIVER)


def test_the_offer_ends_after_half_an_hour(small_mac: Macs, make_kext: Make) -> None:
    mac = small_mac()
    mac.lower(**KEXTS_ALLOWED)
    path = mac.install(make_kext())
    mac.kernel.load(path)
    mac.clock._now += APPROVAL_WINDOW + 1
    assert mac.kernel.pending() == []
    mac.kernel.load(path)
    assert len(mac.kernel.pending()) == 1


@pytest.mark.parametrize("kind", [Signature.NONE, Signature.AD_HOC, Signature.BROKEN, Signature.REVOKED])
def test_a_signature_that_is_not_trusted_is_refused(small_mac: Macs, make_kext: Make, kind: Signature) -> None:
    mac = small_mac()
    mac.lower(**KEXTS_ALLOWED)
    answer = mac.kernel.load(mac.install(make_kext(signature=kind)))
    assert answer.code == 29
    assert "Authenticating extension failed: Bad code signature" in answer.text
    assert f"/private/var/db/KernelExtensionManagement/Staging/{DRIVER}." in answer.text
    assert mac.kernel.pending() == []


@pytest.mark.parametrize("kind", [Signature.NONE, Signature.BROKEN])
def test_with_sip_off_the_signature_is_not_asked(small_mac: Macs, make_kext: Make, kind: Signature) -> None:
    mac = small_mac()
    mac.lower(**SIP_OFF)
    bundle = make_kext(signature=kind)
    installed_and_approved(mac, bundle)
    assert mac.kernel.policy.approvals()[0].developer_name == f"Unidentified - {bundle.stem}"
    mac.boot()
    assert mac.loaded() == [DRIVER]


def test_owners_are_asked_even_with_sip_off(small_mac: Macs, make_kext: Make) -> None:
    mac = small_mac()
    mac.lower(**SIP_OFF)
    answer = mac.kernel.load(mac.install(make_kext(), owner=(501, 20)))
    assert answer.code == 30
    assert "Invalid ownership (501:20) should be (0:0)" in answer.text


def test_a_kext_without_our_slice_is_refused(small_mac: Macs, make_kext: Make) -> None:
    answer = small_mac().kernel.load("/nowhere")
    assert answer.code == 71
    mac = small_mac()
    answer = mac.kernel.load(mac.install(make_kext(architectures=frozenset({"x86_64"}))))
    assert answer.code == 71
    assert "Incompatible architecture: Binary is for x86_64, but needed arm64e" in answer.text


def test_back_to_full_takes_the_kext_away_at_the_next_boot(small_mac: Macs, make_kext: Make) -> None:
    mac = small_mac()
    mac.lower(**KEXTS_ALLOWED)
    installed_and_approved(mac, make_kext())
    mac.boot()
    admin = mac.spec.administrator
    mac.sep.change(Change({}, afresh=True), user="admin", password=admin.password)
    assert mac.loaded() == [DRIVER]
    mac.boot()
    assert mac.loaded() == []


def test_a_collection_that_was_touched_does_not_boot(small_mac: Macs, make_kext: Make) -> None:
    mac = small_mac()
    mac.lower(**KEXTS_ALLOWED)
    path = installed_and_approved(mac, make_kext())
    preboot = mac.kernel.store.preboot
    data = preboot.read(preboot.collection)
    preboot.write(preboot.collection, data[:-1] + bytes([data[-1] ^ 1]))
    mac.boot()
    assert mac.loaded() == []
    assert mac.kernel.load(path).code == 28
    mac.boot()
    assert mac.loaded() == [DRIVER]


def test_an_older_collection_put_back_does_not_boot(small_mac: Macs, make_kext: Make) -> None:
    mac = small_mac()
    mac.lower(**KEXTS_ALLOWED)
    installed_and_approved(mac, make_kext())
    older = {
        path: mac.kernel.store.preboot.read(path)
        for path in (mac.kernel.store.preboot.collection, mac.kernel.store.preboot.receipt)
    }
    path = mac.install(make_kext(version="2.0"))
    assert mac.kernel.load(path).code == 28
    for name, data in older.items():
        mac.kernel.store.preboot.write(name, data)
    mac.boot()
    assert mac.loaded() == []


def test_unload_and_load_again_need_no_restart(small_mac: Macs, make_kext: Make) -> None:
    mac = small_mac()
    mac.lower(**KEXTS_ALLOWED)
    path = installed_and_approved(mac, make_kext())
    mac.boot()
    assert mac.kernel.unload(DRIVER).code == 0
    assert mac.loaded() == []
    assert mac.kernel.unload(DRIVER).code == 3
    assert mac.kernel.load(path).code == 0
    assert mac.loaded() == [DRIVER]


def test_a_damaged_copy_of_a_running_kext_is_not_that_kext(small_mac: Macs, make_kext: Make) -> None:
    """Its CodeDirectory, and so its cdhash, is the good one's; its pages are not."""
    mac = small_mac()
    mac.lower(**KEXTS_ALLOWED)
    path = installed_and_approved(mac, make_kext(architectures=frozenset({"arm64e"})))
    mac.boot()
    executable = f"{path}/Contents/MacOS/driver"
    good = mac.disk.read_bytes(executable)
    mac.disk.write_bytes(executable, good[:0x800] + bytes([good[0x800] ^ 1]) + good[0x801:])
    assert mac.kernel.load(path).code == 29


def test_a_database_with_a_trap_is_made_anew(small_mac: Macs) -> None:
    """Root with SIP off may put a view that never ends where syspolicyd looks."""
    trap = sqlite3.connect(":memory:")
    trap.execute(
        "CREATE VIEW kext_policy AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        "SELECT i AS team_id, i AS bundle_id, 1 AS allowed, i AS developer_name, 0 AS flags FROM n"
    )
    trap.execute("CREATE TABLE kext_load_history_v3 (path)")
    trap.execute("INSERT INTO kext_load_history_v3 VALUES ('x')")
    mac = small_mac()
    mac.disk.write_bytes("/private/var/db/SystemPolicyConfiguration/KextPolicy", trap.serialize())
    assert mac.kernel.policy.approvals() == []


def test_a_removed_bundle_goes_after_rebuild_and_restart(small_mac: Macs, make_kext: Make) -> None:
    mac = small_mac()
    mac.lower(**KEXTS_ALLOWED)
    path = installed_and_approved(mac, make_kext())
    mac.boot()
    mac.disk.remove_tree(path)
    asyncio.run(mac.kernel.orderly_shutdown())
    mac.boot()
    assert mac.loaded() == [DRIVER]
    assert mac.kernel.rebuild()
    assert not mac.kernel.rebuild()
    mac.boot()
    assert mac.loaded() == []


def test_the_panic_medic_forgets_everything(small_mac: Macs, make_kext: Make) -> None:
    mac = small_mac()
    mac.lower(**KEXTS_ALLOWED)
    path = installed_and_approved(mac, make_kext())
    mac.boot()
    mac.kernel.trigger_panic_medic()
    assert mac.loaded() == [DRIVER]
    mac.boot()
    assert mac.loaded() == []
    assert mac.kernel.policy.approvals() == []
    assert mac.sep.policy().auxp is None
    assert mac.kernel.load(path).code == 27


def test_one_spoiled_kext_blocks_the_rebuild_and_is_named(small_mac: Macs, make_kext: Make) -> None:
    mac = small_mac()
    mac.lower(**KEXTS_ALLOWED)
    first = installed_and_approved(mac, make_kext())
    mac.disk.write_bytes(f"{first}/Contents/more", b"x")
    second = mac.install(make_kext(bundle_id="com.example.kextrel.second"))
    mac.kernel.load(second)
    mac.approve_all()
    answer = mac.kernel.load(second)
    assert answer.code == 29
    assert DRIVER in answer.text
    mac.boot()
    assert mac.loaded() == [DRIVER]


def test_the_receipt_lists_what_the_collection_holds(small_mac: Macs, make_kext: Make) -> None:
    mac = small_mac()
    mac.lower(**KEXTS_ALLOWED)
    installed_and_approved(mac, make_kext())
    preboot, policy = mac.kernel.store.preboot, mac.sep.policy()
    members = auxkc.parse(preboot.read(preboot.collection), wrapped=True)
    assert [one.identifier for one in members] == [DRIVER]
    assert preboot.read(preboot.receipt) == auxkc.encode_receipt(members)
    assert auxkc.digest(preboot.read(preboot.receipt)) == policy.auxr


def test_an_approval_taken_back_in_the_database_counts_no_more(small_mac: Macs, make_kext: Make) -> None:
    mac = small_mac()
    mac.lower(**KEXTS_ALLOWED)
    path = installed_and_approved(mac, make_kext())
    mac.kernel.policy.forget()
    assert mac.kernel.load(path).code == 27


def test_approved_in_the_database_alone_is_not_approved(small_mac: Macs, make_kext: Make) -> None:
    """Whoever writes the database has not made the Secure Enclave measure the list."""
    mac = small_mac()
    mac.lower(**KEXTS_ALLOWED)
    mac.kernel.policy.allow("KXTRL00001", DRIVER, "x")
    assert mac.kernel.load(mac.install(make_kext())).code == 27


def test_a_broken_database_is_made_anew(small_mac: Macs) -> None:
    mac = small_mac()
    mac.disk.write_bytes("/private/var/db/SystemPolicyConfiguration/KextPolicy", b"SQLite format 3\0 and then nothing")
    assert mac.kernel.policy.approvals() == []
    mac.kernel.policy.allow("T", "b", "n")
    assert mac.kernel.policy.allowed("T", "b")


def test_full_security_chosen_while_kexts_run_stops_approvals_and_builds(small_mac: Macs, make_kext: Make) -> None:
    """Full may be chosen anywhere: the policy in force still lets kexts be, the stored one takes no more hashes."""
    mac = small_mac()
    mac.lower(**KEXTS_ALLOWED)
    installed_and_approved(mac, make_kext())
    other = mac.install(make_kext(bundle_id="com.example.kextrel.other"), "/Library/Extensions")
    assert mac.kernel.load(other).code == 27
    mac.sep.change(Change({}, afresh=True), user="admin", password=mac.spec.administrator.password)
    stored = mac.sep.stored
    mac.approve_all()
    assert mac.kernel.load(other).code == 27
    assert mac.sep.stored == stored
    second = mac.install(make_kext(version="2.0"))
    answer = mac.kernel.load(second)
    assert (answer.code, "com.apple.bootpolicy Code=11" in answer.text) == (71, True)
    assert mac.sep.stored == stored


def test_defect_kext_06_takes_requests_under_full(small_mac: Macs, make_kext: Make) -> None:
    mac = small_mac("KEXT-06")
    mac.kernel.load(mac.install(make_kext()))
    assert mac.kernel.pending()[0].allowed_by_policy
    mac.approve_all()
    assert mac.kernel.policy.allowed("KXTRL00001", DRIVER)
    mac.boot()
    assert mac.loaded() == []


def test_defect_kext_03_loads_without_a_restart(small_mac: Macs, make_kext: Make) -> None:
    mac = small_mac("KEXT-03")
    mac.lower(**KEXTS_ALLOWED)
    path = installed_and_approved(mac, make_kext())
    assert mac.kernel.load(path).code == 0
    assert mac.loaded() == [DRIVER]


def test_defect_sig_01_does_not_look_at_signatures(small_mac: Macs, make_kext: Make) -> None:
    mac = small_mac("SIG-01")
    mac.lower(**KEXTS_ALLOWED)
    assert mac.kernel.load(mac.install(make_kext(signature=Signature.NONE))).code == 27


def test_a_request_that_is_refused_takes_the_place_of_one_that_waits(small_mac: Macs, make_kext: Make) -> None:
    mac = small_mac()
    mac.lower(**KEXTS_ALLOWED)
    assert mac.kernel.load(mac.install(make_kext())).code == 27
    assert len(mac.kernel.pending()) == 1
    mac.disk.remove_tree(f"/Library/Extensions/{DRIVER}.kext")
    assert mac.kernel.load(mac.install(make_kext(symbols=frozenset({"kauth_listen_scope"})))).code == 31
    assert mac.kernel.pending() == []
