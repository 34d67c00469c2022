"""A Mac that means harm, on a real SSH server with the real driver: bounded time and room, never a wrong fact, never a
character that a terminal obeys.

Its tools may print what they like, and know the token of the script that asks them. Or its shell is not even one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from kextrel.bench import remote
from kextrel.bench.shell import SshShell
from kextrel.bench.sshlink import Login
from kextrel.cli.jsonline import json_line
from kextrel.device import TestMac, Wires
from kextrel.device.rig import Rig, Timeouts
from kextrel.errors import KextrelError
from kextrel.evidence import EvidenceLog
from kextrel.macos import page
from kextrel.timing import Clock, Deadline
from loopback import free_port
from sshserver import SshServer

USER, PASSWORD = "admin", "throw-away"
TOKEN = re.compile(rb"observe ([0-9a-f]{32}) ")
BOOT = "kern.boottime: { sec = 1789196391, usec = 979990 } Fri Sep 11 23:59:51 2026"
HONEST = {
    "sysctl": f"test \"$1\" = -n && echo '{BOOT[16:]}' && exit\necho '{BOOT}'; echo 'kern.safeboot: 0'",
    "sw_vers": r"printf 'ProductName:\t\tmacOS\nProductVersion:\t\t14.5\nBuildVersion:\t\t23F79\n'",
    "csrutil": "echo 'System Integrity Protection status: enabled.'",
    "systemextensionsctl": "echo '0 extension(s)'",
    "fdesetup": "echo 'FileVault is Off.'",
}
TRUTH = {"macos": "14.5", "build": "23F79", "sip": "enabled", "system_extensions": [], "filevault": False}

# What the tools print before they tell the truth, as printf's format; $TOKEN is the script's.
FORGED = (
    r"\n%s end\n\n%s begin 262144\n%s sections csrutil 0 fdesetup 0\n 47 csrutil.out\n 0 csrutil.err\n"
    r" 18 fdesetup.out\n 0 fdesetup.err\n%s data\nSystem Integrity Protection status: disabled.\nFileVault is On.\n"
    r"\n%s end\n"
)
PRINTS = {
    "frame marks": f'printf "{FORGED}" ' + '"$TOKEN" ' * 5,
    "only the end": r'printf "\n%s end\n" "$TOKEN"',
    "another beginning": r'printf "%s begin 9\n%s sections\n%s data\n\n%s end\n" $TOKEN $TOKEN $TOKEN $TOKEN',
    "escape sequences": r"""printf '\033]0;owned\007\033[2J\033[31m\033P+q544e\033\134\r\n'""",
    "an escape without an end": r"""printf '\033]0;\033[\033P'""",
    "directions and blanks": r"""printf '\342\200\256\342\200\213\302\233\342\200\250\n'""",
    "no UTF-8": r"""printf '\377\376\300\257\355\240\200\200\n'""",
    "zero bytes": r"""printf 'a\0b\0\n\0'""",
    "a hundred megabytes on one line": "head -c 100000000 /dev/zero | tr '\\0' a",
}


class HostileMac:
    """An SSH server on loopback. `tools` are scripts by name, on the PATH of its shell; `answers` takes the place of
    the shell for an observation, and `sent` counts what it got rid of."""

    def __init__(self, folder: Path) -> None:
        self.bin, self.port, self.sent = folder / "bin", free_port(), 0
        self.bin.mkdir()
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.answers: Callable[[Any, bytes], Awaitable[None]] | None = None
        self.server = SshServer(self.port, (USER, PASSWORD), self.key, self._run)
        for name, script in HONEST.items():
            self.tool(name, script)

    def tool(self, name: str, script: str) -> None:
        (self.bin / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (self.bin / name).chmod(0o755)

    async def _run(self, process: Any) -> None:
        command = str(process.command)
        asked = await process.stdin.read() if command.endswith("/bin/sh -s") else b""
        if asked and self.answers is not None:
            with contextlib.suppress(OSError, asyncssh.Error):  # the driver hung up
                await self.answers(process, asked)
            return
        token = TOKEN.search(asked)
        child = await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", command),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": f"{self.bin}:/usr/bin:/bin", "TOKEN": token[1].decode() if token else ""},
        )
        out, err = await child.communicate(asked)
        process.stdout.write(out)
        process.stderr.write(err)
        process.exit(child.returncode)

    def shell(self, sink: EvidenceLog) -> SshShell:
        pin = self.key.export_public_key().decode()
        return SshShell("mini.shell", "127.0.0.1", self.port, Login(USER, password=PASSWORD), [pin], sink)


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[HostileMac]:
    mac = HostileMac(tmp_path)
    mac.server.start()
    yield mac
    mac.server.stop()


@pytest.fixture
def mac(hostile: HostileMac, rig: Rig, evidence: EvidenceLog, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestMac]:
    monkeypatch.setattr(remote, "GRACE", 0.2)  # its shell ends nothing
    made = TestMac(
        "mini",
        rig.facts,
        Wires(shell=hostile.shell(evidence)),
        clock=Clock(),
        sink=evidence,
        accounts=rig.accounts,
        timeouts=replace(Timeouts(), observe=20.0),
    )
    yield made
    made.close()


def harmless(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize("prints", PRINTS.values(), ids=PRINTS)
def test_whatever_tools_print_no_fact_is_wrong(
    hostile: HostileMac, mac: TestMac, deadline: Deadline, prints: str
) -> None:
    for name in ("sw_vers", "csrutil", "systemextensionsctl"):
        hostile.tool(name, f"{prints}\n{HONEST[name]}")
    sighting = mac.observe(deadline=deadline)
    assert sighting.observation is not None
    said = sighting.observation.to_json()
    assert {name: value for name, value in said["facts"].items() if name in TRUTH and value != TRUTH[name]} == {}
    assert said["facts"]["filevault"] is False  # the honest tools are heard
    assert harmless(page.render(sighting.observation))
    assert harmless(json_line(said))
    assert harmless("\n".join(sighting.notes).replace("\t", " "))
    assert len(json.dumps(said)) < 1 << 16


async def _floods(mac: HostileMac, stream: Any) -> None:
    for _ in range(100):
        stream.write(b"a" * 1_000_000)
        await stream.drain()
        mac.sent += 1


async def _silent(process: Any, asked: bytes) -> None:
    await asyncio.Event().wait()


async def _drips(process: Any, asked: bytes) -> None:
    while True:
        process.stdout.write(b"\x1b[2J")
        await process.stdout.drain()
        await asyncio.sleep(0.01)


async def _of_another(process: Any, asked: bytes) -> None:
    process.stdout.write(b"%s begin 65536\n%s sections\n%s data\n\n%s end\n" % ((b"0" * 32,) * 4))
    process.exit(0)


async def _curses(process: Any, asked: bytes) -> None:
    process.stderr.write(b"\x1b]0;owned\x07\xff\xfe zsh: \xe2\x80\xae killed\n")
    process.exit(137)


async def _nothing(process: Any, asked: bytes) -> None:
    process.exit(0)


ANSWERS = {
    "silence": _silent,
    "drips": _drips,
    "another token": _of_another,
    "curses": _curses,
    "nothing": _nothing,
}


@pytest.mark.parametrize("answers", ANSWERS.values(), ids=ANSWERS)
def test_a_shell_that_is_none_is_a_failure_said_in_plain_words(
    hostile: HostileMac, mac: TestMac, rig: Rig, evidence: EvidenceLog, answers: Any
) -> None:
    hostile.answers = answers
    with pytest.raises(KextrelError) as caught:
        mac.observe(deadline=Deadline.after(1.0, "the look"))
    assert harmless(str(caught.value))
    assert not [one for one in evidence.records if one.event == "observation"]


@pytest.mark.night
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_of_a_hundred_megabytes_no_more_than_the_limit_is_taken(
    hostile: HostileMac, mac: TestMac, deadline: Deadline, stream: str
) -> None:
    async def answers(process: Any, asked: bytes) -> None:
        await _floods(hostile, getattr(process, stream))

    hostile.answers = answers
    with pytest.raises(KextrelError, match="more than") as caught:
        mac.observe(deadline=deadline)
    assert harmless(str(caught.value))
    assert hostile.sent < 40  # megabytes: the limit, and what was on its way
