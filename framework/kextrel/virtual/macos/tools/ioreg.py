"""ioreg(8): the kernel's registry, as far as this Mac has one: the platform, a laptop's battery, drivers in user space.

Source of the layout: what ioreg of 10.15 to 26 prints. A service of a driver says which bundle published it and what
its process must be signed as, and nothing of a version.
"""

from __future__ import annotations

import plistlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kextrel.virtual.macos.driverkit import PROVIDER, Service
from kextrel.virtual.macos.sysextd import SystemExtensions
from kextrel.virtual.macos.tools.mac import hardware_uuid, machine
from kextrel.virtual.macos.tools.options import Options, parse
from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.registry import tool

__all__ = ["ioreg"]

_USAGE = """\
usage: ioreg [-abfilrtx] [-c class] [-d depth] [-k key] [-n name] [-p plane] [-w width]
where options are:
\t-a archive output
\t-c list properties of objects with the given class
\t-d limit tree to the given depth
\t-k list properties of objects with the given key
\t-l list properties of all objects
\t-n list properties of objects with the given name
\t-p traverse registry over the given plane (IOService is default)
\t-r show subtrees rooted by the given criteria
\t-w clip output to the given line width (0 is unlimited)
\t-x show numeric property values in hexadecimal"""
_DRIVERS_SINCE = (10, 15)
_ROOT, _PLATFORM, _BATTERY, _RESOURCES = 0x100000100, 0x100000228, 0x1000002F1, 0x100000116
_REGISTERED_AND_MATCHED = 0x1E
_LONGEST_PROCESS = 16  # MAXCOMLEN


@dataclass
class Node:
    """One entry: its name, its classes (its own first, then those it derives from), its number, what it has."""

    name: str
    classes: tuple[str, ...]
    entry: int
    properties: Mapping[str, Any] = field(default_factory=dict)
    children: list[Node] = field(default_factory=list)

    @property
    def is_service(self) -> bool:
        return "IOService" in self.classes


def _registry(proc: Proc) -> Node:
    """The whole plane IOService."""
    mac = machine(proc)
    spec = mac.spec
    platform = {
        "IOPlatformUUID": hardware_uuid(proc),
        "IOPlatformSerialNumber": spec.serial,
        "model": spec.model.encode(),
        "manufacturer": b"Apple Inc.",
    }
    expert = Node(spec.model, ("IOPlatformExpertDevice", "IOService"), _PLATFORM, platform)
    if spec.is_laptop:
        battery = {"BatteryInstalled": spec.has_battery}
        expert.children.append(Node("AppleSmartBattery", ("AppleSmartBattery", "IOService"), _BATTERY, battery))
    root = Node("Root", ("IORegistryEntry",), _ROOT, {"IOKitBuildVersion": _kernel(proc)}, [expert])
    if spec.release >= _DRIVERS_SINCE:
        daemon: SystemExtensions = mac.extensions
        services = daemon.drivers.services
        drivers = [_driver(one) for one in services]
        root.children.append(Node(PROVIDER, (PROVIDER, "IOService"), _RESOURCES, {"IOKit": "IOService"}, drivers))
        root.children += [_server(one) for one in services if one.process is not None]
    return root


def _kernel(proc: Proc) -> str:
    return f"Darwin Kernel Version {machine(proc).spec.darwin}"


def _driver(service: Service) -> Node:
    personality = service.personality
    values = dict(personality.values)
    own = values.pop("IOClass", "IOUserService")
    classes = tuple(dict.fromkeys((str(own), "IOUserService", "IOService")))
    properties = {"IOClass": own, **values, "IOMatchedPersonality": {"IOClass": own, **values}, "IOProbeScore": 0}
    return Node(personality.name, classes, service.entry, properties)


def _server(service: Service) -> Node:
    process = service.process
    assert process is not None
    name = service.personality.text("IOUserServerName")
    properties = {
        "IOUserClientDefaultLocking": True,
        "IOUserClientCreator": f"pid {process.pid}, {process.name[:_LONGEST_PROCESS]}",
        "IOUserServerName": name,
        "IOUserServerTag": service.entry,
        "IOAssociatedServices": [service.entry],
    }
    return Node(f"IOUserServer({name}-{service.entry:#x})", ("IOUserServer", "IOService"), service.server, properties)


