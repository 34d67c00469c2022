"""Relay boards that answer: their bytes, a relay that does not move, a board that is another than the profile says."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from kextrel.bench import relayboards
from kextrel.bench.button import RelayButton
from kextrel.bench.power import RelayPower
from kextrel.bench.relay import Asker
from kextrel.bench.relayboards import BOARDS
from kextrel.errors import BenchError, DeadlineExceeded, UsageError
from kextrel.evidence import EvidenceLog
from kextrel.timing import Clock, Deadline

pytestmark = pytest.mark.usefixtures("unhurried")

KINDS = ["kmtronic 2", "kmtronic 8", "devantech 0", "numato 16", "numato 32", "numato 64"]
Makes = dict[str, Callable[[], Any]]


def soon(seconds: float = 30) -> Deadline:
    return Deadline.after(seconds, "the relay")


def acquirer(kind: str) -> Any:
    driver, relays = kind.split()
    return partial(BOARDS[driver], relays=int(relays))


def power_on(board: Any, kind: str, channel: int, log: EvidenceLog) -> RelayPower:
    return RelayPower("mini.power", board.port, channel, log, acquire=acquirer(kind))


@pytest.mark.parametrize(
    ("kind", "channel", "sent"),
    [
        ("kmtronic 2", 2, "ff 02 01 ff 02 03 ff 02 00 ff 02 03"),
        ("kmtronic 8", 7, "ff 07 01 ff 09 00 ff 07 00 ff 09 00"),
        ("devantech 0", 1, "65 5b 6f 5b"),
        ("devantech 0", 8, "6c 5b 76 5b"),
        ("numato 16", 10, b"relay on A\rrelay read A\rrelay off A\rrelay read A\r".hex(" ")),
        ("numato 32", 31, b"relay on V\rrelay read V\rrelay off V\rrelay read V\r".hex(" ")),
        ("numato 64", 5, b"relay on 05\rrelay read 05\rrelay off 05\rrelay read 05\r".hex(" ")),
    ],
)
def test_the_bytes_are_the_boards(answering: Makes, log: EvidenceLog, kind: str, channel: int, sent: str) -> None:
    board = answering[kind]()
    power = power_on(board, kind, channel, log)
    power.on(deadline=soon())
    assert [at for at, on in board.state.items() if on] == [channel]
    power.off(deadline=soon())
    assert not any(board.state.values())
    assert board.until(lambda heard: len(heard) >= len(bytes.fromhex(sent))).hex(" ") == sent
    assert [(one.event, one.data["channel"], one.data["on"]) for one in log.records] == [
        ("relay", channel, True),
        ("relay state", channel, True),
        ("relay", channel, False),
        ("relay state", channel, False),
    ]
    power.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_relay_that_does_not_move_is_an_error(answering: Makes, log: EvidenceLog, kind: str) -> None:
    board = answering[kind]()
    board.stuck = True
    power = power_on(board, kind, 1, log)
    power.off(deadline=soon())
    with pytest.raises(BenchError, match="was told to switch relay 1 on, and says that it is still off"):
        power.on(deadline=soon())
    power.close()


def test_a_button_whose_contacts_do_not_close_is_an_error_and_they_are_opened(answering: Makes, log) -> None:  # type: ignore[no-untyped-def]
    board = answering["numato 16"]()
    board.stuck = True
    button = RelayButton("mini.button", board.port, 2, Clock(50), log, acquire=acquirer("numato 16"))
    with pytest.raises(BenchError, match=r"mini\.button: the Numato board was told to switch relay 2 on"):
        button.press(10, deadline=soon())
    assert board.told[-1] == (2, False)
    button.close()


@pytest.mark.parametrize("kind", ["kmtronic 2", "devantech 0", "numato 16"])
def test_a_silent_board_is_a_dead_wire(
    answering: Makes, log: EvidenceLog, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relayboards, "ANSWER", 0.05)
    board = answering[kind]()
    board.mute = True
    power = power_on(board, kind, 1, log)
    with pytest.raises(DeadlineExceeded, match=r"mini\.power: .* board does not answer: nothing came in"):
        power.check(deadline=soon())
    power.close()


@pytest.mark.parametrize(
    ("kind", "noise"),
    [("kmtronic 2", b"CH1:ON\r\n"), ("kmtronic 8", b"CH1:OFF \r\nCH2:OFF"), ("numato 16", b"relay read 1\n\r\n\r>")],
)
def test_another_board_on_the_port_is_said(board: Any, log: EvidenceLog, kind: str, noise: bytes) -> None:
    board.answers = lambda data: noise
    power = power_on(board, kind, 1, log)
    with pytest.raises(BenchError, match="which is no state of a relay; is it this kind of board"):
        power.check(deadline=soon())
    power.close()


def test_an_answer_without_an_end_is_cut_off(board: Any, log: EvidenceLog) -> None:
    board.answers = lambda data: b"x" * 2000
    power = power_on(board, "numato 16", 1, log)
    with pytest.raises(BenchError, match="the Numato board does not answer: only 78 78"):
        power.check(deadline=soon())
    power.close()


def test_what_an_interrupted_question_left_is_not_taken_for_the_answer(answering: Makes, log: EvidenceLog) -> None:
    board = answering["kmtronic 2"]()
    power = power_on(board, "kmtronic 2", 1, log)
    board.say(bytes.fromhex("FF 01 00"))
    power.on(deadline=soon())
    assert board.state[1] is True
    power.close()


class Late:
    """A port on which the answer to an earlier question comes after the next one was asked."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)

    def available(self) -> bytes:
        return b""

    def write(self, data: bytes, *, deadline: Deadline) -> None:
        assert data == b"relay read 2\r"

    def read(self, *, deadline: Deadline) -> bytes:
        return self.pieces.pop(0)


