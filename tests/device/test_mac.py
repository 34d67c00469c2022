"""TestMac: whatever ends a call, nothing stays pressed; what failed is in the evidence."""

from __future__ import annotations

import time
from typing import Any

import pytest

from kextrel.device import TestMac, Wires
from kextrel.device.rig import Rig
from kextrel.errors import BenchError, NotPossible, UnreadableAnswer
from kextrel.evidence import EvidenceLog
from kextrel.timing import Clock, Deadline
from kextrel.vocabulary import Credential, Environment, KextManagement, Version
from kextrel.vocabulary.actions import Boot, Restart, SetSecurity, Upgrade


@pytest.fixture
def mac(rig: Rig, wires: Wires, evidence: EvidenceLog) -> TestMac:
    return TestMac("mini", rig.facts, wires, clock=Clock(sleep=lambda _: None), sink=evidence, accounts=rig.accounts)


@pytest.mark.parametrize("ends_with", [KeyboardInterrupt, BenchError("garbled", wire="mini.screen")])
def test_nothing_stays_pressed(world: Any, mac: TestMac, deadline: Deadline, ends_with: Any) -> None:
    def fail() -> None:
        assert world.pressed
        world.keys_held = True
        raise ends_with

    world.screen, world.on_look = None, fail
    with pytest.raises((KeyboardInterrupt, BenchError)):
        mac.perform(Boot(Environment.ONE_TRUE_RECOVERY), deadline=deadline)
    assert not world.pressed
    assert not world.keys_held


def test_what_failed_is_in_the_evidence(world: Any, mac: TestMac, deadline: Deadline, evidence: EvidenceLog) -> None:
    world.shell_up, world.commands["sw_vers"] = True, "14.5\n"
    with pytest.raises(NotPossible):
        mac.perform(Upgrade(Version(15, 2)), deadline=deadline)
    assert evidence.records[-1].event == "perform failed"
    assert "only an erase takes an upgrade of mini back" in evidence.records[-1].data["error"]
    world.commands["sw_vers"] = ""
    with pytest.raises(UnreadableAnswer, match="is not a macOS version"):
        mac.perform(Upgrade(Version(15, 2)), deadline=deadline)


def test_passwords_never_reach_the_evidence(mac: TestMac, evidence: EvidenceLog) -> None:
    evidence.record("mini.screen", "text", text="typed correct-horse and pupil")
    assert evidence.records[-1].data["text"] == "typed ‹secret› and ‹secret›"


def test_closing_twice_closes_each_wire_once(mac: TestMac, wires: Wires) -> None:
    mac.close()
    mac.close()
    assert {wire.closed for wire in wires.all()} == {1}  # type: ignore[attr-defined]


@pytest.mark.parametrize("dead", ["button", "keyboard", "beacon"])
def test_a_wire_that_cannot_be_closed_keeps_no_other_open(
    mac: TestMac, wires: Wires, evidence: EvidenceLog, monkeypatch: pytest.MonkeyPatch, dead: str
) -> None:
    def fails() -> None:
        raise BenchError("the adapter was pulled out", wire=f"mini.{dead}")

    wire = getattr(wires, dead)
    monkeypatch.setattr(wire, "close", fails)
    mac.close()
    assert {other.closed for other in wires.all() if other is not wire} == {1}  # type: ignore[attr-defined]
    assert "pulled out" in evidence.records[-1].data["text"]


def test_an_interrupt_while_one_is_let_go_of_keeps_no_other_pressed(
    world: Any, mac: TestMac, wires: Wires, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> None:
        world.pressed = False
        raise KeyboardInterrupt

    assert wires.button is not None
    monkeypatch.setattr(wires.button, "release", interrupted)
    world.pressed = world.keys_held = True
    with pytest.raises(KeyboardInterrupt):
        mac.close()
    assert not world.keys_held
    assert {wire.closed for wire in wires.all()} == {1}  # type: ignore[attr-defined]


def test_a_wire_that_is_not_there_is_no_failure(rig: Rig, evidence: EvidenceLog, deadline: Deadline) -> None:
    blind = TestMac("mini", rig.facts, Wires(), clock=Clock(), sink=evidence, accounts=rig.accounts)
    with pytest.raises(NotPossible, match="has no"):
        blind.perform(Restart(), deadline=deadline)


def test_a_wrong_password_is_never_the_right_one(rig: Rig) -> None:
    assert rig.accounts.acting(Credential.WRONG_PASSWORD).password != rig.accounts.admin.password
    assert "correct-horse" not in repr(rig.accounts)


def test_what_a_call_saw_at_its_end_is_not_looked_at_twice(
    world: Any, mac: TestMac, deadline: Deadline, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.shell_up, world.commands["bputil -k"] = True, (1, "", "refused")
    mac.perform(SetSecurity(allow=frozenset({KextManagement.USER})), deadline=deadline)
    looked = world.log.count("run /bin/sh -s")
    world.log.clear()
    assert mac.observe(deadline=deadline).state.boot is Environment.MACOS
    assert world.log == []
    mac.observe(deadline=deadline)
    assert (looked, world.log) == (2, ["run /bin/sh -s"])


def test_what_was_seen_a_while_ago_is_looked_at_again(
    world: Any, mac: TestMac, deadline: Deadline, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.shell_up, world.commands["bputil -k"] = True, (1, "", "refused")
    mac.perform(SetSecurity(allow=frozenset({KextManagement.USER})), deadline=deadline)
    world.log.clear()
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 10)
    mac.observe(deadline=deadline)
    assert world.log == ["run /bin/sh -s"]
