"""Kexts for the virtual Mac to judge: made on disk by `bundles`, which shares no code with what judges them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kextrel.bundles import make
from kextrel.virtual.clock import Clock
from kextrel.virtual.hardware.localpolicy import Change
from kextrel.virtual.hardware.progress import BootProgress, Progress
from kextrel.virtual.hardware.sep import SecureEnclave
from kextrel.virtual.hardware.startup import Started
from kextrel.virtual.machine import Machine
from kextrel.virtual.macos import bundle, trust
from kextrel.virtual.macos.kernelmanagement import KernelManagement
from kextrel.virtual.macos.kextd import KextDaemon
from kextrel.virtual.mdm.management import Management
from kextrel.virtual.spec import MacSpec
from kextrel.virtual.unix.disk import new_disk
from kextrel.virtual.unix.fs import FileSystem, Volume
from kextrel.virtual.unix.nodes import Directory
from kextrel.virtual.unix.system import Finished
from kextrel.virtual.unix.tty import Tty
from kextrel.vocabulary import Extension, ExtensionKind, Signature
from offline import Offline
from sysextdmac import Mac as SysextdMac

NOW = datetime(2025, 6, 1, tzinfo=UTC)


class RootOwned:
    """A folder of the host as a Mac's file system in which everything belongs to root (or to whom one says)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.owners: dict[str, tuple[int, int]] = {}

    def tree(self, path: str) -> Mapping[str, bundle.Node]:
        top = self.folder / path.lstrip("/")
        if not top.is_dir():
            raise FileNotFoundError(path)
        found = {"": bundle.Node(0o40755, 0, 0)}
        for entry in sorted(top.rglob("*")):
            name = str(entry.relative_to(top))
            owner = self.owners.get(name, (0, 0))
            content = b"" if entry.is_dir() else entry.read_bytes()
            found[name] = bundle.Node(entry.lstat().st_mode, *owner, content)
        return found


@pytest.fixture
def kext_files(tmp_path: Path) -> RootOwned:
    return RootOwned(tmp_path)


@pytest.fixture
def make_kext(tmp_path: Path) -> Callable[..., Path]:
    """Makes a sample kext under the test's folder; keywords replace fields of its description."""

    def build(**fields: object) -> Path:
        wanted = {"name": "driver", "kind": ExtensionKind.KEXT, "bundle_id": "com.example.kextrel.driver", **fields}
        wanted.setdefault("team_id", "KXTRL00001")
        wanted.setdefault("signature", Signature.DEVELOPER_ID)
        return make(Extension(**wanted), tmp_path)  # type: ignore[arg-type]

    return build


@pytest.fixture
def verdict(kext_files: RootOwned) -> Callable[..., bundle.Judgement]:
    """Reads and judges a kext as an arm64e Mac with the shipped trust does."""

    def judge(path: Path, when: datetime = NOW, anchors: trust.Trust | None = None) -> bundle.Judgement:
        kext = bundle.read(kext_files, f"/{path.name}")
        return bundle.judge(kext, "arm64e", anchors or trust.load(), when)

    return judge


class QuietDisplay:
    """Remembers what the Mac would show."""

    def __init__(self) -> None:
        self.blocked: list[str] = []

    def extension_blocked(self, developer: str) -> None:
        self.blocked.append(developer)


class Variables(dict[str, bytes]):
    """NVRAM without a chip."""

    set = dict.__setitem__

    def delete(self, name: str) -> bool:
        return self.pop(name, None) is not None

    def sync(self) -> None: ...


class SmallMac:
    """A Mac without power or shell: disk, Secure Enclave, clock, kernel management; `boot` is the boot loader's part.

    `sip`, on Intel alone: the word in NVRAM.
    """

    def __init__(self, defects: frozenset[str] = frozenset(), **spec: Any) -> None:
        self.spec = MacSpec("small", prepared=True, defects=defects, **spec)
        self.sip = 0
        self.clock = Clock(start=1_750_000_000.0, wall=lambda: 0.0)
        self.disk = FileSystem.on(Volume("Macintosh HD", Directory(0o755)), self.clock.now)
        self.progress = BootProgress()
        self.sep = SecureEnclave(self.spec, self.progress, defects=defects)
        self.display = QuietDisplay()
        self.system = None
        self.management = Management(self)
        self.nvram = Variables()
        old = self.spec.release < (11,)
        self.kernel: Any = KextDaemon(self) if old else KernelManagement(self)
        self.boot()

    def approve_all(self) -> None:
        """An administrator allows whatever Settings offers."""
        for pending in self.kernel.pending():
            self.kernel.approve(pending, "admin")

    def restart(self) -> None:
        """An orderly one."""
        asyncio.run(self.kernel.orderly_shutdown())
        self.boot()

    def defect(self, rule: str) -> bool:
        return rule in self.spec.defects

    def boot(self, *, safe: bool = False) -> None:
        """Starts macOS with the stored policy."""
        self.kernel.power_lost()
        if self.spec.architecture != "apple-silicon":
            self.kernel.boot(Started(sip=self.sip, safe=safe))
            return
        self.progress.reset()
        self.progress.lock(Progress("macos"))
        policy = self.sep.policy()
        self.kernel.boot(Started(policy, policy.sip0 or 0, safe))

    def lower(self, *, afresh: bool = False, **fields: int | None) -> None:
        """Changes LocalPolicy from 1TR, and comes back to macOS."""
        self.progress.reset()
        self.progress.lock(Progress("recovery", by_button=True, paired=True))
        self.sep.change(Change(fields, afresh=afresh), user="admin", password=self.spec.administrator.password)
        self.boot()

    def install(self, bundle: Path, folder: str = "/Library/Extensions", *, owner: tuple[int, int] = (0, 0)) -> str:
        """Copies a kext of the host to the Mac."""
        target = f"{folder}/{bundle.name}"
        for entry in (bundle, *sorted(bundle.rglob("*"))):
            place = f"{target}/{entry.relative_to(bundle)}" if entry != bundle else target
            if entry.is_dir():
                self.disk.mkdir(place, parents=True)
            else:
                self.disk.write_bytes(place, entry.read_bytes())
            self.disk.chown(place, *owner)
        return target

    def loaded(self) -> list[str]:
        """Bundle identifiers of the third-party kexts that run."""
        assert self.kernel.running is not None
        return [row.name for row in self.kernel.running.auxiliary()]


