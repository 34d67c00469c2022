"""A rack PDU with SNMP: Debian's snmpd on loopback, whose outlets are a script that keeps them in a folder."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from kextrel.bench.netsnmp import Agent, Community, User
from loopback import free_port

SNMPD = "/usr/sbin/snmpd"
COMMUNITY, READER = 'com munity "x"', "reader-of-tests"
AUTH, PRIVACY = 'auth "pass\\phrase', "#priv; [snmp] pass"

# `pass_persist` of snmpd.conf(5), for `pass` keeps an answer for a while; an empty line follows what is to be set.
# `writes` and `states` have a line "OID VALUE word" for each write that means something, and for each state. `between`
# has an x for each look that finds the outlet in between.
SCRIPT = """\
#!/bin/sh
cd "$(dirname "$0")" || exit
tell() {
    read -r state <state; read -r left <between
    case "$left" in x*) state=between; echo "${left#x}" >between;; esac
    while read -r oid value word; do
        [ "$oid $word" = "$1 $state" ] || continue
        kind=integer
        [ -e text ] && kind=string
        printf '%s\\n%s\\n%s\\n' "$1" "$kind" "$value"
        return
    done <states
    echo NONE
}
take() {
    while read -r oid value word; do
        [ "$oid $value" = "$1 $2" ] || continue
        echo "$word" >>told
        [ -e stuck ] || echo "$word" >state
        echo DONE
        return
    done <writes
    echo not-writable
}
while read -r asked; do
    case "$asked" in
    PING) echo PONG;;
    get) read -r oid; tell "$oid";;
    set) read -r oid; read -r _ value; take "$oid" "$value";;
    getnext) read -r oid; echo NONE;;
    esac
done
"""


@dataclass(frozen=True)
class Objects:
    """One outlet in numbers, `.1.3…`: what is written for on and for off, and what it tells then and in between."""

    on: str
    off: str
    state_on: str
    state_off: str
    between: str


APC = ".1.3.6.1.4.1.318.1.1.4.4.2.1.3.3"
SWITCHED = Objects(f"{APC} 1", f"{APC} 2", f"{APC} 1", f"{APC} 2", f"{APC} 4")


class Rack:
    """The folder of one agent's outlet. A file `stuck` keeps it as it is, `text` lets it tell text."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port

    def begin(self, objects: Objects = SWITCHED) -> None:
        for name in ("told", "stuck", "text"):
            (self.folder / name).unlink(missing_ok=True)
        (self.folder / "state").write_text("off\n")
        self.between(0)
        (self.folder / "writes").write_text(f"{objects.on} on\n{objects.off} off\n")
        states = [f"{objects.state_on} on", f"{objects.state_off} off", f"{objects.between} between"]
        told = {line.split()[0] for line in states}
        written = {line.split()[0] for line in (objects.on, objects.off)}
        # snmpd writes only what can be read.
        states += [f"{oid} 99 {word}" for oid in sorted(written - told) for word in ("on", "off", "between")]
        (self.folder / "states").write_text("\n".join([*states, ""]))

    def between(self, looks: int) -> None:
        """So many looks find it neither on nor off."""
        (self.folder / "between").write_text("x" * looks + "\n")

    def mains(self) -> list[bool]:
        told = self.folder / "told"
        return [word == "on" for word in told.read_text().split()] if told.exists() else []

    def agent(self, login: Community | User | None = None) -> Agent:
        return Agent("127.0.0.1", login or Community(COMMUNITY), self.port)


def quoted(word: str) -> str:
    return '"' + "".join(f"\\{one}" if one in '"\\' else one for one in word) + '"'


def free_udp_port() -> int:
    while True:
        with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", port := free_port()))
            return port


@contextmanager
def rack(folder: Path) -> Iterator[Rack]:
    """snmpd with all that the tests ask for, until the end."""
    made = Rack(folder, free_udp_port())
    script = folder / "outlets"
    script.write_text(SCRIPT)
    lines = [f"agentaddress udp:127.0.0.1:{made.port}", f"rwcommunity {quoted(COMMUNITY)} 127.0.0.1"]
    lines += [f"rocommunity {READER} 127.0.0.1", "rwuser kextrel authPriv", "rwuser aged authPriv"]
    lines.append(f"createUser kextrel SHA-256 {quoted(AUTH)} AES {quoted(PRIVACY)}")
    lines.append(f"createUser aged SHA {quoted(AUTH)} DES {quoted(PRIVACY)}")
    lines += [f"pass_persist .1.3.6.1.4.1.{vendor} /bin/sh {script}" for vendor in (318, 534, 3808, 13742, 28507)]
    (folder / "snmpd.conf").write_text("\n".join(lines) + "\n")
    own = {"SNMPCONFPATH": str(folder), "SNMP_PERSISTENT_DIR": str(folder), "MIBS": ""}
    command = [SNMPD, "-f", "-Lo", "-C", "-c", str(folder / "snmpd.conf"), "-p", str(folder / "pid")]
    command += ["-I", "pass_persist,vacm_conf,usmConf,usmStats,snmpEngine"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ | own) as process:
        try:
            _until_it_listens(process)
            yield made
        finally:
            process.kill()


