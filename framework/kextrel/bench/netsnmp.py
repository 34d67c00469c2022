"""SNMP by net-snmp's programs, snmpget and snmpset: one integer read or written at one agent.

    snmpget -v2c -On -Oe -t 2 -r 3 udp:pdu.lab:161 1.3.6.1.4.1.318.1.1.4.4.2.1.3.3
    .1.3.6.1.4.1.318.1.1.4.4.2.1.3.3 = INTEGER: 1

What is secret never is an argument: the programs read it from a file in a folder of their own (SNMPCONFPATH, mode
0700), which is made for one run and goes with it. They read no other file, keep nothing, and have no environment but
that. Source: net-snmp 5.9's snmpcmd(1), snmp.conf(5), snmp_config(5), and its read_config.c for how a word is quoted.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kextrel.bench.hosttool import Ran, Tool
from kextrel.bench.retry import Transient
from kextrel.errors import BenchError
from kextrel.evidence import Redactor, Sink
from kextrel.timing import Deadline

__all__ = ["Agent", "Community", "NetSnmp", "User"]

PATIENCE = 15.0  # wall seconds for one run
TIMEOUT, RETRIES = 2, 3  # seconds until it asks again, and how often: less than the ten that health has for a wire
KEPT = 64 << 10  # characters of its output that are evidence
LONGEST = 255  # bytes of a secret; net-snmp cuts what is longer than its buffer
SHORTEST = 8  # characters of a passphrase (RFC 3414, 11.2)
NO_SECRETS = ("public", "private")  # what agents come with; hiding it would black out /private in all that a Mac says
_INTEGER = re.compile(r"\.([0-9.]+) = (?:INTEGER|Gauge32|Counter32|Unsigned32): (-?[0-9]{1,10})")
_REASON = re.compile(r"Reason: \(?([A-Za-z]+)")
_REFUSED = ("Unknown user name", "Authentication failure", "Unsupported security level", "Decryption error")
_MISSING = "install net-snmp's programs: the package snmp of Debian and Ubuntu, net-snmp of Homebrew"
_AT_LOGIN = "look at 'user', 'auth', 'auth_password', 'privacy' and 'privacy_password' of the power wire in the profile"


@dataclass(frozen=True)
class Community:
    """SNMP 1 or 2c: a word that goes over the network in clear, and that has no answer where it is wrong."""

    word: str = field(repr=False)
    version: str = "2c"

    @property
    def silence(self) -> str:
        """Why an agent may be silent."""
        return f"is it up, is SNMP {self.version} on, and is 'community' right? A wrong one gets no answer"

    def arguments(self) -> list[str]:
        return [f"-v{self.version}"]

    def secrets(self) -> dict[str, tuple[str, str]]:
        """By net-snmp's words: what people call it, and the secret."""
        return {"defCommunity": ("community", self.word)}


@dataclass(frozen=True)
class User:
    """SNMP 3 with authentication and privacy; `auth` and `privacy` are protocols as net-snmp names them."""

    name: str
    auth_password: str = field(repr=False)
    privacy_password: str = field(repr=False)
    auth: str = "SHA"
    privacy: str = "AES"
    silence = "is it up, is SNMP 3 on, and are 'privacy' and 'privacy_password' right?"

    def arguments(self) -> list[str]:
        """With the level: without it net-snmp would do with less."""
        return ["-v3", "-l", "authPriv", "-u", self.name, "-a", self.auth, "-x", self.privacy]

    def secrets(self) -> dict[str, tuple[str, str]]:
        return {
            "defAuthPassphrase": ("auth_password", self.auth_password),
            "defPrivPassphrase": ("privacy_password", self.privacy_password),
        }


@dataclass(frozen=True)
class Agent:
    """Where an agent is, by its name or its address, and who asks it."""

    host: str
    login: Community | User
    port: int = 161

    @property
    def address(self) -> str:
        return f"udp6:[{self.host}]:{self.port}" if ":" in self.host else f"udp:{self.host}:{self.port}"


