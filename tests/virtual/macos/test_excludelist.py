"""Apple's list of banned kexts: silent until a collection is built, and hard on nobody else (KEXT-10)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kextrel.virtual.macos import trust
from kextrel.virtual.macos.library import EXCLUDED

BANNED, DRIVER = "com.example.kextrel.banned", "com.example.kextrel.driver"
Make = Callable[..., Path]


@pytest.fixture
def mac(small_mac: Callable[..., Any]) -> Any:
    """An Intel Mac with the lab's list on its disk."""
    made = small_mac(architecture="intel", macos="12.7")
    made.disk.mkdir(EXCLUDED.rpartition("/")[0], parents=True)
    made.disk.write_bytes(EXCLUDED, trust.excluded())
    return made


def approved(mac: Any, bundle: Path) -> str:
    path: str = mac.install(bundle)
    assert mac.kernel.load(path).code == 27
    for pending in mac.kernel.pending():
        mac.kernel.approve(pending, "admin")
    return path


def test_a_banned_kext_is_approved_left_out_and_refused_from_then_on(mac: Any, make_kext: Make) -> None:
    approved(mac, make_kext())
    path = approved(mac, make_kext(bundle_id=BANNED, team_id="KXTRL00002", banned=True))
    assert mac.kernel.load(path).code == 28
    mac.restart()
    assert mac.loaded() == [DRIVER]
    assert ("KXTRL00002", BANNED) in mac.kernel.approved()
    answer = mac.kernel.load(path)
    assert (answer.code, "is in the exclude list" in answer.text) == (71, True)
    mac.kernel.trigger_panic_medic()
    mac.boot()
    assert mac.kernel.load(path).code == 27


def test_a_banned_kext_makes_no_build_due(mac: Any, make_kext: Make) -> None:
    approved(mac, make_kext(banned=True))
    before = mac.clock.now()
    mac.restart()
    assert (mac.loaded(), mac.clock.now()) == ([], before)


def test_who_asks_for_a_build_is_told_at_once(mac: Any, make_kext: Make) -> None:
    path = approved(mac, make_kext(banned=True))
    mac.kernel.rebuild()
    assert mac.kernel.load(path).code == 71


@pytest.mark.parametrize("content", [b"no list", b"", None])
def test_without_a_list_nothing_is_banned(mac: Any, make_kext: Make, content: bytes | None) -> None:
    if content is None:
        mac.disk.unlink(EXCLUDED)
    else:
        mac.disk.write_bytes(EXCLUDED, content)
    approved(mac, make_kext(banned=True))
    mac.boot()
    assert mac.loaded() == [DRIVER]
