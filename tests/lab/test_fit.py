"""Virtual Macs made to measure."""

from __future__ import annotations

from pathlib import Path

from kextrel.lab.fit import Fitted, Requirement
from kextrel.lab.profile import load_profile
from kextrel.vocabulary import Architecture


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
