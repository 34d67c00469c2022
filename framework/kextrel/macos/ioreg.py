"""`ioreg`: which drivers of user space (DriverKit) the kernel's registry has, and the processes that serve them.

A service node of a driver says which bundle it was matched from, and the cdhash that the kernel demands of the process
behind it [xnu, IOUserServer.h: "the expected cdhash value of the userspace driver executable"]; an IOUserServer node
says which process that is. Neither says a version or a team. Both forms are read, as text and as the property list of
`-a`; so is what `grep` left of the text. Nodes of other kinds are counted, no more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from kextrel.macos.plisttext import around, tree
from kextrel.macos.text import Facts, clean, require

__all__ = ["DriverServer", "IoregAnswer", "RegistryDriver", "read"]

_HEAD = re.compile(r"([\w:]{1,200})(?:, id (0x[0-9a-fA-F]{1,16}))?([^<>]{0,300})>")
_SERVER_CLASS = "IOUserServer"
_NAME, _HASH, _UNIQUE = "IOUserServerName", "IOUserServerCDHash", "kOSBundleDextUniqueIdentifier"
_PERSONALITY = "IOMatchedPersonality"
_KEYS = frozenset(
    {_NAME, _HASH, _PERSONALITY, "IOPersonalityPublisher", "CFBundleIdentifier", "IOUserClass", "IOProviderClass"}
    | {"IOUserServerTag", "IOUserClientCreator", "IOAssociatedServices", "IOObjectClass", "IORegistryEntryName"}
    | {"IORegistryEntryID", "IOServiceState"}
)
_SERVERS_OWN = frozenset({"IOUserServerTag", "IOUserClientCreator", "IOAssociatedServices"})
_WITHIN = {
    _HASH: re.compile(rf'"{_HASH}"="([0-9a-fA-F]{{40}})"'),
    _UNIQUE: re.compile(rf'"{_UNIQUE}"=<([0-9a-f]{{64}})>'),
}
_NODE = "+-o "
# A line that begins something, and one that a terminal may have broken: a node's, a text's.
_FRESH = re.compile(r' *(?:\||\+-o |"\w{1,80}" = |[{}]\s*\Z|--)')
_OPEN = re.compile(r'[ |]*(?:\+-o |"(?:IOU|IOPer|IOPro|CFB)\w{1,40}" = ")')
_LONGEST = 2000
_ENDS = frozenset({"", ">", '"', "}", ")", "$"})
_CDHASH = re.compile(r"[0-9a-fA-F]{40}\Z")
_CREATOR = re.compile(r"pid (\d{1,9}), (.{0,200})\Z")
_NUMBER = re.compile(r"0x[0-9a-fA-F]{1,16}|\d{1,20}")
_INACTIVE = 1  # kIOServiceInactiveState [IOKitLib]
_MOST_NODES = 200_000


@dataclass(frozen=True)
class RegistryDriver(Facts):
    """One service of a driver in user space; a driver has one for each device that it drives.

    `bundle_id` is the bundle that published its personality, `server` what its process is named by, `cdhash` what that
    process must be signed as (40 hexadecimal digits), `unique_id` what kernel management calls the bundle. `active`:
    not being terminated. None: it does not say.
    """

    name: str | None = None
    io_class: str | None = None
    entry_id: int | None = None
    bundle_id: str | None = None
    server: str | None = None
    user_class: str | None = None
    cdhash: str | None = None
    unique_id: str | None = None
    provider_class: str | None = None
    active: bool | None = None


@dataclass(frozen=True)
class DriverServer(Facts):
    """One process that serves drivers: its name, the number of the service that it was started for (`tag`), its PID and
    what the kernel calls the programme (cut at 16 characters), the services' numbers."""

    server: str
    tag: int | None = None
    pid: int | None = None
    process: str | None = None
    services: tuple[int, ...] = ()


