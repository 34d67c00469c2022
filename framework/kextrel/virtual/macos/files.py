"""Reading files of a virtual Mac that may be larger than this computer: sparse ones cost their owner nothing."""

from __future__ import annotations

import errno

from kextrel.virtual.unix.fs import FileSystem, failure

__all__ = ["read_bounded"]


def read_bounded(fs: FileSystem, path: str, limit: int) -> bytes:
    """The content of `path`; EFBIG when it has more than `limit` bytes."""
    if fs.stat(path).size > limit:
        raise failure(errno.EFBIG, path)
    return fs.read_bytes(path)
