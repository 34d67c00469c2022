from __future__ import annotations

from kextrel.virtual.hardware.rail import Rail


def test_mains_power_the_mac_and_their_loss_takes_it_down(clock, wall):
    seen: list[bool] = []
    rail = Rail(clock, seen.append)
    rail.switch(True)
    assert (rail.powered, seen) == (True, [True])
    rail.switch(False)
    wall.forward()
    assert (rail.powered, seen) == (False, [True, False])


def test_the_supply_rides_out_what_contacts_bounce(clock, wall):
    seen: list[bool] = []
    rail = Rail(clock, seen.append)
    rail.switch(True)
    with clock.busy():
        rail.switch(False)
        wall.forward(0.01)
        rail.switch(True)
        wall.forward(1.0)
    assert seen == [True]
