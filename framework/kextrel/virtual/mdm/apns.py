"""Apple's push service, as far as the Macs of one `serve` and their server need it: a word that there is work.

A push carries nothing but the device's PushMagic. One for a Mac that is off is of no use to it: it asks by itself
after its next boot.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

__all__ = ["Apns"]


class Apns:
    """Device tokens and who listens behind each."""

    def __init__(self) -> None:
        self._wakes: dict[bytes, Callable[[str], None]] = {}

    def register(self, token: bytes, wake: Callable[[str], None]) -> None:
        """A Mac has `token`; `wake(magic)` is called for every push to it."""
        self._wakes[token] = wake

    def push(self, token: bytes, magic: str) -> str:
        """Sends a push; its apns-id. LookupError for a token that no device has."""
        if token not in self._wakes:
            raise LookupError("BadDeviceToken")
        self._wakes[token](magic)
        return str(uuid.uuid4()).upper()
