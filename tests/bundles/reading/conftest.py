"""Makers of what is read: archives from nothing but struct and zlib, and bundles with one thing about them changed."""

from __future__ import annotations

import gzip
import hashlib
import plistlib
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kextrel import bundles
from kextrel.bundles.authority import developer_id
from kextrel.bundles.entitlements import Entitlements
from kextrel.bundles.executable import Platform, executable_slice
from kextrel.bundles.macho import kext_slice, universal
from kextrel.bundles.signature import Seal, sign
from kextrel.vocabulary import Extension, ExtensionKind

FILE, FOLDER, LINK, DEVICE = 0o100644, 0o040755, 0o120755, 0o020644
Entry = tuple[str, int, bytes]


def cpio(entries: Sequence[Entry], trailer: bool = True) -> bytes:
    """The portable ("odc") format of cpio(5)."""
    found = b""
    for name, mode, content in [*entries, *([("TRAILER!!!", 0, b"")] if trailer else [])]:
        raw = name.encode() + b"\0"
        numbers = (0, 0, mode, 0, 0, 1, 0)
        head = b"070707" + b"".join(b"%06o" % one for one in numbers) + b"%011o%06o%011o" % (0, len(raw), len(content))
        found += head + raw + content
    return found


def newc(entries: Sequence[Entry], magic: bytes = b"070701", links: int = 1) -> bytes:
    """SVR4's format of cpio(5): numbers of 8 hexadecimal digits, all filled up to 4 bytes."""
    found = b""
    for name, mode, content in [*entries, ("TRAILER!!!", 0, b"")]:
        raw = name.encode() + b"\0"
        numbers = (7, mode, 0, 0, links, 0, len(content), 0, 0, 0, 0, len(raw), 0)
        head = magic + b"".join(b"%08x" % one for one in numbers) + raw
        found += head + bytes(-len(head) % 4) + content + bytes(-len(content) % 4)
    return found


def tree_entries(folder: Path, at: str = ".") -> list[Entry]:
    """A folder as a payload has it."""
    found: list[Entry] = [(at, FOLDER, b"")]
    for path in sorted(folder.rglob("*")):
        name = f"{at}/{path.relative_to(folder).as_posix()}"
        found.append((name, FOLDER, b"") if path.is_dir() else (name, FILE, path.read_bytes()))
    return found


def xar(files: Mapping[str, bytes], toc_extra: str = "", heap_extra: bytes = b"") -> bytes:
    """A xar archive; names have folders. The heap begins with 20 bytes for the checksum of the table."""
    heap, nodes = bytes(20), dict[str, Any]()
    for number, (name, content) in enumerate(files.items(), start=1):
        packed = zlib.compress(content)
        data = (
            f"<data><length>{len(packed)}</length><offset>{len(heap)}</offset><size>{len(content)}</size>"
            f'<encoding style="application/x-gzip"/>'
            f'<archived-checksum style="sha1">{hashlib.sha1(packed).hexdigest()}</archived-checksum></data>'
        )
        at = nodes
        *folders, last = name.split("/")
        for folder in folders:
            at = at.setdefault(folder, {})
        at[last] = (number, data)
        heap += packed
    heap_extra_at = len(heap)
    body = "".join(xml_of(name, node) for name, node in nodes.items())
    toc = (
        '<?xml version="1.0" encoding="UTF-8"?><xar><toc><checksum style="sha1"><offset>0</offset><size>20</size>'
        f"</checksum>{toc_extra.replace('HEAP', str(heap_extra_at))}{body}</toc></xar>"
    )
    return xar_of(toc.encode(), heap[20:] + heap_extra)


def xml_of(name: str, node: Any) -> str:
    if isinstance(node, dict):
        inner = "".join(xml_of(*one) for one in node.items())
        return f'<file id="0"><type>directory</type><name>{name}</name>{inner}</file>'
    number, data = node
    return f'<file id="{number}"><type>file</type><name>{name}</name>{data}</file>'


