"""What nobody made to be installed: each is refused with one sentence, and nothing of it is left or lies elsewhere."""

from __future__ import annotations

import gzip
import os
import plistlib
import socket
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from kextrel.bundles.macho import kext_slice, universal
from kextrel.bundles.reading import inspect, opening
from kextrel.bundles.reading.jsonform import plain
from kextrel.bundles.reading.tree import Budget
from kextrel.errors import InputError

NAME = "com.example.driver.kext"


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever a test inspects, the temporary folder is as empty afterwards as it was before."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []


def said_of(path: Path) -> str:
    with pytest.raises(InputError) as refused:
        inspect(path)
    sentence = str(refused.value)
    assert sentence.startswith(f"{path}: ")
    assert "\n" not in sentence
    return sentence.removeprefix(f"{path}: ")


# --- bundles on this machine


def linked(name: str, target: str) -> Callable[[Path], None]:
    def change(bundle: Path) -> None:
        (bundle / name).symlink_to(target)

    return change


def circle(bundle: Path) -> None:
    (bundle / "Contents/a").symlink_to("b")
    (bundle / "Contents/b").symlink_to("a")


def linked_info(bundle: Path) -> None:
    (bundle / "Contents/Info.plist").unlink()
    (bundle / "Contents/Info.plist").symlink_to("/etc/passwd")


def pipe(bundle: Path) -> None:
    os.mkfifo(bundle / "Contents/MacOS/pipe")


def listening(bundle: Path) -> None:
    here = Path.cwd()
    os.chdir(bundle)  # a socket's path is short
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind("s")
    finally:
        os.chdir(here)


def deep(bundle: Path) -> None:
    bundle.joinpath(*["d"] * 80).mkdir(parents=True)


def large_info(bundle: Path) -> None:
    (bundle / "Contents/Info.plist").write_bytes(plistlib.dumps({"a": "x" * (1 << 20)}))


BUNDLES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a link to the disk": (linked("Contents/x", "/etc/passwd"), "the link '{}/Contents/x' leads out of the bundle"),
    "a link upwards": (linked("Contents/x", "../../../etc"), "leads out of the bundle, to '../../../etc'"),
    "a link out through one inside": (linked("Contents/x", "MacOS/../../../y"), "leads out of the bundle"),
    "a link to its folder": (linked("Contents/MacOS/x", "."), "leads back to the folder that it lies in"),
    "a link to the bundle": (linked("Contents/MacOS/x", "../.."), "leads back to the folder that it lies in"),
    "links in a circle": (circle, "goes round in circles"),
    "a link as Info.plist": (linked_info, "leads out of the bundle"),
    "a pipe": (pipe, "'{}/Contents/MacOS/pipe' is a device, a pipe or a socket"),
    "a socket": (listening, "'{}/s' is a device, a pipe or a socket"),
    "folders in folders": (deep, "lie more than 64 deep"),
    "a large Info.plist": (large_info, "'{}/Contents/Info.plist' is larger than 1 MiB"),
}


@pytest.mark.parametrize("name", BUNDLES)
def test_a_bundle_that_no_maker_made(tmp_path: Path, make: SimpleNamespace, name: str) -> None:
    change, said = BUNDLES[name]
    bundle = make.kext(tmp_path)
    change(bundle)
    assert said.format(NAME) in said_of(bundle)


