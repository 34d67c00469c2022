"""A line at a prompt: Return only once it was seen, whatever OCR and the keyboard do to it."""

from __future__ import annotations

from typing import Any

import pytest

from kextrel.device.flows.typing import type_line
from kextrel.device.rig import Rig
from kextrel.errors import BenchError
from kextrel.timing import Deadline

LINE = "curl -sSo /tmp/k http://192.168.1.10:8080/Ab3dEf9hIjKlMnOpQrStUv; sh /tmp/k"


def wrapped(line: str) -> str:
    """As a terminal of 80 columns and an OCR that loses blanks and takes letters for digits show it."""
    damaged = line.replace("O", "0").replace("l", "1")
    return f"{damaged[:60]}\n{damaged[60:].replace(' ', '')}"


@pytest.mark.parametrize("shown", [LINE, wrapped(LINE)])
def test_a_line_that_is_seen_is_entered(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str], shown: str
) -> None:
    world.screen, world.lost = screens["terminal"], [shown]
    type_line(rig, LINE, deadline=deadline)
    assert world.log == [f"type {LINE}", "press return"]


@pytest.mark.parametrize("line", [LINE, "reboot"])
@pytest.mark.parametrize("place", [0, 3, -1])
def test_a_lost_key_is_noticed_before_return(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str], line: str, place: int
) -> None:
    lacking = list(line)
    del lacking[place]
    world.screen, world.lost = screens["terminal"], ["".join(lacking), line]
    world.on_key = lambda key: key == "control+c" and setattr(world, "screen", world.screen + "^C\n-bash-3.2# ")
    type_line(rig, line, deadline=deadline)
    assert world.log == [f"type {line}", "press control+c", f"type {line}", "press return"]


def test_the_same_line_of_an_earlier_time_is_not_this_one(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    world.screen, world.lost = screens["terminal"] + "reboot\n-bash-3.2# ", ["rebot", "reot"]
    with pytest.raises(BenchError) as failed:
        type_line(rig, "reboot", deadline=deadline)
    assert failed.value.wire == "mini.keyboard"
    assert "press return" not in world.log


def test_a_letter_that_ocr_reads_wrong_twice_stops_no_walk(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    damaged = LINE.replace("Mn", "Nn")
    world.screen, world.lost = screens["terminal"], [damaged, damaged]
    world.on_key = lambda key: key == "control+c" and setattr(world, "screen", world.screen + "^C\n-bash-3.2# ")
    type_line(rig, LINE, deadline=deadline)
    assert world.log[-1] == "press return"
