"""Virtual Macs made to measure."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from kextrel.errors import NotPossible
from kextrel.lab.fit import Fitted, Requirement
from kextrel.lab.profile import load_profile
from kextrel.scenario.comparison import WantedMacos
from kextrel.virtual.spec import BUILDS
from kextrel.vocabulary import Architecture, Version


def test_a_mac_that_is_offline_is_another_one_than_that_which_is_not(tmp_path: Path) -> None:
    fitted = Fitted()
    names = [fitted.mac_for(Requirement(Architecture.INTEL, online=online)) for online in (True, False)]
    assert names[1] == f"{names[0]}-offline"
    fitted.write(tmp_path / "fit.yaml")
    mac = load_profile(tmp_path / "fit.yaml").macs[names[1]]
    assert (mac.online, mac.virtual and mac.virtual.missing) == (False, ("PREP-11",))


def test_a_mac_that_a_scenario_upgrades_is_nobody_elses() -> None:
    fitted = Fitted()
    names = {fitted.mac_for(Requirement(Architecture.INTEL, upgraded_by=who)) for who in ("", "a", "b")}
    assert len(names) == 3
    assert sorted(mac.upgrades for mac in fitted.profile.macs.values()) == [False, True, True]


@pytest.mark.parametrize(
    ("left", "macos", "arrives"),
    [("10.12", ">=10.13,<11", "10.12.6"), ("10.13", ">=10.13,<11", None), ("10.12", ">=11", None)],
)
def test_where_it_matters_a_mac_arrives_with_what_asked_nobody(
    tmp_path: Path, left: str, macos: str, arrives: str | None
) -> None:
    fitted, wanted = Fitted(), WantedMacos.parse(macos)
    name = fitted.mac_for(Requirement(Architecture.INTEL, wanted, left=("a story", Version.parse(left))))
    other = fitted.mac_for(Requirement(Architecture.INTEL, wanted, left=("another", Version.parse(left))))
    assert (name == other) is (arrives is None)
    fitted.write(tmp_path / "fit.yaml")
    mac = load_profile(tmp_path / "fit.yaml").macs[name]
    assert mac.macos >= Version(10, 15)
    assert (mac.arrives_with, mac.upgrades) == (Version.parse(arrives) if arrives else None, arrives is not None)


def test_apple_silicon_is_offered_no_release_that_is_older_than_itself() -> None:
    wanted = WantedMacos.parse("<11")
    assert Fitted().mac_for(Requirement(Architecture.INTEL_T2, wanted)) == "intel-t2-10.15.7"
    with pytest.raises(NotPossible, match="no virtual Mac can run macOS <11"):
        Fitted().mac_for(Requirement(Architecture.APPLE_SILICON, wanted))


@pytest.mark.parametrize("architecture", [Architecture.INTEL, Architecture.INTEL_T2])
def test_what_is_offered_a_virtual_mac_can_run(architecture: Architecture) -> None:
    fitted = Fitted()
    for wanted in ("<10.13", "<10.13.4", "<10.14", "<10.15", "<11", ">=11"):
        with suppress(NotPossible):
            fitted.mac_for(Requirement(architecture, WantedMacos.parse(wanted)))
    releases = {str(mac.macos) for mac in fitted.profile.macs.values()}
    assert releases <= BUILDS.keys()
    assert len(releases) == (6 if architecture is Architecture.INTEL else 2)


def test_a_mac_of_two_macos_is_another_one() -> None:
    fitted = Fitted()
    names = [fitted.mac_for(Requirement(second_macos=two)) for two in (False, True)]
    assert names[1] == f"{names[0]}-of-two"
    assert fitted.profile.macs[names[1]].other_macos == "Second HD"
