"""What a run left, read: the fields of a state side by side, and what of them differs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kextrel.report import Result, read_results


def fields_of(made: Any, state: Any, *seen: Any) -> list[Any]:
    """The field `x` of each step when it was expected to be `state` and seen as each of `seen`."""
    steps = [
        made.step(number, state={"x": state}, observed={"outcome": "done", "state": {"x": one}})
        for number, one in enumerate(seen, start=1)
    ]
    return [step.fields[0] for step in Result.from_json(made.result(*steps)).steps]


@pytest.mark.parametrize(("value", "shown"), [(None, "unknown"), (True, "yes"), ([], "none"), (["a", "b"], "a, b")])
def test_states_read_as_words(made: Any, value: Any, shown: str) -> None:
    (field,) = fields_of(made, value, value)
    assert (field.expected, field.seen, field.differs) == (shown, shown, False)


@pytest.mark.parametrize(
    ("expected", "seen", "missing", "added"),
    [
        (["a", "b"], ["b", "c"], ("a",), ("c",)),
        ([], ["c"], (), ("c",)),
        ({"a": "enabled"}, {"a": "waiting"}, ("a: enabled",), ("a: waiting",)),
        (True, False, ("yes",), ("no",)),
        ("full", "reduced", ("full",), ("reduced",)),
        (None, "full", ("unknown",), ("full",)),
        ("full", None, (), ()),
    ],
)
def test_a_difference_is_told_item_by_item(made: Any, expected: Any, seen: Any, missing: Any, added: Any) -> None:
    (field,) = fields_of(made, expected, seen)
    assert (field.missing, field.added) == (missing, added)


def test_of_a_long_difference_the_beginning_is_told(made: Any) -> None:
    (field,) = fields_of(made, [], [f"com.example.k{n}" for n in range(60)])
    assert len(field.added) == 51
    assert field.added[-1] == "… 10 more"


def test_a_field_has_changed_when_it_was_last_seen_as_another(made: Any) -> None:
    found = fields_of(made, [], [], ["a"], None, ["a"], [])
    assert [field.changed for field in found] == [False, True, False, False, True]


def test_a_step_that_was_not_observed_has_what_was_expected_alone(made: Any) -> None:
    (step,) = Result.from_json(made.result(made.step(verdict="bench-failed"))).steps
    assert step.seen == ""
    assert {field.seen for field in step.fields} == {""}
    assert not any(field.differs for field in step.fields)


def test_what_no_mac_fits_is_known_by_what_it_wants(made: Any) -> None:
    wanted = {"architecture": "intel", "macos": ">=10.13", "enrollment": "none"}
    found = Result.from_json(made.result(mac="mini", wanted=wanted, shows=["UAK-01"]))
    assert found.wanted
    assert str(found.kind) == "intel >=10.13 none"
    assert found.shows == ("UAK-01",)


def test_where_nothing_ran_there_are_no_results(tmp_path: Path) -> None:
    assert read_results(tmp_path) == []
