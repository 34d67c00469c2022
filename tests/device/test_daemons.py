"""What the daemons logged goes into the evidence of a step that was violated, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from kextrel.device.daemons import recall
from kextrel.device.rig import Rig
from kextrel.errors import NotPossible, UnreadableAnswer
from kextrel.evidence import EvidenceLog
from kextrel.timing import Deadline

HEAD = "Timestamp                       Thread     Type        Activity             PID    TTL  \n"
LINE = (
    "2024-11-20 10:00:{second:02}.000000+0000 0x1f3      Default     0x0                  283    0    sysextd: "
    "extension KXTRL00001 com.example.kextrel.agent (1.0/1) advancing state from {before} to {after}\n"
)
ASKED = (
    "2024-11-20 10:00:04.000000+0000 0x1f3      Default     0x0                  102    0    kernelmanagerd: gathering "
    "approvals for 1 kext\n"
)


@pytest.fixture
def logged(world: Any) -> Any:
    world.shell_up = True
    world.commands["log show"] = (
        HEAD
        + LINE.format(second=1, before="validating", after="validating_by_category")
        + LINE.format(second=2, before="validating_by_category", after="activated_waiting_for_user")
        + ASKED
    )
    return world


def test_changes_with_their_times_are_in_the_evidence(
    logged: Any, rig: Rig, deadline: Deadline, evidence: EvidenceLog
) -> None:
    recall(rig, seconds=30, deadline=deadline)
    (record,) = [one for one in evidence.records if (one.wire, one.event) == ("device", "log")]
    assert [(one["time"], one["before"], one["after"]) for one in record.data["changes"]] == [
        ("2024-11-20 10:00:01.000000+0000", "validating", "validating_by_category"),
        ("2024-11-20 10:00:02.000000+0000", "validating_by_category", "activated_waiting_for_user"),
    ]
    assert [one["event"] for one in record.data["events"]] == ["approvals-asked"]


@pytest.mark.parametrize(("seconds", "minutes"), [(0, 1), (30, 2), (59, 2), (61, 3), (3600, 61)])
def test_one_command_reads_what_is_since_the_look_and_a_minute_more(
    logged: Any, rig: Rig, deadline: Deadline, seconds: float, minutes: int
) -> None:
    recall(rig, seconds=seconds, deadline=deadline)
    (asked,) = [line for line in logged.log if "log show" in line]
    assert f"--last {minutes}m " in asked
    assert all(daemon in asked for daemon in ("sysextd", "kernelmanagerd", "kextd", "syspolicyd"))


def test_a_log_that_cannot_be_read_is_said(logged: Any, rig: Rig, deadline: Deadline) -> None:
    logged.commands["log show"] = (64, "", "log: Could not open local log store: Operation not permitted\n")
    with pytest.raises(UnreadableAnswer, match="Could not open local log store"):
        recall(rig, seconds=1, deadline=deadline)


def test_recovery_has_no_log(world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]) -> None:
    world.screen = screens["terminal"]
    with pytest.raises(NotPossible, match="not in macOS"):
        recall(rig, seconds=1, deadline=deadline)
