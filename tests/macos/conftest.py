"""Captures: outputs from the field with the facts that a reading of them must find."""

from __future__ import annotations

import json
import os
import secrets
import select
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kextrel.macos import observation
from kextrel.macos.observation import Observation

CAPTURES = Path(__file__).parent / "captures"

# Folders whose captures are of several command lines: all are read as this one too, which people would give to `parse`.
COMMAND_OF = {
    "kext-load-errors": "kmutil load",
    "kmutil-showloaded": "kmutil showloaded",
    "kextstat": "kextstat",
    "bputil": "bputil -d",
}


@dataclass(frozen=True)
class Capture:
    folder: str
    name: str
    command: str
    text: str
    facts: dict[str, Any]

    @property
    def id(self) -> str:
        return f"{self.folder}/{self.name}"


def all_captures() -> list[Capture]:
    found = []
    for path in sorted(CAPTURES.rglob("*.txt")):
        said = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        folder = path.parent.name
        command = COMMAND_OF.get(folder, said["command"])
        found.append(Capture(folder, path.stem, command, path.read_text(encoding="utf-8"), said["facts"]))
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "capture" in metafunc.fixturenames:
        metafunc.parametrize("capture", all_captures(), ids=lambda capture: capture.id)


@pytest.fixture(scope="session")
def captures() -> list[Capture]:
    return all_captures()


@pytest.fixture
def capture_text() -> Callable[[str], str]:
    """`capture_text("bputil/01")`: the text of one capture."""
    return lambda name: (CAPTURES / f"{name}.txt").read_text(encoding="utf-8")


HASHES = {"auxp": "A" * 96, "auxi": "B" * 96, "auxr": "C" * 96}

_POLICY = """\
This utility is not meant for normal users or even sysadmins.
Use at your own risk!

Current local policy:
OS environment:
OS Type                                       : macOS
OS Pairing Status                             : Not Paired
Local Policy Nonce Hash                 (lpnh): 11
Remote Policy Nonce Hash                (rpnh): 22
Recovery OS Policy Nonce Hash           (ronh): 33

Local policy:
Pairing Integrity                             : Valid
Signature Type                                : BAA
Security Mode                           (CSEC): 1
OS Version                              (love): 23.6.79.0.0,0
Local Policy Nonce Hash                 (lpnh): 11
User Authorized Kext List Hash          (auxp): {auxp}
Auxiliary Kernel Cache Image4 Hash      (auxi): {auxi}
Kext Receipt Hash                       (auxr): {auxr}
Security Mode:               Reduced    (smb0): 1
3rd Party Kexts Status:      Enabled    (smb2): 1
User-allowed MDM Control:    Disabled   (smb3): absent
DEP-allowed MDM Control:     Disabled   (smb4): absent
SIP Status:                  Enabled    (sip0): absent
Boot Args Filtering Status:  Enabled    (sip3): absent
"""
_HEADER = "Index Refs Address            Size       Wired      Name (Version) UUID <Linked Against>\n"
_KEXT = "  {n}    0 0xfffffe0007f80000 0x4000     0x4000     {name} (1.0) 8C5A3F5C-0000-4000-8000-000000000001 <7 5>\n"
_APPLE = _KEXT.format(n=1, name="com.apple.kpi.bsd")
_DRIVER = _KEXT.format(n=201, name="com.example.driver")
_BRIDGE = """\
Controller:

      Model Identifier: Mac14,3
      Firmware Version: mBoot-10151.140.19
      Boot UUID: 11111111-2222-4333-8444-555555555555
      Boot Policy:
        Secure Boot: Reduced Security
        System Integrity Protection: Enabled
        Allow All Kernel Extensions: Yes
        User Approved Privileged MDM Operations: No
        DEP Approved Privileged MDM Operations: No
"""

ANSWERS = {
    "sw_vers": "ProductName:\t\tmacOS\nProductVersion:\t\t14.5\nBuildVersion:\t\t23F79\n",
    "uname": "Darwin mini.local 23.5.0 Darwin Kernel: root:xnu-10063.121.3~5/RELEASE_ARM64_T8112 arm64\n",
    "sysctl": "kern.boottime: { sec = 1789196391, usec = 979990 } Fri Sep 11 23:59:51 2026\nkern.safeboot: 0\n"
    "hw.model: Mac14,3\nhw.optional.arm64: 1\n",
    "csrutil": "System Integrity Protection status: enabled.\n",
    "bputil": _POLICY.format(**HASHES),
    "system_profiler SPHardwareDataType": "Hardware:\n\n    Hardware Overview:\n\n      Model Name: Mac mini\n"
    "      Model Identifier: Mac14,3\n      Chip: Apple M2\n",
    "system_profiler SPiBridgeDataType": _BRIDGE,
    "kmutil showloaded": _HEADER + _APPLE + _DRIVER,
    "kmutil showloaded --collection": _HEADER + _DRIVER,
    "sqlite3 kext_policy;": "KXTRL00001|com.example.driver|1|Kextrel | Lab|8\n"
    "KXTRL00001|com.example.denied|0|Kextrel|8\nend\n",
    "sqlite3 kext_policy_mdm;": "end\n",
    "sqlite3 kext_load_history_v3;": "/L/driver.kext|KXTRL00001|com.example.driver|B|2026|2026|0\nend\n",
    "systemextensionsctl": "1 extension(s)\n--- com.apple.system_extension.network_extension\n"
    "enabled\tactive\tteamID\tbundleID (version)\tname\t[state]\n"
    "*\t*\tKXTRL00001\tcom.example.filter (1.0/7)\tLab Filter\t[activated enabled]\n",
    "ioreg": "",
    "profiles": "Enrolled via DEP: No\nMDM enrollment: No\n",
    "stat": "admin\n",
    "fdesetup": "FileVault is Off.\n",
}


