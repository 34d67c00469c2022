"""HTTP digest with SHA-256 (RFC 7616), which Shelly asks for from generation 2 on; httpx does the arithmetic.

A challenge is answered only where it asks for SHA-256 and `auth`: the answer to one of MD5 would tell the password to
whoever has time. The answers are bounded by who sends, which httpx's own way to log in does not do for the first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.request import parse_http_list, parse_keqv_list

import httpx

__all__ = ["Digest", "stale"]

_CHALLENGE = "www-authenticate"


class Digest:
    """One login at one device; a nonce that it gave is used again until it gives another."""

    def __init__(self, user: str, password: str) -> None:
        self._auth = httpx.DigestAuth(user, password)

    def sent(self, request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        """The answer to `request`. Where that is a challenge that can be answered, `request` is sent once more with the
        login, and what comes then counts, a refusal too."""
        flow = self._auth.auth_flow(request)
        found = send(next(flow))
        challenge = _answerable(found)
        if challenge is None:
            return found
        alone = httpx.Response(found.status_code, headers={_CHALLENGE: challenge}, request=request)
        return send(flow.send(alone))


def _answerable(found: httpx.Response) -> str | None:
    """The challenge in a refusal that we answer; None where there is none, or none with SHA-256 and `auth`."""
    if found.status_code != httpx.codes.UNAUTHORIZED:
        return None
    for challenge in found.headers.get_list(_CHALLENGE):
        said = _parameters(challenge)
        methods = re.split(", ?", said.get("qop", ""))  # as httpx does it
        if {"realm", "nonce"} <= said.keys() and said.get("algorithm", "").upper() == "SHA-256" and "auth" in methods:
            return str(challenge)
    return None


def stale(found: httpx.Response) -> bool:
    """Whether a refusal is one of the nonce alone: user and password were right."""
    challenge = _answerable(found)
    return challenge is not None and _parameters(challenge).get("stale", "").lower() == "true"


def _parameters(challenge: str) -> Mapping[str, str]:
    """Those of a digest challenge by their names; empty for what is none, or has more than ASCII."""
    scheme, _, rest = challenge.partition(" ")
    if scheme.lower() != "digest" or not challenge.isascii():
        return {}
    try:
        return parse_keqv_list(parse_http_list(rest))
    except (ValueError, IndexError):  # a part without a value
        return {}
