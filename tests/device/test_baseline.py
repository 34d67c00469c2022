"""Baselines: what is so already is not done again, and panic medic only where it is needed."""

from __future__ import annotations

from typing import Any

import pytest

from kextrel.device import baseline
from kextrel.device.baseline import Level, cost, reach
from kextrel.device.rig import Rig
from kextrel.errors import NotPossible
from kextrel.timing import Deadline
from kextrel.vocabulary import Environment, Extension, ExtensionKind

ID = "com.example.kextrel.driver"


@pytest.fixture
def used(world: Any, rig: Rig) -> Rig:
    """A Mac in macOS on which a kext of ours was installed."""
    rig.catalog.learn({"driver": Extension("driver", ExtensionKind.KEXT, ID)})
    world.shell_up = True

    def restart() -> str:
        world.boot += 1
        return ""

    world.commands["shutdown -r"] = restart
    return rig


@pytest.fixture
def medic(monkeypatch: pytest.MonkeyPatch, world: Any) -> list[str]:
    """Recovery and panic medic as they are when they work."""
    walked: list[str] = []

    def forget(rig: Rig, *, deadline: Deadline) -> tuple[int, str]:
        walked.append("panic medic")
        world.policy.approved, world.policy.aux = (), ()
        return 0, ""

    monkeypatch.setattr(baseline.recovery, "enter", lambda rig, deadline: walked.append("1tr"))
    monkeypatch.setattr(baseline.recovery, "leave", lambda rig, deadline: walked.append("macos"))
    monkeypatch.setattr(baseline, "trigger_panic_medic", forget)
    return walked


def test_clean_takes_the_bundle_away(world: Any, used: Rig, deadline: Deadline) -> None:
    world.commands["ls -1d /Library/Extensions/"] = "/Library/Extensions/com.example.kextrel.driver.kext\n"
    reach(used, Level.CLEAN, deadline=deadline)
    assert "run sudo -n rm -rf /Library/Extensions/com.example.kextrel.driver.kext" in world.log
    assert world.boot == 1


def test_clean_keeps_an_approval(world: Any, used: Rig, deadline: Deadline, medic: list[str]) -> None:
    world.policy.approved = (ID,)
    reach(used, Level.CLEAN, deadline=deadline)
    assert medic == []


def test_clean_restarts_out_of_a_collection_that_holds_ours(
    world: Any, used: Rig, deadline: Deadline, medic: list[str]
) -> None:
    def restart() -> str:
        world.boot, world.policy.aux = 2, ()
        return ""

    world.policy.aux, world.commands["shutdown -r"] = (ID,), restart
    reach(used, Level.CLEAN, deadline=deadline)
    assert (world.boot, medic) == (2, [])


def test_clean_is_no_safe_mode(world: Any, used: Rig, deadline: Deadline, medic: list[str]) -> None:
    """Which does not tell what the collection holds; the next scenario would not find its start there either."""

    def restart() -> str:
        world.boot, world.policy.safe = 2, False
        return ""

    world.policy.safe, world.commands["shutdown -r"] = True, restart
    assert reach(used, Level.CLEAN, deadline=deadline).state.boot is Environment.MACOS
    assert (world.boot, medic) == (2, [])


def test_clean_goes_on_to_panic_medic_where_a_restart_does_not_do(
    world: Any, used: Rig, deadline: Deadline, medic: list[str]
) -> None:
    world.policy.aux = (ID,)
    reach(used, Level.CLEAN, deadline=deadline)
    assert medic == ["1tr", "panic medic", "macos"]


def test_forgotten_is_panic_medic_once(world: Any, used: Rig, deadline: Deadline, medic: list[str]) -> None:
    world.policy.approved = (ID, "org.other.kext")
    reach(used, Level.FORGOTTEN, deadline=deadline)
    reach(used, Level.FORGOTTEN, deadline=deadline)
    assert medic == ["1tr", "panic medic", "macos"]


def test_approvals_that_cannot_be_seen_are_taken_away(
    world: Any, used: Rig, deadline: Deadline, medic: list[str]
) -> None:
    world.policy.approved = None
    reach(used, Level.FORGOTTEN, deadline=deadline)
    assert "panic medic" in medic


def test_approvals_that_stay_are_said(
    world: Any, used: Rig, deadline: Deadline, medic: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(baseline, "trigger_panic_medic", lambda rig, deadline: (1, "no such volume"))
    world.policy.approved = (ID,)
    with pytest.raises(NotPossible, match="no such volume"):
        reach(used, Level.FORGOTTEN, deadline=deadline)


def test_erased_needs_a_person(used: Rig, deadline: Deadline) -> None:
    with pytest.raises(NotPossible, match="by a person"):
        reach(used, Level.ERASED, deadline=deadline)


def test_each_level_costs_more_than_the_one_before(rig: Rig) -> None:
    minutes = [cost(level, rig.facts) for level in Level]
    assert minutes == sorted(minutes)
    assert minutes[0] > 0


def test_clean_takes_our_profiles_away_and_no_others(managed: Rig, mdm: Any, deadline: Deadline) -> None:
    mdm.profiles |= {"com.example.kextrel.profile.allow": []}
    reach(managed, Level.CLEAN, deadline=deadline)
    assert mdm.profiles.keys() == {"com.example.enroll", "com.example.company.wifi"}


def test_clean_enrolls_again_what_was_taken_out_of_its_enrollment(world: Any, managed: Rig, deadline: Deadline) -> None:
    enrolled, gone = world.commands["profiles status"], "Enrolled via DEP: No\nMDM enrollment: No\n"
    world.commands |= {"profiles status": gone}

    def renew() -> str:
        world.commands["profiles status"] = enrolled
        return ""

    world.commands["profiles renew"] = renew
    reach(managed, Level.CLEAN, deadline=deadline)
    assert world.commands["profiles status"] == enrolled
