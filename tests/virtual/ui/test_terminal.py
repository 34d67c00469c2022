from __future__ import annotations

from typing import Any

import pytest

from kextrel.virtual.unix.files import Actor


@pytest.fixture
def shell(mac: Any) -> Any:
    mac.display.entered("recovery")
    mac.press("return")
    mac.type("swordfish")
    mac.press("return", "command-shift-t")
    return mac.system.shells[0]


async def _line(shell: Any) -> bytes:
    line: bytes = await shell.tty.read_line(Actor())
    return line


def typed_line(shell: Any) -> bytes:
    import asyncio

    return asyncio.run(_line(shell))


def test_what_is_typed_is_echoed_and_read(mac: Any, shell: Any) -> None:
    mac.type("bputil -d")
    assert "-bash-3.2# bputil -d" in mac.text.splitlines()
    mac.press("return")
    assert typed_line(shell) == b"bputil -d\n"


def test_backspace_takes_a_character_back(mac: Any, shell: Any) -> None:
    mac.type("abd")
    mac.press("backspace")
    mac.type("c")
    assert "-bash-3.2# abc" in mac.text.splitlines()


def test_a_password_is_not_echoed(mac: Any, shell: Any) -> None:
    shell.tty.echo = False
    mac.type("secret")
    assert "secret" not in mac.text
    mac.press("return")
    assert typed_line(shell) == b"secret\n"


def test_control_c_is_the_interrupt_character(mac: Any, shell: Any) -> None:
    mac.type("abc")
    mac.press("control-c")
    assert "-bash-3.2# abc^C" in mac.text.splitlines()


def test_command_and_option_type_nothing(mac: Any, shell: Any) -> None:
    mac.press("command-x", "option-x")
    assert mac.text.splitlines()[-1] == "-bash-3.2#"


def test_output_scrolls_in_80_columns(mac: Any, shell: Any) -> None:
    shell.tty.write(b"\n".join(b"row %d" % number for number in range(40)) + b"\n" + b"w" * 90 + b"\n")
    lines = mac.text.splitlines()
    assert "row 10" not in lines
    assert lines[-2:] == ["w" * 80, "w" * 10]


def test_a_shell_that_ended_says_so_and_hears_nothing(mac: Any, shell: Any) -> None:
    shell.status = 0
    assert mac.text.splitlines()[-1] == "[Process completed]"
    mac.type("x")
    assert mac.text.splitlines()[-1] == "[Process completed]"
    mac.press("command-q")
    assert "Restore from Time Machine" in mac.text
