"""Real peers on loopback for the wires: OpenSSH's sshd, an asyncssh server, and boards on pseudo-terminals."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import signal
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from boards import Board, Devantech, Kmtronic, Numato, RelayBoard, TellingBoard
from kextrel.bench import button, hosttool, relayboards
from kextrel.bench.shell import SshShell
from kextrel.bench.sshlink import Login
from kextrel.evidence import EvidenceLog
from loopback import SSHD, free_port, until_listening
from sshserver import SshServer

DROPBEAR = "/usr/sbin/dropbear"
NSS_WRAPPER = "libnss_wrapper.so"  # gives a process a user database of its own
Lacks = Callable[[str], None]
BOOT_1 = "{ sec = 1789196391, usec = 979990 } Fri Sep 11 23:59:51 2026"
BOOT_2 = "{ sec = 1789200000, usec = 5 } Sat Sep 12 01:00:00 2026"


def public_line(key: Path) -> str:
    return key.with_name(key.name + ".pub").read_text().strip()


class Peer:
    """A real SSH server that stands for a Mac: its boot time is a file that a `sysctl` on its PATH prints."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self.host_key, self.user_key = folder / "host", folder / "user"
        for key in (self.host_key, self.user_key):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        self.tools = folder / "bin"
        self.tools.mkdir()
        self.boot(BOOT_1)
        sysctl = self.tools / "sysctl"
        sysctl.write_text(f'#!/bin/sh\ntest "$2" = kern.boottime && cat {folder}/boottime\n')
        sysctl.chmod(0o755)
        self.process: subprocess.Popen[bytes] | None = None

    def boot(self, when: str) -> None:
        (self.folder / "boottime").write_text(when + "\n")

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        self.process = subprocess.Popen(self.command(), start_new_session=True)
        until_listening(self.port)

    def stop(self) -> None:
        """Ends the server and its sessions, as a Mac that goes down does."""
        process, self.process = self.process, None
        if process is None:
            return
        children = subprocess.run(
            ["ps", "-A", "-o", "pid=", "-o", "ppid="], capture_output=True, text=True, check=True
        ).stdout
        mine = [int(pid) for pid, parent in map(str.split, children.splitlines()) if int(parent) == process.pid]
        for pid in (process.pid, *mine):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()

    def shell(self, sink: EvidenceLog | None = None, keys: list[str] | None = None) -> SshShell:
        pins = [public_line(self.host_key)] if keys is None else keys
        login = Login(self.user, key=self.user_key)
        return SshShell("mini.shell", "127.0.0.1", self.port, login, pins, sink or EvidenceLog())


class OpenSsh(Peer):
    more: tuple[str, ...] = ()  # lines for its configuration

    def command(self) -> list[str]:
        authorized = self.folder / "authorized"
        authorized.write_text(public_line(self.user_key) + "\n")
        lines = [
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {self.host_key}",
            f"PidFile {self.folder}/pid",
            "UsePAM no",
            "StrictModes no",
            f"AuthorizedKeysFile {authorized}",
            "PermitRootLogin prohibit-password",
            "Subsystem sftp internal-sftp",
            f"SetEnv PATH={self.tools}:/usr/local/bin:/usr/bin:/bin HOME={self.folder}",
            *self.more,
        ]
        config = self.folder / "sshd_config"
        config.write_text("\n".join(lines) + "\n")
        return [str(SSHD), "-D", "-f", str(config), "-E", str(self.folder / "log")]


async def _pump(source: Any, target: Any) -> None:
    with contextlib.suppress(OSError):  # the other side went first
        while chunk := await source.read(1 << 16):
            target.write(chunk)
        target.write_eof()


class Stranger(Peer):
    """An asyncssh server that runs commands in /bin/sh without a session or a process group of their own, as dropbear
    does, and takes a password."""

    password = "correct horse"  # noqa: RUF100, S105

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.server = SshServer(self.port, (self.user, self.password), str(self.host_key), self._handle)

    def start(self) -> None:
        self.server.start()

    async def _handle(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        pipe = asyncio.subprocess.PIPE
        path = f"{self.tools}:/usr/local/bin:/usr/bin:/bin"
        child = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", str(process.command), stdin=pipe, stdout=pipe, stderr=pipe, env={"PATH": path}
        )
        feeding = asyncio.create_task(_pump(process.stdin, child.stdin))
        await asyncio.gather(_pump(child.stdout, process.stdout), _pump(child.stderr, process.stderr))
        code = await child.wait()
        feeding.cancel()
        if code < 0:
            process.exit_with_signal(signal.Signals(-code).name.removeprefix("SIG"))
        else:
            process.exit(code)

    def stop(self) -> None:
        self.server.stop()

    def shell(self, sink: EvidenceLog | None = None, keys: list[str] | None = None) -> SshShell:
        pins = [public_line(self.host_key)] if keys is None else keys
        login = Login(self.user, password=self.password)
        return SshShell("mini.shell", "127.0.0.1", self.port, login, pins, sink or EvidenceLog())


