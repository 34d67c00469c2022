"""A record of the evidence as people read it."""

from __future__ import annotations

from typing import Any

import pytest

from kextrel.report.records import is_noise, text_of


def test_a_command_reads_as_in_a_terminal(made: Any) -> None:
    told = made.record(1, command="kmutil load", exit_code=27, stdout="one\n", stderr="no\n", input="", seconds=1.0)
    assert text_of(told) == "$ kmutil load\none\nstderr: no\nexit code 27"


@pytest.mark.parametrize(
    ("wire", "event", "data", "text"),
    [
        ("screen", "text", {"text": "Finder", "signal": True}, "Finder"),
        ("screen", "text", {"text": "", "signal": False}, "(no signal)"),
        ("screen", "picture", {"sha256": "ab", "size": 1, "file": "/x/pictures/a.jpg"}, "a.jpg, sha256 ab"),
        ("screen", "picture", {"sha256": "ab", "size": 1, "file": None}, "not kept, sha256 ab"),
        ("console", "read", {"data": "login:"}, "login:"),
        ("keyboard", "press", {"keys": ["tab"]}, 'keys: ["tab"]'),
        ("device", "observation", {"facts": {"sip": "enabled", "auxp": None}, "unknown": {"uakl": "not asked"}},
         "sip: enabled\nuakl is not known: not asked"),
        ("device", "log", {"changes": [{"time": "10:00", "bundle_id": "a.b", "before": "x", "after": "y"}],
                           "events": [{"time": "10:01", "process": "sysextd", "message": "staging it"}]},
         "10:00 a.b: x -> y\n10:01 sysextd: staging it"),
        ("device", "log", {"changes": [], "events": []}, "the daemons logged nothing"),
        ("device", "log", {"changes": [], "events": [], "unparsed": ["10:02 it waits"]}, "10:02 it waits"),
        ("device", "observation", {"facts": {}, "contradictions": ["a says b, c d"]}, "contradiction: a says b, c d"),
    ],
)  # fmt: skip
def test_each_kind_has_its_words(made: Any, wire: str, event: str, data: dict[str, Any], text: str) -> None:
    assert text_of(made.record(1, wire, event, **data)) == text


@pytest.mark.parametrize(
    ("data", "noise"),
    [({"sent": "57", "answer": "00", "stale": ""}, True), ({"sent": "57", "answer": "e1", "stale": ""}, False)],
)
def test_a_frame_is_noise_unless_the_board_refused_it(made: Any, data: dict[str, Any], noise: bool) -> None:
    assert is_noise(made.record(1, "keyboard", "frame", **data)) is noise


def test_a_question_whether_a_shell_answers_is_noise_unless_it_did_not(made: Any) -> None:
    assert is_noise(made.record(1, command=":", exit_code=0))
    assert not is_noise(made.record(1, command=":", failed="no route"))
    assert not is_noise(made.record(1, command="true", exit_code=0))