def test_more_files_than_a_bundle_has(tmp_path: Path, make: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = make.kext(tmp_path)
    monkeypatch.setattr(opening, "Budget", partial(Budget, entries=4))
    assert "it holds more than 100000 files; name the kext" in said_of(bundle)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.pkg")
    assert said_of(tmp_path / "a.pkg").startswith("it is a device, a pipe or a socket")


# --- property lists


def bomb(levels: int) -> bytes:
    """A binary property list whose values refer to one another: 10 to the power of `levels` when written out."""
    rows = [b"\xd1\x00\x01\x00\x02", b"\x51k"]
    rows += [b"\xaa" + (at + 1).to_bytes(2, "big") * 10 for at in range(2, 2 + levels)] + [b"\xa0"]
    return binary(rows)


def itself() -> bytes:
    """A dictionary that is its own value."""
    return binary([b"\xd1\x00\x01\x00\x00", b"\x51k"])


def binary(rows: list[bytes]) -> bytes:
    offsets = [8 + sum(map(len, rows[:at])) for at in range(len(rows))]
    table = b"".join(at.to_bytes(2, "big") for at in offsets)
    end = struct.pack(">6x2B3Q", 2, 2, len(rows), 0, 8 + sum(map(len, rows)))
    return b"bplist00" + b"".join(rows) + table + end


LAUGHS = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
PLISTS = {
    "ten to the power of nine": (bomb(9), "it is more than it seems: its values refer to each other again and again"),
    "itself": (itself(), "it is nested too deep"),
    "entities": (
        b'<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY l0 "lol">' + LAUGHS + b"]><plist><dict><key>&l9;</key>"
        b"<true/></dict></plist>",
        "it is no property list",
    ),
    "a file of ours": (
        b'<!DOCTYPE plist [<!ENTITY f SYSTEM "file:///etc/passwd">]><plist><dict><key>&f;</key><true/></dict></plist>',
        "it is no property list",
    ),
    "arrays in arrays": (
        b"<plist><dict><key>a</key>" + b"<array>" * 9999 + b"</array>" * 9999 + b"</dict></plist>",
        "it is nested too deep",
    ),
    "nothing": (b"", "it is no property list"),
}


@pytest.mark.parametrize("name", PLISTS)
def test_an_info_plist_that_is_a_bomb(tmp_path: Path, make: SimpleNamespace, name: str) -> None:
    raw, said = PLISTS[name]
    bundle = make.kext(tmp_path)
    (bundle / "Contents/Info.plist").write_bytes(raw)
    assert f"its Info.plist cannot be read: {said}" in said_of(bundle)


def numbered() -> bytes:
    """{"OSBundleLibraries": {1: "a", "b": "c"}}: keys of two kinds, which only a binary property list can have."""
    rows = [b"\xd1\0\1\0\2", b"\x5f\x10\x11OSBundleLibraries", b"\xd2\0\3\0\4\0\5\0\5", b"\x10\1", b"\x51b", b"\x51c"]
    return binary(rows)


def test_keys_that_are_no_text(tmp_path: Path, make: SimpleNamespace) -> None:
    bundle = make.bundle_of(tmp_path, "a.b.kext", {}, [])
    (bundle / "Contents/Info.plist").write_bytes(numbered())
    assert "says no dictionary for OSBundleLibraries" in said_of(bundle)


def test_numbers_that_no_json_has_are_written_as_text(tmp_path: Path, make: SimpleNamespace) -> None:
    entitlements = {"large": 1 << 20000, "small": 7, "none": float("nan"), "date": datetime(2020, 1, 2), "raw": b"\0"}
    written = plain(plistlib.loads(plistlib.dumps({k: v for k, v in entitlements.items() if k != "large"})))
    assert written == {"small": 7, "none": "nan", "date": "2020-01-02T00:00:00Z", "raw": "AA=="}
    assert plain(entitlements)["large"] == hex(1 << 20000)
    info = b"<plist><dict><key>OSBundleLibraries</key><dict><key>a</key><integer>0x" + b"f" * 9000 + b"</integer>"
    bundle = make.bundle_of(tmp_path, "a.b.kext", {}, [])
    (bundle / "Contents/Info.plist").write_bytes(info + b"</dict></dict></plist>")
    assert inspect(bundle).components[0].libraries == {"a": ""}


def test_a_seal_that_is_a_bomb_is_damage(tmp_path: Path, make: SimpleNamespace) -> None:
    bundle = make.kext(tmp_path)
    (bundle / "Contents/_CodeSignature/CodeResources").write_bytes(bomb(9))
    assert any(one.startswith("CodeResources cannot be read") for one in inspect(bundle).components[0].code.damage)


# --- executables

GOOD = kext_slice("x86_64", "a.b", "1.0", ["printf"])
FAT = universal([GOOD, kext_slice("arm64e", "a.b", "1.0", ["printf"])])


def patched(at: int, form: str, *values: int, raw: bytes = GOOD) -> bytes:
    found = bytearray(raw)
    struct.pack_into(form, found, at, *values)
    return bytes(found)


EXECUTABLES = {
    "empty": (b"", "is cut off"),
    "text": (b"#!/bin/sh\necho hello\n", "is no Mach-O file"),
    "Java": (b"\xca\xfe\xba\xbe\0\0\0\x34" + bytes(200), "is no Mach-O file"),
    "a header alone": (GOOD[:28], "is cut off"),
    "commands cut off": (GOOD[:200], "its load commands lie beyond its end"),
    "code cut off": (GOOD[:0x900], "what a load command points to lies beyond its end"),
    "symbols cut off": (GOOD[:-20], "what a load command points to lies beyond its end"),
    "a slice cut off": (FAT[: 0x4000 + 0x4000 + 100], "a slice lies beyond its end"),
    "a slice without end": (patched(8 + 12, ">I", 0xFFFFFFFF, raw=FAT), "a slice lies beyond its end"),
    "slices that overlap": (patched(8 + 20 + 8, ">I", 0x4010, raw=FAT), "has slices that overlap"),
    "a slice on its own table": (patched(8 + 8, ">I", 8, raw=FAT), "a slice lies beyond its end"),
    "a universal file in itself": (patched(0x4000, ">I", 0xCAFEBABE, raw=FAT), "is no Mach-O file"),
    "a million commands": (patched(16, "<I", 1_000_000), "more load commands than any linker makes"),
    "a command of no size": (patched(36, "<I", 0), "load commands that do not fit"),
    "a command of all sizes": (patched(36, "<I", 0xFFFFFFF8), "load commands that do not fit"),
    "a segment that is not there": (patched(32 + 40, "<Q", 1 << 62), "what a load command points to"),
}


def macho(commands: list[bytes], tail: bytes = b"", kind: int = 11) -> bytes:
    area = b"".join(commands)
    return struct.pack("<8I", 0xFEEDFACF, 0x01000007, 3, kind, len(commands), len(area), 0x85, 0) + area + tail


def one_name_again_and_again() -> bytes:
    """20,000 symbols of 40 KB that lie in the file once: 800 MB written out."""
    symbols, strings = struct.pack("<IBBHQ", 1, 1, 0, 0, 0) * 20_000, b"\0" + b"a" * 40_000 + b"\0"
    at = 32 + 24
    return macho([struct.pack("<6I", 2, 24, at, 20_000, at + len(symbols), len(strings))], symbols + strings)


def segment(size: int, file_size: int, sections: bytes = b"", count: int = 0) -> bytes:
    head = struct.pack("<2I16s4Q4I", 0x19, 72 + len(sections), b"__TEXT", 0, size, 0, file_size, 7, 7, count, 0)
    return head + sections


def one_segment_again_and_again() -> bytes:
    return macho([segment(1 << 16, 1 << 16)] * 1000, bytes(1 << 16))


def one_relocation_table_again_and_again() -> bytes:
    section = struct.pack("<16s16s2Q8I", b"__text", b"__TEXT", 0, 16, 4096, 4, 4096, 5000, 0, 0, 0, 0)
    return macho([segment(4096, 4096, section * 500, 500)], bytes(80_000))


AGAIN: dict[str, tuple[Callable[[], bytes], str]] = {
    "names": (one_name_again_and_again, "has names that are larger than itself"),
    "segments": (one_segment_again_and_again, "has parts that lie over each other"),
    "relocations": (one_relocation_table_again_and_again, "has parts that lie over each other"),
    "sections that are not there": (lambda: macho([segment(16, 16, b"", 9)]), "more sections than fit into it"),
    "itself": (
        lambda: macho([struct.pack("<2I2Q2I8s", 0x80000035, 40, 0, 0, 32, 0, b"me")], b"", 12),
        "is a collection of others",
    ),
    "symbols": (lambda: macho([struct.pack("<6I", 2, 24, 0, 1 << 30, 0, 0)]), "more than 2000000 symbols"),
    "notes": (lambda: macho([struct.pack("<2I16s2Q", 0x31, 40, b"", 0, 100)] * 9), "parts that lie over each other"),
    "opcodes": (lambda: macho([struct.pack("<12I", 0x22, 48, *[0, 60] * 5)] * 2), "parts that lie over each other"),
    "indirect symbols": (
        lambda: macho([struct.pack("<20I", 0xB, 80, *[0] * 12, 32, 1 << 29, 0, 0, 0, 0)]),
        "what a load command points to lies beyond its end",
    ),
}


@pytest.mark.parametrize("name", AGAIN)
def test_a_small_executable_that_would_fill_any_memory(tmp_path: Path, make: SimpleNamespace, name: str) -> None:
    build, said = AGAIN[name]
    bundle = make.bundle_of(tmp_path, "a.b.kext", {}, [GOOD])
    (bundle / "Contents/MacOS/main").write_bytes(build())
    assert said in said_of(bundle)


def test_more_bundles_than_anybody_ships(tmp_path: Path, make: SimpleNamespace) -> None:
    outer = make.kext(tmp_path)
    for number in range(256):
        make.bundle_of(outer / "Contents/PlugIns", f"{number}.kext", {}, [])
    assert "it holds more than 256 bundles" in said_of(outer)


@pytest.mark.parametrize("name", EXECUTABLES)
def test_an_executable_that_is_none(tmp_path: Path, make: SimpleNamespace, name: str) -> None:
    raw, said = EXECUTABLES[name]
    bundle = make.bundle_of(tmp_path, "a.b.kext", {}, [GOOD])
    (bundle / "Contents/MacOS/main").write_bytes(raw)
    assert said in said_of(bundle)


def test_an_executable_cut_off_anywhere(tmp_path: Path, make: SimpleNamespace) -> None:
    bundle = make.kext(tmp_path)
    path = bundle / "Contents/MacOS/driver"
    whole = path.read_bytes()
    offset, length = struct.unpack_from(">2I", whole, 8 + 20 + 8)  # of the last slice; after it there is padding
    for size in range(0, offset + length, 1777):
        path.write_bytes(whole[:size])
        assert "cut off" in said_of(bundle)


# --- zip


def test_names_that_lead_out_of_a_zip(tmp_path: Path, make: SimpleNamespace) -> None:
    for number, name in enumerate(["../evil", "/etc/evil", "a/../../evil", "a.kext/../../evil", "..", "x\0y"]):
        path = make.zipped(tmp_path / f"{number}.zip", [("good", make.FILE, b"")])
        raw = path.read_bytes().replace(b"good", name.encode())
        path.write_bytes(relengthened(raw, len(name.encode())))
        assert "a path that leads out of it" in said_of(path) or "\0" in name
        assert not (tmp_path.parent / "evil").exists()


def relengthened(raw: bytes, size: int) -> bytes:
    """A zip of one empty file whose name grew or shrank from 4 bytes: the lengths and the directory's place follow."""
    found, grown = bytearray(raw), size - 4
    struct.pack_into("<H", found, 26, size)
    directory = raw.index(b"PK\1\2")
    struct.pack_into("<H", found, directory + 28, size)
    end = raw.index(b"PK\5\6")
    struct.pack_into("<2I", found, end + 12, 46 + size, 0)
    struct.pack_into("<I", found, end + 16, struct.unpack_from("<I", raw, end + 16)[0] + grown)
    return bytes(found)


def test_links_in_a_zip(tmp_path: Path, make: SimpleNamespace) -> None:
    make.kext(tmp_path / "root")
    entries = make.tree_entries(tmp_path / "root", "k")
    out = [*entries, (f"k/{NAME}/Contents/x", make.LINK, b"/etc/passwd")]
    assert "leads out of the bundle, to '/etc/passwd'" in said_of(make.zipped(tmp_path / "a.zip", out))
    through = [("k/evil", make.LINK, b"/etc"), ("k/evil/passwd", make.FILE, b"x"), *entries]
    assert "two things that are named 'k/evil'" in said_of(make.zipped(tmp_path / "b.zip", through))
    beside = [*entries, ("latest", make.LINK, b"/Library/Extensions")]
    assert len(inspect(make.zipped(tmp_path / "c.zip", beside)).components) == 1


def test_one_name_twice(tmp_path: Path, make: SimpleNamespace) -> None:
    for second in ("a", "./a", "a/b"):
        path = tmp_path / "a.zip"
        with pytest.MonkeyPatch.context() as quiet:
            quiet.setattr(zipfile.ZipFile, "_writecheck", lambda *_: None)
            make.zipped(path, [("a", make.FILE, b"1"), (second, make.FILE, b"2")])
        assert "two things that are named 'a'" in said_of(path)


def test_a_device_in_a_zip(tmp_path: Path, make: SimpleNamespace) -> None:
    path = make.zipped(tmp_path / "a.zip", [("tty", make.DEVICE, b"")])
    assert "'tty' in it is a device" in said_of(path)


def test_an_encrypted_zip(tmp_path: Path, make: SimpleNamespace) -> None:
    path = make.zipped(tmp_path / "a.zip", [("a", make.FILE, b"1")])
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(raw)
    assert "'a' in it is encrypted" in said_of(path)


def test_ten_gigabytes_are_refused_before_any_is_unpacked(tmp_path: Path, make: SimpleNamespace) -> None:
    path = make.zipped(tmp_path / "a.zip", [(f"{n}", make.FILE, b"1") for n in range(3)])
    raw = bytearray(path.read_bytes())
    at = -1
    while (at := raw.find(b"PK\1\2", at + 1)) >= 0:
        struct.pack_into("<I", raw, at + 24, 0xF0000000)
    path.write_bytes(raw)
    assert "it holds more than 1024 MiB, unpacked" in said_of(path)


def test_a_zip_that_lies_about_its_size(tmp_path: Path, make: SimpleNamespace) -> None:
    path = make.zipped(tmp_path / "a.zip", [("a", make.FILE, bytes(1 << 20))])
    raw = bytearray(path.read_bytes())
    struct.pack_into("<I", raw, raw.index(b"PK\1\2") + 24, 1)
    path.write_bytes(raw)
    assert "it is a damaged archive" in said_of(path)


def test_a_directory_that_is_larger_than_all(tmp_path: Path, make: SimpleNamespace) -> None:
    path = make.zipped(tmp_path / "a.zip", [("a", make.FILE, b"1")])
    raw = bytearray(path.read_bytes())
    struct.pack_into("<I", raw, raw.index(b"PK\5\6") + 12, 0x7FFFFFFF)
    path.write_bytes(raw)
    assert "its directory is larger than a bundle's can be" in said_of(path)


@pytest.mark.parametrize(
    "image",
    [bytes(4096) + b"koly" + bytes(508), b"encrcdsa" + bytes(600), bytes(4000) + b"cdsaencr"],
    ids=["koly", "encrypted", "encrypted-long-ago"],
)
def test_a_disk_image(tmp_path: Path, image: bytes) -> None:
    (tmp_path / "a.dmg").write_bytes(image)
    assert "it is a disk image, which is not read; open it (hdiutil attach) and name a .kext" in said_of(
        tmp_path / "a.dmg"
    )


def test_an_archive_in_an_archive(tmp_path: Path, make: SimpleNamespace) -> None:
    inner = make.zipped(tmp_path / "inner.zip", [("a", make.FILE, b"1")])
    for name in ("inner.zip", "deep/image.dmg", "kit.tar.gz"):
        path = make.zipped(tmp_path / "a.zip", [(name, make.FILE, inner.read_bytes())])
        assert f"it holds an archive in an archive, '{name}'; unpack it" in said_of(path)


@pytest.mark.parametrize("cut", [4, 30, 60, -10])
def test_a_zip_that_is_cut_off(tmp_path: Path, make: SimpleNamespace, cut: int) -> None:
    path = make.zipped(tmp_path / "a.zip", [("a", make.FILE, b"1" * 100)])
    path.write_bytes(path.read_bytes()[:cut])
    assert "it is a damaged archive" in said_of(path)


# --- xar and what is in it


def toc(inner: str) -> bytes:
    return f"<xar><toc>{inner}</toc></xar>".encode()


def data(offset: object = 20, length: object = 1, style: str = "octet-stream", extra: str = "") -> str:
    encoding = f'<encoding style="application/{style}"/>'
    return f"<data><offset>{offset}</offset><length>{length}</length><size>1</size>{encoding}{extra}</data>"


INFO = "<file><name>PackageInfo</name><type>file</type>{}</file>"
TABLES = {
    "a document type": (b'<!DOCTYPE a [<!ENTITY b "c">]><xar><toc/></xar>', "declares a document type"),
    "no UTF-8": ("<xar/>".encode("utf-16"), "its XML is damaged"),
    "no XML": (b"<xar><toc></xar>", "its XML is damaged"),
    "no table": (b"<xar/>", "its table of contents holds none"),
    "no package": (toc(""), "it has no PackageInfo"),
    "a name that leads out": (toc("<file><name>../x</name></file>"), "'../x', a path that leads out"),
    "a name that is up": (toc("<file><name>..</name></file>"), "'..', a path that leads out"),
    "beyond its end": (toc(INFO.format(data(offset=1 << 40))), "'PackageInfo' lies beyond its end"),
    "before its start": (toc(INFO.format(data(offset=-5))), "says '-5' where a number belongs"),
    "no number": (toc(INFO.format(data(length="1e9"))), "says '1e9' where a number belongs"),
    "a number of any length": (toc(INFO.format(data(length="9" * 99))), "where a number belongs"),
    "another packing": (toc(INFO.format(data(style="x-own"))), "packed as 'application/x-own'"),
    "not packed so": (toc(INFO.format(data(style="x-gzip", length=3))), "its content is damaged"),
    "another checksum": (
        toc(INFO.format(data(extra='<archived-checksum style="crc">1</archived-checksum>'))),
        "of the kind 'crc'",
    ),
    "a wrong checksum": (
        toc(INFO.format(data(extra='<archived-checksum style="sha1">00</archived-checksum>'))),
        "'PackageInfo' in it is damaged",
    ),
    "folders in folders": (toc("<file><name>a</name>" * 99 + "</file>" * 99), "lie more than 32 deep"),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_contents_that_lies(tmp_path: Path, make: SimpleNamespace, name: str) -> None:
    table, said = TABLES[name]
    (tmp_path / "a.pkg").write_bytes(make.xar_of(table, b"xyz"))
    assert said in said_of(tmp_path / "a.pkg")


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (struct.pack(">4sHHQQI", b"xar!", 28, 1, 1 << 60, 10, 0), "larger than itself"),
        (struct.pack(">4sHHQQI", b"xar!", 28, 1, 10, 1 << 60, 0), "larger than itself"),
        (struct.pack(">4sHHQQI", b"xar!", 28, 2, 10, 10, 0), "no xar archive of version 1"),
        (struct.pack(">4sHHQQI", b"xar!", 0, 1, 10, 10, 0), "no xar archive of version 1"),
        (b"xar!\0", "it is cut off"),
    ],
    ids=["packed", "plain", "version", "header", "cut"],
)
def test_a_header_that_lies(tmp_path: Path, header: bytes, said: str) -> None:
    (tmp_path / "a.pkg").write_bytes(header + bytes(40 if len(header) > 20 else 0))
    assert said in said_of(tmp_path / "a.pkg")


