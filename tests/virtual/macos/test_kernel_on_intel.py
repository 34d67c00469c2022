"""Kernel management where there is no LocalPolicy: approval and a restart, the collection on the data volume."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kextrel.virtual.macos import auxkc
from kextrel.virtual.macos.stores import DataVolume
from kextrel.vocabulary import Signature

DRIVER = "com.example.kextrel.driver"
COLLECTION = "/Library/KernelCollections/AuxiliaryKernelExtensions.kc"

Make = Callable[..., Path]
Macs = Callable[..., Any]


@pytest.fixture(params=[("intel", "12.7"), ("intel-t2", "13.6")], ids="-".join)
def intel(request: pytest.FixtureRequest, small_mac: Macs) -> Callable[..., Any]:
    architecture, macos = request.param
    return lambda *defects: small_mac(*defects, architecture=architecture, macos=macos)


def test_approval_and_a_restart_are_enough(intel: Macs, make_kext: Make) -> None:
    mac = intel()
    path = mac.install(make_kext())
    assert mac.kernel.load(path).code == 27
    (pending,) = mac.kernel.pending()
    assert pending.allowed_by_policy
    mac.kernel.approve(pending, "admin")
    assert mac.kernel.load(path).code == 28
    assert mac.loaded() == []
    mac.boot()
    assert mac.loaded() == [DRIVER]
    assert mac.kernel.load(path).code == 0


def test_the_collection_is_a_fileset_for_this_processor_on_the_data_volume(intel: Macs, make_kext: Make) -> None:
    mac = intel()
    path = mac.install(make_kext())
    mac.kernel.load(path)
    mac.approve_all()
    data = mac.disk.read_bytes(COLLECTION)
    assert data[:4] == b"\xcf\xfa\xed\xfe"
    assert int.from_bytes(data[4:8], "little") == 0x01000007
    (member,) = auxkc.parse(data)
    assert (member.identifier, member.path) == (DRIVER, path)


def test_a_collection_that_cannot_be_read_loads_nothing(intel: Macs, make_kext: Make) -> None:
    mac = intel()
    mac.kernel.load(mac.install(make_kext()))
    mac.approve_all()
    mac.disk.write_bytes(COLLECTION, b"no fileset")
    mac.boot()
    assert mac.loaded() == []


def test_an_approval_taken_out_of_the_database_does_not_count(intel: Macs, make_kext: Make) -> None:
    mac = intel()
    path = mac.install(make_kext())
    mac.kernel.load(path)
    mac.approve_all()
    assert mac.kernel.approved() == {("KXTRL00001", DRIVER)}
    mac.kernel.policy.forget()
    assert mac.kernel.approved() == set()
    assert mac.kernel.load(path).code == 27


def test_what_left_the_disk_leaves_the_collection_when_a_rebuild_is_ordered_and_not_before(
    intel: Macs, make_kext: Make
) -> None:
    mac = intel()
    path = mac.install(make_kext())
    mac.kernel.load(path)
    mac.approve_all()
    mac.boot()
    mac.disk.remove_tree(path)
    asyncio.run(mac.kernel.orderly_shutdown())
    mac.boot()
    assert mac.loaded() == [DRIVER]
    mac.kernel.order_rebuild((), None)
    asyncio.run(mac.kernel.orderly_shutdown())
    mac.boot()
    assert mac.loaded() == []


def test_a_kext_for_another_processor_is_refused(intel: Macs, make_kext: Make) -> None:
    mac = intel()
    answer = mac.kernel.load(mac.install(make_kext(architectures=frozenset({"arm64e"}))))
    assert answer.code == 71
    assert "Binary is for arm64e, but needed x86_64" in answer.text


def test_a_broken_signature_is_refused_while_sip_is_on_and_no_more_when_it_is_off(intel: Macs, make_kext: Make) -> None:
    mac = intel()
    path = mac.install(make_kext(signature=Signature.BROKEN))
    assert mac.kernel.load(path).code == 29
    mac.sip = 0x87F
    assert mac.kernel.load(path).code == 29, "not in force before the next boot"
    mac.boot()
    assert mac.kernel.load(path).code == 27
    mac.approve_all()
    mac.boot()
    assert mac.loaded() == [DRIVER]


def test_in_safe_mode_nothing_of_others_is_loaded_nor_built(intel: Macs, make_kext: Make) -> None:
    mac = intel()
    path = mac.install(make_kext())
    mac.kernel.load(path)
    mac.approve_all()
    mac.boot(safe=True)
    assert mac.loaded() == []
    answer = mac.kernel.load(path)
    assert answer.code == 71
    assert "safe boot" in answer.text
    mac.boot()
    assert mac.loaded() == [DRIVER]


def test_panic_medic_takes_the_collection_and_every_approval(intel: Macs, make_kext: Make) -> None:
    mac = intel()
    mac.kernel.load(mac.install(make_kext()))
    mac.approve_all()
    mac.kernel.boot(None)
    mac.kernel.trigger_panic_medic()
    mac.boot()
    assert mac.loaded() == []
    assert not mac.disk.exists(COLLECTION)
    assert mac.kernel.policy.approvals() == []
    assert not mac.kernel.store.medic_called()


def test_taking_the_last_kext_away_takes_the_file_away(intel: Macs, make_kext: Make) -> None:
    mac = intel()
    path = mac.install(make_kext())
    mac.kernel.load(path)
    mac.approve_all()
    assert not mac.kernel.rebuild()
    mac.disk.remove_tree(path)
    assert mac.kernel.rebuild()
    assert not mac.disk.exists(COLLECTION)


def test_the_kernel_has_a_system_collection(intel: Macs) -> None:
    running = intel().kernel.running
    names = {row.name for row in running.apple("sys")}
    assert "com.apple.iokit.IOGraphicsFamily" in names
    assert names.isdisjoint(row.name for row in running.apple("boot"))
    assert {row.version for row in running.rows() if not row.size} <= {"21.6.0", "22.6.0"}


def test_a_store_without_a_file_has_nothing(intel: Macs) -> None:
    store = intel().kernel.store
    assert isinstance(store, DataVolume)
    assert store.built() == ()


# Defects: each breaks one mechanism, on both architectures


@pytest.fixture(params=["apple-silicon", "intel"])
def open_mac(request: pytest.FixtureRequest, small_mac: Macs) -> Callable[..., Any]:
    """Macs that let kexts be."""

    def make(*defects: str) -> Any:
        if request.param == "intel":
            return small_mac(*defects, architecture="intel", macos="12.7")
        mac = small_mac(*defects)
        mac.lower(smb0=1, smb2=1)
        return mac

    return make


def test_kext_01_links_what_was_never_in_a_collection(open_mac: Macs, make_kext: Make) -> None:
    bundle = make_kext()
    sound, broken = open_mac(), open_mac("KEXT-01")
    assert sound.kernel.load(sound.install(bundle)).code == 27
    assert sound.loaded() == []
    assert broken.kernel.load(broken.install(bundle)).code == 0
    assert broken.loaded() == [DRIVER]
    assert broken.display.blocked == []


def test_kext_01_still_looks_at_the_signature(open_mac: Macs, make_kext: Make) -> None:
    mac = open_mac("KEXT-01")
    assert mac.kernel.load(mac.install(make_kext(signature=Signature.BROKEN))).code == 29


def test_kext_08_builds_what_nobody_approved(open_mac: Macs, make_kext: Make) -> None:
    bundle = make_kext()
    sound, broken = open_mac(), open_mac("KEXT-08")
    for mac, then in ((sound, []), (broken, [DRIVER])):
        assert mac.kernel.load(mac.install(bundle)).code == 27
        mac.restart()
        assert mac.loaded() == then
        assert mac.kernel.approved() == set()


def test_kext_08_builds_others_beside_the_approved_one(open_mac: Macs, make_kext: Make) -> None:
    mac = open_mac("KEXT-08")
    mac.kernel.load(mac.install(make_kext(name="first", bundle_id="com.example.kextrel.first")))
    mac.approve_all()
    mac.kernel.load(mac.install(make_kext()))
    mac.restart()
    assert sorted(mac.loaded()) == [DRIVER, "com.example.kextrel.first"]
    assert mac.kernel.approved() == {("KXTRL00001", "com.example.kextrel.first")}
