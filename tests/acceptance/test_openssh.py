"""`kextrel virtual serve` for people: one line of JSON, OpenSSH's own programs get in, it ends when it is told to."""

from __future__ import annotations

import signal
import socket
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Process = Callable[..., "subprocess.CompletedProcess[str]"]

WALK = b"\x00\xff\r\n a kext \n" * 1000


def test_the_line_has_what_the_contract_says(served: Any) -> None:
    line = served.line
    assert {"name", "architecture", "macos", "ssh", "console", "relay", "keyboard", "mdm"} <= set(line)
    assert set(line["ssh"]) == {"host", "port", "user", "password", "host_key"}
    assert (line["name"], line["architecture"], line["macos"]) == ("mini", "apple-silicon", "14.5")
    assert line["ssh"]["host"] == "127.0.0.1"
    assert line["mdm"] is None
    for wire in ("console", "relay", "keyboard"):
        assert stat.S_ISCHR(Path(line[wire]).stat().st_mode)


def test_its_secrets_are_in_files_that_only_their_owner_reads(served: Any) -> None:
    folder = served.lab.with_name("lab.yaml.secrets")
    files = list(folder.iterdir())
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert served.line["ssh"]["password"] in {path.read_text().strip() for path in files}
    assert served.line["ssh"]["password"] not in served.lab.read_text()


@pytest.fixture
def openssh(process: Process, served: Any, tmp_path: Path) -> Process:
    """`openssh("ssh", arguments…, password=…)`: OpenSSH's program, the host key pinned to the JSON line's."""
    ssh = served.line["ssh"]
    known = tmp_path / "known_hosts"
    known.write_text(f"[{ssh['host']}]:{ssh['port']} {ssh['host_key']}\n")
    ask = tmp_path / "ask"
    ask.write_text('#!/bin/sh\nprintf "%s\\n" "$PASSWORD_FOR_ASK"\n')
    ask.chmod(0o700)
    options = [
        "-F",
        "none",
        f"-oUserKnownHostsFile={known}",
        "-oStrictHostKeyChecking=yes",
        "-oPubkeyAuthentication=no",
    ]
    options += ["-oNumberOfPasswordPrompts=1", "-oIdentityAgent=none", f"-oPort={ssh['port']}", "-oBatchMode=no"]

    def run(program: str, *arguments: str, password: str = ssh["password"]) -> subprocess.CompletedProcess[str]:
        asking = {"SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force", "PASSWORD_FOR_ASK": password}
        return process(program, *options, *arguments, **asking)

    return run


def test_ssh_keyscan_finds_the_key_of_the_line(process: Process, served: Any) -> None:
    ssh = served.line["ssh"]
    done = process("ssh-keyscan", "-t", "ed25519", "-p", str(ssh["port"]), ssh["host"])
    found = [line.split(maxsplit=1)[1] for line in done.stdout.splitlines() if not line.startswith("#")]
    assert found == [ssh["host_key"]]


def test_ssh_runs_a_command_with_its_streams_and_its_exit_code(openssh: Process, served: Any) -> None:
    done = openssh("ssh", "admin@127.0.0.1", "sw_vers -productVersion; echo wrong >&2; exit 7")
    assert (done.stdout, done.returncode) == ("14.5\n", 7), done.stderr
    assert done.stderr == "wrong\n"


def test_ssh_lists_system_extensions_as_the_design_has_it(openssh: Process) -> None:
    done = openssh("ssh", "admin@127.0.0.1", "systemextensionsctl list")
    assert (done.stdout, done.returncode) == ("0 extension(s)\n", 0), done.stderr


def test_ssh_is_refused_with_another_password(openssh: Process) -> None:
    done = openssh("ssh", "admin@127.0.0.1", "true", password="guessed")
    assert done.returncode == 255
    assert "Permission denied" in done.stderr


def test_ssh_is_warned_of_another_mac(openssh: Process, tmp_path: Path, served: Any) -> None:
    ssh = served.line["ssh"]
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    (tmp_path / "known_hosts").write_text(f"[{ssh['host']}]:{ssh['port']} {other}\n")
    done = openssh("ssh", "admin@127.0.0.1", "true")
    assert done.returncode == 255
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in done.stderr


def test_sftp_takes_a_file_there_and_back(openssh: Process, tmp_path: Path) -> None:
    (tmp_path / "walk").write_bytes(WALK)
    (tmp_path / "batch").write_text("put walk /tmp/walk\nget /tmp/walk back\nrm /tmp/walk\nls /tmp/walk\n")
    done = openssh("sftp", "-b", "batch", "admin@127.0.0.1")
    assert (tmp_path / "back").read_bytes() == WALK, done.stderr
    assert "/tmp/walk" in done.stderr  # it is gone again
    assert done.returncode == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_and_takes_its_wires_with_it(
    serve: Callable[..., Any], end: Callable[..., Any], settings: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    serving = serve(tmp_path, settings, "--device", "mini")
    code, rest = end(serving.child, number)
    assert (code, rest, (tmp_path / "stderr").read_text()) == (0, "", "")
    ssh = serving.line["ssh"]
    with socket.socket() as caller:
        assert caller.connect_ex((ssh["host"], ssh["port"])) != 0


def test_it_refuses_what_no_virtual_mac_has(process: Process) -> None:
    from sys import executable

    done = process(executable, "-m", "kextrel.cli", "virtual", "serve", "--defect", "KEXT-99")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("kextrel: ")
    assert done.stderr.count("\n") == 1
