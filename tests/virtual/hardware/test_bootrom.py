from __future__ import annotations

from typing import Any

import pytest

from kextrel.virtual.hardware.bootrom import CONTINUE_HOLDING, LOADING, BootRom, Gesture
from kextrel.virtual.hardware.button import Button


class Rig:
    """A button on a boot ROM that is powered on by its first edge, as a Mac's power controller does it."""

    def __init__(self, clock: Any, wall: Any) -> None:
        self.wall, self.clock = wall, clock
        self.shown: list[str | None] = []
        self.gestures: list[Gesture] = []
        self.rom = BootRom(clock, self.shown.append, self.gestures.append)
        self.button = Button(clock, self._edge)

    def _edge(self, down: bool) -> None:
        if self.rom.reading:
            self.rom.edge(down)
        elif down:
            self.rom.power_on(pressed=True)

    def press(self, wall_seconds: float) -> None:
        self.button.switch(True)
        self.wall.forward(wall_seconds)
        self.button.switch(False)

    @property
    def texts(self) -> list[str]:
        return [text for text in self.shown if text]


@pytest.fixture
def rig(clock: Any, wall: Any) -> Rig:
    return Rig(clock, wall)


def test_a_press_starts(rig):
    rig.press(0.006)
    rig.wall.forward(0.5)
    assert rig.gestures == [Gesture.START]
    assert rig.texts == []


@pytest.mark.parametrize("jitter", [0.0, 0.02, 0.05])
def test_a_late_release_is_still_a_press(rig, jitter):
    rig.press(0.01 + jitter)
    rig.wall.forward(0.5)
    assert rig.gestures == [Gesture.START]


def test_a_hold_says_what_it_does_and_ends_while_still_held(rig):
    rig.button.switch(True)
    rig.wall.forward(0.03)
    assert rig.texts == []
    rig.wall.forward(0.03)
    assert rig.texts == [CONTINUE_HOLDING]
    assert rig.gestures == []
    rig.wall.forward(0.15)
    assert rig.texts == [CONTINUE_HOLDING, LOADING]
    assert rig.gestures == [Gesture.HOLD]
    rig.button.switch(False)
    rig.wall.forward(0.5)
    assert rig.gestures == [Gesture.HOLD]


@pytest.mark.parametrize("first", [0.006, 0.02, 0.05])
@pytest.mark.parametrize("gap", [0.006, 0.03, 0.08])
def test_press_release_press_and_hold_is_the_fallback(rig, first, gap):
    rig.press(first)
    rig.wall.forward(gap)
    rig.button.switch(True)
    rig.wall.forward(0.25)
    assert rig.gestures == [Gesture.DOUBLE_HOLD]
    assert rig.texts[-2:] == [CONTINUE_HOLDING, LOADING]


def test_two_presses_start(rig):
    rig.press(0.006)
    rig.wall.forward(0.01)
    rig.press(0.006)
    rig.wall.forward(0.5)
    assert rig.gestures == [Gesture.START]


def test_a_second_press_after_the_window_comes_too_late(rig):
    rig.press(0.006)
    rig.wall.forward(0.3)
    assert rig.gestures == [Gesture.START]
    rig.rom.edge(True)
    rig.wall.forward(0.5)
    assert rig.gestures == [Gesture.START]


def test_power_without_a_button_starts_at_once(rig):
    rig.rom.power_on(pressed=False)
    assert rig.gestures == [Gesture.START]
    assert not rig.rom.reading


def test_power_lost_in_the_middle_forgets_the_gesture(rig):
    rig.button.switch(True)
    rig.wall.forward(0.1)
    rig.rom.power_off()
    rig.wall.forward(0.5)
    assert rig.gestures == []
    assert LOADING not in rig.texts


def test_bouncing_contacts_are_one_press(rig):
    edges = []
    button = Button(rig.clock, edges.append)
    for _ in range(5):
        button.switch(True)
        rig.wall.forward(0.0001)
        button.switch(False)
        rig.wall.forward(0.0001)
    assert edges == []
    button.switch(True)
    rig.wall.forward(0.01)
    button.switch(False)
    rig.wall.forward(0.01)
    assert edges == [True, False]


def test_the_clock_jumps_again_after_the_button_came_up(rig):
    edges = []
    button = Button(rig.clock, edges.append)
    button.switch(True)
    rig.wall.forward(0.01)
    assert not rig.clock.jumping
    button.switch(False)
    rig.wall.forward(0.01)
    assert rig.clock.jumping
    assert edges == [True, False]