class FakeMac:
    """A folder of small programs with a Mac's names; `observe` runs a script with them first on the PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.token = secrets.token_hex(12)  # the script's folder under /tmp is named after it
        self.bin.mkdir()
        self._answers: dict[str, dict[str, str]] = {}
        self.program("id", "echo 501")
        self.program("sudo", '[ "$1" = -n ] && shift\nexec "$@"')
        self.says(
            "nvram", "nvram: Error getting variable - 'it': (iokit/common) data was not found\n", exit_code=1, stream=2
        )
        for words, text in ANSWERS.items():
            self.says(words, text)

    def program(self, name: str, script: str) -> None:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)

    def says(self, words: str, text: str | bytes, exit_code: int = 0, stream: int = 1) -> None:
        """The tool, the first of `words`, prints `text` when the rest of `words` is among its arguments."""
        raw = text.encode() if isinstance(text, str) else text
        answer = self.folder / f"{len(list(self.folder.iterdir()))}.txt"
        answer.write_bytes(raw)
        self.does(words, f"cat '{answer}' >&{stream}; exit {exit_code}")

    def does(self, words: str, script: str) -> None:
        """The tool runs `script` for those arguments. Of several that fit, the longest `words` win."""
        tool, _, arguments = words.partition(" ")
        known = self._answers.setdefault(tool, {})
        known[arguments] = script
        longest_first = sorted(known, key=len, reverse=True)
        cases = "\n".join(f"*'{key}'*) {known[key]} ;;" for key in longest_first)
        self.program(tool, f'case "$*" in\n{cases}\nesac')

    def lacks(self, *tools: str) -> None:
        for tool in tools:
            (self.bin / tool).unlink()

    @property
    def env(self) -> dict[str, str]:
        return {"PATH": f"{self.bin}:/usr/bin:/bin", "MARK": str(self.folder)}

    def run(self, script: str, shell: str) -> subprocess.CompletedProcess[bytes]:
        """Sends the script to `shell` on stdin, as it is sent over SSH."""
        return subprocess.run(
            [shell, "-s"], input=script.encode(), env=self.env, capture_output=True, timeout=60, check=False
        )

    def observe(self, shell: str = "sh", **options: Any) -> Observation:
        script = observation.script(self.token, **({"limit_seconds": 20} | options))
        script = script.replace("/Library/SystemExtensions", str(self.folder / "SystemExtensions"))
        return observation.read(self.run(script, shell).stdout, token=self.token)


class Lifeline:
    """A FIFO that a program holds open while it lives: `hold` is the line of sh that takes it."""

    def __init__(self, folder: Path) -> None:
        path = folder / "lifeline"
        os.mkfifo(path)
        self._reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.hold = f"exec 3>'{path}'; echo started >&3"

    def has_started(self, seconds: float = 20) -> bool:
        """Waits for the program to have taken it."""
        return bool(select.select([self._reading], [], [], seconds)[0]) and os.read(self._reading, 64) == b"started\n"

    def has_ended(self, seconds: float = 10) -> bool:
        """Waits for its last holder to be gone: then the FIFO is at its end."""
        return bool(select.select([self._reading], [], [], seconds)[0]) and os.read(self._reading, 64) == b""

    def close(self) -> None:
        os.close(self._reading)


@pytest.fixture
def lifeline(tmp_path: Path) -> Iterator[Lifeline]:
    line = Lifeline(tmp_path)
    yield line
    line.close()


@pytest.fixture
def fake_mac(tmp_path: Path) -> FakeMac:
    """A Mac mini on 14.5 under reduced security, one kext approved and loaded, one network extension enabled."""
    return FakeMac(tmp_path)


@pytest.fixture(params=["dash", "bash"])
def shell(request: pytest.FixtureRequest) -> str:
    found = shutil.which(request.param)
    if found is None:
        pytest.skip(f"there is no {request.param} here")
    return found
