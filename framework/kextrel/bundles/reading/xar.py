"""Opens a xar archive, which a flat package is: a header, a table of contents in packed XML, a heap.

Source: xar's own format description (version 1). The table may be signed: <signature> holds the certificates, and
where in the heap the signature over the table's checksum lies.
"""

from __future__ import annotations

import base64
import binascii
import bz2
import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from kextrel.bundles.reading.refusal import Refused
from kextrel.bundles.reading.streams import expanded, inflated, xz

__all__ = ["MAGIC", "TableSignature", "Xar", "XarFile", "open_xar", "parse_xml"]

MAGIC = b"xar!"
_HEADER = struct.Struct(">4sHHQQI")
_TABLE_LIMIT = 16 << 20
_DEEPEST = 32
_CHUNK = 1 << 16
_CHECKSUMS = {"sha1": "sha1", "sha256": "sha256", "sha512": "sha512", "md5": "md5"}


@dataclass(frozen=True)
class XarFile:
    """One file: its name with its folders, where its content lies in the heap, and how it is packed."""

    name: str
    kind: str
    offset: int
    length: int
    encoding: str
    checksum: tuple[str, str] | None  # the algorithm, and the hexadecimal digest of what lies in the heap


@dataclass(frozen=True)
class TableSignature:
    """`digest` is the table's own checksum, `signature` the RSA signature over it, `certificates` DER, the signer's
    first."""

    algorithm: str
    digest: bytes
    signature: bytes
    certificates: tuple[bytes, ...]


@dataclass(frozen=True)
class Xar:
    path: Path
    heap: int
    files: tuple[XarFile, ...]
    signature: TableSignature | None

    def content(self, file: XarFile) -> Iterator[bytes]:
        """What is in it, unpacked. Raises Refused where it is damaged, and for a packing that no package has."""
        chunks = self._packed(file)
        if file.encoding == "application/octet-stream":
            return chunks
        if file.encoding == "application/x-gzip":
            return inflated(chunks)
        if file.encoding == "application/x-bzip2":
            return expanded(chunks, bz2.BZ2Decompressor())
        if file.encoding in ("application/x-lzma", "application/x-xz"):
            return expanded(chunks, xz())
        raise Refused(f"'{file.name}' in it is packed as {file.encoding!r}, which no package is")

    def _packed(self, file: XarFile) -> Iterator[bytes]:
        """The bytes in the heap; the last is only given once all of them have the right checksum."""
        digest = hashlib.new(_CHECKSUMS[file.checksum[0]], usedforsecurity=False) if file.checksum else None
        with self.path.open("rb") as source:
            source.seek(self.heap + file.offset)
            left = file.length
            while left:
                chunk = source.read(min(left, _CHUNK))
                if not chunk:
                    raise Refused("it is cut off")
                left -= len(chunk)
                if digest is not None:
                    digest.update(chunk)
                if not left and digest is not None and file.checksum and digest.hexdigest() != file.checksum[1]:
                    raise Refused(f"'{file.name}' in it is damaged: its checksum is another")
                yield chunk