def test_a_table_that_is_longer_than_it_says(tmp_path: Path) -> None:
    packed = zlib.compress(bytes(15 << 20))
    raw = struct.pack(">4sHHQQI", b"xar!", 28, 1, len(packed), 100, 0) + packed
    (tmp_path / "a.pkg").write_bytes(raw)
    assert "is not as long as it says" in said_of(tmp_path / "a.pkg")


def payload(make: SimpleNamespace, raw: bytes) -> bytes:
    found: bytes = make.xar({"PackageInfo": b'<pkg-info identifier="x" version="1"/>', "Payload": raw})
    return found


PAYLOADS: dict[str, tuple[Callable[[SimpleNamespace], bytes], str]] = {
    "a path upwards": (lambda m: m.cpio([("../x", m.FILE, b"1")]), "'../x', a path that leads out"),
    "a path of the disk": (lambda m: m.cpio([("/etc/x", m.FILE, b"1")]), "'/etc/x', a path that leads out"),
    "a device": (lambda m: m.cpio([("./tty", m.DEVICE, b"")]), "'./tty' in its payload is a device"),
    "no end": (lambda m: m.cpio([("./x", m.FILE, b"1")], trailer=False), "ends in the middle of a file"),
    "a file without end": (lambda m: m.cpio([("./x", m.FILE, b"1" * 99)])[:120], "ends in the middle of a file"),
    "no number": (lambda m: m.cpio([("./x", m.FILE, b"1")]).replace(b"100644", b"10z644"), "a number in it is none"),
    "no name": (lambda m: m.cpio([("./x", m.FILE, b"1")]).replace(b"000004", b"000000", 1), "that no file can have"),
    "a signed number": (
        lambda m: m.cpio([("./x", m.FILE, b"1")]).replace(b"100644", b"-00644"),
        "number in it is none",
    ),
    "another archive": (lambda m: b"070703" + bytes(200), "is no cpio archive of the kind"),
    "newer, no numbers": (lambda m: b"070701" + bytes(200), "a number in it is none"),
    "newer, a path upwards": (lambda m: m.newc([("../x", m.FILE, b"1")]), "'../x', a path that leads out"),
    "newer, a device": (lambda m: m.newc([("./tty", m.DEVICE, b"")]), "'./tty' in its payload is a device"),
    "newer, a hard link": (lambda m: m.newc([("./x", m.FILE, b"")], links=2), "'./x' in its payload is a hard link"),
    "newer, cut off": (lambda m: m.newc([("./x", m.FILE, b"1")])[:118], "ends in the middle of a file"),
    "newer, no name": (lambda m: m.newc([("./x", m.FILE, b"1")]).replace(b"00000004", b"00000000"), "no file can have"),
    "newer, endless": (
        lambda m: m.newc([("./x", m.FILE, b"1" * 9)]).replace(b"00000009", b"ffffffff"),
        "in the middle of a file",
    ),
    "an Apple Archive": (lambda m: b"AA01" + bytes(200), "is an Apple Archive, which is not read"),
    "LZFSE": (lambda m: b"pbze" + bytes(200), "is packed as Apple's 'pbze', which is not read"),
    "gzip cut off": (lambda m: gzip.compress(m.cpio([]))[:-12], "ends in the middle of a file"),
    "gzip damaged": (lambda m: gzip.compress(m.cpio([]))[:-8] + bytes(8), "its content is damaged"),
    "bzip2 damaged": (lambda m: b"BZh9" + bytes(50), "its content is damaged"),
    "xz damaged": (lambda m: b"\xfd7zXZ\0" + bytes(50), "its content is damaged"),
    "pbzx of any size": (lambda m: b"pbzx" + bytes(8) + struct.pack(">2Q", 1, 1 << 40), "larger than any tool makes"),
    "pbzx cut off": (lambda m: b"pbzx" + bytes(8) + struct.pack(">2Q", 9, 9), "ends in the middle of a file"),
}


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_payload_that_lies(tmp_path: Path, make: SimpleNamespace, name: str) -> None:
    build, said = PAYLOADS[name]
    (tmp_path / "a.pkg").write_bytes(payload(make, build(make)))
    assert said in said_of(tmp_path / "a.pkg")