class Dropbear(Peer):
    """dropbear, which starts no process group for a command and reads keys in the user's home only. nss_wrapper gives
    it a user whose home is in the folder; its Mac's `sysctl` comes by that user's .bashrc."""

    def start(self) -> None:
        self.process = subprocess.Popen(self.command(), env=self._environment(), start_new_session=True)
        until_listening(self.port)

    def command(self) -> list[str]:
        key = self.folder / "dropbear-host"
        if not key.exists():
            convert = ["/usr/lib/dropbear/dropbearconvert", "openssh", "dropbear", str(self.host_key), str(key)]
            subprocess.run(convert, check=True, capture_output=True)
        return [DROPBEAR, "-F", "-E", "-s", "-p", f"127.0.0.1:{self.port}", "-r", str(key), "-P", f"{self.folder}/pid"]

    def _environment(self) -> dict[str, str]:
        keys = self.folder / ".ssh" / "authorized_keys"
        keys.parent.mkdir(mode=0o700, exist_ok=True)
        keys.write_text(public_line(self.user_key) + "\n")
        keys.chmod(0o600)
        (self.folder / ".bashrc").write_text(f"PATH={self.tools}:/usr/local/bin:/usr/bin:/bin\n")
        users, groups = self.folder / "passwd", self.folder / "group"
        users.write_text(f"{self.user}:x:{os.getuid()}:{os.getgid()}::{self.folder}:/bin/bash\n")
        groups.write_text(f"{self.user}:x:{os.getgid()}:\n")
        files = {"NSS_WRAPPER_PASSWD": str(users), "NSS_WRAPPER_GROUP": str(groups)}
        return {**os.environ, **files, "LD_PRELOAD": NSS_WRAPPER}


def _openssh(folder: Path, lacks: Lacks) -> OpenSsh:
    if not SSHD.exists():
        lacks("OpenSSH's sshd is not installed here")
    separation = Path("/run/sshd")
    if not separation.exists():
        try:
            separation.mkdir(mode=0o755)
        except OSError as error:
            lacks(f"sshd needs /run/sshd, which cannot be made here: {error.strerror}")
    return OpenSsh(folder)


def _dropbear(folder: Path, lacks: Lacks) -> Dropbear:
    if not Path(DROPBEAR).exists():
        lacks("dropbear is not installed here")
    if subprocess.run(["/bin/true"], env={"LD_PRELOAD": NSS_WRAPPER}, capture_output=True, check=True).stderr:
        lacks("libnss-wrapper is not installed here")
    return Dropbear(folder)


@pytest.fixture(scope="session")
def servers(lacks: Lacks) -> dict[str, Callable[[Path], Peer]]:
    """What makes a server in a folder, not started, by its name."""
    return {"openssh": partial(_openssh, lacks=lacks), "dropbear": partial(_dropbear, lacks=lacks)}


@pytest.fixture
def peer(tmp_path: Path, lacks: Lacks) -> Iterator[OpenSsh]:
    """A running OpenSSH sshd."""
    server = _openssh(tmp_path, lacks)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def shell(peer: OpenSsh) -> Iterator[SshShell]:
    wire = peer.shell()
    yield wire
    wire.close()


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[Stranger]:
    server = Stranger(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Boards here answer from a thread of ours, which has to get its turn on a busy machine."""
    monkeypatch.setattr(relayboards, "ANSWER", 30.0)
    monkeypatch.setattr(button, "LET_GO", 30.0)


@pytest.fixture
def telling(unhurried: None) -> Iterator[Callable[[Callable[[], TellingBoard]], TellingBoard]]:
    """Makes boards that tell, and ends them."""
    made: list[TellingBoard] = []

    def make(kind: Callable[[], TellingBoard]) -> TellingBoard:
        made.append(kind())
        return made[-1]

    yield make
    for one in made:
        one.hang_up()


@pytest.fixture
def answering(telling: Callable[[Callable[[], TellingBoard]], TellingBoard]) -> dict[str, Callable[[], TellingBoard]]:
    """What makes each kind of them, by its driver and its relays."""
    return {
        "kmtronic 2": lambda: telling(lambda: Kmtronic(2)),
        "kmtronic 8": lambda: telling(lambda: Kmtronic(8)),
        "devantech 0": lambda: telling(Devantech),
        "numato 16": lambda: telling(lambda: Numato(16)),
        "numato 32": lambda: telling(lambda: Numato(32)),
        "numato 64": lambda: telling(lambda: Numato(64)),
    }


@pytest.fixture
def board() -> Iterator[Board]:
    made = Board()
    yield made
    made.hang_up()


@pytest.fixture
def relays() -> Iterator[RelayBoard]:
    made = RelayBoard()
    yield made
    made.hang_up()


@pytest.fixture
def log() -> EvidenceLog:
    return EvidenceLog("mini")


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The programs of this machine that the test starts: the deadline of each comes while it waits, however late a busy
    machine begins it, and its end has time."""
    started = list[subprocess.Popen[bytes]]()

    class Hurried(subprocess.Popen[bytes]):
        def communicate(self, input: bytes | None = None, timeout: float | None = None) -> tuple[bytes, bytes]:
            started.append(self)
            return super().communicate(input, min(timeout or 0, 0.2))

    monkeypatch.setattr(hosttool.subprocess, "Popen", Hurried)
    monkeypatch.setattr(hosttool, "ENDING", 60.0)
    return started
