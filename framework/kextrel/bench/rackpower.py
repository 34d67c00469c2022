"""The power wire on an outlet of a rack PDU, by SNMP (bench/netsnmp.py). On is mains present.

The outlet is asked before it is switched, so that one that is not there is known before anything happens, and after it,
until it has followed: some PDUs take seconds, and tell of a state in between meanwhile.
"""

from __future__ import annotations

import time

from kextrel.bench.mains import Mains
from kextrel.bench.netsnmp import Agent, NetSnmp
from kextrel.bench.pdus import SnmpOutlet
from kextrel.bench.retry import retried
from kextrel.errors import BenchError
from kextrel.evidence import Sink
from kextrel.timing import Deadline

__all__ = ["RackPower"]

SETTLING = 15.0  # wall seconds for an outlet to follow
PAUSE = 0.5  # … between two looks at it


class RackPower(Mains):
    """protocols.Power on one outlet. `close` leaves it as it is."""

    def __init__(self, name: str, outlet: SnmpOutlet, agent: Agent, sink: Sink, *, wire: str = "power") -> None:
        super().__init__(name)
        self._outlet, self._agent, self._sink, self._wire = outlet, agent, sink, wire
        self._snmp = NetSnmp(agent, name, sink, wire)
        self._closed, self._cut = False, False

    def check(self, *, deadline: Deadline) -> str:
        """For health: the agent answers for this outlet. Nothing is switched."""
        self._usable(deadline)
        value = self._snmp.get(self._outlet.state, deadline)
        return f"{self._agent.host} answers by SNMP, the outlet is {self._said(value)}"

    def close(self) -> None:
        self._closed = True

    def _switch(self, on: bool, deadline: Deadline) -> None:
        """Mains that we took ourselves are worth the whole deadline: a PDU may have lost its network for a while."""
        self._usable(deadline)
        if on and self._cut:
            retried(lambda: self._told(on, deadline), deadline)
        else:
            self._told(on, deadline)
        self._cut = not on

    def _told(self, on: bool, deadline: Deadline) -> None:
        self._snmp.get(self._outlet.state, deadline)
        self._sink.record(self._wire, "mains", on=on)
        self._cut = self._cut or not on
        self._snmp.set(*(self._outlet.on if on else self._outlet.off), deadline)
        self._verify(on, deadline)

    def _verify(self, on: bool, deadline: Deadline) -> None:
        settled = deadline.within(SETTLING)
        while self._outlet.means.get(value := self._snmp.get(self._outlet.state, deadline)) is not on:
            if settled.remaining <= PAUSE:
                told, hint = "on" if on else "off", "look at the PDU: a delay, a lock or an overload may keep it"
                what = f"{self._agent.host} was told to switch {told}, and its outlet is still {self._said(value)}"
                raise BenchError(what, wire=self._name, hint=hint)
            time.sleep(PAUSE)

    def _said(self, value: int) -> str:
        means = self._outlet.means.get(value)
        return f"neither on nor off ({value})" if means is None else "on" if means else "off"

    def _usable(self, deadline: Deadline) -> None:
        if self._closed:
            raise BenchError("the power wire is closed", wire=self._name)
        deadline.check(self._name)
