"""What a Mac of 10.13 to 10.15 remembers of its user's consent, and how it forgets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kextrel.device.flows import consent
from kextrel.device.rig import Rig
from kextrel.errors import NotPossible
from kextrel.timing import Deadline
from kextrel.vocabulary import Extension, ExtensionKind, Version

ASKS, SPARES = "Kernel Extension User Consent: ENABLED\n", "Allowed Team Identifiers:\n"


@pytest.fixture
def asking(intel: Rig, world: Any) -> Rig:
    intel.facts = replace(intel.facts, macos=Version(10, 14, 6))
    mine = Extension("driver", ExtensionKind.KEXT, "com.example.driver", team_id="KXTRL00001")
    old = Extension(
        "old", ExtensionKind.KEXT, "com.example.old", team_id="KXTRL00009", installed_before=Version(10, 12)
    )
    intel.catalog.learn({"driver": mine, "old": old})
    world.shell_up = True
    return intel


@pytest.mark.parametrize(
    ("said", "rows", "fresh"),
    [
        (ASKS + SPARES, "0\n", True),
        (ASKS + SPARES + "ABCDE12345\n", "0\n", True),
        (ASKS + SPARES + "KXTRL00001\n", "0\n", False),
        (ASKS.replace("EN", "DIS") + SPARES, "0\n", False),
        (ASKS + SPARES, "2\n", False),
    ],
)
def test_fresh_is_asked_spares_none_of_ours_and_remembers_nothing(
    world: Any, asking: Rig, deadline: Deadline, said: str, rows: str, fresh: bool
) -> None:
    world.commands |= {"kext-consent": said, "sqlite3": rows}
    assert consent.is_fresh(asking, deadline=deadline) is fresh


def test_later_releases_are_not_asked(world: Any, intel: Rig, deadline: Deadline) -> None:
    assert consent.is_fresh(intel, deadline=deadline)
    assert world.log == []


def test_a_database_that_cannot_be_read_is_the_macs_preparation(world: Any, asking: Rig, deadline: Deadline) -> None:
    world.commands |= {"kext-consent": ASKS, "sqlite3": (1, "", "Error: authorization denied")}
    with pytest.raises(NotPossible, match="PREP-03"):
        consent.is_fresh(asking, deadline=deadline)


def test_what_was_there_before_the_upgrade_keeps_its_approval(
    world: Any, asking: Rig, deadline: Deadline, screens: Any
) -> None:
    world.shell_up, world.screen, world.reports = False, screens["terminal"], [b"done\n"]
    assert consent.forget(asking, deadline=deadline) == "done"
    script = world.offered[-1]
    assert "spctl kext-consent remove KXTRL00001" in script
    assert "DELETE FROM kext_policy WHERE team_id IN" in script
    assert "com.example.driver" in script
    assert "KXTRL00009" not in script
    assert "com.example.old" not in script
