"""The recovery of a second macOS: there and back, and our own macOS starts whatever came between."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kextrel.device.flows import another
from kextrel.device.flows.another import recovery_of_the_other
from kextrel.device.observe import Sighting
from kextrel.device.rig import Rig
from kextrel.errors import BenchError, NotPossible
from kextrel.evidence import EvidenceLog
from kextrel.timing import Deadline
from kextrel.vocabulary import Environment, State


@pytest.fixture
def trip(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is done, in order; the Mac is in its own one true recovery at first."""
    done: list[str] = []

    def run(rig: Rig, script: str, *, deadline: Deadline) -> bytes:
        done.append(script.partition(" 2>&1")[0])
        return b"exit 0\n"

    monkeypatch.setattr(another.terminal, "run", run)
    monkeypatch.setattr(another.recovery, "enter", lambda rig, deadline: done.append("held button"))
    seen = Sighting(State(boot=Environment.ONE_TRUE_RECOVERY))
    monkeypatch.setattr(another, "observe", lambda rig, deadline: seen)
    rig.facts = replace(rig.facts, other_macos="Second HD")
    return done


OURS, OTHER = (f"bless --mount '/Volumes/{name}' --setBoot" for name in ("Macintosh HD", "Second HD"))


def test_there_and_back(rig: Rig, deadline: Deadline, trip: list[str]) -> None:
    with recovery_of_the_other(rig, deadline=deadline):
        trip.append("asked")
    assert trip == [OTHER, "held button", "asked", OURS, "held button"]


def test_our_own_macos_starts_whatever_ends_it(rig: Rig, deadline: Deadline, trip: list[str]) -> None:
    with pytest.raises(BenchError), recovery_of_the_other(rig, deadline=deadline):
        raise BenchError("went away", wire="mini.screen")
    assert trip[-1] == OURS


def test_a_way_back_that_fails_does_not_hide_what_failed_before(
    rig: Rig, deadline: Deadline, trip: list[str], monkeypatch: pytest.MonkeyPatch, evidence: EvidenceLog
) -> None:
    def broken(rig: Rig, script: str, *, deadline: Deadline) -> bytes:
        raise BenchError("does not type", wire="mini.keyboard")

    def asked() -> None:
        monkeypatch.setattr(another.terminal, "run", broken)
        raise BenchError("went away", wire="mini.screen")

    with pytest.raises(BenchError, match="went away"), recovery_of_the_other(rig, deadline=deadline):
        asked()
    assert "may still start from Second HD" in evidence.records[-1].data["text"]


def test_elsewhere_it_is_asked_where_the_mac_is(
    rig: Rig, deadline: Deadline, trip: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(another, "observe", lambda rig, deadline: Sighting(State(boot=Environment.RECOVERYOS)))
    with recovery_of_the_other(rig, deadline=deadline):
        trip.append("asked")
    assert trip == ["asked"]


def test_a_mac_without_a_second_macos_is_not_asked(rig: Rig, deadline: Deadline, trip: list[str]) -> None:
    rig.facts = replace(rig.facts, other_macos="")
    with pytest.raises(NotPossible, match="no second macOS"), recovery_of_the_other(rig, deadline=deadline):
        trip.append("asked")
    assert trip == []


def test_a_bless_that_fails_is_the_benchs(
    rig: Rig, deadline: Deadline, trip: list[str], monkeypatch: pytest.MonkeyPatch, world: Any
) -> None:
    monkeypatch.setattr(another.terminal, "run", lambda *_, **__: b"Can't determine mount point\nexit 1\n")
    with pytest.raises(BenchError, match="Second HD: Can't determine"), recovery_of_the_other(rig, deadline=deadline):
        trip.append("asked")
    assert trip == []
