"""Host keys as people pin them. Apart from the SSH driver, so that reading a profile does not load it."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from kextrel.errors import UsageError

__all__ = ["HostKey"]


@dataclass(frozen=True)
class HostKey:
    """A pinned host key: `ssh-ed25519` and the decoded blob."""

    kind: str
    blob: bytes

    @classmethod
    def parse(cls, line: str) -> HostKey:
        """Reads `ssh-ed25519 AAAA… [comment]`, a line of a .pub file. Raises UsageError."""
        parts = line.split()
        try:
            blob = base64.b64decode(parts[1], validate=True)
        except (IndexError, binascii.Error, ValueError):
            blob = b""
        kind = parts[0].encode() if parts else b""
        if not blob or blob[:4] != len(kind).to_bytes(4, "big") or blob[4 : 4 + len(kind)] != kind:
            raise UsageError(
                f"{line[:80]!r} is not a host key; write it as in a .pub file, such as 'ssh-ed25519 AAAA…'"
            )
        return cls(parts[0], blob)

    @property
    def line(self) -> str:
        """As in a .pub file, without a comment."""
        return f"{self.kind} {base64.b64encode(self.blob).decode()}"

    @property
    def fingerprint(self) -> str:
        """As ssh-keygen -l prints it: `SHA256:…`."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")