@tool("/usr/sbin/ioreg")
async def ioreg(proc: Proc) -> int:
    """The registry as a tree, or (-r) the trees below what -c, -k and -n choose; other planes are empty here."""
    options = parse(
        proc.args,
        flags=("archive", "bold", "format", "inherit", "list", "root", "location", "hexadecimal"),
        values=("class", "depth", "key", "name", "plane", "width"),
        short={"a": "archive", "b": "bold", "f": "format", "i": "inherit", "l": "list", "r": "root", "t": "location"}
        | {"x": "hexadecimal", "c": "class", "d": "depth", "k": "key", "n": "name", "p": "plane", "w": "width"},
        usage=_USAGE,
        code=1,
    )
    printer = _Printer(options)
    root = _registry(proc)
    if options.last("plane", "IOService") != "IOService":
        root = Node(root.name, root.classes, root.entry)
    below = "root" in options and printer.criteria
    trees = [node for node in _every(root) if printer.chosen(node)] if below else [root]
    await proc.write(printer.archive(trees) if "archive" in options else printer.text(trees))
    return 0


def _every(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _every(child)


class _Printer:
    """What `options` make of a tree."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._depth, self._width = _number(options, "depth"), _number(options, "width")
        self.criteria = [name for name in ("class", "key", "name") if name in options]

    def chosen(self, node: Node) -> bool:
        """Whether it meets every criterion that was given, of which there must be one."""
        tests = {
            "class": lambda word: word in node.classes,
            "key": lambda word: word in node.properties,
            "name": lambda word: word in (node.name, *node.classes[:1]),
        }
        return bool(self.criteria) and all(tests[name](self._options.last(name)) for name in self.criteria)

    def text(self, trees: list[Node]) -> str:
        lines = [line for tree in trees for line in self._lines(tree, "", 1, last=True)]
        return "".join(f"{self._clipped(line)}\n" for line in lines)

    def _clipped(self, line: str) -> str:
        return line if not self._width or len(line) <= self._width else f"{line[: self._width - 1]}$"

    def _lines(self, node: Node, before: str, depth: int, *, last: bool) -> Iterator[str]:
        yield f"{before}+-o {node.name}  <class {node.classes[0]}, id {node.entry:#x}, {_state(node)}retain 8>"
        children = node.children if not self._depth or depth < self._depth else []
        below = before + ("  " if last else "| ")
        if "list" in self._options or self.chosen(node):
            bar = below + ("| " if children else "  ")
            yield f"{bar}{{"
            yield from (f'{bar}  "{key}" = {self._shown(value)}' for key, value in node.properties.items())
            yield from (f"{bar}}}", bar)
        for child in children:
            yield from self._lines(child, below, depth + 1, last=child is children[-1])

    def _shown(self, value: Any) -> str:
        if isinstance(value, bool):
            return "Yes" if value else "No"
        if isinstance(value, int):
            return f"{value % 2**64:#x}" if "hexadecimal" in self._options else str(value % 2**64)
        if isinstance(value, bytes):
            return f'<"{value.decode()}">' if value.isascii() and value.decode().isprintable() else f"<{value.hex()}>"
        if isinstance(value, Mapping):
            return "{" + ",".join(f'"{key}"={self._shown(one)}' for key, one in value.items()) + "}"
        if isinstance(value, list | tuple):
            return "(" + ",".join(self._shown(one) for one in value) + ")"
        return f'"{value}"'

    def archive(self, trees: list[Node]) -> bytes:
        """A property list, of one tree or of several; nothing where there is none."""
        found = [self._archived(tree, 1) for tree in trees]
        if not found:
            return b""
        return plistlib.dumps(found if "root" in self._options else found[0])

    def _archived(self, node: Node, depth: int) -> dict[str, Any]:
        shown = dict(node.properties) if "list" in self._options or self.chosen(node) else {}
        own = {"IOObjectClass": node.classes[0], "IORegistryEntryID": node.entry, "IORegistryEntryName": node.name}
        state = {"IOServiceState": _REGISTERED_AND_MATCHED, "IOServiceBusyState": 0} if node.is_service else {}
        deeper = node.children if not self._depth or depth < self._depth else []
        children = [self._archived(child, depth + 1) for child in deeper]
        return {**shown, **own, **state, **({"IORegistryEntryChildren": children} if children else {})}


def _state(node: Node) -> str:
    return "registered, matched, active, busy 0 (1 ms), " if node.is_service else ""


def _number(options: Options, name: str) -> int:
    word = options.last(name, "0")
    if not word.isdecimal():
        raise Exit(1, f"ioreg: error: Invalid {name}: {word}.\n{_USAGE}")
    return int(word)
