"""The power wire on a port of a USB hub that switches its ports one by one, by the program uhubctl. On is port powered.

    uhubctl -l 1-1 -p 2               tells
    uhubctl -l 1-1 -p 2 -a off        switches, and exits 0 though the hub may have done nothing

So each switch is followed by a look. A hub of USB 3 is two hubs for the system: uhubctl then does and tells both, and
both must say the same. Source: uhubctl 2.5's README and what it prints.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from kextrel.bench.hosttool import Tool
from kextrel.bench.mains import Mains
from kextrel.errors import BenchError, UsageError
from kextrel.evidence import Sink
from kextrel.timing import Deadline

__all__ = ["HubPower", "PortStatus", "read_ports"]

UHUBCTL = Tool(
    "uhubctl", "install uhubctl, which Debian, Ubuntu and Homebrew have", "is the hub stuck? Look at the system's log"
)
PATIENCE = 30.0  # wall seconds for one run of it
LINES = 1000  # of its output that are read
KEPT = 64 << 10  # characters of it that are evidence
_HUB = re.compile(r"(Current|New) status for hub (\S{1,64}) \[")
_PORT = re.compile(r"  Port ([0-9]{1,3}): [0-9a-f]{4}((?: +[^\s\[\]]{1,40})*)(?: +\[.*)?")


@dataclass(frozen=True)
class PortStatus:
    """One port as uhubctl tells it: `words` are those after its number, `power`, `enable`, `connect`, or `off`."""

    hub: str
    port: int
    words: tuple[str, ...]

    @property
    def powered(self) -> bool:
        """Raises UsageError where it says neither or both: the bits before the words differ by the hub's speed."""
        if ("off" in self.words) is ("power" in self.words):
            raise UsageError(f"uhubctl says of port {self.port} neither off nor power: {' '.join(self.words)!r}")
        return "power" in self.words


def read_ports(text: str) -> list[PortStatus]:
    """The ports in what uhubctl prints, in its order. After a switch each is there twice, and the later counts."""
    found, hub = [], ""
    for line in text.splitlines()[:LINES]:
        if head := _HUB.match(line):
            hub = head[2]
        elif hub and (port := _PORT.fullmatch(line.rstrip())):
            found.append(PortStatus(hub, int(port[1]), tuple(port[2].split())))
    return found


class HubPower(Mains):
    """protocols.Power on one port of the hub at `hub`, as uhubctl names its place. `close` leaves it as it is."""

    def __init__(self, name: str, hub: str, port: int, sink: Sink, *, wire: str = "power") -> None:
        super().__init__(name)
        self._hub, self._port, self._sink, self._wire = hub, port, sink, wire
        self._closed = False

    def check(self, *, deadline: Deadline) -> str:
        """For health: uhubctl finds the hub and its port. Nothing is switched."""
        self._usable(deadline)
        return f"uhubctl answers, port {self._port} of hub {self._hub} is {_word(self._powered(deadline))}"

    def close(self) -> None:
        self._closed = True

    def _switch(self, on: bool, deadline: Deadline) -> None:
        self._usable(deadline)
        self._sink.record(self._wire, "mains", on=on)
        self._run(["-a", _word(on)], deadline)
        if self._powered(deadline) is not on:
            hint = "many hubs only say that they can: look for yours in uhubctl's list"
            what = f"port {self._port} of hub {self._hub} was told {_word(on)}, and is still {_word(not on)}"
            raise BenchError(what, wire=self._name, hint=hint)

    def _usable(self, deadline: Deadline) -> None:
        if self._closed:
            raise BenchError("the power wire is closed", wire=self._name)
        deadline.check(self._name)

    def _powered(self, deadline: Deadline) -> bool:
        said = self._run([], deadline)
        try:
            states = {status.powered for status in read_ports(said) if status.port == self._port}
        except UsageError as error:
            raise BenchError(str(error), wire=self._name) from None
        if len(states) != 1:
            what = "says both on and off" if states else f"does not tell of port {self._port}"
            hint = "look at `uhubctl` without arguments: is that the hub, and its port?"
            raise BenchError(f"uhubctl {what} of hub {self._hub}", wire=self._name, hint=hint)
        return states.pop()

    def _run(self, more: Sequence[str], deadline: Deadline) -> str:
        """One run of uhubctl on our port; what it printed. BenchError in one sentence where it says no."""
        arguments = ["-l", self._hub, "-p", str(self._port), *more]
        ran = UHUBCTL.run(arguments, wire=self._name, limit=deadline.within(PATIENCE))
        said, errors = ran.out[:KEPT], ran.err[:KEPT]
        command = [UHUBCTL.program, *arguments]
        self._sink.record(self._wire, "ran", command=command, exit=ran.code, stdout=said, stderr=errors)
        if ran.code != 0:
            raise self._refused(ran.code, ran.err or ran.out)
        return ran.out

    def _refused(self, code: int, said: str) -> BenchError:
        line = " ".join((said.strip().splitlines() or ["nothing"])[0].split())[:160].rstrip(".!")
        hint = "look at hub and port of the power wire in the profile"
        if "ermission" in said:
            hint = "this user may not use the hub: give it a udev rule, as uhubctl's README says"
        return BenchError(f"uhubctl says {line!r} (exit {code})", wire=self._name, hint=hint)


def _word(on: bool) -> str:
    return "on" if on else "off"
