"""kextd of macOS 10.12 to 10.15: what is loaded at request, and in which words it is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kextrel.vocabulary import Signature

Macs = Callable[..., Any]
Make = Callable[..., Path]
DRIVER = "com.example.kextrel.driver"


def before_consent(small_mac: Macs, **more: Any) -> Any:
    return small_mac(architecture="intel", macos="10.12.6", **more)


def test_a_good_kext_is_loaded_at_once_and_gone_with_the_boot(small_mac: Macs, make_kext: Make) -> None:
    mac = before_consent(small_mac)
    path = mac.install(make_kext())
    assert mac.kernel.load(path) is None
    assert mac.loaded() == [DRIVER]
    mac.boot()
    assert mac.loaded() == []


def test_it_is_stopped_once(small_mac: Macs, make_kext: Make) -> None:
    mac = before_consent(small_mac)
    mac.kernel.load(mac.install(make_kext()))
    assert mac.kernel.unload(DRIVER) is None
    assert mac.kernel.unload(DRIVER).code == 3
    assert mac.loaded() == []


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"signature": Signature.NONE}, "not code signed"),
        ({"signature": Signature.AD_HOC}, "code signature is invalid"),
        ({"signature": Signature.BROKEN}, "code signature is invalid"),
        ({"architectures": frozenset({"arm64e"})}, "code for the architecture x86_64"),
    ],
)
def test_what_is_wrong_with_a_kext_is_said(small_mac: Macs, make_kext: Make, fields: Any, words: str) -> None:
    mac = before_consent(small_mac)
    refusal = mac.kernel.load(mac.install(make_kext(**fields)))
    assert refusal.code == 71
    assert words in "\n".join(refusal.lines)
    assert mac.loaded() == []


def test_a_kext_of_a_user_is_nobodys_for_the_kernel(small_mac: Macs, make_kext: Make) -> None:
    mac = before_consent(small_mac)
    refusal = mac.kernel.load(mac.install(make_kext(), owner=(501, 20)))
    assert "root:wheel" in "\n".join(refusal.lines)
    assert "file ownership/permissions" in refusal.why


def test_without_sip_a_signature_is_not_asked_for(small_mac: Macs, make_kext: Make) -> None:
    mac = before_consent(small_mac)
    mac.sip = 0x77
    mac.boot()
    assert mac.kernel.load(mac.install(make_kext(signature=Signature.NONE))) is None


def test_safe_mode_loads_nothing_of_others(small_mac: Macs, make_kext: Make) -> None:
    mac = before_consent(small_mac)
    mac.boot(safe=True)
    assert "safe boot" in mac.kernel.load(mac.install(make_kext())).why


def test_another_version_does_not_take_the_place_of_one_that_runs(small_mac: Macs, make_kext: Make) -> None:
    mac = before_consent(small_mac)
    path = mac.install(make_kext())
    mac.kernel.load(path)
    mac.disk.remove_tree(path)
    assert mac.kernel.load(mac.install(make_kext(version="2.0"))).code == 71


def test_there_is_nothing_there(small_mac: Macs) -> None:
    assert before_consent(small_mac).kernel.load("/Library/Extensions/none.kext").why == "not found"


def test_from_10_13_on_it_is_loaded_from_a_copy_that_sip_keeps(small_mac: Macs, make_kext: Make) -> None:
    places = {}
    for macos in ("10.12.6", "10.13.6"):
        mac = small_mac(architecture="intel", macos=macos)
        path = mac.install(make_kext())
        mac.kernel.load(path)
        places[macos] = mac.disk.is_dir(f"/Library/StagedExtensions{path}")
    assert places == {"10.12.6": False, "10.13.6": True}


def test_the_prelinked_kernel_is_written_without_what_is_not_good(small_mac: Macs, make_kext: Make) -> None:
    mac = before_consent(small_mac)
    mac.disk.mkdir("/System/Library/PrelinkedKernels", parents=True)
    mac.install(make_kext())
    mac.install(make_kext(name="bad", bundle_id="com.example.kextrel.bad", signature=Signature.NONE))
    complaints = mac.kernel.rebuild_cache()
    assert len(complaints) == 1
    assert "not code signed" in complaints[0]
    written = mac.disk.read_bytes("/System/Library/PrelinkedKernels/prelinkedkernel")
    assert DRIVER.encode() in written
    assert b"kextrel.bad" not in written
