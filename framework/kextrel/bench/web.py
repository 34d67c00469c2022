"""What the wires over HTTP share: answers that end, and servers that prove who they are."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx

from kextrel.bench.retry import Transient
from kextrel.errors import BenchError
from kextrel.timing import Deadline

__all__ = ["trusted", "whole"]

_KEPT = (b"content-type", b"www-authenticate")  # as bytes: an answer may have any of them


def whole(begun: httpx.Response, *, most: int, limit: Deadline, who: str, wire: str) -> httpx.Response:
    """The answer with its body, and of its head the type and the challenges: httpx bounds each wait for a piece, but
    not how many pieces there are.

    BenchError for more than `most` bytes, Transient where it goes on after `limit`: what has arrived to its end counts,
    however late we look. `who` answers.
    """
    body, late = bytearray(), False
    for piece in begun.iter_bytes():
        body += piece
        if len(body) > most:
            raise BenchError(f"{who} answers {begun.status_code} with more than {most} bytes", wire=wire)
        if late:
            raise Transient(f"{who}'s answer does not end: {len(body)} bytes until now", wire=wire)
        late = limit.expired
    kept = [(name, value) for name, value in begun.headers.raw if name.lower() in _KEPT]
    if "content-type" not in begun.headers:
        kept.append((b"content-type", b"text/plain; charset=utf-8"))
    return httpx.Response(begun.status_code, headers=kept, content=bytes(body))


def trusted(certificate: Path | None, wire: str, *, pinned: bool) -> ssl.SSLContext | bool:
    """What httpx verifies by: the system's authorities, or `certificate` (PEM).

    `pinned`: it is the server's own and says who it is; else it is an authority's, and the name must fit too.
    """
    if certificate is None:
        return True
    try:
        context = ssl.create_default_context(cafile=str(certificate))
    except (OSError, ssl.SSLError) as error:
        raise BenchError(f"cannot use the certificate {certificate}: {error}", wire=wire) from error
    context.check_hostname = not pinned
    return context
