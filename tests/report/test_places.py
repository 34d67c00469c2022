"""Where a Mac was, told from its wires."""

from __future__ import annotations

from typing import Any

import pytest

from kextrel.report.places import Track


def stays(made: Any, *records: tuple[str, str, dict[str, Any]]) -> list[tuple[str, float]]:
    """The kind and the seconds of each span, where the records come a second apart."""
    track = Track()
    for n, (wire, event, data) in enumerate(records, start=1):
        track.follow(made.record(n, wire, event, **data))
    return [(span.kind, span.seconds) for span in track.ended()]


ANSWER = ("shell", "run", {"command": "true", "exit_code": 0})
GONE = ("shell", "gone", {"seen": "refused"})
DARK = ("screen", "text", {"text": "", "signal": False})
HOLDING = ("screen", "text", {"text": "Continue holding for startup options…", "signal": True})
PICKER = ("screen", "text", {"text": "macOS Recovery\nSelect a user you know the password for.", "signal": True})
DESKTOP = ("screen", "text", {"text": "Finder  File  Edit  View  Go  Window  Help", "signal": True})
BLANK = ("screen", "text", {"text": "", "signal": True})
KERNEL = ("console", "read", {"data": "Darwin Kernel Version 23.5.0: root:xnu\r\n"})
KEYS = ("keyboard", "press", {"keys": ["return"]})


def seen_in(environment: str) -> tuple[str, str, dict[str, Any]]:
    return ("device", "observation", {"facts": {"environment": environment}})


def test_a_walk_into_recovery_and_back(made: Any) -> None:
    walk = [ANSWER, GONE, DARK, HOLDING, PICKER, KEYS, seen_in("1tr"), KERNEL, DESKTOP, ANSWER]
    assert stays(made, *walk) == [
        ("macOS", 1.0),
        ("boot", 1.0),
        ("off", 1.0),
        ("boot", 1.0),
        ("recovery", 3.0),
        ("boot", 1.0),
        ("macOS", 1.0),
    ]


def test_what_came_before_the_first_sign_is_of_that_place(made: Any) -> None:
    assert stays(made, KEYS, KEYS, ANSWER, KEYS) == [("macOS", 3.0)]


def test_a_mac_of_which_nothing_is_seen_is_nowhere(made: Any) -> None:
    assert stays(made, KEYS, KEYS) == [("not known", 1.0)]
    assert stays(made) == []


def test_safe_mode_is_known_by_an_observation_and_lasts_until_the_next_boot(made: Any) -> None:
    walk = [ANSWER, GONE, seen_in("safe-mode"), DESKTOP, ANSWER, GONE, ANSWER]
    assert [kind for kind, _ in stays(made, *walk)] == ["macOS", "boot", "safe mode", "boot", "macOS"]


def test_a_command_that_failed_on_the_wire_says_nothing(made: Any) -> None:
    assert stays(made, ANSWER, GONE, ("shell", "run", {"command": "true", "failed": "no route"}), KEYS) == [
        ("macOS", 1.0),
        ("boot", 2.0),
    ]


def test_a_picture_without_words_after_none_is_a_boot(made: Any) -> None:
    assert [kind for kind, _ in stays(made, ANSWER, DARK, BLANK, BLANK)] == ["macOS", "off", "boot"]


@pytest.mark.parametrize("told", ["relay", "mains"])
@pytest.mark.parametrize(("on", "kinds"), [(False, ["macOS", "off"]), (True, ["macOS"])])
def test_the_mains_switch_a_mac_off_and_leave_a_running_one(made: Any, on: bool, kinds: list[str], told: str) -> None:
    assert [kind for kind, _ in stays(made, ANSWER, ("power", told, {"on": on}), KEYS)] == kinds


def test_words_that_are_no_object_are_passed_over(made: Any) -> None:
    track = Track()
    track.follow(made.record(1) | {"data": "text"})
    assert [span.kind for span in track.ended()] == ["not known"]


def test_a_clock_that_is_set_back_makes_no_time_negative(made: Any) -> None:
    track = Track()
    for n, event in ((100, "connect"), (50, "gone")):
        track.follow(made.record(n, "shell", event))
    assert [(span.kind, span.seconds) for span in track.ended()] == [("macOS", 0.0), ("boot", 0.0)]
