"""Where the wires of a Mac end: what a lease locks, and by what a Mac in quarantine is known again.

Two profiles may tell of one Mac with other wires, under another name, by another path to the same port. It is one Mac
as soon as one end is the same, so each end has its own lock and its own mark:

    shell      host and port; and each pinned host key, which knows a Mac by whatever address it is called
    console, keyboard, power, button on a serial port: the device behind the path; of a relay board the channel, for
               its other channels are other Macs'
    power      the outlet of a device on the network, or the port of a hub, for the same reason
    screen     the PiKVM. Behind a switch it is several Macs': one at a time may be driven, and where a profile says so
               it is no mark of any of them. Host keys that a profile gives to several Macs are those of clones
    mdm        the Mac's UDID at its server; the server is everybody's
    beacon, webhook: a fixed port of this machine is one run's at a time, but no mark: the next Mac may use it

A state folder is one machine's: `/dev/ttyUSB0` and the ports of its listeners mean those of that machine.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import chain, combinations, islice
from pathlib import Path
from urllib.parse import urlsplit

from kextrel.bench.hostkey import HostKey
from kextrel.lab.profile import LabProfile, Wiring
from kextrel.lab.supply import ButtonWire, PowerWire, RelayWire

__all__ = ["End", "Known", "ends_of", "known", "on_one_board", "shells_of"]

_STEADY = Path("/dev/serial/by-path")  # udev's names for ports, one each, the same after a restart
_USUAL = (None, 80, 443)
_TRIES = 1 << 12  # all that twelve wires may be together; a Mac has about eight marks


@dataclass(frozen=True)
class End:
    """One end of a wire. `wire`: for people, `mini.power (/dev/ttyUSB0#1)`; `at`: where it is, whatever a profile calls
    it; `marks`: what of it tells of the same Mac at any later time, nothing for what is not the Mac's alone."""

    wire: str
    at: str
    marks: frozenset[str]


@dataclass(frozen=True)
class Known:
    """By what a Mac is known: `name` in its profile, `marks` of its ends, `places` as they were once hashed whole."""

    name: str
    marks: frozenset[str]
    places: Sequence[str]

    @property
    def key(self) -> str:
        """All marks as one short word."""
        return _hashed("wires", sorted(self.marks))

    def keys(self) -> set[str]:
        """The key of this Mac and those with some of its wires only, today's and those of earlier versions."""
        return {_hashed("wires", some) for some in _some(sorted(self.marks))} | {
            _hashed("mac", some) for some in _some(self.places)
        }


def _some(words: Sequence[str]) -> Iterator[list[str]]:
    """All of them, then all but one, and so on: each word more doubles what there is, so the search ends at _TRIES."""
    fewer = (map(list, combinations(words, count)) for count in range(len(words), 0, -1))
    yield from islice(chain.from_iterable(fewer), _TRIES)


def _hashed(kind: str, words: list[str]) -> str:
    return f"{kind}-{hashlib.sha256(repr(words).encode()).hexdigest()[:16]}"


def known(name: str, profile: LabProfile, shells: Mapping[str, Set[str]] | None = None) -> Known:
    """By what the Mac `name` of a profile is known. `shells`: as for `ends_of`."""
    wires = profile.macs[name].wires
    marks = frozenset(mark for end in ends_of(name, profile, shells) for mark in end.marks)
    return Known(name, marks, (wires.places() if wires is not None else []) or [profile.origin, name])


def ends_of(name: str, profile: LabProfile, shells: Mapping[str, Set[str]] | None = None) -> list[End]:
    """The ends of the wires of the Mac `name`; one without any is its name in this profile. Nothing is touched.
    `shells`: what `shells_of` says of the profile, for who asks for many of its Macs."""
    wires = profile.macs[name].wires or Wiring()
    theirs = _theirs(wires, shells_of(profile) if shells is None else shells)
    keys = [end for end in _keys(name, wires) if end.at not in theirs]
    screen = [replace(end, marks=frozenset()) if end.at in theirs else end for end in _screen(name, wires)]
    found = [*_shell(name, wires), *keys, *_ports(name, wires), *screen, *_mdm(name, wires), *_listeners(name, wires)]
    if any(end.marks for end in found):
        return found
    return [*found, _end(name, f"mac {name} of {profile.origin}")]


def on_one_board(profile: LabProfile) -> dict[str, frozenset[str]]:
    """The Macs whose relays hang on one board, by each of their names: its port has one owner, so one process drives
    them all. Macs are together, too, that have a third one in common."""
    boards: dict[str, set[str]] = {}
    for name, mac in profile.macs.items():
        wires = mac.wires or Wiring()
        for supply in (wires.power, wires.button):
            if isinstance(supply, RelayWire):
                boards.setdefault(_serial("", supply.port).at, set()).add(name)
    groups: list[set[str]] = []
    for macs in boards.values():
        apart = [group for group in groups if group.isdisjoint(macs)]
        groups = [*apart, macs.union(*(group for group in groups if group not in apart))]
    return {name: frozenset(group) for group in groups for name in group}