@pytest.fixture
def small_mac() -> Callable[..., SmallMac]:
    """Makes Macs: `small_mac("KEXT-06")` has that defect; `architecture` and `macos` are as in MacSpec."""
    return lambda *defects, **spec: SmallMac(frozenset(defects), **spec)


class _NoSerial:
    """Whatever the machine says to its console."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


class WatchedDisplay(QuietDisplay):
    """A display that remembers, with a login session whenever somebody is logged in."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self.machine, self.opened = machine, []

    def application_blocked(self, application: str, category: str) -> None:
        self.opened.append(f"blocked: {application}")

    def firmware(self, text: str | None) -> None: ...
    def entered(self, environment: str) -> None: ...
    def key(self, down: bool, usage: int, modifiers: int) -> None: ...

    def open_settings(self, url: str) -> bool:
        self.opened.append(url)
        return self.machine.console_user is not None

    def quit(self, application: str) -> bool:
        self.opened.append(f"quit {application}")
        return self.machine.console_user is not None


class ToolFittings(Offline):
    """A Mac with its tools and no wires; nothing of the lab's is on its disk."""

    def disk(self, machine: Machine) -> FileSystem:
        return new_disk(machine)

    def display(self, machine: Machine) -> WatchedDisplay:
        return WatchedDisplay(machine)

    def serial(self, machine: Machine) -> _NoSerial:
        return _NoSerial()


class Lab:
    """A Mac in a test: boots it, runs tools on it, answers their questions on a terminal."""

    def __init__(self, **fields: Any) -> None:
        self.clock = Clock(start=1_750_000_000.0, wall=asyncio.get_running_loop().time)
        self.spec = MacSpec("minitest", prepared=True, **fields)
        self.machine = Machine(self.spec, ToolFittings(), clock=self.clock)

    async def until(self, environment: str) -> None:
        await self.wait(lambda: self.machine.environment == environment and self.machine.system is not None)

    async def wait(self, done: Callable[[], bool]) -> None:
        """Up to five Mac minutes, for what a whole boot may take."""
        end = self.clock.now() + 300
        while not done():
            assert self.clock.now() < end, self.machine.environment
            await self.clock.sleep(0.5)

    async def macos(self) -> None:
        """Off or running, it ends in macOS."""
        if self.machine.environment == "off":
            self.machine.rail.switch(True)
        else:
            self.machine.request_restart()
            await self.clock.sleep(4)
        await self.until("macos")

    async def one_true_recovery(self) -> None:
        """Held button from off, then Options."""
        await self.startup_options()
        self.machine.boot_selected("recovery")
        await self.until("recovery")

    async def startup_options(self) -> None:
        """Held button from off."""
        if self.machine.environment == "off":
            await self.macos()
        self.machine.request_shutdown()
        await self.wait(lambda: self.machine.environment == "off")
        self.machine.button.switch(True)
        await self.wait(lambda: self.machine.environment == "startup-options")
        self.machine.button.switch(False)

    async def command_r(self) -> None:
        """Command-R held on the keyboard of an Intel Mac while it restarts: its recovery."""
        for usage in (0xE3, 0x15):
            self.machine.keyboard.key(True, usage, 8)
        self.machine.request_restart()
        await self.until("recovery")
        for usage in (0x15, 0xE3):
            self.machine.keyboard.key(False, usage, 0)

    async def run(self, *argv: str, user: str = "root", input: bytes = b"") -> Finished:
        return await self.machine.system.run(list(argv), user=user, input=input)

    async def typed(self, *argv: str, answers: list[str]) -> tuple[int, str]:
        """Runs a tool on a terminal and answers each of its prompts in turn."""
        shown = bytearray()
        tty = Tty(shown.extend)
        proc = self.machine.system.spawn(list(argv), tty=tty)
        for answer in answers:
            seen = len(shown)
            while len(shown) == seen or not shown.rstrip().endswith((b":", b"]")):
                assert proc.status is None, shown.decode()
                await asyncio.sleep(0)
            tty.type(f"{answer}\r".encode())
        while proc.status is None:
            await asyncio.sleep(0)
        return proc.status, shown.decode()

    @property
    def password(self) -> str:
        return self.spec.administrator.password

    def install(self, bundle: Path) -> str:
        return SmallMac.install(self.machine, bundle)


@pytest.fixture
def lab() -> type[Lab]:
    """Inside `play`: `lab(macos="14.5")` is a prepared Mac, still off."""
    return Lab


@pytest.fixture
def mac(play: Callable[..., Any]) -> Callable[..., Any]:
    """`mac(story, **spec)`: plays `story` with as much of a Mac as sysextd touches."""

    def run(story: Callable[[SysextdMac], Coroutine[Any, Any, None]], **spec: Any) -> None:
        async def begin() -> None:
            await story(SysextdMac(**spec))

        play(begin())

    return run
