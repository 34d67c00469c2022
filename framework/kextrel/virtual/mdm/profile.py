"""A configuration profile as a Mac reads it: bytes that a server sent, judged before anything is believed.

Sources: Apple's device-management schema, TopLevel, CommonPayloadKeys, com.apple.syspolicy.kernel-extension-policy and
com.apple.system-extension-policy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Profile"]


@dataclass(frozen=True)
class Profile:
    """An installed profile. `content` is its whole dictionary; `installed` Mac seconds since the epoch.

    `by_hand`: a person installed it, not the server.
    """

    content: dict[str, Any] = field(repr=False)
    installed: float = 0.0
    by_hand: bool = False

    @property
    def identifier(self) -> str:
        """PayloadIdentifier: a profile with the same one replaces this."""
        return str(self.content.get("PayloadIdentifier", ""))

    @property
    def payloads(self) -> list[dict[str, Any]]:
        """Its payloads, with the keys that they have in the profile."""
        found = self.content.get("PayloadContent", [])
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