def shells_of(profile: LabProfile) -> Mapping[str, Set[str]]:
    """At which shells each host key and each screen of a profile is, "" for a Mac that has none. Looked up once for
    all Macs: each of a thousand would look at all others."""
    found: dict[str, set[str]] = {}
    for wires in (mac.wires for mac in profile.macs.values() if mac.wires is not None):
        shell = next((end.at for end in _shell("", wires)), "")
        for end in (*_keys("", wires), *_screen("", wires)):
            found.setdefault(end.at, set()).add(shell)
    return found


def _theirs(wires: Wiring, shells: Mapping[str, Set[str]]) -> set[str]:
    """What of the ends belongs also to Macs that are other ones for sure: their shells are not this one's."""
    own = {end.at for end in _shell("", wires)}
    ends = (*_keys("", wires), *_screen("", wires))
    return {end.at for end in ends if own and shells.get(end.at, set()) - own}


def _end(wire: str, at: str) -> End:
    return End(wire, at, frozenset({at}))


def _shell(name: str, wires: Wiring) -> Iterator[End]:
    if (shell := wires.shell) is not None:
        yield _end(f"{name}.shell ({shell.host}:{shell.port})", f"ssh {_host(shell.host)}:{shell.port}")


def _keys(name: str, wires: Wiring) -> Iterator[End]:
    for line in wires.shell.host_keys if wires.shell is not None else ():
        pinned = f"host key {HostKey.parse(line).fingerprint}"
        yield _end(f"{name}.shell ({pinned})", pinned)


def _ports(name: str, wires: Wiring) -> Iterator[End]:
    for kind, wire in (("console", wires.console), ("keyboard", wires.keyboard)):
        if wire is not None:
            yield _serial(f"{name}.{kind} ({wire.port})", wire.port)
    for kind, supply in (("power", wires.power), ("button", wires.button)):
        if supply is not None:
            yield _supply(f"{name}.{kind} ({supply.place})", supply)


def _supply(wire: str, supply: PowerWire | ButtonWire) -> End:
    if isinstance(supply, RelayWire):
        return _serial(wire, supply.port, f"#{supply.channel}")
    device, _, outlet = supply.place.rpartition("#")
    kind, _, where = device.rpartition(" ")
    address = _address(where if "://" in where else f"//{where}")
    return _end(wire, " ".join(word for word in ("outlet", kind, f"{address}#{outlet}") if word))


def _screen(name: str, wires: Wiring) -> Iterator[End]:
    if wires.screen is not None:
        yield _end(f"{name}.screen ({wires.screen.url})", f"screen {_address(wires.screen.url)}")


def _mdm(name: str, wires: Wiring) -> Iterator[End]:
    if (mdm := wires.mdm) is not None:
        yield _end(f"{name}.mdm ({mdm.udid} at {mdm.url})", f"mdm {_address(mdm.url)} {mdm.udid.upper()}")


def _listeners(name: str, wires: Wiring) -> Iterator[End]:
    webhook = wires.mdm.webhook if wires.mdm is not None else None
    for kind, listener in (("beacon", wires.beacon), ("mdm", webhook)):
        if listener is not None and listener.port:
            where = f"{listener.listen}:{listener.port}"
            yield End(f"{name}.{kind} ({where})", f"listener {_host(listener.listen)}:{listener.port}", frozenset())


def _serial(wire: str, port: str, channel: str = "") -> End:
    """A device is locked as what it is now, and known by the names that it keeps, if it has any: its number may be
    another one's after the next restart."""
    local = _local(port)
    if local is None:
        return _end(wire, f"serial {_address(port)}{channel}")
    real = os.path.realpath(local)
    steady = [str(link) for link in sorted(_STEADY.glob("*")) if os.path.realpath(link) == real]
    names = [f"serial {_calling_out(one)}{channel}" for one in (local, *(steady or [real]))]
    return End(wire, f"serial {_calling_out(real)}{channel}", frozenset(names))


def _local(port: str) -> str | None:
    """The path of a local device, also of one that is named by a URL of pyserial's (spy:///dev/ttyUSB0)."""
    _, is_url, rest = port.partition("://")
    if not is_url:
        return port
    return rest.partition("?")[0] if rest.startswith("/") else None


def _calling_out(device: str) -> str:
    """On macOS one port has two devices: /dev/tty.NAME for calls that come in, /dev/cu.NAME for those that go out."""
    head = "/dev/tty."
    return f"/dev/cu.{device.removeprefix(head)}" if device.startswith(head) else device


def _address(url: str) -> str:
    """Host, port and path of a URL, the same by http and https; as it is written where that is no URL."""
    try:
        parts = urlsplit(url)
        port = "" if parts.port in _USUAL else f":{parts.port}"
    except ValueError:
        return url
    return f"{_host(parts.hostname)}{port}{parts.path.rstrip('/')}" if parts.hostname else url


def _host(name: str) -> str:
    """A host as everybody writes it. No name server is asked: it may not answer, and tomorrow otherwise."""
    bare = name.strip("[]").rstrip(".").lower()
    try:
        address = ipaddress.ip_address("127.0.0.1" if bare == "localhost" else bare)
    except ValueError:
        return bare
    return f"[{address}]" if address.version == 6 else str(address)
