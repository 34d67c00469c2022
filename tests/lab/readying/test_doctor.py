"""`lab doctor`: prepared Macs are well; with each row taken away in turn, that row and no other is missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from kextrel.cli import readying as commands
from kextrel.device.readiness import ROWS, Standing
from kextrel.evidence import EvidenceLog
from kextrel.lab import Lab
from kextrel.lab.readying import examined
from kextrel.timing import Deadline
from kextrel.vocabulary import Version

Evidence = Callable[[str], EvidenceLog]
MISSING = {
    "PREP-01": "switch Remote Login on there",
    "PREP-02": "/etc/sudoers.d",
    "PREP-03": "Full Disk Access",
    "PREP-04": "sysadminctl -secureTokenOn admin",
    "PREP-05": "automatic login",
    "PREP-06": "the screen locks (immediate), the Mac sleeps after 1 min, the display sleeps after 10 min",
    "PREP-07": "defaults write -g AppleKeyboardUIMode",
    "PREP-08": "y and z come exchanged",
    "PREP-09": "pmset -a autorestart 1",
    "PREP-10": "'Macintosh HD', 'Untitled'",
    "PREP-11": "https://gs.apple.com/ cannot be reached",
    "PREP-12": "cannot be reached by wire (en0: ",
    "PREP-13": "an extension that Kextrel makes is not signed and notarized by who may",
    "PREP-14": "NotNow",
    "PREP-15": "KXTRL00001/com.example.kextrel.driver",
}
HIDDEN = {"PREP-01": set(ROWS) - {"PREP-01"}, "PREP-03": {"PREP-15"}, "PREP-05": {"PREP-08"}, "PREP-06": {"PREP-08"}}
"""What cannot be asked while a row is missing: it is unknown then, and never called missing."""


def by_standing(macs: Lab, name: str, log: EvidenceLog) -> dict[Standing, dict[str, str]]:
    found = examined(macs, name, log, deadline=Deadline.after(120, "the examination"))
    assert [finding.row for finding in found] == list(ROWS)
    return {kind: {one.row: one.said for one in found if one.standing is kind} for kind in Standing}


@pytest.mark.parametrize("name", ["mini", "intel", "t2", "studio"])
def test_the_shipped_macs_are_prepared(macs: Lab, evidence: Evidence, name: str) -> None:
    found = by_standing(macs, name, evidence(name))
    assert not found[Standing.MISSING]
    assert not found[Standing.UNKNOWN]
    assert set(found[Standing.NOT_APPLICABLE]) == ({"PREP-14"} if name == "mini" else set())


@pytest.mark.parametrize("row", list(ROWS))
def test_what_is_missing_is_named_in_one_sentence(macs: Lab, evidence: Evidence, row: str) -> None:
    found = by_standing(macs, row, evidence(row))
    assert set(found[Standing.MISSING]) == {row}
    assert set(found[Standing.UNKNOWN]) == HIDDEN.get(row, set())
    said = found[Standing.MISSING][row]
    assert MISSING[row] in said
    assert "; " in said
    assert "\n" not in said
    assert not said.endswith(".")


def test_a_virtual_mac_comes_unprepared(macs: Lab, evidence: Evidence) -> None:
    found = by_standing(macs, "new", evidence("new"))
    assert found[Standing.MISSING].keys() == {"PREP-01"}


def test_a_mac_in_quarantine_is_examined(macs: Lab, evidence: Evidence) -> None:
    macs.quarantine("PREP-07", "it did not come back")
    assert by_standing(macs, "PREP-07", evidence("PREP-07"))[Standing.MISSING].keys() == {"PREP-07"}


def test_a_battery_is_named(macs: Lab, evidence: Evidence) -> None:
    found = by_standing(macs, "book", evidence("book"))
    assert found[Standing.MISSING].keys() == {"PREP-09"}
    assert "battery" in found[Standing.MISSING]["PREP-09"]


@pytest.mark.parametrize(("upgrades", "missing"), [(False, {"PREP-10"}), (True, set[str]())])
def test_a_mac_that_runs_another_macos_than_its_profile_says_is_named(
    macs: Lab, evidence: Evidence, upgrades: bool, missing: set[str]
) -> None:
    said = {"macos": Version.parse("14.6"), "upgrades": upgrades}
    updated = macs.wired({"mini": macs.profile.macs["mini"].model_copy(update=said)})
    found = by_standing(updated, "mini", evidence("mini"))[Standing.MISSING]
    assert found.keys() == missing
    assert all(one.startswith("it runs macOS 14.5, and its profile says 14.6; ") for one in found.values())


def test_a_keyboard_that_is_not_let_in_is_named(macs: Lab, evidence: Evidence) -> None:
    found = by_standing(macs, "closed", evidence("closed"))
    assert found[Standing.MISSING] == {"PREP-08": "no key comes to the Mac; allow the accessory, and look at the cable"}
    with macs.open("closed", evidence("closed")) as mac:
        assert mac.wires.screen is not None
        assert "Allow accessory to connect?" in mac.wires.screen.text(deadline=Deadline.after(10))


def test_looking_changes_nothing(macs: Lab, evidence: Evidence) -> None:
    """On the Mac that lacks most: twice the same, and neither sudo nor the disk remembers that somebody was there."""
    look = "ls -A /private/tmp /private/etc/sudoers.d; sudo -n true; defaults read -g; pmset -g"
    with macs.open("shop", evidence("shop")) as mac:
        assert mac.wires.shell is not None
        before = mac.wires.shell.run(look, deadline=Deadline.after(10))
        found = mac.examine(deadline=Deadline.after(120))
        after = mac.wires.shell.run(look, deadline=Deadline.after(10))
        assert (before.out, before.err) == (after.out, after.err)
        assert found == mac.examine(deadline=Deadline.after(120))


@pytest.mark.parametrize(("name", "code"), [("mini", None), ("PREP-11", 3)])
def test_the_command_prints_a_line_a_row(
    lab_file: Path, capsys: pytest.CaptureFixture[str], name: str, code: int | None
) -> None:
    ended = None
    try:
        commands.doctor(name, lab=str(lab_file), as_json=True)
    except typer.Exit as end:
        ended = end.exit_code
    assert ended == code
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["mac"], one["row"], one["about"]) for one in said] == [(name, row, ROWS[row]) for row in ROWS]
    assert {one["standing"] for one in said} <= {"ok", "missing", "does not apply"}
