"""The contacts are open afterwards, whatever happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from kextrel.bench import letgo
from kextrel.bench.button import RelayButton
from kextrel.bench.protocols import Button
from kextrel.errors import BenchError, DeadlineExceeded
from kextrel.timing import Clock, Deadline

DOWN, UP = bytes.fromhex("A0 02 01 A3"), bytes.fromhex("A0 02 00 A2")


def soon(seconds: float = 30) -> Deadline:
    return Deadline.after(seconds, "the press")


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def button(relays, log, slept):  # type: ignore[no-untyped-def]
    made = RelayButton("mini.button", relays.port, 2, Clock(50, sleep=slept.append), log)
    yield made
    made.close()


def test_a_press_lasts_mac_seconds(button: Button, relays, slept) -> None:  # type: ignore[no-untyped-def]
    button.press(10, deadline=soon())
    assert relays.until(lambda heard: len(heard) >= 8) == DOWN + UP
    assert slept == [0.2]


def test_a_press_that_cannot_be_done_in_time_is_not_begun(button: Button, relays) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DeadlineExceeded):
        button.press(1000, deadline=soon(0.5))
    with pytest.raises(DeadlineExceeded), button.held(deadline=soon(0)):
        raise AssertionError("the block was entered")
    button.release()
    assert relays.until(lambda heard: len(heard) >= 4) == UP


@pytest.mark.parametrize("raised", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit, BenchError])
def test_every_way_out_opens_the_contacts(button: Button, relays, raised) -> None:  # type: ignore[no-untyped-def]
    error = raised("out", wire="other") if raised is BenchError else raised("out")
    with pytest.raises(raised), button.held(deadline=soon()):  # noqa: PT012
        assert relays.after(1) == {2: True}
        raise error
    assert relays.after(2) == {2: False}


def test_an_interrupt_in_a_press_opens_the_contacts(relays, log) -> None:  # type: ignore[no-untyped-def]
    button = RelayButton("mini.button", relays.port, 2, Clock(), log)

    def interrupt_once_it_is_down() -> None:
        relays.after(1)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt_once_it_is_down).start()
    with pytest.raises(KeyboardInterrupt):
        button.press(60, deadline=soon(90))
    assert relays.until(lambda heard: len(heard) >= 8) == DOWN + UP
    button.close()


def test_close_lets_go_and_is_idempotent(relays, log) -> None:  # type: ignore[no-untyped-def]
    button = RelayButton("mini.button", relays.port, 2, Clock(), log)
    holding = button.held(deadline=soon())
    holding.__enter__()
    button.close()
    button.close()
    assert relays.until(lambda heard: len(heard) >= 8) == DOWN + UP
    with pytest.raises(BenchError, match="is closed"):
        button.press(1, deadline=soon())


def test_the_exit_of_a_process_lets_go(relays) -> None:  # type: ignore[no-untyped-def]
    script = (
        "from kextrel.bench.button import RelayButton\nfrom kextrel.evidence import EvidenceLog\n"
        "from kextrel.timing import Clock, Deadline\n"
        f"button = RelayButton('b', {relays.port!r}, 2, Clock(), EvidenceLog())\n"
        "holding = button.held(deadline=Deadline.after(5))\nholding.__enter__()\n"
        "raise SystemExit('the run fell over')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "the run fell over"
    assert relays.until(lambda heard: len(heard) >= 8).startswith(DOWN + UP)


def test_at_exit_one_dead_port_does_not_keep_another_button_down(relays, board, log) -> None:  # type: ignore[no-untyped-def]
    dead = RelayButton("dead.button", board.port, 2, Clock(), log)
    alive = RelayButton("alive.button", relays.port, 2, Clock(), log)
    holding = [button.held(deadline=soon()) for button in (dead, alive)]
    for one in holding:
        one.__enter__()
    board.until(lambda heard: len(heard) >= 4)
    board.hang_up()
    letgo.release_all()
    assert relays.after(2) == {2: False}
    alive.close()
    with pytest.raises(BenchError):
        dead.close()


def test_a_port_that_fails_while_pressing_is_named(board, log) -> None:  # type: ignore[no-untyped-def]
    button = RelayButton("mini.button (tty)", board.port, 2, Clock(), log)
    board.hang_up()
    with pytest.raises(BenchError, match=r"mini\.button"):
        button.press(0.01, deadline=soon())
    with pytest.raises(BenchError):
        button.close()