def open_xar(path: Path) -> Xar:
    """Reads header and table. Raises Refused where they do not fit the file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        raw = file.read(_HEADER.size)
        if len(raw) < _HEADER.size:
            raise Refused("it is cut off")
        magic, header, version, packed, plain, _ = _HEADER.unpack(raw)
        if magic != MAGIC or version != 1 or header < _HEADER.size:
            raise Refused("it is no xar archive of version 1")
        if max(packed, plain) > _TABLE_LIMIT or header + packed > size:
            raise Refused("its table of contents is larger than itself or than any package's")
        file.seek(header)
        table = file.read(packed)
    toc = parse_xml(_bounded(table, plain)).find("toc")
    if toc is None:
        raise Refused("its table of contents holds none")
    room = size - header - packed
    files = tuple(_files(toc, "", room, 0))
    return Xar(path, header + packed, files, _signature(toc, path, header + packed, room, table))


def _bounded(table: bytes, plain: int) -> bytes:
    found = b""
    for chunk in inflated([table]):
        found += chunk
        if len(found) > plain:
            break
    if len(found) != plain:
        raise Refused("its table of contents is not as long as it says")
    return found


def parse_xml(raw: bytes) -> ElementTree.Element:
    """XML of a stranger: UTF-8, and without a document type, so that it can declare no entity. Raises Refused."""
    try:
        text = raw.decode("utf-8-sig")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise Refused("its XML declares a document type, which an installer's never does")
        return ElementTree.fromstring(text)  # noqa: S314 - a text with entities was refused above
    except (UnicodeDecodeError, ElementTree.ParseError, ValueError) as error:
        raise Refused("its XML is damaged") from error


def _files(element: ElementTree.Element, folder: str, room: int, depth: int) -> Iterator[XarFile]:
    if depth > _DEEPEST:
        raise Refused(f"its folders lie more than {_DEEPEST} deep")
    for node in element.findall("file"):
        name = node.findtext("name") or ""
        if "/" in name or name in ("", ".", ".."):
            raise Refused(f"it holds '{name}', a path that leads out of it")
        whole = f"{folder}/{name}" if folder else name
        yield _file(node, whole, room)
        yield from _files(node, whole, room, depth + 1)


def _file(node: ElementTree.Element, name: str, room: int) -> XarFile:
    kind, data = (node.findtext("type") or "file").strip(), node.find("data")
    if data is None:
        return XarFile(name, kind, 0, 0, "application/octet-stream", None)
    offset, length = _number(data.findtext("offset")), _number(data.findtext("length"))
    if offset + length > room:
        raise Refused(f"'{name}' lies beyond its end")
    style = data.find("encoding")
    encoding = style.get("style", "") if style is not None else "application/octet-stream"
    return XarFile(name, kind, offset, length, encoding, _checksum(data))


def _checksum(data: ElementTree.Element) -> tuple[str, str] | None:
    node = data.find("archived-checksum")
    if node is None:
        return None
    style, digest = node.get("style", "").lower(), (node.text or "").strip().lower()
    if style not in _CHECKSUMS:
        raise Refused(f"its checksums are of the kind {style!r}, which no package has")
    return style, digest


def _signature(toc: ElementTree.Element, path: Path, heap: int, room: int, table: bytes) -> TableSignature | None:
    node, checksum = toc.find("signature"), toc.find("checksum")
    if node is None or checksum is None:
        return None
    offset, size = _number(node.findtext("offset")), _number(node.findtext("size"))
    at, length = _number(checksum.findtext("offset")), _number(checksum.findtext("size"))
    if max(offset + size, at + length) > room or max(size, length) > _CHUNK:
        raise Refused("its signature lies beyond its end")
    algorithm = checksum.get("style", "").lower()
    if algorithm not in _CHECKSUMS:
        raise Refused(f"its checksums are of the kind {algorithm!r}, which no package has")
    with path.open("rb") as file:
        file.seek(heap + offset)
        signature = file.read(size)
        file.seek(heap + at)
        stated = file.read(length)
    digest = hashlib.new(_CHECKSUMS[algorithm], table, usedforsecurity=False).digest()
    if stated != digest:
        raise Refused("its table of contents is damaged: its checksum is another")
    return TableSignature(algorithm, digest, signature, tuple(_certificates(node)))


def _certificates(node: ElementTree.Element) -> Iterator[bytes]:
    for found in node.iter("{http://www.w3.org/2000/09/xmldsig#}X509Certificate"):
        try:
            yield base64.b64decode("".join((found.text or "").split()), validate=True)
        except binascii.Error as error:
            raise Refused("a certificate in its signature is damaged") from error


def _number(text: str | None) -> int:
    """A size or an offset. Raises Refused for one that is none, or that no file has."""
    word = (text or "").strip()
    if not word.isascii() or not word.isdigit() or len(word) > 18:
        raise Refused(f"its table of contents says {word[:20]!r} where a number belongs")
    return int(word)
