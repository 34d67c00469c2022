"""The power wire on a USB hub: what uhubctl prints, read; and a stand-in for it that the driver runs."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from kextrel.bench import hosttool, hubport
from kextrel.bench.hubport import HubPower, PortStatus, read_ports
from kextrel.errors import BenchError, DeadlineExceeded, UsageError
from kextrel.evidence import EvidenceLog
from kextrel.testing import PowerConformance, PowerPeer
from kextrel.timing import Deadline

HUB = "1-1.4 [2109:2812 VIA Labs, Inc. USB2.0 Hub, USB 2.10, 4 ports, ppps]"
TWIN = "2-1.4 [2109:0812 VIA Labs, Inc. USB3.0 Hub, USB 3.20, 4 ports, ppps]"
LISTED = f"""\
Current status for hub {HUB}
  Port 1: 0100 power
  Port 2: 0103 power enable connect [05ac:0250 Apple Keyboard K-77]
  Port 3: 0000 off
  Port 4: 0503 power highspeed enable connect []
"""
SWITCHED = f"""\
Current status for hub {HUB}
  Port 2: 0103 power enable connect [05ac:0250 off and power [4711] K-77]
Sent power off request
New status for hub {HUB}
  Port 2: 0000 off
"""
FAST = f"""\
Current status for hub {TWIN}
  Port 2: 02a0 power 5gbps Rx.Detect
  Port 3: 02a0 off
"""


def soon(seconds: float = 30) -> Deadline:
    return Deadline.after(seconds, "the port")


def powered(text: str) -> list[tuple[str, int, bool]]:
    return [(one.hub, one.port, one.powered) for one in read_ports(text)]


def test_the_words_tell_whatever_the_bits_are() -> None:
    hub, twin = "1-1.4", "2-1.4"
    assert powered(LISTED) == [(hub, 1, True), (hub, 2, True), (hub, 3, False), (hub, 4, True)]
    assert powered(SWITCHED) == [(hub, 2, True), (hub, 2, False)]
    assert powered(FAST) == [(twin, 2, True), (twin, 3, False)]
    assert read_ports(LISTED)[1] == PortStatus(hub, 2, ("power", "enable", "connect"))


@pytest.mark.parametrize(
    "text",
    ["", "  Port 2: 0100 power\n", "New status for hub\n  Port 2: 0100 power", f"Current status for hub {HUB}\nPort 2"],
)
def test_what_names_no_hub_or_port_is_not_read(text: str) -> None:
    assert read_ports(text) == []


@pytest.mark.parametrize("words", ["", " enable", " power off"])
def test_a_port_that_says_neither_is_not_guessed(words: str) -> None:
    [status] = read_ports(f"Current status for hub {HUB}\n  Port 2: 0000{words}\n")
    with pytest.raises(UsageError, match="of port 2 neither off nor power"):
        _ = status.powered


def test_a_long_answer_is_read_to_a_limit() -> None:
    assert len(read_ports(f"Current status for hub {HUB}\n" + "  Port 2: 0000 off\n" * 5000)) == hubport.LINES - 1


STAND_IN = """\
#!/bin/sh
# uhubctl -l 1-1.4 -p 2 [-a on|off]: the state is a file beside this, and so is what was asked
here=$(dirname "$0")
show() { echo "$1 status for hub $2 [2109:2812 VIA Labs, Inc. USB2.0 Hub, USB 2.10, 4 ports, ppps]"; }
port() { case "$(cat "$here/state")" in on) echo "  Port 2: 0100 power";; *) echo "  Port 2: 0000 off";; esac; }
[ -e "$here/hang" ] && read -r _ <"$here/hang"
none() { echo "No compatible devices detected at location $1!"; [ -e "$here/denied" ] &&
  echo "There were permission problems while accessing USB."; echo "Run with -h to get usage info."; }
if [ "$2" != 1-1.4 ] || [ -e "$here/denied" ]; then none "$2" >&2; exit 1; fi
[ "$4" = 2 ] || { show Current "$2"; exit 0; }
show Current "$2"; port
[ -z "$6" ] && { [ -e "$here/twin" ] && { show Current 2-1.4; cat "$here/twin"; }; exit 0; }
echo "$6" >>"$here/told"
[ -e "$here/stuck" ] || echo "$6" >"$here/state"
echo "Sent power $6 request"; show New "$2"; port
"""


class Usb:
    """A machine with a hub: its folder is where the stand-in keeps its state."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        program = folder / "uhubctl"
        program.write_text(STAND_IN)
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        (folder / "state").write_text("off\n")

    def power(self, hub: str = "1-1.4", port: int = 2, sink: EvidenceLog | None = None) -> HubPower:
        return HubPower("mini.power", hub, port, sink or EvidenceLog())

    def mains(self) -> list[bool]:
        told = self.folder / "told"
        return [word == "on" for word in told.read_text().split()] if told.exists() else []


