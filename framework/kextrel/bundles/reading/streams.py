"""What a package's payload is packed in, as chunks of a cpio archive: gzip, bzip2, xz, or Apple's pbzx.

pbzx is "pbzx", the size of a chunk, and for each chunk its unpacked and its packed size and its content, which is xz,
or as it is where both are the same. Source: PackageKit's format as xar-based installers have it since 10.10. Its newer
kin (pbze and others, packed with LZFSE and the like) and Apple Archives are refused: no kept library reads them.
"""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from collections.abc import Iterable, Iterator

from kextrel.bundles.reading.refusal import Refused

__all__ = ["Reader", "expanded", "inflated", "unpacked", "xz"]

_CHUNK = 1 << 16
_PBZX, _PBZX_LARGEST = b"pbzx", 64 << 20
_XZ_MEMORY = 128 << 20
_APPLE_ARCHIVE = (b"AA01", b"YAA1", b"AEA1")
_APPLE_STREAM = (b"pbze", b"pbz4", b"pbzz", b"pbzb", b"pbz-")
_XZ = b"\xfd7zXZ\0"
_ON_A_MAC = "expand it with `pkgutil` on a Mac first"
_ZLIB_OR_GZIP = 47  # zlib's word for: look at the first bytes


class Reader:
    """Takes exact pieces from chunks, of which there may be any number of any size."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks, self._rest = iter(chunks), bytearray()

    def peek(self, size: int) -> bytes:
        """The next bytes, `size` of them or what there is, which stay to be taken."""
        while len(self._rest) < size and (chunk := next(self._chunks, b"")):
            self._rest += chunk
        return bytes(self._rest[:size])

    def take(self, size: int) -> bytes:
        """The next `size` bytes. Raises Refused where there are fewer."""
        found = self.peek(size)
        if len(found) < size:
            raise Refused("its payload ends in the middle of a file")
        del self._rest[:size]
        return found

    def pieces(self, size: int) -> Iterator[bytes]:
        """As `take`, piece by piece, for what may be large."""
        while size:
            piece = self.peek(min(size, _CHUNK))
            if not piece:
                raise Refused("its payload ends in the middle of a file")
            del self._rest[: len(piece)]
            size -= len(piece)
            yield piece

    def rest(self) -> Iterator[bytes]:
        while piece := self.peek(_CHUNK):
            del self._rest[: len(piece)]
            yield piece


def unpacked(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The archive in a payload. Raises Refused where it is damaged or packed in something else."""
    reader = Reader(chunks)
    start = reader.peek(6)
    if start[:4] == _PBZX:
        return _pbzx(reader)
    if start[:4] in _APPLE_ARCHIVE:
        raise Refused("its payload is an Apple Archive, which is not read", _ON_A_MAC)
    if start[:4] in _APPLE_STREAM:
        packing = start[:4].decode()
        raise Refused(f"its payload is packed as Apple's '{packing}', which is not read", _ON_A_MAC)
    if start[:2] == b"\x1f\x8b":
        return inflated(reader.rest())
    if start[:3] == b"BZh":
        return expanded(reader.rest(), bz2.BZ2Decompressor())
    if start == _XZ:
        return expanded(reader.rest(), xz())
    return reader.rest()


def inflated(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Unpacks gzip and zlib; never more at a time than a chunk. Raises Refused."""
    unpacker = zlib.decompressobj(_ZLIB_OR_GZIP)
    try:
        for chunk in chunks:
            left = chunk
            while left and not unpacker.eof:
                yield unpacker.decompress(left, _CHUNK)
                left = unpacker.unconsumed_tail
        yield unpacker.flush()
    except zlib.error as error:
        raise Refused(f"its content is damaged: {error}") from error
    if not unpacker.eof:
        raise Refused("its content ends too early")


def expanded(chunks: Iterable[bytes], unpacker: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> Iterator[bytes]:
    """Unpacks bzip2 or xz, as `inflated` does."""
    try:
        for chunk in chunks:
            if unpacker.eof:
                return
            yield unpacker.decompress(chunk, _CHUNK)
            while not (unpacker.needs_input or unpacker.eof):
                yield unpacker.decompress(b"", _CHUNK)
    except (OSError, EOFError, ValueError, lzma.LZMAError) as error:
        raise Refused(f"its content is damaged: {error}") from error
    if not unpacker.eof:
        raise Refused("its content ends too early")


def xz() -> lzma.LZMADecompressor:
    """For xz and the older lzma, with no more memory than Apple's tools need."""
    return lzma.LZMADecompressor(lzma.FORMAT_AUTO, memlimit=_XZ_MEMORY)


def _pbzx(reader: Reader) -> Iterator[bytes]:
    reader.take(12)
    while reader.peek(1):
        size, packed = struct.unpack(">2Q", reader.take(16))
        if max(size, packed) > _PBZX_LARGEST:
            raise Refused("its payload has a chunk that is larger than any tool makes")
        content = reader.take(packed)
        yield from expanded([content], xz()) if content[:6] == _XZ else [content]
