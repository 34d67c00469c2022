"""Tickets of a notary: whose, for which code, and from which release on a kext needs one (SIG-04)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kextrel.virtual.macos import bundle, trust
from kextrel.virtual.macos.notarization import is_notarized

Make = Callable[..., Path]
Macs = Callable[..., Any]
Verdict = Callable[..., bundle.Judgement]


def ticket_of(kext: Path) -> Path:
    return kext / "Contents/CodeResources"


def test_a_stapled_ticket_is_believed_and_no_ticket_is_none(make_kext: Make, verdict: Verdict) -> None:
    kext = make_kext()
    assert verdict(kext).notarized
    ticket_of(kext).unlink()
    found = verdict(kext)
    assert (found.trusted, found.notarized) == (True, False)


def test_the_ticket_of_other_code_is_worth_nothing(make_kext: Make, verdict: Verdict) -> None:
    other = ticket_of(make_kext(bundle_id="com.example.kextrel.other")).read_bytes()
    kext = make_kext()
    ticket_of(kext).write_bytes(other)
    assert not verdict(kext).notarized


def test_no_damage_to_a_ticket_is_taken_for_another(make_kext: Make, verdict: Verdict) -> None:
    kext = make_kext()
    cdhash, good, keys = verdict(kext).cdhash, ticket_of(kext).read_bytes(), trust.load().notaries
    assert is_notarized(good, cdhash, keys)
    damaged = [good[:at] + bytes([good[at] ^ 0x55]) + good[at + 1 :] for at in range(0, len(good), 7)]
    cut = [good[:at] for at in (0, 3, 4, 7, 8, 20, len(good) - 1)]
    assert not any(is_notarized(one, cdhash, keys) for one in [*damaged, *cut, good[:4] + b"\xff" * 4 + good[8:]])


def test_an_unknown_notary_vouches_for_nothing(make_kext: Make, verdict: Verdict) -> None:
    anchors = trust.Trust(trust.load().anchors)
    assert not verdict(make_kext(), anchors=anchors).notarized


@pytest.mark.parametrize(("macos", "code"), [("10.14.4", 27), ("10.14.5", 71), ("12.7", 29)])
def test_the_release_tells_whether_a_kext_must_be_notarized(
    small_mac: Macs, make_kext: Make, macos: str, code: int
) -> None:
    mac = small_mac(architecture="intel", macos=macos, build="18F132")
    assert mac.kernel.load(mac.install(make_kext(notarized=False))).code == code
    assert len(mac.kernel.pending()) == (code == 27)


def test_without_sip_nobody_asks_for_a_ticket(small_mac: Macs, make_kext: Make) -> None:
    mac = small_mac(architecture="intel", macos="12.7")
    mac.sip = 0x7F
    mac.boot()
    assert mac.kernel.load(mac.install(make_kext(notarized=False))).code == 27
