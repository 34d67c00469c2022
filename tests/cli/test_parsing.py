"""`kextrel parse`: facts as JSON, foreign text as one sentence, and nothing that a terminal would obey."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from kextrel.cli import parsing
from kextrel.errors import InputError

Parse = Callable[..., "subprocess.CompletedProcess[bytes]"]
LIST = (
    "1 extension(s)\n--- com.apple.system_extension.network_extension\n"
    "enabled\tactive\tteamID\tbundleID (version)\tname\t[state]\n"
    "*\t*\tKXTRL00001\tcom.example.filter (1.0/7)\tLab\u009b Filter\u202e\t[activated enabled]\n"
)


@pytest.fixture
def parse(kextrel_bytes: Parse) -> Parse:
    """`parse(*arguments, stdin=...)`: `kextrel parse`, ended."""

    def run(*arguments: str, stdin: str | bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return kextrel_bytes("parse", *arguments, stdin=stdin.encode() if isinstance(stdin, str) else stdin)

    return run


def obeyed(said: bytes) -> list[str]:
    """What a terminal would take for an order."""
    return [char for char in said.decode() if char != "\n" and (not char.isprintable() or char in "\u202e\u009b")]


def test_facts_of_a_file_as_one_object(parse: Parse, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(LIST + "a line from another world\n")
    done = parse("sudo systemextensionsctl list", str(tmp_path / "list.txt"), "--json")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert (found["count"], found["extensions"][0]["state"]) == (1, "activated enabled")
    assert found["unparsed"] == ["a line from another world"]


@pytest.mark.parametrize("file", [[], ["-"]])
def test_standard_input_is_read_when_no_file_is_named(parse: Parse, file: list[str]) -> None:
    done = parse("csrutil status", *file, "--json", stdin="System Integrity Protection status: enabled.\n")
    assert json.loads(done.stdout)["sip"] == "enabled"


def test_without_json_a_fact_is_a_line_and_what_is_not_said_is_left_out(parse: Parse) -> None:
    done = parse("profiles status -type enrollment", stdin="MDM enrollment: No\nwhat is \x1b[31mthis\n")
    assert done.stdout.decode().splitlines() == ["mdm: false", "unparsed:", "  what is this"]


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_nothing_that_a_terminal_obeys_comes_through(parse: Parse, form: list[str]) -> None:
    hostile = LIST + "\x1b]0;title\x07\x1b[2J\x9b31m \x00 and \u202eturned\x7f\n" + '{"a": "\\u001b[31m"}\n'
    done = parse("systemextensionsctl list", *form, stdin=hostile.encode() + b"\xff\xfe\xfd\n")
    assert done.returncode == 0
    assert obeyed(done.stdout) == []


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_what_json_and_plists_hold_of_escapes_is_written_out(parse: Parse, form: list[str]) -> None:
    hardware = {"SPHardwareDataType": [{"chip_type": "Apple\x1b[31m \x9b31m\ud800", "machine_model": "Mac\u202e14,3"}]}
    done = parse("system_profiler -json SPHardwareDataType", *form, stdin=json.dumps(hardware))
    assert done.returncode == 0
    assert obeyed(done.stdout) == []


def test_foreign_text_is_an_error_that_quotes_its_first_line(parse: Parse, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("\nzsh: command \x1b[31mnot found: bputil\nmore\n")
    done = parse("bputil -d", str(tmp_path / "x.txt"))
    said = done.stderr.decode()
    assert (done.returncode, done.stdout) == (2, b"")
    assert "x.txt: bputil" in said
    assert "'zsh: command not found: bputil'" in said
    assert said.count("\n") == 1
    assert obeyed(done.stderr) == []


@pytest.mark.parametrize("arguments", [["lsof"], ["bputil 'x"], [""], ["bputil", "/nowhere/at/all"], []])
def test_wrong_usage_is_one_sentence_and_exit_2(parse: Parse, arguments: list[str]) -> None:
    done = parse(*arguments)
    assert done.returncode == 2
    assert done.stderr.decode().startswith("kextrel: ")


def test_a_line_that_is_too_long_to_show_is_shortened(parse: Parse) -> None:
    done = parse("csrutil status", "--json", stdin="System Integrity Protection status: enabled.\n" + "x" * 500_000)
    (line,) = json.loads(done.stdout)["unparsed"]
    assert len(line) < 5000
    assert line.endswith("(500000 characters)")


def test_more_than_anybody_prints_is_refused(parse: Parse, tmp_path: Path) -> None:
    big = tmp_path / "big.txt"
    with big.open("wb") as file:
        file.truncate((32 << 20) + 1)  # a hole: it costs no room
    done = parse("log show", str(big))
    assert done.returncode == 2
    assert "32 MiB" in done.stderr.decode()


def test_a_closed_standard_input_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)  # as Python has it where the caller closed it
    with pytest.raises(InputError, match="standard input: it is closed; name a FILE"):
        parsing.parse("csrutil status")