class NetSnmp:
    """One agent. Raises BenchError for a secret that net-snmp cannot be given, before anything is started."""

    def __init__(self, agent: Agent, name: str, sink: Sink, wire: str) -> None:
        self._agent, self._name, self._sink, self._wire = agent, name, sink, wire
        self._redactor, self._refused = Redactor(), ""
        for called, secret in agent.login.secrets().values():
            _refuse_unwritable(called, secret, isinstance(agent.login, User), name)
            if secret not in NO_SECRETS:
                sink.hide(secret)
                self._redactor.hide(secret)

    def get(self, oid: str, deadline: Deadline) -> int:
        """The integer at `oid`. Raises Transient where nobody answers in time."""
        ran = self._run("snmpget", [oid], deadline)
        found = [line[2] for line in map(_INTEGER.fullmatch, ran.out.splitlines()) if line and line[1] == oid]
        if len(found) != 1:
            said = self._line(ran.out.partition(" = ")[2] or ran.out)
            hint = "is it this kind of PDU, and has it that outlet?"
            raise BenchError(f"{self._agent.host} has no number at {oid}: {said!r}", wire=self._name, hint=hint)
        return int(found[0])

    def set(self, oid: str, value: int, deadline: Deadline) -> None:
        """Writes an integer. Raises Transient where nobody answers in time: it may have been written."""
        self._run("snmpset", [oid, "i", str(value)], deadline)

    def _run(self, program: str, arguments: Sequence[str], deadline: Deadline) -> Ran:
        if self._refused:
            what = f"{self._refused}, and is not asked again with those passwords"
            raise BenchError(what, wire=self._name, hint=_AT_LOGIN)
        bounds = ["-On", "-Oe", "-t", str(TIMEOUT), "-r", str(RETRIES)]
        command = [*self._agent.login.arguments(), *bounds, self._agent.address, *arguments]
        tool, limit = Tool(program, _MISSING, self._agent.login.silence), deadline.within(PATIENCE)
        with self._configured() as folder:
            ran = tool.run(command, wire=self._name, limit=limit, environment=_environment(folder))
        out, err = ran.out[:KEPT], ran.err[:KEPT]
        self._sink.record(self._wire, "ran", command=[program, *command], exit=ran.code, stdout=out, stderr=err)
        if ran.code != 0:
            raise self._failed(program, ran)
        return ran

    @contextmanager
    def _configured(self) -> Iterator[Path]:
        """A folder that nobody else can look into, with what is secret; gone afterwards."""
        lines = [f"{word} {_quoted(secret)}\n" for word, (_, secret) in self._agent.login.secrets().items()]
        try:
            made = tempfile.TemporaryDirectory(prefix="kextrel-snmp-")
        except OSError as error:
            raise BenchError(f"cannot make a folder for net-snmp: {error.strerror}", wire=self._name) from error
        with made:
            try:
                _write_privately(Path(made.name) / "snmp.conf", "".join(lines))
            except OSError as error:
                raise BenchError(f"cannot write net-snmp's file: {error.strerror}", wire=self._name) from error
            yield Path(made.name)

    def _failed(self, program: str, ran: Ran) -> BenchError:
        host, said = self._agent.host, ran.err or ran.out
        if "Timeout" in said:
            return Transient(f"{host} does not answer by SNMP", wire=self._name, hint=self._agent.login.silence)
        if "Unknown host" in said:
            return BenchError(f"there is no host {host}", wire=self._name, hint="look at 'host' of the power wire")
        if refused := next((one for one in _REFUSED if one in said), ""):
            self._refused = f"{host} refuses us: {refused}"
            return BenchError(self._refused, wire=self._name, hint=_AT_LOGIN)
        if reason := _REASON.search(said):
            hint = "may we write there, and has it that outlet?"
            return BenchError(f"{host} does not take it: {reason[1]}", wire=self._name, hint=hint)
        return BenchError(f"{program} says {self._line(said)!r} (exit {ran.code})", wire=self._name)

    def _line(self, said: str) -> str:
        """The first line for people; net-snmp tells of folders that it makes before that."""
        lines = [" ".join(line.split()) for line in said.splitlines()]
        first = next((line for line in lines if line and not line.startswith("Created directory")), "nothing")
        return str(self._redactor.clean(first))[:160].rstrip(".")


def _environment(folder: Path) -> dict[str, str]:
    own = {"SNMPCONFPATH": str(folder), "SNMP_PERSISTENT_DIR": str(folder), "MIBS": "", "LC_ALL": "C"}
    return {"PATH": os.environ.get("PATH", os.defpath), **own}


def _refuse_unwritable(called: str, secret: str, is_passphrase: bool, wire: str) -> None:
    """A line break would begin another line of net-snmp's file; what is too long it would cut without a word."""
    what = ""
    if any(character < " " or character == "\x7f" for character in secret):
        what = "has a line break or another control character in it"
    elif len(secret.encode(errors="replace")) > LONGEST or any("\ud800" <= one <= "\udfff" for one in secret):
        what = f"is longer than {LONGEST} bytes, or no text"
    elif is_passphrase and len(secret) < SHORTEST:
        what = f"is shorter than the {SHORTEST} characters that SNMP 3 asks for"
    if what:
        raise BenchError(
            f"its '{called}' {what}", wire=wire, hint="write another into the place that the profile names"
        )


def _quoted(secret: str) -> str:
    """One word of net-snmp's file: between quotes a backslash takes the next character as it is."""
    return '"' + secret.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _write_privately(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