def test_an_answer_about_another_relay_is_not_taken_for_this_one(log: EvidenceLog) -> None:
    port: Any = Late(b"relay read 1\n\ron\n\r>", b"relay read 2\n", b"\roff\n\r>")
    said = relayboards.NumatoBoard(port, 16).check(2, Asker("mini.power", log, "power"), deadline=soon())
    assert said == "a Numato board of 16 answers, relay 2 is off"


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("kmtronic 2", "a KMTronic board of 2 answers, relay 1 is off"),
        ("devantech 0", "a Devantech board (module 8, version 2) answers, relay 1 is off"),
        ("numato 64", "a Numato board of 64 answers, relay 1 is off"),
    ],
)
def test_health_says_what_the_board_says(answering: Makes, log: EvidenceLog, kind: str, said: str) -> None:
    board = answering[kind]()
    power = power_on(board, kind, 1, log)
    button = RelayButton("mini.button", board.port, 2, Clock(), log, acquire=acquirer(kind))
    assert power.check(deadline=soon()) == said
    assert button.check(deadline=soon()) == said.replace("relay 1", "relay 2")
    assert board.told == []
    power.close()
    button.close()


@pytest.mark.parametrize(("kind", "channel"), [("kmtronic 2", 3), ("devantech 0", 0), ("numato 16", 16)])
def test_a_relay_that_the_board_has_not_is_refused(answering: Makes, log: EvidenceLog, kind: str, channel: int) -> None:
    board = answering[kind]()
    power = power_on(board, kind, channel, log)
    with pytest.raises(UsageError, match=f"board has no relay {channel}, only "):
        power.on(deadline=soon())
    power.close()
    assert bytes(board.heard) == b""


def test_a_port_is_one_kind_of_board(answering: Makes, log: EvidenceLog) -> None:
    board = answering["numato 16"]()
    power = power_on(board, "numato 16", 1, log)
    for other in ("lcus 0", "numato 32"):
        with pytest.raises(
            BenchError, match=r"mini\.power: .* is open as a Numato board already; one port is one board"
        ):
            power_on(board, other, 2, log)
    power.close()
    power_on(board, "lcus 0", 2, log).close()
