"""From a lab profile to virtual Macs."""

from __future__ import annotations

from pathlib import Path

from kextrel.cli.specs import specs_of

PROFILE = """\
schema: kextrel/lab/v1
name: a driver that plays
macs:
  mini:
    architecture: apple-silicon
    macos: "14.5"
    virtual: {prepared: true, missing: [PREP-09], drivers_in_use: [com.example.kextrel.dext]}
"""


def test_what_a_profile_says_of_a_virtual_mac_is_what_is_made(tmp_path: Path) -> None:
    path = tmp_path / "lab.yaml"
    path.write_text(PROFILE, encoding="utf-8")
    (spec,) = specs_of([path], frozenset({"KEXT-06"}))
    assert (spec.name, spec.macos, spec.prepared) == ("mini", "14.5", True)
    assert (spec.has("PREP-09"), spec.defects) == (False, {"KEXT-06"})
    assert spec.drivers_in_use == {"com.example.kextrel.dext"}