@pytest.fixture
def usb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Usb:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return Usb(tmp_path)


class TestPowerOnAHub(PowerConformance):
    @pytest.fixture
    def peer(self, usb: Usb) -> PowerPeer:
        return usb


def test_a_write_that_exits_0_without_effect_is_an_error(usb: Usb) -> None:
    (usb.folder / "stuck").touch()
    with pytest.raises(BenchError, match=r"mini\.power: port 2 of hub 1-1\.4 was told on, and is still off"):
        usb.power().on(deadline=soon())


def test_a_hub_and_its_twin_must_agree(usb: Usb) -> None:
    (usb.folder / "twin").write_text("  Port 2: 02a0 power 5gbps Rx.Detect\n")
    power = usb.power()
    with pytest.raises(BenchError, match="uhubctl says both on and off of hub"):
        power.off(deadline=soon())
    power.on(deadline=soon())
    assert power.check(deadline=soon()) == "uhubctl answers, port 2 of hub 1-1.4 is on"


def test_no_hub_no_port_and_no_permission_are_one_sentence(usb: Usb) -> None:
    with pytest.raises(
        BenchError, match=r"uhubctl says 'No compatible devices detected at location 9-9' \(exit 1\); look"
    ):
        usb.power(hub="9-9").check(deadline=soon())
    with pytest.raises(BenchError, match=r"uhubctl does not tell of port 4 of hub 1-1\.4; look at"):
        usb.power(port=4).check(deadline=soon())
    (usb.folder / "denied").touch()
    with pytest.raises(BenchError, match=r"at location 1-1\.4' \(exit 1\); this user may not use the hub"):
        usb.power().on(deadline=soon())


def test_without_the_program_it_says_what_to_install(usb: Usb, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(usb.folder / "nowhere"))
    with pytest.raises(BenchError, match="cannot start uhubctl: No such file or directory; install uhubctl"):
        usb.power().check(deadline=soon())


def test_one_that_hangs_is_ended_at_the_deadline(usb: Usb, hurried: list[subprocess.Popen[bytes]]) -> None:
    os.mkfifo(usb.folder / "hang")
    with pytest.raises(DeadlineExceeded, match="the port: uhubctl did not end in time and was ended"):
        usb.power().on(deadline=soon())
    assert [process.returncode for process in hurried] == [-signal.SIGKILL]
    assert usb.mains() == []


def test_one_that_no_signal_ends_is_not_waited_for_for_ever(usb: Usb, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(usb.folder / "hang")
    started = list[subprocess.Popen[bytes]]()

    class Stuck(subprocess.Popen[bytes]):
        def communicate(self, input: bytes | None = None, timeout: float | None = None) -> tuple[bytes, bytes]:
            started.append(self)
            raise subprocess.TimeoutExpired(self.args, timeout or 0)

        def wait(self, timeout: float | None = None) -> int:
            assert timeout is not None, "waits for ever"
            raise subprocess.TimeoutExpired(self.args, timeout)

    with monkeypatch.context() as patched:
        patched.setattr(hosttool.subprocess, "Popen", Stuck)
        with pytest.raises(DeadlineExceeded, match="the port: uhubctl did not end in time and was ended"):
            usb.power().on(deadline=soon())
    [process] = started
    assert subprocess.Popen.wait(process) == -signal.SIGKILL


def test_a_line_that_is_none_takes_no_time() -> None:
    assert read_ports(f"Current status for hub {HUB}\n  Port 2: 0100" + " power" * 5000 + "]\n") == []


def test_each_run_is_evidence(usb: Usb, log: EvidenceLog) -> None:
    usb.power(sink=log).on(deadline=soon())
    assert [(one.data["command"], one.data["exit"]) for one in log.records if one.event == "ran"] == [
        (["uhubctl", "-l", "1-1.4", "-p", "2", "-a", "on"], 0),
        (["uhubctl", "-l", "1-1.4", "-p", "2"], 0),
    ]
    assert (log.records[0].wire, log.records[0].event, log.records[0].data) == ("power", "mains", {"on": True})
