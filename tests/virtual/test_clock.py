from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from kextrel.virtual.clock import SETTLE, Clock


def at(clock: Clock, when: float, log: list[float], **how: bool) -> Any:
    return clock.call_at(when, lambda: log.append(clock.now()), **how)


def test_jumps_to_what_is_waited_for_in_order(clock, wall):
    log: list[float] = []
    for when in (300.0, 5.0, 7200.0):
        at(clock, when, log)
    wall.forward()
    assert log == [5.0, 300.0, 7200.0]
    assert wall.time == 1000.0


def test_what_is_planned_on_the_way_comes_in_its_turn(clock, wall):
    log: list[float] = []
    clock.call_at(10.0, lambda: at(clock, 15.0, log))
    at(clock, 20.0, log)
    wall.forward()
    assert log == [15.0, 20.0]


def test_follows_the_wall_when_nobody_waits(clock, wall):
    wall.forward(3.5)
    assert clock.now() == pytest.approx(3.5)


def test_lets_the_loop_turn_before_it_jumps(clock, wall):
    turns = []

    def turn() -> None:
        turns.append(clock.now())
        if len(turns) < SETTLE:
            wall.later(0.0, turn)

    log: list[float] = []
    at(clock, 60.0, log)
    turn()
    wall.forward()
    assert turns == [0.0] * SETTLE
    assert log == [60.0]


def test_busy_keeps_it_to_the_wall(clock, wall):
    log: list[float] = []
    at(clock, 2.0, log)
    with clock.busy():
        wall.forward(1.0)
        assert clock.now() == pytest.approx(1.0)
        assert log == []
        wall.forward(1.5)
        assert log == pytest.approx([2.0])
    at(clock, 100.0, log)
    wall.forward()
    assert log[-1] == 100.0


def test_a_gesture_runs_at_its_rate_and_never_jumps(clock, wall):
    log: list[float] = []
    at(clock, 10.0, log)
    hold = clock.gesture()
    wall.forward(0.1)
    assert clock.now() == pytest.approx(5.0)
    assert log == []
    wall.forward(0.1)
    assert log == pytest.approx([10.0], abs=1e-6)
    hold.release()
    wall.forward(1.0)
    assert clock.now() == pytest.approx(11.0)


def test_no_gesture_is_faster_than_the_clock_allows_and_the_slowest_counts(clock, wall):
    hurried = clock.gesture(1000.0)
    assert clock.rate == 50.0
    careful = clock.gesture(15.0)
    assert clock.rate == 15.0
    careful.release()
    careful.release()
    assert clock.rate == 50.0
    hurried.release()
    assert clock.rate == 1.0


def test_a_gesture_faster_than_a_press_can_be_told_is_not_had(wall):
    clock = Clock(start=0.0, gesture_rate=1000.0, wall=wall.now, later=wall.later)
    hold = clock.gesture()
    assert clock.rate == 50.0
    hold.release()


def test_a_stalled_host_does_not_stretch_a_gesture(clock, wall):
    hold = clock.gesture()
    wall.stall(2.0)
    assert clock.now() == pytest.approx(0.1 * 50)
    hold.release()


def test_a_background_timer_never_pulls_the_clock(clock, wall):
    log: list[float] = []
    at(clock, 900.0, log, background=True)
    wall.forward(1.0)
    assert log == []
    assert clock.now() == pytest.approx(1.0)
    at(clock, 1000.0, log)
    wall.forward()
    assert log == [1000.0, 1000.0]


def test_a_cancelled_timer_is_not_called_and_not_waited_for(clock, wall):
    log: list[float] = []
    at(clock, 50.0, log).cancel()
    wall.forward(1.0)
    assert log == []
    assert clock.now() == pytest.approx(1.0)


def test_what_is_past_comes_at_once(clock, wall):
    log: list[float] = []
    at(clock, -1.0, log)
    wall.forward()
    assert log == [0.0]


def test_sleepers_wake_in_order_and_take_no_wall_time(
    play: Callable[[Coroutine[Any, Any, Any]], Any], clock_of_loop: Callable[[], Clock]
):
    async def story() -> tuple[list[tuple[str, float]], float]:
        clock, woken = clock_of_loop(), []

        async def sleeper(name: str, seconds: float) -> None:
            await clock.sleep(seconds)
            woken.append((name, clock.now()))

        await asyncio.gather(sleeper("long", 30.0), sleeper("short", 1.0))
        return woken, asyncio.get_running_loop().time()

    woken, wall_time = play(story())
    assert woken == [("short", 1.0), ("long", 30.0)]
    assert wall_time == 0.0


def test_a_cancelled_sleeper_leaves_no_timer(play, clock_of_loop):
    async def story() -> float:
        clock = clock_of_loop()
        sleeper = asyncio.create_task(clock.sleep(600.0))
        await asyncio.sleep(0)
        sleeper.cancel()
        await asyncio.gather(sleeper, return_exceptions=True)
        await asyncio.sleep(1.0)
        return clock.now()

    assert play(story()) == pytest.approx(1.0)
