"""Whole virtual Macs, seen only over their wires: SSH by paramiko, serial ports by pyserial, PiKVM by httpx."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import paramiko
import pytest
import serial

from kextrel.virtual.faults import Fault
from kextrel.virtual.hardware import bootrom
from kextrel.virtual.service import run
from kextrel.virtual.spec import Endpoints, MacSpec

PATIENCE = 60.0
SCALE = 50.0
RIGHT, RETURN, ESCAPE = 0x4F, 0x28, 0x29
GET_INFO, DEBOUNCE = 1, 0.02
COMMAND_SHIFT, T = 0x0A, 0x17


def eventually(look: Callable[[], Any], what: str) -> Any:
    """The first true answer of `look`, which takes its own time."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        answer = look()
        if answer:
            return answer
    raise AssertionError(f"{what} did not come within {PATIENCE} s")


class Mac:
    """What a bench has of one Mac."""

    def __init__(self, endpoints: Endpoints) -> None:
        self.at = endpoints
        headers = {"X-KVMD-User": self.at.screen["user"], "X-KVMD-Passwd": self.at.screen["password"]}
        self._kvm = httpx.Client(base_url=self.at.screen["url"], headers=headers, timeout=PATIENCE)
        self._relay = serial.Serial(self.at.relay, 9600, exclusive=True)
        self._keyboard = serial.Serial(self.at.keyboard, 9600, timeout=PATIENCE, exclusive=True)
        self._ssh: paramiko.SSHClient | None = None

    # -- SSH

    def connect(self, user: str = "", password: str = "") -> paramiko.SSHClient:
        at = self.at.ssh
        client = paramiko.SSHClient()
        kind, blob = at["host_key"].split()
        name = f"[{at['host']}]:{at['port']}"
        client.get_host_keys().add(name, kind, paramiko.PKey.from_type_string(kind, base64.b64decode(blob)))
        wire = socket.create_connection((at["host"], at["port"]), timeout=PATIENCE)
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.connect(
            at["host"], port=at["port"], username=user or at["user"], password=password or at["password"], sock=wire,
            allow_agent=False, look_for_keys=False,
        )  # fmt: skip
        return client

    def run(self, command: str) -> tuple[int, str, str]:
        if self._ssh is None:
            self._ssh = self.connect()
        _, out, err = self._ssh.exec_command(command, timeout=PATIENCE)
        return out.channel.recv_exit_status(), out.read().decode(), err.read().decode()

    def begin(self, command: str) -> None:
        """Starts what ends the connection, and does not look back."""
        if self._ssh is None:
            self._ssh = self.connect()
        self._ssh.exec_command(command, timeout=PATIENCE)
        transport = self._ssh.get_transport()
        eventually(lambda: not transport.is_active(), "the end of the connection")
        self._ssh.close()
        self._ssh = None

    def listens(self) -> bool:
        try:
            socket.create_connection((self.at.ssh["host"], self.at.ssh["port"]), timeout=1).close()
        except ConnectionRefusedError:
            return False
        return True

    def boot_time(self) -> str:
        code, out, err = self.run("sysctl -n kern.boottime")
        assert (code, err) == (0, "")
        return out

    # -- screen

    def snapshot(self) -> httpx.Response:
        return self._kvm.get("/api/streamer/snapshot")

    def text(self) -> str:
        answer = self._kvm.get("/api/streamer/snapshot", params={"ocr": "1"})
        return answer.text if answer.status_code == 200 else ""

    def sees(self, text: str) -> str:
        return eventually(lambda: (seen := self.text()) and text in seen and seen, text)

    def dark(self) -> None:
        eventually(lambda: self.snapshot().status_code == 503, "the end of the signal")

    # -- relay

    def switch(self, channel: int, on: bool) -> None:
        self._relay.write(bytes([0xA0, channel, on, (0xA0 + channel + on) & 0xFF]))

    def press(self) -> None:
        with self.held():
            self.settled()
        self.settled()

    def settled(self) -> None:
        """The button believes its contacts: an answer on another wire says that the Mac has seen the time pass."""
        until = time.monotonic() + 2 * DEBOUNCE
        while time.monotonic() < until:
            self.frame(GET_INFO, b"")
        self.frame(GET_INFO, b"")

    @contextmanager
    def held(self) -> Iterator[None]:
        self.switch(2, True)
        try:
            yield
        finally:
            self.switch(2, False)

    # -- keyboard

    def frame(self, command: int, data: bytes) -> bytes:
        frame = bytes([0x57, 0xAB, 0, command, len(data)]) + data
        self._keyboard.write(frame + bytes([sum(frame) & 0xFF]))
        head = self._keyboard.read(5)
        return head + self._keyboard.read(head[4] + 1)

    def key(self, usage: int, modifiers: int = 0) -> None:
        ok = bytes.fromhex("57AB0082010085")
        assert self.frame(2, bytes([modifiers, 0, usage, 0, 0, 0, 0, 0])) == ok
        assert self.frame(2, bytes(8)) == ok

    def type(self, text: str) -> None:
        """Types on a US keyboard what these tests need."""
        others = {"0": (0x27, 0), " ": (0x2C, 0), "-": (0x2D, 0), "_": (0x2D, 2), "|": (0x31, 2)}
        for char in text:
            if char.isalpha():
                self.key(ord(char.lower()) - ord("a") + 4, 2 if char.isupper() else 0)
            elif char in others:
                self.key(*others[char])
            else:
                self.key(ord(char) - ord("1") + 0x1E)

    # -- walks

    def shut_down(self) -> None:
        self.begin("sudo shutdown -h now")
        self.dark()

    def recovery_terminal(self) -> str:
        """From the startup options through the user picker to Terminal, where `bputil -d` says what was booted."""
        self.sees("Options")
        self.key(RIGHT)
        self.key(RIGHT)
        self.sees("Continue")
        self.key(RETURN)
        self.sees("Select a user you know the password for.")
        self.key(RETURN)
        self.sees("Enter the password for the user")
        self.type(self.at.ssh["password"])
        self.key(RETURN)
        self.sees("Disk Utility")
        self.key(T, COMMAND_SHIFT)
        self.sees("-bash-3.2#")
        self.type("bputil -d | grep Type")
        self.key(RETURN)
        return self.sees("Signature Type")

    def close(self) -> None:
        for wire in (self._ssh, self._kvm, self._relay, self._keyboard):
            if wire is not None:
                wire.close()


