"""A scripted world behind the wires' protocols: what is on the screen, and what keys, button and mains do to it.

Nothing here waits: a look at a screen that will not change ends the wait at once, as its deadline would.
"""

from __future__ import annotations

import plistlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from kextrel.bench.protocols import BootId, Completed, MdmAnswer, MdmCommand, Ticket
from kextrel.device.rig import Account, Accounts, Facts, Rig, Timeouts, Wires
from kextrel.errors import BenchError, DeadlineExceeded
from kextrel.evidence import EvidenceLog
from kextrel.timing import Clock, Deadline
from kextrel.vocabulary import Architecture, Enrollment, Extension, ExtensionKind, Version

PASSWORD = "correct-horse"
LOOKS = 5


KEXT_HEAD = "Index Refs Address            Size       Wired      Name (Version) UUID <Linked Against>\n"
APPLES = "    1   83 0    0    0    com.apple.kpi.bsd (23.5.0) DB8D701A-DC03-F2F2-9E3F-41BB5CAB4A14 <>\n"


@dataclass
class Policy:
    """What the Mac's tools would say of it; `frames` is the observing script's answer.

    `model` of an Intel Mac makes it one; then `word` is SIP in NVRAM, `level` a T2's, and `recovery` where it is.
    """

    os_type: str = "macOS"
    mode: str = "Full"
    kexts: bool = False
    sip: bool = True
    approved: tuple[str, ...] | None = ()
    aux: tuple[str, ...] = ()
    broken: str = ""
    asked: tuple[str, ...] = ()
    safe: bool = False
    macos: str = "14.5"
    model: str = "Macmini9,1"
    word: str = ""
    level: str = ""
    recovery: bool = False

    @property
    def intel(self) -> bool:
        return self.model != "Macmini9,1"

    def frames(self, token: str) -> bytes:
        said = {name: text.encode() for name, text in self._sections().items()}
        codes = "".join(f" {name} 0" for name in said)
        sizes = "".join(f" {len(out)} {name}.out\n 0 {name}.err\n" for name, out in said.items())
        head = f"{token} begin 65536\n{token} sections{codes}\n{sizes}{token} data\n"
        return head.encode() + b"".join(said.values()) + f"\n{token} end\n".encode()

    def _sections(self) -> dict[str, str]:
        listed = KEXT_HEAD + APPLES + "".join(self._row(name) for name in self.aux)
        sections = {
            "sw-vers": f"ProductName:\t\tmacOS\nProductVersion:\t\t{self.macos}\nBuildVersion:\t\t23F79\n",
            "sysctl": "kern.boottime: { sec = 1700000000, usec = 5 } Tue Nov 14 22:13:20 2023\n"
            f"kern.safeboot: {self.safe:d}\n"
            f"hw.model: {self.model}\n"
            + ("sysctl: unknown oid 'hw.optional.arm64'\n" if self.intel else "hw.optional.arm64: 1\n"),
            "csrutil": f"System Integrity Protection status: {'enabled' if self.sip else 'disabled'}.\n",
            "bputil": self._bputil(),
        }
        if self.intel:
            sections |= {
                "bputil": "bputil is not yet supported on this platform\n",
                "nvram-t2": self._variable("94b73556-2197-4702-82a8-3e1337dafbfb:AppleSecureBootPolicy", self.level),
                "nvram-sip": self._variable("csr-active-config", self.word),
            }
        if self.os_type != "macOS" or self.recovery:
            return sections
        sections |= {"kexts": listed, "kexts-aux": KEXT_HEAD + "".join(self._row(name) for name in self.aux)}
        if self.approved is not None:
            rows = "".join(f"KXTRL00001|{name}|1|Kextrel|0\n" for name in self.approved)
            asked = "".join(f"/L/{name}.kext|KXTRL00001|{name}|B|2026|2026|0\n" for name in self.asked)
            sections |= {"kext-policy": f"{rows}end\n", "kext-policy-mdm": "end\n", "kext-history": f"{asked}end\n"}
        return sections

    def _bputil(self) -> str:
        smb0 = {"Full": "(smb0): absent", "Reduced": "(smb0): 1", "Permissive": "(smb0 && smb1): 1"}[self.mode]
        return (
            "Use at your own risk!\n\nCurrent local policy:\nOS environment:\n"
            f"OS Type                                       : {self.os_type}\n"
            "OS Pairing Status                             : Not Paired\n\nLocal policy:\n"
            "Kext Receipt Hash                       (auxr): absent\n"
            f"Security Mode:               {self.mode} {smb0}\n"
            f"3rd Party Kexts Status:      {'Enabled    (smb2): 1' if self.kexts else 'Disabled   (smb2): absent'}\n"
            "User-allowed MDM Control:    Disabled   (smb3): absent\n"
            "DEP-allowed MDM Control:     Disabled   (smb4): absent\n"
            f"SIP Status:                  {'Enabled    (sip0): absent' if self.sip else 'Customized (sip0): 7f'}\n"
        )

    @staticmethod
    def _variable(name: str, value: str) -> str:
        missing = f"nvram: Error getting variable - '{name}': (iokit/common) data was not found\n"
        return f"{name}\t{value}\n" if value else missing

    @staticmethod
    def _row(name: str) -> str:
        place = "200    0 0xfffffe0007a46000 0x4000     0x4000"
        return f"  {place}     {name} (1.0) 1D1D1112-6CE9-BC64-4B2A-D3BF2C6E090D <1>\n"


