"""One LCUS board on one port, shared by a Mac's mains and its button."""

from __future__ import annotations

import pytest

from kextrel.bench.button import RelayButton
from kextrel.bench.power import RelayPower
from kextrel.bench.protocols import Power
from kextrel.bench.relay import LcusBoard, frame
from kextrel.bench.serialport import SerialPort
from kextrel.errors import BenchError, UsageError
from kextrel.timing import Clock, Deadline


def soon(seconds: float = 30) -> Deadline:
    return Deadline.after(seconds, "the relay")


def test_frames_are_the_boards() -> None:
    assert frame(1, True) == bytes.fromhex("A0 01 01 A2")
    assert frame(1, False) == bytes.fromhex("A0 01 00 A1")
    assert frame(8, True) == bytes.fromhex("A0 08 01 A9")
    for channel in (0, 9, -1):
        with pytest.raises(UsageError, match="no channel"):
            frame(channel, True)


def test_mains_go_on_and_off(relays, log) -> None:  # type: ignore[no-untyped-def]
    power: Power = RelayPower("mini.power", relays.port, 1, log)
    power.on(deadline=soon())
    assert relays.after(1) == {1: True}
    power.off(deadline=soon())
    assert relays.after(2) == {1: False}
    frames = [(r.wire, r.data["frame"]) for r in log.records]
    assert frames == [("power", "a0 01 01 a2"), ("power", "a0 01 00 a1")]
    power.on(deadline=soon())
    power.close()
    assert relays.after(3) == {1: True}, "closing the wire leaves the mains as they are"


def test_a_closed_wire_says_so(relays, log) -> None:  # type: ignore[no-untyped-def]
    power = RelayPower("mini.power", relays.port, 1, log)
    power.close()
    power.close()
    with pytest.raises(BenchError, match="is closed"):
        power.on(deadline=soon())


def test_the_board_has_one_owner_process_and_many_users_in_it(relays, log) -> None:  # type: ignore[no-untyped-def]
    power = RelayPower("mini.power", relays.port, 1, log)
    button = RelayButton("mini.button", relays.port, 2, Clock(), log)
    assert LcusBoard.acquire(relays.port, "x") is LcusBoard.acquire(relays.port, "y")
    for _ in range(2):
        LcusBoard.acquire(relays.port, "z").let_go()
    with pytest.raises(BenchError, match="is in use"):
        SerialPort(relays.port, 9600, "stranger")
    power.close()
    with button.held(deadline=soon()):
        assert relays.after(1) == {2: True}
    assert relays.after(2) == {2: False}
    button.close()
    board = LcusBoard.acquire(relays.port, "last")
    for _ in range(3):
        board.let_go()
    SerialPort(relays.port, 9600, "stranger").close()


def test_health_switches_nothing(relays, log) -> None:  # type: ignore[no-untyped-def]
    power = RelayPower("mini.power", relays.port, 1, log)
    button = RelayButton("mini.button", relays.port, 2, Clock(), log)
    assert "channel 1" in power.check(deadline=soon())
    assert "channel 2" in button.check(deadline=soon())
    power.close()
    button.close()
    assert bytes(relays.heard) == b""