@contextmanager
def served(*specs: MacSpec, faults: tuple[Fault, ...] = ()) -> Iterator[dict[str, Mac]]:
    """Runs Macs in a thread of their own, as they do in a process of their own."""
    found: dict[str, Endpoints] = {}
    ready = threading.Event()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    def on_ready(endpoints: Endpoints) -> None:
        found[endpoints.name] = endpoints
        if len(found) == len(specs):
            ready.set()

    with ThreadPoolExecutor(1, "virtual Macs") as thread, ExitStack() as stack:
        stack.callback(loop.close)
        service = thread.submit(loop.run_until_complete, run(specs, faults=faults, on_ready=on_ready, stop=stop))
        service.add_done_callback(lambda _: ready.set())
        stack.callback(service.result, PATIENCE)
        stack.callback(loop.call_soon_threadsafe, stop.set)
        assert ready.wait(PATIENCE)
        macs = {name: Mac(endpoints) for name, endpoints in found.items()}
        for mac in macs.values():
            stack.callback(mac.close)
        yield macs


@pytest.fixture
def mac() -> Iterator[Mac]:
    """One prepared Mac that runs macOS."""
    with served(MacSpec("mini", prepared=True)) as macs:
        yield macs["mini"]


def test_a_mac_answers_on_ssh_with_the_key_that_it_named(mac):
    assert mac.run("sw_vers -productVersion; id -un; sudo -n id -u") == (0, "14.5\nadmin\n0\n", "")
    assert "Finder" in mac.text()
    picture = mac.snapshot()
    assert picture.headers["content-type"] == "image/jpeg"
    assert picture.content[:3] == b"\xff\xd8\xff"


def test_the_other_accounts_of_the_endpoints_log_in_too(mac):
    student = next(account for account in mac.at.accounts if not account["admin"])
    client = mac.connect(student["name"], student["password"])
    _, out, _ = client.exec_command("id -un", timeout=PATIENCE)
    assert out.read() == b"student\n"
    client.close()
    with pytest.raises(paramiko.AuthenticationException):
        mac.connect(student["name"], "wrong")


def test_a_restart_is_another_boot_with_the_same_port_and_key(mac):
    before = mac.boot_time()
    mac.begin("sudo shutdown -r now")
    eventually(mac.listens, "SSH")
    after = mac.boot_time()
    assert re.search(r"sec = \d+, usec = \d+", after)
    assert after != before