@dataclass(frozen=True)
class IoregAnswer(Facts):
    """`nodes`: how many the answer has, of whatever kind. No nodes at all: nothing matched what was asked for."""

    nodes: int = 0
    drivers: tuple[RegistryDriver, ...] = ()
    servers: tuple[DriverServer, ...] = ()
    unparsed: tuple[str, ...] = ()

    def serving(self, driver: RegistryDriver) -> DriverServer | None:
        """The process behind a driver's service; None where the answer does not show it."""
        entry = driver.entry_id
        return next((one for one in self.servers if entry is not None and entry in (one.tag, *one.services)), None)


def read(text: str | bytes) -> IoregAnswer:
    """Raises UnreadableAnswer for text that is not ioreg's."""
    cleaned = "" if isinstance(text, bytes) and text.startswith(b"bplist00") else clean(text)
    if "<plist" in cleaned or (text and not cleaned):
        found, unparsed = list(_of_plist(tree(text))), list(around(text))
    else:
        found, unparsed = _of_text(cleaned)
    first = unparsed or cleaned.split("\n", 1)
    require(bool(found) or not (unparsed or text.strip()), "ioreg", first)
    return _answer(found, unparsed)


def _answer(found: list[dict[str, Any]], unparsed: list[str]) -> IoregAnswer:
    drivers = [_driver(node) for node in found if not _serves(node) and (_NAME in node or _HASH in node)]
    servers = [_server(node) for node in found if _serves(node) and _said(node, _NAME)]
    # A node may be shown more than once: as a root of its own, and under another one that was asked for, too.
    return IoregAnswer(
        sum("class" in node for node in found),
        tuple(one for one in dict.fromkeys(drivers) if one.bundle_id or one.server or one.cdhash),
        tuple(dict.fromkeys(servers)),
        tuple(unparsed),
    )


def _serves(node: Mapping[str, Any]) -> bool:
    """Whether it is a process that serves drivers; where the line with its class is lost, its own keys tell."""
    if str(node.get("name")).startswith(f"{_SERVER_CLASS}("):
        return True
    return node["class"] == _SERVER_CLASS if node.get("class") else not _SERVERS_OWN.isdisjoint(node)


def _of_text(text: str) -> tuple[list[dict[str, Any]], list[str]]:
    """The nodes with what is of use of their properties, and the lines that are neither."""
    nodes: list[dict[str, Any]] = []
    unparsed: list[str] = []
    at: dict[str, Any] | None = None
    for line in _unwrapped(text):
        body = line.lstrip(" |\t")
        mark = body[:1]
        if mark == '"':
            key, equals, value = body[1:].partition('" = ')
            if key in _KEYS and equals:
                at = _taking(key, at, nodes)
                at[key] = _value(value.rstrip())
                unparsed += [line] if at[key] is None else []
            elif not equals:
                unparsed.append(line)
        elif mark == "+" and body.startswith(_NODE):
            at = _node(body[4:])
            nodes.append(at)
            unparsed += [] if at["class"] else [line]
        elif body.startswith("--") or body.rstrip() == "}":
            at = None
        elif mark and mark != "{" and not body.isspace():
            unparsed.append(line)
    return nodes, unparsed


def _taking(key: str, at: dict[str, Any] | None, nodes: list[dict[str, Any]]) -> dict[str, Any]:
    """The node that a key is of. What grep or damage left may have lost the line of it: a key that comes again is
    another's."""
    if at is None or key in at:
        at = {}
        nodes.append(at)
    return at


def _unwrapped(text: str) -> Iterator[str]:
    """The lines; a node's own, or a text of use, that a terminal broke is put together again."""
    begun = ""
    for line in text.split("\n"):
        if begun and not _FRESH.match(line):
            begun += line
            if len(begun) < _LONGEST and not begun.rstrip().endswith((">", '"')):
                continue
            line, begun = begun, ""
        elif begun:
            yield begun
            begun = ""
        if line[-1:] not in _ENDS and _OPEN.match(line) and not line.rstrip().endswith((">", '"')):
            begun = line
        else:
            yield line
    if begun:
        yield begun


