"""`replace` gives what dataclasses.replace gives."""

from __future__ import annotations

import dataclasses

import pytest

from kextrel.policy.copying import replace
from kextrel.vocabulary import Architecture, Mac, Version

MAC = Mac(Architecture.INTEL, Version.parse("12.7"), online=False)


@pytest.mark.parametrize("changes", [{}, {"online": True}, {"sip": False, "macos": Version.parse("13.0")}])
def test_it_is_the_same_as_that_of_dataclasses(changes: dict[str, object]) -> None:
    assert replace(MAC, **changes) == dataclasses.replace(MAC, **changes)
    assert hash(replace(MAC, **changes)) == hash(dataclasses.replace(MAC, **changes))


def test_the_value_stays_what_it_was_and_the_copy_is_as_frozen() -> None:
    copy = replace(MAC, online=True)
    assert (MAC.online, copy.online, copy is MAC) == (False, True, False)
    with pytest.raises(dataclasses.FrozenInstanceError):
        copy.online = False  # type: ignore[misc]


def test_a_field_that_is_not_there_is_an_error() -> None:
    with pytest.raises(TypeError, match="Mac has no field colour"):
        replace(MAC, colour="grey")
