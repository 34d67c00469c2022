"""A lab opens its Macs: leased, not quarantined, contacts open; and asks its wires without touching anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kextrel.errors import BenchError, UsageError
from kextrel.evidence import MASK, EvidenceLog
from kextrel.lab import Lab, default_profile_path, load_profile
from kextrel.timing import Deadline

CONTACTS_OPEN = bytes.fromhex("A0 02 00 A2")


def soon() -> Deadline:
    return Deadline.after(10, "the test")


@pytest.fixture
def elsewhere(profile: Path, tmp_path: Path, relay: Any) -> Path:
    """Another profile of the same Mac: another name, no console, and its board by a link."""
    link = tmp_path / "usb-relay-board"
    link.symlink_to(relay.port)
    text = profile.read_text().replace("  mini:", "  ours:").replace(relay.port, str(link))
    path = tmp_path / "elsewhere" / "other.yaml"
    path.parent.mkdir()
    path.write_text("".join(line for line in text.splitlines(keepends=True) if "console:" not in line))
    return path


def test_names_and_facts_come_from_the_profile_alone(profile: Path, relay) -> None:  # type: ignore[no-untyped-def]
    lab = Lab(load_profile(profile))
    assert lab.names() == ["mini"]
    assert lab.only(None) == "mini"
    assert str(lab.facts("mini").macos) == "14.5"
    assert lab.describe("mini")["wires"] == ["console", "power", "button", "beacon"]
    assert relay.heard() == b""
    with pytest.raises(UsageError, match="no Mac named 'mini2'; did you mean 'mini'"):
        lab.facts("mini2")


def test_an_opened_mac_has_its_wires_and_open_contacts(profile: Path, relay, log: EvidenceLog) -> None:  # type: ignore[no-untyped-def]
    with Lab(load_profile(profile)).open("mini", log) as mac:
        assert mac.name == "mini"
        assert relay.heard() == CONTACTS_OPEN
        assert mac.wires.power is not None
        mac.wires.power.on(deadline=soon())
        assert relay.heard() == bytes.fromhex("A0 01 01 A2")
        assert mac.wires.shell is None
    assert log.redactor.clean("correct horse") == MASK
    with Lab(load_profile(profile)).open("mini", log) as again:
        assert again.name == "mini"


def test_a_mac_in_use_is_refused_by_whatever_profile(elsewhere: Path, profile: Path, log: EvidenceLog) -> None:
    """It has another name there, a wire less, and the path of the other one by a link."""
    with Lab(load_profile(profile)).open("mini", log):
        with (
            pytest.raises(BenchError, match=r"ours\.\w+ \(.*\): it is in use by process \d+ \(.*\), as 'mini' since"),
            Lab(load_profile(elsewhere)).open("ours", log, deadline=Deadline.after(0.1)),
        ):
            raise AssertionError("two owners")
        with pytest.raises(BenchError, match="it is in use"):
            Lab(load_profile(elsewhere)).check("ours", deadline=soon(), sink=log)
    with Lab(load_profile(elsewhere)).open("ours", log) as mac:
        assert mac.wires.console is None


def test_a_quarantined_mac_is_refused_by_whatever_profile(elsewhere: Path, profile: Path, log: EvidenceLog) -> None:
    here, there = Lab(load_profile(profile)), Lab(load_profile(elsewhere))
    here.quarantine("mini", "its baseline was not reached")
    assert "its baseline was not reached (since 20" in there.describe("ours")["quarantine"]
    with pytest.raises(BenchError, match=r"ours: it is quarantined: .*, as 'mini', which has"), there.open("ours", log):
        raise AssertionError("opened")
    assert there.release("ours") is not None
    with here.open("mini", log) as mac:
        assert mac.name == "mini"


def test_another_mac_on_the_same_board_is_free(profile: Path, tmp_path: Path, log: EvidenceLog) -> None:
    text = profile.read_text().replace("  mini:", "  next:")
    for own in ("console", "beacon"):
        text = "".join(line for line in text.splitlines(keepends=True) if f"  {own}:" not in line)
    other = tmp_path / "next.yaml"
    other.write_text(text.replace("channel: 1", "channel: 3").replace("channel: 2", "channel: 4"))
    with Lab(load_profile(profile)).open("mini", log), Lab(load_profile(other)).open("next", log) as mac:
        Lab(load_profile(profile)).quarantine("mini", "its baseline was not reached")
        assert mac.wires.power is not None
    assert Lab(load_profile(other)).describe("next")["quarantine"] is None


def test_a_quarantined_mac_is_refused_until_released(profile: Path, relay, log: EvidenceLog) -> None:  # type: ignore[no-untyped-def]
    lab = Lab(load_profile(profile))
    lab.quarantine("mini", "its baseline was not reached")
    assert "its baseline" in lab.describe("mini")["quarantine"]
    with pytest.raises(BenchError) as caught, lab.open("mini", log):
        raise AssertionError("opened")
    assert "it is quarantined: its baseline was not reached (since 20" in str(caught.value)
    assert f"`kextrel lab release mini --lab {profile}`" in str(caught.value)
    assert relay.heard() == b""
    assert all(wire.alive for wire in lab.check("mini", deadline=soon(), sink=log))
    assert lab.release("mini") is not None
    with lab.open("mini", log) as mac:
        assert mac.name == "mini"


def test_a_missing_secret_is_said_before_anything_is_touched(  # type: ignore[no-untyped-def]
    profile: Path, relay, log: EvidenceLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LAB_PASSWORD")
    with pytest.raises(UsageError, match="env:LAB_PASSWORD is not set"), Lab(load_profile(profile)).open("mini", log):
        raise AssertionError("opened")
    assert relay.heard() == b""


def test_a_wire_that_cannot_be_opened_leaves_no_other_open(profile: Path, tmp_path: Path, relay, log) -> None:  # type: ignore[no-untyped-def]
    broken = tmp_path / "broken.yaml"
    broken.write_text(profile.read_text().replace("listen: 127.0.0.1", "listen: 192.0.2.77"))
    with pytest.raises(BenchError, match=r"mini\.beacon"), Lab(load_profile(broken)).open("mini", log):
        raise AssertionError("opened")
    with Lab(load_profile(profile)).open("mini", log) as mac:
        assert mac.wires.console is not None


def test_a_virtual_mac_has_no_wires_before_it_is_served(log: EvidenceLog) -> None:
    lab = Lab(load_profile(default_profile_path()))
    assert lab.describe("mini")["wires"] == []
    with pytest.raises(UsageError, match="has no wires before it is served"), lab.open("mini", log):
        raise AssertionError("opened")


def test_check_asks_each_wire_and_switches_nothing(profile: Path, relay, console, log: EvidenceLog) -> None:  # type: ignore[no-untyped-def]
    found = Lab(load_profile(profile)).check("mini", deadline=soon(), sink=log)
    assert [(one.wire.split()[0], one.alive) for one in found] == [
        ("mini.console", True),
        ("mini.power", True),
        ("mini.button", True),
        ("mini.beacon", True),
    ]
    assert relay.heard() == console.heard() == b""
    assert found[3].line().startswith("alive  mini.beacon (127.0.0.1)  listens")


def test_check_says_which_wire_is_dead_and_asks_the_others(profile: Path, tmp_path: Path, console, log) -> None:  # type: ignore[no-untyped-def]
    broken = tmp_path / "broken.yaml"
    broken.write_text(profile.read_text().replace(console.port, "/dev/ttyNONE"))
    found = {one.wire.split()[0]: one for one in Lab(load_profile(broken)).check("mini", deadline=soon(), sink=log)}
    assert {name: one.alive for name, one in found.items()} == {
        "mini.console": False,
        "mini.power": True,
        "mini.button": True,
        "mini.beacon": True,
    }
    assert "cannot open /dev/ttyNONE: No such file" in found["mini.console"].line()
    assert found["mini.console"].to_json()["alive"] is False
