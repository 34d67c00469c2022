"""Outlets that are switched over HTTP, one class a kind of device: Tasmota, Shelly, NETIO, and pdudaemon before others.

Sources: Tasmota's documentation (Commands, web requests); Shelly's API for generation 1, and for generation 2 and later
(RPC over HTTP, Authentication); NETIO's "JSON over HTTP" protocol; pdudaemon 1.1's httplistener.py. Numbers of outlets
are those of the device: from 1 for Tasmota and NETIO, from 0 for Shelly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from kextrel.bench.netpower import Answer, Asks, Login, Question

__all__ = ["NetioOutlet", "PdudaemonOutlet", "ShellyOutlet", "TasmotaOutlet"]

PATIENCE = 10.0  # wall seconds that a device may take for one answer, with retries
QUEUE = 60.0  # … and pdudaemon, which tries its own device five times
_OK = httpx.codes.OK
_GENERATION_2 = 2


def _word(on: bool) -> str:
    return "on" if on else "off"


class TasmotaOutlet:
    """`GET /cm?cmnd=Power2 on` → `{"POWER2":"ON"}`; without `on` the same tells. A device with one relay says `POWER`,
    and does to that one what is said of any other number: so the answer's key must be this outlet's."""

    kind, patience, locked = "Tasmota", PATIENCE, "look at 'password' of the power wire in the profile"

    def __init__(self, channel: int) -> None:
        self._channel = channel
        self._keys = {f"POWER{channel}"} | ({"POWER"} if channel == 1 else set())

    def switch(self, asks: Asks, on: bool) -> None:
        self._ask(asks, f"Power{self._channel} {_word(on)}")

    def state(self, asks: Asks) -> bool:
        return self._ask(asks, f"Power{self._channel}")

    def check(self, asks: Asks) -> str:
        return f"Tasmota answers, relay {self._channel} is {_word(self.state(asks))}"

    def _ask(self, asks: Asks, command: str) -> bool:
        answer = asks(Question("GET", f"/cm?cmnd={quote(command)}"))
        found = [value for key, value in answer.said.items() if key in self._keys]
        if answer.status == _OK and found in (["ON"], ["OFF"]):
            return found == ["ON"]
        if "WARNING" in answer.said:  # Need user=<username>&password=<password>
            raise answer.wrong("Tasmota refuses us", self.locked)
        raise answer.wrong(f"Tasmota has no relay {self._channel} for us", "look at 'channel' in the profile")


class ShellyOutlet:
    """Generation 1: `POST /relay/0` with `turn=on`, and `GET` of it → `ison`; a password goes as HTTP Basic. From 2 on:
    `POST /rpc` with `Switch.Set` and `Switch.GetStatus` → `result.output`, by HTTP digest with SHA-256. Which it is,
    /shelly tells everybody, so that no digest device is ever sent a password."""

    kind, patience = "Shelly", PATIENCE
    locked = "look at 'password' of the power wire in the profile; from generation 2 on its user is always admin"

    def __init__(self, channel: int) -> None:
        self._channel, self._generation = channel, 0

    def switch(self, asks: Asks, on: bool) -> None:
        if self._generation_of(asks) < _GENERATION_2:
            self._relay(asks(Question("POST", f"/relay/{self._channel}", form={"turn": _word(on)})))
        else:
            self._rpc(asks, "Switch.Set", on=on)

    def state(self, asks: Asks) -> bool:
        if self._generation_of(asks) < _GENERATION_2:
            return self._relay(asks(Question("GET", f"/relay/{self._channel}")))
        answer = self._rpc(asks, "Switch.GetStatus")
        output = answer.said["result"].get("output")
        if not isinstance(output, bool):
            raise answer.wrong("Shelly does not say whether it is on")
        return output

    def check(self, asks: Asks) -> str:
        state = self.state(asks)
        return f"Shelly of generation {self._generation} answers, switch {self._channel} is {_word(state)}"

    def _generation_of(self, asks: Asks) -> int:
        if not self._generation:
            answer = asks(Question("GET", "/shelly", login=Login.NONE))
            newer, first = answer.said.get("gen"), isinstance(answer.said.get("type"), str)
            known = type(newer) is int and newer >= _GENERATION_2
            if answer.status != _OK or not (known or (newer is None and first)):
                raise answer.wrong("this is no Shelly", "look at its url")
            self._generation = newer if known and newer is not None else 1
        return self._generation

    def _relay(self, answer: Answer) -> bool:
        state = answer.said.get("ison")
        if answer.status != _OK or not isinstance(state, bool):
            raise answer.wrong(f"Shelly has no relay {self._channel} for us", "look at 'channel' in the profile")
        return state

    def _rpc(self, asks: Asks, method: str, **more: Any) -> Answer:
        """One call, whose answer has a `result` then."""
        body = {"id": 1, "method": method, "params": {"id": self._channel, **more}}
        answer = asks(Question("POST", "/rpc", body=body, login=Login.DIGEST))
        if answer.status != _OK or not isinstance(answer.said.get("result"), dict):
            what = f"Shelly does not take {method} for switch {self._channel}"
            raise answer.wrong(what, "look at 'channel' in the profile")
        return answer


class NetioOutlet:
    """`POST /netio.json` with `{"Outputs":[{"ID":1,"Action":1}]}`; `GET` of it → `Outputs[].State`. Action 0 is off."""

    kind, patience, locked = "NETIO", PATIENCE, "look at 'user' and 'password' of the power wire in the profile"

    def __init__(self, channel: int) -> None:
        self._channel = channel

    def switch(self, asks: Asks, on: bool) -> None:
        body = {"Outputs": [{"ID": self._channel, "Action": int(on)}]}
        answer = asks(Question("POST", "/netio.json", body=body))
        if answer.status != _OK:
            raise answer.wrong("NETIO does not take the action", "is its JSON API on, and may it write?")

    def state(self, asks: Asks) -> bool:
        answer = asks(Question("GET", "/netio.json"))
        outputs = answer.said.get("Outputs")
        ours = [one for one in outputs if self._is_ours(one)] if isinstance(outputs, list) else []
        state = ours[0].get("State") if len(ours) == 1 else None
        if answer.status != _OK or type(state) is not int or state not in (0, 1):
            raise answer.wrong(f"NETIO has no output {self._channel} for us", "look at 'channel' in the profile")
        return state == 1

    def check(self, asks: Asks) -> str:
        return f"NETIO answers, output {self._channel} is {_word(self.state(asks))}"

    def _is_ours(self, output: object) -> bool:
        return isinstance(output, Mapping) and output.get("ID") == self._channel


class PdudaemonOutlet:
    """`GET /power/control/on?hostname=…&port=…`. It has no state, and answers 200 even where its own command had no
    effect; 500 is a request that it does not know, or a device that did not take it after all its tries."""

    kind, patience, locked = "pdudaemon", QUEUE, "it has no login of its own: what stands before it?"

    def __init__(self, hostname: str, port: str) -> None:
        self._query = urlencode({"hostname": hostname, "port": port})
        self._at = f"port {port} of {hostname}"

    def switch(self, asks: Asks, on: bool) -> None:
        answer = asks(Question("GET", f"/power/control/{_word(on)}?{self._query}"))
        if answer.status != _OK:
            hint = "are 'hostname' and 'port' those of its configuration, and is that device up?"
            raise answer.wrong(f"pdudaemon does not switch {self._at}", hint)

    def state(self, asks: Asks) -> None:
        """It never tells."""

    def check(self, asks: Asks) -> str:
        """Any answer will do: there is nothing that it could be asked without switching."""
        asks(Question("GET", "/"))
        return f"it answers; it has no state to tell, so neither {self._at} nor its effect is proved"
