"""What was written is typed by a schema; what does not fit is one sentence with its line."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import Field

from kextrel.errors import InputError
from kextrel.lab.written import Amount, Flag, Whole, Written, typed
from kextrel.yamltext import load


class _Ssh(Written):
    driver: Literal["ssh"]
    host: str
    port: Whole = 22


class _Serial(Written):
    driver: Literal["serial"]
    port: str


class _Sample(Written):
    name: str
    kind: Literal["intel", "apple-silicon"] = "intel"
    on: Flag = False
    scale: Amount = 1.0
    wires: dict[str, Annotated[_Ssh | _Serial, Field(discriminator="driver")]] = Field(default_factory=dict)
    lines: tuple[str, ...] = ()


def test_a_schema_types_what_was_written() -> None:
    text = "name: '12'\non: true\nscale: 2.5\nwires: {a: {driver: ssh, host: h, port: 2022}}\nlines: [on, 1.0]\n"
    sample = typed(_Sample, load(text, "f"), "f")
    assert (sample.name, sample.on, sample.scale, sample.lines) == ("12", True, 2.5, ("on", "1.0"))
    assert sample.wires["a"] == _Ssh(driver="ssh", host="h", port=2022)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: x\nlinse: []\n", "f:2: the key 'linse' is not known here; did you mean 'lines'?"),
        ("name: x\nkind: inetl\n", "f:2: kind: 'inetl' is not known here; did you mean 'intel'?"),
        ("kind: intel\n", "f:1: the key 'name' is missing"),
        ("name: x\non: yes\n", "f:2: on: 'yes' is neither true nor false"),
        ("name: x\nscale: 1e3\n", "f:2: scale: '1e3' is not a number"),
        (
            "name: x\nwires:\n  a:\n    driver: shs\n",
            "f:4: wires.a.driver: 'shs' is not known here; did you mean 'ssh'?",
        ),
        ("name: x\nwires:\n  a: {host: h}\n", "f:3: wires.a: the key 'driver' is missing"),
        (
            "name: x\nwires:\n  a:\n    driver: ssh\n    hots: h\n",
            "f:5: the key 'hots' is not known here; did you mean 'host'?",
        ),
        (
            "name: x\nwires:\n  a:\n    driver: ssh\n    host: h\n    port: 0x1\n",
            "f:6: wires.a.port: '0x1' is not a whole number",
        ),
        ("name: [x]\n", "f:1: name: one word or text should be here"),
        ("name: x\nlines: y\n", "f:2: lines: a list should be here"),
        ("- name\n", "f:1: keys and values should be here"),
    ],
)
def test_what_does_not_fit_is_one_sentence_with_its_line(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        typed(_Sample, load(text, "f"), "f")
    assert str(caught.value) == said