def xar_of(toc: bytes, heap: bytes) -> bytes:
    packed = zlib.compress(toc)
    head = struct.pack(">4sHHQQI", b"xar!", 28, 1, len(packed), len(toc), 1)
    return head + packed + hashlib.sha1(packed).digest() + heap


def package(entries: Sequence[Entry], location: str = "/", pack: Callable[[bytes], bytes] = gzip.compress) -> bytes:
    """A flat package of one component."""
    info = f'<pkg-info identifier="com.example.pkg" version="1.2" install-location="{location}"/>'
    return xar({"PackageInfo": info.encode(), "Payload": pack(cpio(entries))})


def zipped(path: Path, entries: Sequence[Entry]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, mode, content in entries:
            info = zipfile.ZipInfo(name + "/" if mode == FOLDER else name)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return path


def kext(folder: Path, **changes: Any) -> Path:
    return bundles.make(Extension("driver", ExtensionKind.KEXT, "com.example.driver", **changes), folder)


def with_info(bundle: Path, **changes: Any) -> Path:
    """The bundle with these entries of its Info.plist; None takes one away."""
    path = next(one for one in (bundle / "Contents/Info.plist", bundle / "Info.plist") if one.exists())
    info = {**plistlib.loads(path.read_bytes()), **changes}
    path.write_bytes(plistlib.dumps({key: value for key, value in info.items() if value is not None}))
    return bundle


def bundle_of(
    folder: Path,
    name: str,
    info: Mapping[str, Any],
    slices: Sequence[bytes],
    *,
    flat: bool = False,
    fmt: plistlib.PlistFormat = plistlib.FMT_XML,
) -> Path:
    """An unsigned bundle with these slices; without any it has no executable."""
    bundle = folder / name
    contents = bundle if flat else bundle / "Contents"
    place = contents if flat else contents / "MacOS"
    place.mkdir(parents=True)
    own = {"CFBundleIdentifier": name.rpartition(".")[0], "CFBundleVersion": "1.0", "CFBundleShortVersionString": "1.0"}
    if slices:
        own["CFBundleExecutable"] = "main"
        (place / "main").write_bytes(universal(slices))
    (contents / "Info.plist").write_bytes(plistlib.dumps({**own, **info}, fmt=fmt))
    return bundle


def signed_extension(folder: Path, name: str, info: Mapping[str, Any], entitlements: Entitlements) -> Path:
    """A system extension or driver of team KXTRL00001, in no app, with just these entitlements."""
    driver = name.endswith(".dext")
    thin = executable_slice("arm64", name, "1.0", ["/usr/lib/libSystem.B.dylib"], platform(driver))
    identifier = name.rpartition(".")[0]
    bundle = bundle_of(folder, name, info, [thin], flat=driver)
    contents = bundle if driver else bundle / "Contents"
    path = contents / ("main" if driver else "MacOS/main")
    raw, resources = (contents / "Info.plist").read_bytes(), plistlib.dumps({"files2": {}})
    seal = Seal(identifier, "KXTRL00001", raw, resources, developer_id("KXTRL00001"), entitlements, executable=True)
    path.write_bytes(sign(thin, seal))
    (contents / "_CodeSignature").mkdir()
    (contents / "_CodeSignature/CodeResources").write_bytes(resources)
    return bundle


def platform(driver: bool) -> Platform:
    return Platform.DRIVERKIT if driver else Platform.MACOS


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """The makers of this file, by their names."""
    makers = (cpio, newc, tree_entries, xar, xar_of, package, zipped, kext, with_info, bundle_of, signed_extension)
    words = {"FILE": FILE, "FOLDER": FOLDER, "LINK": LINK, "DEVICE": DEVICE}
    return SimpleNamespace(**{one.__name__: one for one in makers}, **words, kext_slice=kext_slice)