def test_shut_down_it_is_dark_and_refuses_and_a_press_boots_it(mac):
    mac.shut_down()
    assert not mac.listens()
    answer = mac.snapshot()
    assert answer.status_code == 503
    assert answer.json() == {"ok": False, "result": answer.json()["result"]}
    assert answer.json()["result"]["error"] == "UnavailableError"
    assert mac.frame(1, b"")[6] == 0
    mac.press()
    eventually(mac.listens, "SSH")
    assert mac.run("true") == (0, "", "")


def test_held_until_the_startup_options_it_is_the_one_true_recovery(mac):
    mac.shut_down()
    with mac.held():
        mac.sees("Continue holding for startup options")
        mac.sees("Loading startup options")
        mac.sees("Macintosh HD")
    assert "one true recoveryOS" in mac.recovery_terminal()
    assert not mac.listens()
    mac.type("reboot")
    mac.key(RETURN)
    eventually(mac.listens, "SSH")
    assert mac.run("sudo bputil -d | grep -c 'OS Type.*: macOS'")[:2] == (0, "1\n")


def test_a_press_before_the_hold_is_the_fallback(mac, monkeypatch):
    monkeypatch.setattr(bootrom, "WINDOW_RATE", 0.05)  # half a minute on the wall, however late this machine is
    mac.shut_down()
    mac.press()
    with mac.held():
        mac.sees("Macintosh HD")
    assert "fallback recoveryOS" in mac.recovery_terminal()


def test_nvram_leads_into_ordinary_recovery_for_one_boot(mac):
    mac.begin("sudo nvram recovery-boot-mode=unused && sudo shutdown -r now")
    mac.sees("Select a user you know the password for.")
    assert not mac.listens()


def test_mains_cut_and_back_it_boots_by_itself(mac):
    before = mac.boot_time()
    mac.switch(1, False)
    mac.dark()
    eventually(lambda: not mac.listens(), "the end of SSH")
    mac.close()
    again = Mac(mac.at)
    again.switch(1, True)
    eventually(again.listens, "SSH")
    assert again.boot_time() != before
    again.close()


def test_a_held_button_forces_it_off(mac):
    assert mac.run("true")[0] == 0
    with mac.held():
        mac.dark()
    eventually(lambda: not mac.listens(), "the end of SSH")


def test_the_console_offers_a_login_and_tells_of_a_restart(mac):
    with serial.Serial(mac.at.console, 115200, timeout=PATIENCE, exclusive=True) as console:
        console.write(b"\r")
        assert console.read_until(b"login: ").endswith(b"login: ")
        console.write(b"admin\rwrong\r")
        assert b"Login incorrect" in console.read_until(b"login: ")
        console.write(b"admin\r")
        console.read_until(b"Password:")
        console.write(mac.at.ssh["password"].encode() + b"\r")
        console.read_until(b"% ")
        console.write(b"echo $((6*7)); tty\r")
        assert b"\r\n42\r\n" in console.read_until(b"% ")
        console.write(b"sudo reboot\r")
        assert b"Darwin Kernel Version 23.5.0" in console.read_until(b"login: ")


def test_several_macs_and_an_unprepared_one():
    specs = [MacSpec("first", prepared=True), MacSpec("second", prepared=True), MacSpec("raw")]
    with served(*specs) as macs:
        assert {name: mac.listens() for name, mac in macs.items()} == {"first": True, "second": True, "raw": False}
        assert len({mac.at.ssh["port"] for mac in macs.values()}) == 3
        assert macs["first"].run("hostname")[1] != macs["second"].run("hostname")[1]
        with pytest.raises((paramiko.AuthenticationException, ConnectionRefusedError)):
            macs["first"].connect("admin", macs["second"].at.ssh["password"])


def test_a_stuck_relay_takes_frames_and_does_nothing():
    with served(MacSpec("mini", prepared=True), faults=(Fault.parse("relay-stuck@1"),)) as macs:
        macs["mini"].switch(1, False)
        macs["mini"].switch(2, True)
        macs["mini"].frame(1, b"")
        assert macs["mini"].run("true") == (0, "", "")


def test_an_ssh_that_drops_takes_every_connection_along():
    with served(MacSpec("mini", prepared=True), faults=(Fault.parse("ssh-drop@2"),)) as macs:
        assert macs["mini"].run("true")[0] == 0
        macs["mini"].begin("true")
        eventually(lambda: not macs["mini"].listens(), "the end of SSH")
        assert "Finder" in macs["mini"].text()


