"""Property lists from strangers."""

from __future__ import annotations

import plistlib

import pytest

from kextrel.propertylist import LIMIT, BadPropertyList, read, write

_ENTITY = (
    b'<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    b'<plist version="1.0"><dict><key>k</key><string>&b;</string></dict></plist>'
)


def nested(depth: int) -> bytes:
    """A binary property list of arrays in arrays."""
    rows = [b"\xd1\x00\x01\x00\x02", b"\x51k"]
    rows += [b"\xa1" + (at + 1).to_bytes(2, "big") for at in range(2, depth)] + [b"\xa0"]
    offsets = [8 + sum(map(len, rows[:at])) for at in range(len(rows))]
    table = b"".join(at.to_bytes(2, "big") for at in offsets)
    trailer = bytes(6) + b"\x02\x02" + b"".join(n.to_bytes(8, "big") for n in (len(rows), 0, 8 + sum(map(len, rows))))
    return b"bplist00" + b"".join(rows) + table + trailer


def test_what_is_written_is_read() -> None:
    content = {"b": 1, "a": {"data": b"\x00\xff", "list": ["x", True]}}
    assert read(write(content)) == content
    assert write(content).index(b"<key>b</key>") < write(content).index(b"<key>a</key>")
    assert read(plistlib.dumps(content, fmt=plistlib.FMT_BINARY)) == content


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "no property list"),
        (b"<plist><dict><key>a</dict></plist>", "no property list"),
        (b"<plist><dict><key>a</key><integer>x</integer></dict></plist>", "no property list"),
        (b"<plist><dict><key>a</key><date>yesterday</date></dict></plist>", "no property list"),
        (b"<plist><dict><string>a</string></dict></plist>", "no property list"),
        (b"bplist00" + bytes(40), "no property list"),
        (_ENTITY, "no property list"),
        (plistlib.dumps(["a"]), "no dictionary on top"),
        (b" " * (LIMIT + 1), f"{LIMIT + 1} bytes are more than"),
    ],
)
def test_what_is_none_is_refused_with_a_reason(raw: bytes, why: str) -> None:
    with pytest.raises(BadPropertyList, match=why):
        read(raw)


def test_endless_nesting_ends() -> None:
    assert read(nested(5)) == {"k": [[[[]]]]}
    with pytest.raises(BadPropertyList, match="nested too deep"):
        read(nested(3000))