def test_a_payload_that_is_a_bomb(tmp_path: Path, make: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = gzip.compress(make.cpio([("./x", make.FILE, bytes(3 << 20))]))
    (tmp_path / "a.pkg").write_bytes(payload(make, raw))
    assert len(raw) < 10_000
    monkeypatch.setattr(opening, "Budget", partial(Budget, bytes=1 << 20))
    assert "it holds more than" in said_of(tmp_path / "a.pkg")


def test_a_package_that_installs_outside_of_the_disk(tmp_path: Path, make: SimpleNamespace) -> None:
    (tmp_path / "a.pkg").write_bytes(make.package([("./x", make.FILE, b"")], "/Library/../../etc"))
    assert "a path that leads out of the disk" in said_of(tmp_path / "a.pkg")


def test_an_old_package_s_payload_leads_nowhere_either(tmp_path: Path, make: SimpleNamespace) -> None:
    contents = tmp_path / "a.pkg/Contents"
    contents.mkdir(parents=True)
    assert "it holds no Archive.pax.gz" in said_of(tmp_path / "a.pkg")
    (contents / "Archive.pax.gz").write_bytes(gzip.compress(make.cpio([("../../x", make.FILE, b"1")])))
    assert "a path that leads out" in said_of(tmp_path / "a.pkg")
    (contents / "Archive.pax.gz").unlink()
    (contents / "Archive.pax.gz").symlink_to("/etc/passwd")
    assert "leads out of the bundle" in said_of(tmp_path / "a.pkg")


def test_what_is_unpacked_is_no_programme(
    tmp_path: Path, make: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is read, nothing in the temporary folder has a stranger's name or may be run."""
    make.kext(tmp_path / "root")
    path = make.zipped(tmp_path / "a.zip", make.tree_entries(tmp_path / "root", "k"))
    seen: list[Path] = []
    monkeypatch.setattr(opening, "_refuse_only_archives", lambda tree: seen.extend(tree.files.values()))
    monkeypatch.setattr(opening, "_bundles", lambda tree, **_: look(tree.files.values(), seen))
    with pytest.raises(InputError, match="it holds no kext"):
        inspect(path)
    assert len(seen) >= 3


def look(paths: object, seen: list[Path]) -> Iterator[None]:
    for path in list(paths):  # type: ignore[call-overload]
        assert path.name.isdigit()
        assert not path.stat().st_mode & (stat.S_IXUSR | stat.S_ISUID)
        seen.append(path)
    yield from ()
