"""From a Mac's answers to a State; what it does not show stays unknown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kextrel.device.observe import observe
from kextrel.device.rig import Rig
from kextrel.errors import UnreadableAnswer
from kextrel.evidence import EvidenceLog
from kextrel.macos.fields import Field
from kextrel.timing import Deadline
from kextrel.vocabulary import UNKNOWN, Architecture, Enrollment, Environment, KextManagement, SecurityMode, State


def test_macos_over_the_shell(world: Any, rig: Rig, deadline: Deadline) -> None:
    world.shell_up = True
    world.policy.mode, world.policy.kexts = "Reduced", True
    world.policy.approved = world.policy.aux = ("com.example.kextrel.driver",)
    state = observe(rig, deadline=deadline).state
    assert state.boot is Environment.MACOS
    assert state.security_mode is SecurityMode.REDUCED
    assert state.sip is True
    assert state.kext_management == {KextManagement.USER}
    assert state.uakl == state.aux_kc == state.loaded_kexts == {"com.example.kextrel.driver"}
    assert state.receipt is UNKNOWN


def test_one_script_on_one_channel(world: Any, rig: Rig, deadline: Deadline, evidence: EvidenceLog) -> None:
    world.shell_up = True
    observe(rig, deadline=deadline)
    assert world.log == ["run /bin/sh -s"]
    assert world.repeatable == ["/bin/sh -s"]  # it changes nothing
    assert [record.event for record in evidence.records] == ["observation"]


def test_without_a_policy_there_is_no_receipt(world: Any, rig: Rig, deadline: Deadline) -> None:
    world.shell_up = True
    assert observe(rig, deadline=deadline).state.receipt == frozenset()


def test_approvals_that_cannot_be_read_are_unknown_and_said(world: Any, rig: Rig, deadline: Deadline) -> None:
    world.shell_up, world.policy.approved = True, None
    sighting = observe(rig, deadline=deadline)
    assert sighting.state.uakl is UNKNOWN
    assert any(note.startswith("approved_kexts: ") for note in sighting.notes)


ONE, TWO = "com.example.kextrel.driver", "com.example.kextrel.other"
USER, REMOTE = KextManagement.USER, KextManagement.REMOTE


@pytest.mark.parametrize(("token", "uakl"), [(True, {ONE}), (False, UNKNOWN)])
def test_an_mdm_with_the_bootstrap_token_needs_no_boot_policy(
    world: Any, rig: Rig, deadline: Deadline, monkeypatch: pytest.MonkeyPatch, token: bool, uakl: Any
) -> None:
    world.shell_up, rig.facts = True, replace(rig.facts, bootstrap_token=token)
    said = {"enrollment": Enrollment.AUTOMATED_DEVICE, "mdm_allowed_kexts": frozenset({ONE})}
    told(monkeypatch, rig, deadline, **said)
    assert observe(rig, deadline=deadline).state.uakl == uakl


def told(monkeypatch: pytest.MonkeyPatch, rig: Rig, deadline: Deadline, **said: Any) -> None:
    """From now on the Mac says these things besides what it says now."""
    seen = observe(rig, deadline=deadline).observation
    assert seen is not None
    changed = replace(seen, **{name: Field(value) for name, value in said.items()})
    monkeypatch.setattr("kextrel.macos.observation.read", lambda *_, **__: changed)


@pytest.mark.parametrize(
    ("architecture", "management", "by_user", "uakl"),
    [
        ("apple-silicon", {REMOTE}, set(), {ONE}),
        ("apple-silicon", {USER, REMOTE}, {TWO}, {ONE, TWO}),
        ("apple-silicon", {USER}, {ONE, TWO}, {ONE, TWO}),
        ("apple-silicon", {USER}, set(), UNKNOWN),
        ("apple-silicon", set(), {TWO}, UNKNOWN),
        ("apple-silicon", UNKNOWN, set(), UNKNOWN),
        ("intel", set(), set(), {ONE}),
        ("intel-t2", set(), {TWO}, {ONE, TWO}),
    ],
)
def test_a_profiles_kexts_are_approved_where_the_boot_policy_lets_an_mdm_manage_them(
    world: Any,
    rig: Rig,
    deadline: Deadline,
    monkeypatch: pytest.MonkeyPatch,
    architecture: str,
    management: Any,
    by_user: set[str],
    uakl: Any,
) -> None:
    """A profile lists ONE, which was asked for; KextPolicy says the same of it whatever the boot policy is."""
    world.shell_up = True
    said = {"architecture": Architecture(architecture), "kext_management": management}
    said |= {"approved_kexts": frozenset(by_user), "mdm_allowed_kexts": frozenset({ONE})}
    told(monkeypatch, rig, deadline, **said)
    assert observe(rig, deadline=deadline).state.uakl == uakl


@pytest.mark.parametrize(
    ("os_type", "environment"),
    [
        ("one true recoveryOS", Environment.ONE_TRUE_RECOVERY),
        ("ordinary (software-launched) recoveryOS", Environment.RECOVERYOS),
        ("fallback recoveryOS", Environment.FALLBACK_RECOVERYOS),
    ],
)
def test_recovery_through_the_beacon(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str], os_type: str, environment: Environment
) -> None:
    world.screen, world.policy.os_type, world.policy.sip = screens["terminal"], os_type, False
    world.policy.mode = "Permissive"
    state = observe(rig, deadline=deadline).state
    assert state.boot is environment
    assert state.sip is False
    assert state.security_mode is SecurityMode.PERMISSIVE
    assert state.uakl is state.aux_kc is state.loaded_kexts is UNKNOWN


def test_an_intel_mac_has_no_security_mode_and_sip_is_the_stored_one(
    world: Any, intel: Rig, deadline: Deadline
) -> None:
    world.shell_up, world.policy.word = True, "%7f%08%00%00"
    state = observe(intel, deadline=deadline).state
    assert (state.boot, state.security_mode, state.sip) == (Environment.MACOS, None, False)
    assert (state.kext_management, state.aux_kc, state.receipt) == (frozenset(), frozenset(), frozenset())


def test_what_is_in_an_intel_macs_collection_leaves_its_receipt_unknown(
    world: Any, intel: Rig, deadline: Deadline
) -> None:
    world.shell_up, world.policy.approved = True, ("com.example.kextrel.driver",)
    world.policy.aux = world.policy.approved
    state = observe(intel, deadline=deadline).state
    assert state.uakl == state.aux_kc == {"com.example.kextrel.driver"}
    assert state.receipt is UNKNOWN


def test_a_t2_in_recovery_says_its_level(world: Any, t2: Rig, deadline: Deadline, screens: dict[str, str]) -> None:
    world.screen, world.policy.recovery, world.policy.level = screens["terminal"], True, "%01"
    state = observe(t2, deadline=deadline).state
    assert (state.boot, state.security_mode, state.sip) == (Environment.RECOVERYOS, SecurityMode.MEDIUM, True)


def test_a_safe_boot_is_told_by_the_kernel(world: Any, intel: Rig, deadline: Deadline) -> None:
    world.shell_up = world.policy.safe = True
    state = observe(intel, deadline=deadline).state
    assert state.boot is Environment.SAFE_MODE
    assert state.loaded_kexts == frozenset()
    assert state.aux_kc is state.receipt is UNKNOWN  # what the last normal boot had cannot be asked here


def test_two_silent_wires_are_no_state(world: Any, rig: Rig, deadline: Deadline) -> None:
    """No shell and no signal: off, or a display that sleeps and a cable that is out. Neither is held against a Mac."""
    world.screen = None
    sighting = observe(rig, deadline=deadline)
    assert sighting.state == State()
    assert "seems to be off" in sighting.notes[0]
    assert sighting.observation is None


def test_a_script_that_does_not_run_is_no_observation(world: Any, rig: Rig, deadline: Deadline) -> None:
    world.shell_up, world.policy.broken = True, "zsh: abort"
    with pytest.raises(UnreadableAnswer, match="zsh: abort"):
        observe(rig, deadline=deadline)