@dataclass
class World:
    """`screen` None is no signal. `keys` reacts to chords such as "command+shift+t" and to typed text.

    `lost` is what comes of the next lines typed at a prompt, where keys are lost. `repeatable` are the commands that
    may be asked again when their answer is lost.
    """

    screen: str | None = ""
    shell_up: bool = False
    boot: int = 1
    pressed: bool = False
    keys_held: bool = False
    private: int = 0
    repeatable: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    on_key: Callable[[str], None] = lambda key: None
    on_button: Callable[[str], None] = lambda event: None
    on_mains: Callable[[bool], None] = lambda on: None
    on_look: Callable[[], None] = lambda: None
    commands: dict[str, Any] = field(
        default_factory=lambda: {
            "systemextensionsctl list": "0 extension(s)\n",
            "test -e /private/tmp/kextrel.logged-out": (1, "", ""),
        }
    )
    reports: list[bytes] = field(default_factory=list)
    offered: list[str] = field(default_factory=list)
    uploads: list[tuple[Path, str]] = field(default_factory=list)
    inputs: list[bytes] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    policy: Policy = field(default_factory=Policy)


class _Wire:
    def __init__(self, world: World, name: str) -> None:
        self.world, self.name, self.closed = world, f"mini.{name}", 0

    def close(self) -> None:
        self.closed += 1


class FakeShell(_Wire):
    def run(
        self, command: str, *, deadline: Deadline, input: bytes = b"", limit: int = 1 << 20, again: bool = False
    ) -> Completed:
        if not self.world.shell_up:
            raise BenchError("does not answer", wire=self.name)
        self.world.log.append(f"run {command}")
        self.world.inputs.append(input)
        self.world.repeatable += [command] if again else []
        if command == "/bin/sh -s":
            token = re.search(rb"observe ([0-9a-f]{32}) ", input)
            assert token is not None
            if self.world.policy.broken:
                return Completed(command, 134, b"", self.world.policy.broken.encode())
            return Completed(command, 0, self.world.policy.frames(token[1].decode()), b"")
        for known, answer in self.world.commands.items():
            if known in command:
                told = answer() if callable(answer) else answer
                code, out, err = told if isinstance(told, tuple) else (0, told, "")
                return Completed(command, code, out.encode(), err.encode())
        return Completed(command, 0, b"", b"")

    def upload(self, local: Path, remote: str, *, deadline: Deadline) -> None:
        self.world.uploads.append((local, remote))

    def boot_id(self, *, deadline: Deadline) -> BootId:
        return BootId(self.world.boot, 0)

    def wait_for_boot(self, *, deadline: Deadline, other_than: BootId | None = None) -> BootId:
        if not self.world.shell_up or BootId(self.world.boot, 0) == other_than:
            raise DeadlineExceeded("no shell in another boot", wire=self.name)
        return BootId(self.world.boot, 0)

    def wait_until_gone(self, *, deadline: Deadline) -> None:
        if self.world.shell_up:
            raise DeadlineExceeded("still answers", wire=self.name)

    def reachable(self, *, deadline: Deadline) -> bool:
        return self.world.shell_up


class FakeScreen(_Wire):
    def text(self, *, deadline: Deadline) -> str:
        return self.world.screen or ""

    def picture(self, *, deadline: Deadline) -> bytes | None:
        return None if self.world.screen is None else b"jpeg"

    def wait(self, seen: Callable[[str], bool], *, deadline: Deadline, what: str) -> str:
        for _ in range(LOOKS):
            text = self.text(deadline=deadline)
            if seen(text):
                return text
            self.world.on_look()
        raise DeadlineExceeded(f"{what} did not come; it shows {self.world.screen!r}", wire=self.name)

    @contextmanager
    def private(self) -> Iterator[None]:
        self.world.private += 1
        try:
            yield
        finally:
            self.world.private -= 1


