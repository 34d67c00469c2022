"""Remote Login of a virtual Mac, asked by strangers: OpenSSH's clients and paramiko."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asyncssh
import paramiko
import pytest

from kextrel.virtual.clock import Clock
from kextrel.virtual.faults import Fault, Faults
from kextrel.virtual.spec import MacSpec
from kextrel.virtual.unix.disk import new_disk
from kextrel.virtual.unix.system import System
from kextrel.virtual.wires.ssh import SshServer

needs = {name: pytest.mark.skipif(not shutil.which(name), reason=f"OpenSSH's {name} is not on this machine") for name in
         ("ssh", "sftp", "scp", "ssh-keyscan", "ssh-keygen")}  # fmt: skip


class Served:
    """A stand-in Mac with its SSH server, on an event loop in a thread of its own."""

    def __init__(self, faults: tuple[Fault, ...] = (), **spec: Any) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.mac = SimpleNamespace(spec=MacSpec("mini", **{"prepared": True, **spec}), faults=Faults(faults))
        self.mac.sip, self.mac.console_user = 0, None
        self.do(self._begin())
        self.server: SshServer = self.mac.server

    async def _begin(self) -> None:
        self.mac.clock = Clock()
        self.mac.disk = new_disk(self.mac)
        self.mac.system = System(self.mac)
        self.mac.server = SshServer(self.mac)
        await self.mac.server.prepare()
        await self.mac.server.open()

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Runs a coroutine in the Mac's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def ask(self, question: Callable[[], Any]) -> Any:
        """Asks something in the Mac's loop."""

        async def work() -> Any:
            return question()

        return self.do(work())

    def until(self, question: Callable[[], Any]) -> None:
        """Waits, at most half a minute, until the answer is true."""

        async def work() -> None:
            while not question():
                await asyncio.sleep(0.005)

        self.do(asyncio.wait_for(work(), 30))

    def running(self) -> list[str]:
        return [" ".join(proc.argv) for proc in self.mac.system.processes.values()]

    def restart(self) -> None:
        """Down, as at an orderly shutdown, and up again."""
        self.down()
        self.mac.system = self.ask(lambda: System(self.mac))
        self.do(self.server.open())

    def down(self, *, orderly: bool = True) -> None:
        self.do(self.mac.system.stop(orderly=orderly))
        self.do(self.server.close(orderly=orderly))

    def stop(self) -> None:
        self.down(orderly=False)
        self.server.release()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(30)
        self.loop.close()

    @property
    def password(self) -> str:
        return self.mac.spec.administrator.password

    def paramiko(self, user: str = "admin", password: str | None = None) -> paramiko.SSHClient:
        client = paramiko.SSHClient()
        key = paramiko.Ed25519Key(data=base64.b64decode(self.server.host_key.split()[1]))
        client.get_host_keys().add(f"[127.0.0.1]:{self.server.port}", "ssh-ed25519", key)
        sock = socket.create_connection(("127.0.0.1", self.server.port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.connect(
            "127.0.0.1", self.server.port, user, password if password is not None else self.password, sock=sock,
            allow_agent=False, look_for_keys=False, timeout=30,
        )  # fmt: skip
        return client


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    started: list[Served] = []

    def start(**options: Any) -> Served:
        started.append(Served(**options))
        return started[-1]

    # A Mac that computes lets go of the interpreter's lock by itself, at every slice. Where the other thread forces it
    # to, thousands of times, glibc before 2.41 can lose the wake-up (its bug 25847), and both threads wait for ever.
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.05)
    try:
        yield start
    finally:
        for served in started:
            served.stop()
        sys.setswitchinterval(interval)


@pytest.fixture
def mac(serve: Callable[..., Served]) -> Served:
    return serve()


class OpenSsh:
    """OpenSSH's clients against one Mac, with its host key pinned and our key in its authorized_keys."""

    def __init__(self, mac: Served, folder: Path) -> None:
        self._mac, self._folder = mac, folder
        known = folder / "known_hosts"
        known.write_text(f"[127.0.0.1]:{mac.server.port} {mac.server.host_key}\n")
        key = folder / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        self.options = ["-F", "none", "-o", f"UserKnownHostsFile={known}", "-o", "StrictHostKeyChecking=yes"]
        self.with_key = [*self.options, "-o", "BatchMode=yes", "-i", str(key)]
        mac.ask(lambda: _authorise(mac.mac.system, key.with_suffix(".pub").read_bytes()))

    def ssh(self, *command: str, input: bytes = b"", options: tuple[str, ...] = (), **more: Any) -> Any:
        argv = ["ssh", *self.with_key, *options, "-p", str(self._mac.server.port), "admin@127.0.0.1", *command]
        return subprocess.run(argv, input=input, capture_output=True, timeout=60, check=False, **more)

    def begin(self, *command: str, options: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
        argv = ["ssh", *self.with_key, *options, "-p", str(self._mac.server.port), "admin@127.0.0.1", *command]
        return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def sftp(self, *lines: str) -> str:
        argv = ["sftp", *self.with_key, "-P", str(self._mac.server.port), "-b", "-", "admin@127.0.0.1"]
        text = "".join(line + "\n" for line in lines)
        done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def scp(self, *args: str) -> None:
        argv = ["scp", *self.with_key, "-P", str(self._mac.server.port), *args]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr


def _authorise(system: System, key: bytes) -> None:
    home = "/Users/admin"
    system.fs.mkdir(f"{home}/.ssh", mode=0o700)
    system.fs.write_bytes(f"{home}/.ssh/authorized_keys", key, mode=0o600)


@pytest.fixture
def openssh(mac: Served, tmp_path: Path) -> OpenSsh:
    if not shutil.which("ssh") or not shutil.which("ssh-keygen"):
        pytest.skip("OpenSSH's clients are not on this machine")
    return OpenSsh(mac, tmp_path)


# -- commands


def test_streams_are_apart_and_the_exit_code_comes_back(openssh: OpenSsh) -> None:
    done = openssh.ssh("echo out; echo err >&2; pwd; exit 3")
    assert (done.stdout, done.stderr, done.returncode) == (b"out\n/Users/admin\n", b"err\n", 3)


def test_input_reaches_the_command_whole(openssh: OpenSsh) -> None:
    data = os.urandom(300_000)
    assert openssh.ssh("cat", input=data).stdout == data


def test_ten_megabytes_come_through(openssh: OpenSsh) -> None:
    assert len(openssh.ssh("yes | head -c 10000000").stdout) == 10_000_000


def test_a_reader_that_stops_stops_the_writer(mac: Served, openssh: OpenSsh) -> None:
    endless = openssh.begin("yes")
    assert endless.stdout is not None
    assert endless.stdout.read(1000).startswith(b"y\ny\n")
    endless.stdout.close()
    mac.until(lambda: not mac.mac.system.processes)
    assert endless.wait(30) != 0


def test_sleep_costs_no_wall_time(openssh: OpenSsh) -> None:
    assert openssh.ssh("sleep 3600; echo rested").stdout == b"rested\n", "before the client's own limit"


def test_the_login_environment(openssh: OpenSsh) -> None:
    done = openssh.ssh('echo "$USER|$HOME|$SHELL|$PATH|${SSH_CONNECTION%% *}|$0"')
    assert done.stdout.decode() == "admin|/Users/admin|/bin/zsh|/usr/bin:/bin:/usr/sbin:/sbin|127.0.0.1|/bin/zsh\n"


def test_many_commands_on_one_connection(mac: Served) -> None:
    with mac.paramiko() as client:
        for number in range(50):
            _, stdout, _ = client.exec_command(f"echo {number}; exit {number}")
            assert stdout.read() == b"%d\n" % number
            assert stdout.channel.recv_exit_status() == number


def test_a_connection_has_ten_sessions_at_a_time(mac: Served) -> None:
    with mac.paramiko() as client:
        transport = client.get_transport()
        assert transport is not None
        held = [transport.open_session(timeout=30) for _ in range(10)]
        with pytest.raises(paramiko.ChannelException):
            transport.open_session(timeout=30)
        for channel in held:
            channel.close()
        assert any(_opens(transport) for _ in range(1000)), "once the server has heard of it, as OpenSSH's"


def _opens(transport: paramiko.Transport) -> bool:
    try:
        transport.open_session(timeout=30).close()
    except paramiko.ChannelException:
        return False
    return True


def test_clients_that_never_say_who_they_are_are_limited(mac: Served) -> None:
    silent = [socket.create_connection(("127.0.0.1", mac.server.port)) for _ in range(130)]
    dropped = 0
    for one in silent:
        one.settimeout(10)
        try:
            dropped += not one.recv(64)
        except ConnectionError:
            dropped += 1
    for one in silent:
        one.close()
    assert dropped == 30
    with mac.paramiko() as client:
        assert client.exec_command("echo in")[1].read() == b"in\n"


def test_a_lasting_shell_runs_one_command_after_the_other(mac: Served) -> None:
    with mac.paramiko() as client:
        stdin, stdout, _ = client.exec_command("/bin/sh")
        for number in range(20):
            stdin.write(f"x{number}=$(echo {number})\nprintf 'end %s %s\\n' $x{number} $?\n")
            stdin.flush()
            assert stdout.readline() == f"end {number} 0\n"
        stdin.channel.shutdown_write()
        assert stdout.channel.recv_exit_status() == 0


# -- signals and ends


def test_a_signal_over_ssh_reaches_the_command_and_its_end_is_told_as_a_signal(mac: Served) -> None:
    async def story() -> tuple[Any, bytes]:
        login = {"username": "admin", "password": mac.password, "known_hosts": None, "client_keys": None}
        async with asyncssh.connect("127.0.0.1", mac.server.port, config=None, **login) as client:
            loop = await client.create_process("echo ready; while :; do :; done", encoding=None)
            ready = await loop.stdout.readline()
            loop.terminate()
            await loop.wait_closed()
            return loop.exit_signal, ready

    signal, ready = asyncio.run(asyncio.wait_for(story(), 30))
    assert (signal[0], ready) == ("TERM", b"ready\n")
    mac.until(lambda: not mac.mac.system.processes)


def test_death_by_a_signal_is_255_for_ssh(openssh: OpenSsh) -> None:
    assert openssh.ssh("kill -KILL $$").returncode == 255
    assert openssh.ssh("sh -c 'kill -KILL $$'; exit $?").returncode == 137


def test_a_closed_channel_hangs_up_all_that_it_started(mac: Served) -> None:
    with mac.paramiko() as client:
        client.exec_command("trap 'echo hup > /tmp/hup; exit' HUP; sh -c 'while :; do :; done' & while :; do :; done")
        mac.until(lambda: len(mac.running()) == 2)
    mac.until(lambda: not mac.running())
    assert mac.ask(lambda: mac.mac.system.fs.read_bytes("/tmp/hup")) == b"hup\n"


def test_nohup_survives_the_connection(mac: Served) -> None:
    with mac.paramiko() as client:
        streams = client.exec_command(
            "nohup sh -c 'mark=1; while [ ! -e /tmp/stop ]; do :; done; echo done > /tmp/done' & read never"
        )
        mac.until(lambda: any(line.startswith("sh -c mark") for line in mac.running()))
        streams[0].close()
    mac.until(lambda: len(mac.running()) == 1)
    mac.ask(lambda: mac.mac.system.fs.write_bytes("/tmp/stop", b""))
    mac.until(lambda: not mac.running())
    assert mac.ask(lambda: mac.mac.system.fs.read_bytes("/tmp/done")) == b"done\n"


def test_an_endless_loop_leaves_the_mac_answering_and_can_be_killed(mac: Served, openssh: OpenSsh) -> None:
    endless = openssh.begin("while :; do :; done")
    mac.until(lambda: mac.running())
    killed = openssh.ssh("ps -ax -o pid=,command= | grep '[w]hile :' | { read pid rest; kill -9 $pid; }")
    assert (killed.returncode, killed.stderr) == (0, b"")
    assert endless.wait(30) == 255


# -- terminals


def test_an_interactive_shell_prompts_echoes_and_ends(openssh: OpenSsh) -> None:
    shell = openssh.begin(options=("-tt",))
    out, _ = shell.communicate(b"echo $((6*7))\ntty\nexit 5\n", timeout=60)
    text = out.decode().replace("\r\n", "\n")
    assert shell.returncode == 5
    assert text.count("admin@mini ~ % ") == 3
    assert "42\n" in text
    assert "/dev/ttys" in text


def _read_until(channel: paramiko.Channel, wanted: bytes) -> bytes:
    seen = b""
    channel.settimeout(10)
    while wanted not in seen:
        piece = channel.recv(4096)
        assert piece, seen
        seen += piece
    return seen


def test_control_c_ends_the_command_and_not_the_shell(mac: Served) -> None:
    with mac.paramiko() as client:
        channel = client.invoke_shell(width=100, height=40)
        _read_until(channel, b"% ")
        channel.send(b"cat\n")
        mac.until(lambda: "cat" in mac.running())
        channel.send(b"\x03")
        assert b"^C" in _read_until(channel, b"% ")
        channel.send(b"echo wro\x7f\x7f\x7fright; stty size\n")
        seen = _read_until(channel, b"40 100")
        assert b"\r\nright\r\n" in seen
        channel.resize_pty(width=90, height=20)
        channel.send(b"stty size\n")
        _read_until(channel, b"20 90")
        channel.send(b"while :; do :; done\n")
        mac.until(lambda: mac.mac.system.load.running)
        channel.send(b"\x03")
        _read_until(channel, b"% ")
        channel.send(b"\x04")
        assert channel.recv_exit_status() == 130


def test_a_password_is_not_echoed(serve: Callable[..., Served]) -> None:
    mac = serve(missing=frozenset({"PREP-02"}))
    with mac.paramiko() as client:
        channel = client.invoke_shell()
        _read_until(channel, b"% ")
        channel.send(b"sudo id -u\n")
        _read_until(channel, b"Password:")
        channel.send(b"wrong\n")
        _read_until(channel, b"Sorry, try again.\r\nPassword:")
        channel.send(mac.password.encode() + b"\n")
        seen = _read_until(channel, b"% ")
        assert seen.split()[0] == b"0"
        assert mac.password.encode() not in seen
        assert b"wrong" not in seen


# -- who may come in


@needs["ssh"]
def test_a_password_by_openssh(mac: Served, openssh: OpenSsh, tmp_path: Path) -> None:
    helper = tmp_path / "askpass"
    helper.write_text(f"#!/bin/sh\necho '{mac.password}'\n")
    helper.chmod(0o700)
    env = {**os.environ, "SSH_ASKPASS": str(helper), "SSH_ASKPASS_REQUIRE": "force"}
    argv = [
        "ssh",
        *openssh.options,
        "-o",
        "PreferredAuthentications=password",
        "-p",
        str(mac.server.port),
        "admin@127.0.0.1",
    ]
    done = subprocess.run(
        [*argv, "id -un"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, env=env, check=False
    )
    assert done.stdout == b"admin\n"


@pytest.mark.parametrize(
    ("user", "password"), [("admin", "wrong"), ("nobody", ""), ("root", ""), ("ghost", "x"), ("admin", "")]
)
def test_nobody_else_comes_in(mac: Served, user: str, password: str) -> None:
    with pytest.raises(paramiko.AuthenticationException):
        mac.paramiko(user, password)


def test_a_key_that_others_may_write_does_not_count(mac: Served, openssh: OpenSsh) -> None:
    assert openssh.ssh("true").returncode == 0
    mac.ask(lambda: mac.mac.system.fs.chmod("/Users/admin/.ssh/authorized_keys", 0o666))
    assert openssh.ssh("true").returncode == 255


@needs["ssh-keyscan"]
def test_keyscan_sees_the_host_key(mac: Served) -> None:
    argv = ["ssh-keyscan", "-t", "ed25519", "-p", str(mac.server.port), "127.0.0.1"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split(maxsplit=1)[1].strip() == mac.server.host_key


def test_every_mac_has_its_own_host_key(serve: Callable[..., Served]) -> None:
    assert serve().server.host_key != serve().server.host_key


# -- files


@needs["sftp"]
def test_sftp_both_ways(openssh: OpenSsh, tmp_path: Path) -> None:
    folder = tmp_path / "up"
    (folder / "sub").mkdir(parents=True)
    big = os.urandom(3_000_000)
    (folder / "big").write_bytes(big)
    (folder / "sub" / "small").write_text("small\n")
    listing = openssh.sftp(f"put -r {folder}", "ls -l up", "mkdir made", "rename up/sub/small made/moved", "pwd")
    assert "Remote working directory: /Users/admin" in listing
    assert "3000000" in listing
    assert "admin    staff" in listing
    openssh.sftp(f"get -r up {tmp_path / 'down'}", f"get made/moved {tmp_path / 'moved'}")
    assert (tmp_path / "down" / "big").read_bytes() == big
    assert (tmp_path / "moved").read_text() == "small\n"


@needs["scp"]
@pytest.mark.parametrize("protocol", [(), ("-O",)], ids=["over sftp", "the old protocol"])
def test_scp_both_ways(openssh: OpenSsh, tmp_path: Path, protocol: tuple[str, ...]) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(100_000))
    openssh.scp(*protocol, str(source), "admin@127.0.0.1:/tmp/there")
    openssh.scp(*protocol, "admin@127.0.0.1:/tmp/there", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == source.read_bytes()


def test_paramiko_sftp(mac: Served) -> None:
    with mac.paramiko() as client, client.open_sftp() as sftp:
        sftp.mkdir("folder")
        with sftp.open("folder/file", "w") as file:
            file.write("one\n")
        with sftp.open("folder/file", "a") as file:
            file.write("two\n")
        sftp.chmod("folder/file", 0o640)
        sftp.symlink("file", "folder/link")
        found = sftp.stat("folder/link")
        assert (stat.S_IMODE(found.st_mode or 0), found.st_size, found.st_uid) == (0o640, 8, 501)
        assert sftp.readlink("folder/link") == "file"
        assert sorted(sftp.listdir("folder")) == ["file", "link"]
        sftp.posix_rename("folder/link", "folder/file2")
        sftp.remove("folder/file2")
        with pytest.raises(FileNotFoundError):
            sftp.stat("folder/file2")
        with pytest.raises(PermissionError):
            sftp.open("/private/var/root/x", "w")
        with pytest.raises(OSError, match="Read-only file system"):
            sftp.open("/usr/bin/x", "w")


def test_sftp_and_commands_see_the_same_files(mac: Served) -> None:
    with mac.paramiko() as client, client.open_sftp() as sftp:
        with sftp.open("/tmp/script", "w") as file:
            file.write("#!/bin/sh\necho ran $1\n")
        sftp.chmod("/tmp/script", 0o755)
        _, stdout, _ = client.exec_command("/tmp/script well")
        assert stdout.read() == b"ran well\n"


# -- the Mac goes and comes


def _refused(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_port_and_key_outlive_a_restart_and_the_port_refuses_between(mac: Served, openssh: OpenSsh) -> None:
    port, key = mac.server.port, mac.server.host_key
    assert openssh.ssh("echo 1 > kept; echo 2 > /tmp/gone").returncode == 0
    mac.down()
    assert _refused(port)
    mac.mac.system = mac.ask(lambda: System(mac.mac))
    mac.do(mac.server.open())
    assert (mac.server.port, mac.server.host_key) == (port, key)
    assert openssh.ssh("cat kept; ls /tmp").stdout == b"1\n"


@pytest.mark.parametrize("orderly", [True, False], ids=["at a shutdown", "at a power cut"])
def test_open_connections_are_dropped(mac: Served, openssh: OpenSsh, orderly: bool) -> None:
    waiting = openssh.begin("trap '' TERM; echo here; cat")
    assert waiting.stdout is not None
    assert waiting.stdout.readline() == b"here\n"
    mac.down(orderly=orderly)
    assert waiting.wait(30) == 255


def test_the_fault_cuts_all_connections_at_its_command_for_good(serve: Callable[..., Served]) -> None:
    mac = serve(faults=(Fault("ssh-drop", 3),))
    client = mac.paramiko()
    for _ in range(2):
        _, stdout, _ = client.exec_command("echo fine")
        assert stdout.read() == b"fine\n"
    _, stdout, _ = client.exec_command("echo never")
    assert stdout.read() == b""
    assert stdout.channel.recv_exit_status() == -1
    mac.until(lambda: _refused(mac.server.port))
    mac.restart()
    assert _refused(mac.server.port)
    client.close()


def test_a_wire_that_stalls_answers_no_command_and_stays_connected(serve: Callable[..., Served]) -> None:
    mac = serve(faults=(Fault("ssh-stall", 2),))
    with mac.paramiko() as client:
        _, stdout, _ = client.exec_command("echo fine")
        assert stdout.read() == b"fine\n"
        _, stdout, _ = client.exec_command("echo never")
        stdout.channel.settimeout(0.2)
        with pytest.raises(TimeoutError):
            stdout.read(1)
        assert client.get_transport().is_active()  # type: ignore[union-attr]
        mac.paramiko().close()
    assert not any("never" in line for line in mac.running())


def test_full_disk_access_is_a_matter_of_preparation(serve: Callable[..., Served]) -> None:
    path = "/private/var/db/SystemPolicyConfiguration"
    for missing, code in ((frozenset[str](), 0), (frozenset({"PREP-03"}), 1)):
        mac = serve(missing=missing)
        with mac.paramiko() as client:
            _, stdout, stderr = client.exec_command(f"sudo ls {path}")
            assert stdout.channel.recv_exit_status() == code
            assert stderr.read().decode() == ("" if code == 0 else f"ls: {path}: Operation not permitted\n")
