from __future__ import annotations

import pytest

from kextrel.errors import UsageError
from kextrel.virtual.faults import Fault, Faults


def test_a_fault_begins_with_the_event_it_names_and_stays():
    faults = Faults([Fault.parse("relay-stuck@3")])
    assert [faults.strikes("relay-stuck") for _ in range(4)] == [False, False, True, True]
    assert faults.active("relay-stuck")


def test_a_fault_that_is_not_there_never_strikes():
    faults = Faults()
    assert not any(faults.strikes("ssh-drop") for _ in range(50))
    assert not faults.active("ssh-drop")


def test_without_a_number_it_begins_early():
    assert Fault.parse("ssh-drop").at == 12


@pytest.mark.parametrize(
    ("text", "says"),
    [("relay-stick", "did you mean 'relay-stuck'"), ("ssh-drop@0", "whole number"), ("ssh-drop@", "whole number")],
)
def test_a_wrong_fault_is_a_sentence(text, says):
    with pytest.raises(UsageError, match=says):
        Fault.parse(text)