def _until_it_listens(process: subprocess.Popen[bytes]) -> None:
    """It says its version once its port is open."""
    assert process.stdout is not None
    said = b""
    for line in process.stdout:
        said += line
        if line.startswith(b"NET-SNMP version"):
            return
    raise AssertionError(f"snmpd does not begin: {said.decode()}")


def is_here() -> bool:
    return Path(SNMPD).exists() and shutil.which("snmpget") is not None


class Listener:
    """A UDP port where somebody asks by SNMP 1 or 2c. It answers NULL, and keeps the community of each question."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(60)
        self.socket.bind(("127.0.0.1", 0))
        self.port = int(self.socket.getsockname()[1])
        self.communities: list[bytes] = []

    def answer(self) -> None:
        """One question: SEQUENCE, INTEGER version, OCTET STRING community, and the PDU, of which 0xA0 is a question and
        0xA2 an answer (RFC 3416)."""
        asked, back = self.socket.recvfrom(4096)
        at = _inside(asked, 0)
        at = _inside(asked, at) + 1
        begins = _inside(asked, at)
        ends = begins + _length(asked, at)
        self.communities.append(asked[begins:ends])
        assert asked[ends] == 0xA0
        self.socket.sendto(asked[:ends] + b"\xa2" + asked[ends + 1 :], back)


def _length(raw: bytes, at: int) -> int:
    """Of what the tag at `at` has (BER)."""
    first = raw[at + 1]
    return first if first < 0x80 else int.from_bytes(raw[at + 2 : at + 2 + (first & 0x7F)])


def _inside(raw: bytes, at: int) -> int:
    """Where that begins."""
    first = raw[at + 1]
    return at + 2 + (0 if first < 0x80 else first & 0x7F)


KINDS: Mapping[str, tuple[int, Objects]] = {
    "apc": (3, SWITCHED),
    "cyberpower": (
        2,
        Objects(
            ".1.3.6.1.4.1.3808.1.1.3.3.3.1.1.4.2 1",
            ".1.3.6.1.4.1.3808.1.1.3.3.3.1.1.4.2 2",
            ".1.3.6.1.4.1.3808.1.1.3.3.5.1.1.4.2 1",
            ".1.3.6.1.4.1.3808.1.1.3.3.5.1.1.4.2 2",
            ".1.3.6.1.4.1.3808.1.1.3.3.5.1.1.4.2 3",
        ),
    ),
    "eaton": (
        12,
        Objects(
            ".1.3.6.1.4.1.534.6.6.7.6.6.1.4.0.12 0",
            ".1.3.6.1.4.1.534.6.6.7.6.6.1.3.0.12 0",
            ".1.3.6.1.4.1.534.6.6.7.6.6.1.2.0.12 1",
            ".1.3.6.1.4.1.534.6.6.7.6.6.1.2.0.12 0",
            ".1.3.6.1.4.1.534.6.6.7.6.6.1.2.0.12 3",
        ),
    ),
    "gude8210": (
        1,
        Objects(
            ".1.3.6.1.4.1.28507.1.1.2.2.1.3.1 1",
            ".1.3.6.1.4.1.28507.1.1.2.2.1.3.1 0",
            ".1.3.6.1.4.1.28507.1.1.2.2.1.3.1 1",
            ".1.3.6.1.4.1.28507.1.1.2.2.1.3.1 0",
            ".1.3.6.1.4.1.28507.1.1.2.2.1.3.1 2",
        ),
    ),
    "raritan": (
        8,
        Objects(
            ".1.3.6.1.4.1.13742.6.4.1.2.1.2.1.8 1",
            ".1.3.6.1.4.1.13742.6.4.1.2.1.2.1.8 0",
            ".1.3.6.1.4.1.13742.6.4.1.2.1.3.1.8 7",
            ".1.3.6.1.4.1.13742.6.4.1.2.1.3.1.8 8",
            ".1.3.6.1.4.1.13742.6.4.1.2.1.3.1.8 -1",
        ),
    ),
}
"""An outlet of each kind of PDU by its number, as the vendors' MIBs have it."""
