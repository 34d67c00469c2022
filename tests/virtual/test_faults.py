from __future__ import annotations

import pytest

from kextrel.errors import UsageError
from kextrel.virtual.clock import Clock
from kextrel.virtual.faults import FAULTS, Fault, Faults
from kextrel.virtual.hardware.rail import Rail

NAMES = {
    *("ssh-drop", "ssh-stall", "console-garble", "relay-stuck", "button-short"),
    *("keys-lost", "screen-dark", "power-cut", "mdm-down", "mdm-late"),
}


def test_a_fault_begins_with_the_event_it_names_and_stays():
    faults = Faults([Fault.parse("relay-stuck@3")])
    assert [faults.strikes("relay-stuck") for _ in range(4)] == [False, False, True, True]
    assert faults.active("relay-stuck")


def test_a_fault_that_is_not_there_never_strikes():
    faults = Faults()
    assert not any(faults.strikes("ssh-drop") for _ in range(50))
    assert not faults.active("ssh-drop")


def test_every_fault_has_a_name_and_begins_early():
    assert set(FAULTS) == NAMES
    assert Fault.parse("ssh-drop").at == 12
    assert all(1 <= Fault.parse(name).at <= FAULTS[name].last for name in NAMES)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_seed_draws_the_moment_always_the_same_one(name):
    moments = [Fault.parse(f"{name}:seed={seed}").at for seed in range(20)]
    assert moments == [Fault.parse(f"{name}:seed={seed}").at for seed in range(20)]
    assert len(set(moments)) > 1
    assert all(1 <= at <= FAULTS[name].last for at in moments)


def test_a_seed_draws_what_else_is_left_to_chance():
    draws = [Faults([Fault.parse(f"console-garble@2:seed={seed}")]).chance("console-garble") for seed in (7, 7, 8)]
    first, again, other = (one.random() for one in draws)
    assert first == again != other


def test_seconds_are_the_mac_s_and_begin_with_its_first_boot(wall):
    clock = Clock(start=0.0, wall=wall.now, later=wall.later)
    faults, begun = Faults([Fault.parse("power-cut@30s")], clock), []
    faults.when("power-cut", lambda: begun.append(clock.now()))
    wall.forward(100)
    faults.booted()
    wall.forward(20)
    faults.booted()
    assert not any(faults.strikes("ssh-drop") for _ in range(1000))
    assert begun == []
    wall.forward(20)
    assert faults.active("power-cut")
    assert begun == [pytest.approx(130, abs=0.1)]


def test_a_moment_to_come_does_not_pull_the_clock(wall):
    clock = Clock(start=0.0, wall=wall.now, later=wall.later)
    faults = Faults([Fault.parse("screen-dark@30s")], clock)
    faults.booted()
    wall.forward()
    assert clock.now() < 1
    assert not faults.strikes("screen-dark")


def test_the_mains_fail_with_what_the_bench_does_by_hand(wall):
    faults, told = Faults([Fault.parse("power-cut@4")]), []
    faults.when("power-cut", lambda: told.append("begun"))
    for name in ("ssh-drop", "ssh-stall", "screen-dark", "relay-stuck", "keys-lost"):
        faults.strikes(name)
    assert told == []
    faults.strikes("keys-lost")
    faults.strikes("keys-lost")
    assert told == ["begun"]


def test_mains_that_failed_are_not_switched_on_again(wall):
    log = []
    rail = Rail(Clock(start=0.0, wall=wall.now, later=wall.later), log.append)
    rail.switch(True)
    rail.fail()
    rail.switch(True)
    wall.forward(1)
    rail.switch(True)
    assert log == [True, False]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("relay-stick", "did you mean 'relay-stuck'"),
        ("ssh-drop@0", "whole number"),
        ("ssh-drop@", "whole number"),
        ("ssh-drop@-3", "whole number"),
        ("ssh-drop@3m", "NAME@30s"),
        ("ssh-drop:seed=", "NAME:seed=7"),
        ("ssh-drop:sed=3", "NAME:seed=7"),
        ("ssh-drop:seed=3@4", "NAME@N"),
        ("", "known are"),
    ],
)
def test_a_wrong_fault_is_a_sentence(text, says):
    with pytest.raises(UsageError, match=says):
        Fault.parse(text)