class FakeKeyboard(_Wire):
    def type(self, text: str, *, deadline: Deadline) -> None:
        self.world.log.append(f"type {text}")
        if self.world.screen is not None and self.world.screen.endswith("# "):
            self.world.screen += self.world.lost.pop(0) if self.world.lost else text
        self.world.on_key(text)

    def type_secret(self, secret: str, *, deadline: Deadline) -> None:
        assert self.world.private, "a secret was typed while the screen was being kept"
        self.world.log.append("type a secret")
        self.world.on_key(secret)

    def press(self, *keys: str, deadline: Deadline) -> None:
        chord = "+".join(keys)
        self.world.log.append(f"press {chord}")
        self.world.on_key(chord)

    @contextmanager
    def held(self, *keys: str, deadline: Deadline) -> Iterator[None]:
        self.world.keys_held = True
        self.world.log.append(f"hold {'+'.join(keys)}")
        self.world.on_key(f"hold {'+'.join(keys)}")
        try:
            yield
        finally:
            self.world.keys_held = False

    def release(self) -> None:
        self.world.keys_held = False


class FakeButton(_Wire):
    def press(self, mac_seconds: float, *, deadline: Deadline) -> None:
        self.world.log.append("button press")
        self.world.on_button("press")

    @contextmanager
    def held(self, *, deadline: Deadline) -> Iterator[None]:
        self.world.pressed = True
        self.world.log.append("button hold")
        self.world.on_button("hold")
        try:
            yield
        finally:
            self.release()
            self.world.on_button("release")

    def release(self) -> None:
        self.world.pressed = False


class FakePower(_Wire):
    def on(self, *, deadline: Deadline) -> None:
        self.world.log.append("mains on")
        self.world.on_mains(True)

    def off(self, *, deadline: Deadline) -> None:
        self.world.log.append("mains off")
        self.world.on_mains(False)


class FakeBeacon(_Wire):
    def offer(self, script: str) -> Ticket:
        self.world.offered.append(script)
        token = f"t{len(self.world.offered)}"
        return Ticket(f"http://127.0.0.1:8000/{token}", token)

    def receive(self, ticket: Ticket, *, deadline: Deadline) -> bytes:
        script = self.world.offered[-1]
        token = re.search(r"observe ([0-9a-f]{32}) ", script)
        if not self.world.reports and token is not None:
            return self.world.policy.frames(token[1])
        if not self.world.reports:
            raise DeadlineExceeded("no report", wire=self.name)
        return self.world.reports.pop(0)

    def withdraw(self, ticket: Ticket) -> None:
        self.world.log.append(f"withdraw {ticket.token}")


ENROLLED = "Enrolled via DEP: Yes\nMDM enrollment: Yes (User Approved)\nMDM server: https://mdm.example.org/mdm\n"
NOT_ENROLLED = "Enrolled via DEP: No\nMDM enrollment: No\n"
ESCROWED = "profiles: Bootstrap Token supported on server: YES\nprofiles: Bootstrap Token escrowed to server: YES\n"
WIFI = "com.example.company.wifi"


class FakeMdm:
    """A server and its Mac: `profiles` by identifier with payload types; `answers` what is said instead of doing it."""

    def __init__(self, world: Any) -> None:
        self.world, self.name = world, "mini.mdm"
        self.profiles: dict[str, list[str]] = {"com.example.enroll": ["com.apple.mdm"], WIFI: ["com.apple.wifi"]}
        self.answers: dict[str, list[dict[str, Any] | None]] = {}
        self.sent: list[Mapping[str, Any]] = []
        self.queued: list[str] = []
        self.on_restart: Callable[[], None] = lambda: None

    def close(self) -> None:
        return

    def check(self, *, deadline: Deadline) -> str:
        return "alive"

    def send(self, request: Mapping[str, Any], *, deadline: Deadline) -> MdmCommand:
        self.sent.append(request)
        command = MdmCommand(str(len(self.sent) - 1), str(request["RequestType"]))
        self.queued.append(command.uuid)
        return command

    def receive(self, command: MdmCommand, *, deadline: Deadline) -> MdmAnswer:
        request = self.sent[int(command.uuid)]
        told = self.answers.get(command.request_type, [])
        body = told.pop(0) if told else self.done(request)
        if body is None:
            self.queued.remove(command.uuid)
            raise DeadlineExceeded("the Mac did not answer", wire=self.name)
        if body["Status"] != "NotNow":
            self.queued.remove(command.uuid)
        return MdmAnswer(command, body["Status"], body)

    def withdraw(self, command: MdmCommand, *, deadline: Deadline) -> bool:
        return True

    def done(self, request: Mapping[str, Any]) -> dict[str, Any]:
        body: dict[str, Any] = {"Status": "Acknowledged"}
        match request["RequestType"]:
            case "ProfileList":
                rows = self.profiles.items()
                body["ProfileList"] = [
                    {"PayloadIdentifier": name, "PayloadContent": [{"PayloadType": t} for t in types]}
                    for name, types in rows
                ]
            case "InstallProfile":
                content = plistlib.loads(request["Payload"])
                self.profiles[content["PayloadIdentifier"]] = [one["PayloadType"] for one in content["PayloadContent"]]
            case "RemoveProfile":
                if self.profiles.pop(request["Identifier"], None) is None:
                    return {"Status": "Error", "ErrorChain": [{"ErrorDomain": "MCMDMErrorDomain", "ErrorCode": 12075}]}
                if request["Identifier"] == "com.example.enroll":
                    self.world.commands["profiles status"] = NOT_ENROLLED
            case "RestartDevice":
                self.on_restart()
        return body


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def evidence() -> EvidenceLog:
    return EvidenceLog("mini")