@pytest.mark.night
def test_a_console_that_is_garbled_shows_something_else_and_the_mac_is_as_before():
    with served(MacSpec("mini", prepared=True), faults=(Fault.parse("console-garble@1"),)) as macs:
        with serial.Serial(macs["mini"].at.console, 115200, timeout=PATIENCE, exclusive=True) as console:
            console.write(b"admin\r")
            seen = console.read(40)
        assert b"Password:" not in seen
        assert macs["mini"].run("true") == (0, "", "")


def test_mains_that_fail_leave_it_dark_whatever_the_relay_does():
    with served(MacSpec("mini", prepared=True), faults=(Fault.parse("power-cut@2"),)) as macs:
        mac = macs["mini"]
        assert mac.run("true")[0] == 0
        mac.begin("sleep 1000")
        mac.dark()
        mac.switch(1, True)
        mac.press()
        mac.dark()
        assert not mac.listens()


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.night)])
def test_a_signal_ends_the_service_though_a_client_stays(number):
    code = (
        "import json\n"
        "from kextrel.virtual import MacSpec, serve\n"
        "serve([MacSpec('mini', prepared=True)], on_ready=lambda e: print(json.dumps(e.as_dict()), flush=True))\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as service:
        at = json.loads(service.stdout.readline())
        with socket.create_connection((at["ssh"]["host"], at["ssh"]["port"]), timeout=PATIENCE) as client:
            assert client.recv(100).startswith(b"SSH-2.0-")
            os.kill(service.pid, number)
            assert service.wait(PATIENCE) == 0
        assert service.stderr.read() == b""


COMMAND_R = bytes([0x08, 0, 0x15, 0, 0, 0, 0, 0])
INTEL = MacSpec("intel", architecture="intel", macos="12.7", prepared=True)
T2 = MacSpec("t2", architecture="intel-t2", macos="13.6", prepared=True)
STUDIO = MacSpec("studio", macos="15.1", model="Mac13,1", prepared=True)


def test_command_r_from_power_on_is_recovery_of_an_intel_mac_where_csrutil_changes_sip():
    with served(INTEL) as macs:
        mac = macs["intel"]
        mac.sees("Finder")
        mac.shut_down()
        mac.press()
        eventually(lambda: mac.frame(2, COMMAND_R)[5] == 0, "the keyboard")
        mac.sees("Reinstall macOS Monterey")
        mac.frame(2, bytes(8))
        mac.key(T, COMMAND_SHIFT)
        mac.sees("-bash-3.2#")
        mac.type("csrutil disable")
        mac.key(RETURN)
        mac.sees("Successfully disabled System Integrity Protection.")
        mac.type("reboot")
        mac.key(RETURN)
        eventually(mac.listens, "SSH")
        assert mac.run("csrutil status")[1] == "System Integrity Protection status: disabled.\n"


def test_command_r_held_through_a_restart_leads_a_t2_mac_to_the_user_picker():
    with served(T2) as macs:
        mac = macs["t2"]
        assert mac.frame(2, COMMAND_R)[5] == 0
        mac.begin("sudo shutdown -r now")
        mac.sees("Select a user you know the password for.")
        mac.frame(2, bytes(8))
        mac.key(RETURN)
        mac.type(mac.at.ssh["password"])
        mac.key(RETURN)
        mac.sees("Reinstall macOS Ventura")


def test_a_mac_on_15_1_boots_into_macos_safe_mode_and_recovery():
    with served(STUDIO) as macs:
        mac = macs["studio"]
        assert mac.run("sw_vers -productVersion; sysctl -n hw.model; uname -r")[1] == "15.1\nMac13,1\n24.1.0\n"
        mac.shut_down()
        with mac.held():
            mac.sees("Macintosh HD")
        mac.key(RIGHT)
        mac.frame(2, bytes([2, 0, 0, 0, 0, 0, 0, 0]))
        mac.sees("Continue in Safe Mode")
        mac.key(RETURN, 2)
        eventually(mac.listens, "SSH")
        assert mac.run("sysctl -n kern.safeboot")[1] == "1\n"
        assert "Finder" not in mac.text()
        mac.shut_down()
        with mac.held():
            mac.sees("Macintosh HD")
        assert "one true recoveryOS" in mac.recovery_terminal()
