"""The starting state: compared with what is observed first, reached by one visit to 1TR, and looked at afterwards."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from kextrel.device.observe import observe
from kextrel.device.performed import Performed
from kextrel.device.prepare import prepare
from kextrel.device.rig import Rig
from kextrel.errors import NotPossible
from kextrel.timing import Deadline
from kextrel.vocabulary import (
    Architecture,
    Enrollment,
    Extension,
    ExtensionKind,
    KextManagement,
    Mac,
    Outcome,
    Profile,
    SecurityMode,
    Start,
    Version,
)

preparing = importlib.import_module("kextrel.device.prepare")

ID = "com.example.kextrel.driver"
DRIVER = {"driver": Extension("driver", ExtensionKind.KEXT, ID)}


def silicon(**changes: Any) -> Mac:
    return Mac(**{"architecture": Architecture.APPLE_SILICON, "macos": Version(14, 5), **changes})


@pytest.fixture
def walked(monkeypatch: pytest.MonkeyPatch, world: Any, rig: Rig) -> list[str]:
    """Flows that do at once what they should, and say so."""
    steps: list[str] = []
    world.shell_up, world.screen = True, "Finder File Edit View Go Window Help"
    world.commands["stat -f"] = "admin\n"

    def security(rig: Rig, action: Any, *, deadline: Deadline) -> Performed:
        steps.append(f"{action.mode} {sorted(map(str, action.allow))}")
        world.policy.mode = str(action.mode).capitalize()
        world.policy.kexts, world.policy.sip = bool(action.allow), True
        return Performed(Outcome.CHANGED, sighting=observe(rig, deadline=deadline))

    def sip(rig: Rig, action: Any, *, deadline: Deadline) -> None:
        steps.append(f"sip {action.enabled}")
        world.policy.sip = action.enabled

    def forget(rig: Rig, *, deadline: Deadline) -> tuple[int, str]:
        steps.append("panic medic")
        world.policy.approved, world.policy.aux = (), ()
        return 0, ""

    monkeypatch.setattr(preparing.recovery, "enter", lambda rig, deadline: steps.append("1tr"))
    monkeypatch.setattr(preparing.recovery, "leave", lambda rig, deadline: steps.append("macos"))
    monkeypatch.setattr(preparing, "set_security", security)
    monkeypatch.setattr(preparing, "set_sip", sip)
    monkeypatch.setattr(preparing, "trigger_panic_medic", forget)
    monkeypatch.setattr(preparing, "to_macos", lambda rig, deadline: steps.append("restart"))
    return steps


def test_a_mac_that_is_so_already_is_left_alone(world: Any, rig: Rig, deadline: Deadline, walked: list[str]) -> None:
    prepare(rig, Start(silicon(), extensions=DRIVER), deadline=deadline)
    assert walked == []


def test_reduced_with_kexts_is_one_visit(world: Any, rig: Rig, deadline: Deadline, walked: list[str]) -> None:
    mac = silicon(security_mode=SecurityMode.REDUCED, kext_management=frozenset({KextManagement.USER}))
    prepare(rig, Start(mac, extensions=DRIVER), deadline=deadline)
    assert walked == ["1tr", "reduced ['user']", "macos"]


def test_sip_off_means_permissive(world: Any, rig: Rig, deadline: Deadline, walked: list[str]) -> None:
    prepare(rig, Start(silicon(sip=False), extensions=DRIVER), deadline=deadline)
    assert walked == ["1tr", "permissive []", "sip False", "macos"]


def test_full_is_set_from_macos_without_a_walk(world: Any, rig: Rig, deadline: Deadline, walked: list[str]) -> None:
    world.policy.mode, world.policy.kexts = "Reduced", True
    prepare(rig, Start(silicon(), extensions=DRIVER), deadline=deadline)
    assert walked == ["full []", "restart"]


def test_sip_that_is_off_is_put_back_by_a_fresh_policy(
    world: Any, rig: Rig, deadline: Deadline, walked: list[str]
) -> None:
    world.policy.mode, world.policy.sip = "Permissive", False
    prepare(rig, Start(silicon(security_mode=SecurityMode.PERMISSIVE)), deadline=deadline)
    assert walked == ["1tr", "permissive []", "macos"]


def test_an_earlier_approval_is_forgotten_on_the_same_visit(
    world: Any, rig: Rig, deadline: Deadline, walked: list[str]
) -> None:
    world.policy.mode, world.policy.kexts, world.policy.approved = "Reduced", True, (ID,)
    prepare(rig, Start(silicon(), extensions=DRIVER), deadline=deadline)
    assert walked == ["1tr", "full []", "panic medic", "macos"]


def test_a_mac_that_will_not_go_there_is_said(
    world: Any, rig: Rig, deadline: Deadline, walked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "set_sip", lambda rig, action, deadline: None)
    with pytest.raises(NotPossible, match="did not go to permissive, SIP off"):
        prepare(rig, Start(silicon(sip=False)), deadline=deadline)


@pytest.mark.parametrize(
    "start",
    [
        Start(silicon(macos=Version(15))),
        Start(silicon(enrollment=Enrollment.DEVICE)),
        Start(silicon(architecture=Architecture.INTEL)),
    ],
)
def test_a_requirement_is_never_made(rig: Rig, deadline: Deadline, walked: list[str], start: Start) -> None:
    with pytest.raises(NotPossible, match="the scenario needs"):
        prepare(rig, start, deadline=deadline)
    assert walked == []


@pytest.mark.parametrize(
    "start",
    [
        Start(silicon(), profiles=(Profile("allow"),)),
        Start(silicon(online=False)),
        Start(silicon(logged_in=False)),
    ],
)
def test_what_is_not_built_is_said_before_anything_is_touched(
    world: Any, rig: Rig, deadline: Deadline, walked: list[str], start: Start
) -> None:
    with pytest.raises(NotPossible, match="not implemented"):
        prepare(rig, start, deadline=deadline)
    assert world.log == []


def test_a_policy_that_cannot_be_read_is_no_start(
    world: Any, rig: Rig, deadline: Deadline, walked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(world.policy), "_bputil", lambda self: "bputil must be run as root\n")
    with pytest.raises(NotPossible, match="cannot be read"):
        prepare(rig, Start(silicon()), deadline=deadline)
    assert walked == []