@pytest.fixture
def wires(world: World) -> Wires:
    return Wires(
        shell=FakeShell(world, "shell"),
        power=FakePower(world, "relay"),
        button=FakeButton(world, "button"),
        keyboard=FakeKeyboard(world, "keyboard"),
        screen=FakeScreen(world, "screen"),
        beacon=FakeBeacon(world, "beacon"),
    )


@pytest.fixture
def rig(wires: Wires, evidence: EvidenceLog) -> Rig:
    facts = Facts(Architecture.APPLE_SILICON, Version(14, 5))
    people = Accounts(Account("admin", "Lab Admin", PASSWORD), Account("student", "Lab Student", "pupil"))
    rig = Rig("mini", facts, wires, Clock(sleep=lambda seconds: None), evidence, people, Timeouts())
    rig.developer_mode = False  # what leaves it has a test of its own
    return rig


@pytest.fixture
def intel(rig: Rig, world: World) -> Rig:
    """A Mac mini without a T2, on 12.7."""
    rig.facts = Facts(Architecture.INTEL, Version(12, 7))
    world.policy.model, world.policy.macos = "Macmini7,1", "12.7"
    return rig


@pytest.fixture
def t2(rig: Rig, world: World) -> Rig:
    """A MacBook Pro with a T2, on 13.6."""
    rig.facts = Facts(Architecture.INTEL_T2, Version(13, 6))
    world.policy.model, world.policy.macos, world.policy.level = "MacBookPro16,1", "13.6", "%02"
    return rig


@pytest.fixture
def deadline() -> Deadline:
    return Deadline.after(3600, "the test")


OPTIONS = "Macintosh HD    Options\n\nShut Down    Restart\n"
CHOSEN = "Macintosh HD    Options\n                Continue\nShut Down    Restart\n"
PICKER = (
    "macOS Recovery\nSelect a user you know the password for.\nLab Owner    Lab Admin\nForgot all passwords?  Next\n"
)
FIELD = "macOS Recovery\nEnter the password for the user “Lab Admin”.\nContinue\n"
MAIN = (
    "Recovery  File  Edit  Utilities  Window  Help\nRestore from Time Machine\nReinstall macOS Sonoma\n"
    "Safari\nDisk Utility\nContinue\n"
)
TERMINAL = "Terminal  Shell  Edit  View  Window  Help\nTerminal — bash — 80×24\n-bash-3.2# "
DESKTOP = "Finder  File  Edit  View  Go  Window  Help\n"
LOGIN = "Lab Admin\nEnter Password\n"


@pytest.fixture
def screens() -> dict[str, str]:
    """The screens of the field notes, as text."""
    return {
        "options": OPTIONS,
        "chosen": CHOSEN,
        "picker": PICKER,
        "field": FIELD,
        "main": MAIN,
        "terminal": TERMINAL,
        "desktop": DESKTOP,
        "login": LOGIN,
        "holding": "Continue holding for startup options…",
        "loading": "Loading startup options…",
    }


@pytest.fixture
def mdm(world: Any) -> FakeMdm:
    return FakeMdm(world)


@pytest.fixture
def managed(world: Any, rig: Rig, mdm: FakeMdm) -> Rig:
    world.shell_up, world.screen = True, "Finder File Edit View Go Window Help"
    world.commands |= {"-type bootstraptoken": ESCROWED, "profiles status": ENROLLED}
    rig.facts = replace(rig.facts, enrollment=Enrollment.AUTOMATED_DEVICE)
    rig.wires = replace(rig.wires, mdm=mdm)
    rig.catalog.learn({"driver": Extension("driver", ExtensionKind.KEXT, "com.example.kextrel.driver")})
    return rig
