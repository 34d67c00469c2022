from __future__ import annotations

import plistlib

import pytest

from kextrel.virtual.macos.plists import BadPlist
from kextrel.virtual.mdm import queue
from kextrel.virtual.mdm.queue import Command, Device


def _command(name: str) -> Command:
    return Command.parse(plistlib.dumps({"CommandUUID": name, "Command": {"RequestType": "ProfileList"}}))


@pytest.fixture
def device() -> Device:
    made = Device()
    for name in ("a", "b"):
        made.enqueue(_command(name))
    return made


def _next(device: Device, status: str, name: str = "") -> str | None:
    found = device.answered({"Status": status, **({"CommandUUID": name} if name else {})})
    return found.uuid if found else None


def test_commands_go_out_in_order_and_are_gone_when_done(device):
    assert _next(device, "Idle") == "a"
    assert _next(device, "Acknowledged", "a") == "b"
    assert _next(device, "Error", "b") is None
    assert _next(device, "Idle") is None


def test_one_that_was_not_answered_is_sent_again(device):
    assert [_next(device, "Idle"), _next(device, "Idle")] == ["a", "a"]


def test_not_now_waits_for_the_next_idle_and_lets_others_pass(device):
    assert _next(device, "Idle") == "a"
    assert _next(device, "NotNow", "a") == "b"
    assert _next(device, "NotNow", "b") is None
    assert _next(device, "Idle") == "a"
    assert _next(device, "Acknowledged", "a") == "b"


def test_a_command_is_queued_once_and_not_without_end(device, monkeypatch):
    device.enqueue(_command("a"))
    assert [one.uuid for one in device.commands] == ["a", "b"]
    monkeypatch.setattr(queue, "MOST", 2)
    with pytest.raises(OverflowError):
        device.enqueue(_command("c"))


@pytest.mark.parametrize(
    "content",
    [{}, {"CommandUUID": "a"}, {"CommandUUID": "a", "Command": {}}, {"Command": {"RequestType": "x"}},
     {"CommandUUID": "a", "Command": "x"}],
)  # fmt: skip
def test_what_is_no_command_is_not_taken(content):
    with pytest.raises(BadPlist):
        Command.parse(plistlib.dumps(content))