def _node(head: str) -> dict[str, Any]:
    """`NAME  <class CLASS, id 0x…, registered, matched, active, busy 0 (1 ms), retain 8>`"""
    name, _, rest = head.rpartition("<class ")
    match = _HEAD.match(rest)
    if match is None:
        return {"name": None, "class": None}
    active = None if "active" not in match[3] else "!active" not in match[3] and "inactive" not in match[3]
    return {"name": name.strip(), "class": match[1], "id": int(match[2], 16) if match[2] else None, "active": active}


def _value(text: str) -> str | None:
    """A text without its quotes, anything else as it stands; None for a text whose end is cut off."""
    if not text.startswith('"'):
        return text
    return text[1:-1] if len(text) > 1 and text.endswith('"') else None


def _of_plist(top: Any) -> Iterator[dict[str, Any]]:
    """The nodes of the property list, in their order, with the keys of the text form."""
    waiting = [top]
    for _ in range(_MOST_NODES):
        if not waiting:
            return
        node = waiting.pop()
        if isinstance(node, list):
            waiting += reversed(node)
        elif isinstance(node, dict):
            waiting += [node.get("IORegistryEntryChildren")]
            if "IOObjectClass" in node or _NAME in node:
                yield _plain(node)


def _plain(node: Mapping[Any, Any]) -> dict[str, Any]:
    state, number = node.get("IOServiceState"), node.get("IORegistryEntryID")
    return {
        **{key: value for key, value in node.items() if key in _KEYS},
        "name": node.get("IORegistryEntryName"),
        "class": node.get("IOObjectClass"),
        "id": number if _is_id(number) else None,
        "active": not state & _INACTIVE if isinstance(state, int) else None,
    }


def _is_id(value: Any) -> TypeGuard[int]:
    """Whether it can be the number of an entry: of 64 bits, and the kernel begins above 32 (IORegistryEntry.cpp), so
    that a smaller one has lost digits."""
    return isinstance(value, int) and not isinstance(value, bool) and 1 << 32 <= value < 1 << 64


def _driver(node: Mapping[str, Any]) -> RegistryDriver:
    cdhash = _said(node, _HASH) or _within(node, _HASH)
    return RegistryDriver(
        _said(node, "name"),
        _said(node, "class"),
        node.get("id"),
        _said(node, "IOPersonalityPublisher") or _said(node, "CFBundleIdentifier"),
        _said(node, _NAME),
        _said(node, "IOUserClass"),
        cdhash.lower() if cdhash and _CDHASH.match(cdhash) else None,
        _within(node, _UNIQUE),
        _said(node, "IOProviderClass"),
        node.get("active"),
    )


def _server(node: Mapping[str, Any]) -> DriverServer:
    creator = _CREATOR.match(_said(node, "IOUserClientCreator") or "")
    tag = _numbers(node.get("IOUserServerTag"))
    return DriverServer(
        _said(node, _NAME) or "",
        tag[0] if tag else None,
        int(creator[1]) if creator else None,
        creator[2] if creator else None,
        tuple(_numbers(node.get("IOAssociatedServices"))),
    )


def _said(node: Mapping[str, Any], key: str) -> str | None:
    value = node.get(key)
    return value if isinstance(value, str) and value else None


def _within(node: Mapping[str, Any], key: str) -> str | None:
    """What the personality that matched says, where the node itself does not."""
    personality = node.get(_PERSONALITY)
    if isinstance(personality, str):
        match = _WITHIN[key].search(personality)
        return match[1] if match else None
    value = personality.get(key) if isinstance(personality, dict) else None
    return value.hex() if isinstance(value, bytes) else value if isinstance(value, str) else None


def _numbers(value: Any) -> list[int]:
    """Those of `0x100000a45`, `4294969925`, `(1,2)`; of a property list's number or array."""
    if isinstance(value, str):
        whole = value.startswith("(") is value.endswith(")")
        value = [int(one, 16 if one[:2] == "0x" else 10) for one in _NUMBER.findall(value)[:64]] if whole else []
    return [one for one in (value if isinstance(value, list) else [value])[:64] if _is_id(one)]
