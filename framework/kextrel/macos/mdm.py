"""MDM commands for a Mac, and what it answers: dictionaries as property lists hold them.

Source: Apple's device-management schema (profile.install, profile.remove, profile.list, device.restart). Error codes
are read as they come; what a code means is not told here, since Apple publishes only some of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kextrel.errors import UnreadableAnswer

__all__ = [
    "MDM_PAYLOAD",
    "CommandError",
    "ListedProfile",
    "errors",
    "install_profile",
    "listed",
    "profile_list",
    "remove_profile",
    "restart_device",
]

MDM_PAYLOAD = "com.apple.mdm"
"""The type of the payload that an enrollment profile is known by."""

_MOST = 4096  # profiles, payloads or errors that are read


@dataclass(frozen=True)
class ListedProfile:
    """A profile of ProfileList: its PayloadIdentifier, and the types of its payloads where they are told."""

    identifier: str
    types: frozenset[str] = frozenset()


@dataclass(frozen=True)
class CommandError:
    """One link of an ErrorChain."""

    domain: str
    code: int
    text: str = ""

    def __str__(self) -> str:
        return f"{self.domain} {self.code}" + (f" ({self.text})" if self.text else "")


def profile_list() -> dict[str, Any]:
    return {"RequestType": "ProfileList"}


def install_profile(profile: bytes) -> dict[str, Any]:
    """`profile`: a .mobileconfig."""
    return {"RequestType": "InstallProfile", "Payload": profile}


def remove_profile(identifier: str) -> dict[str, Any]:
    return {"RequestType": "RemoveProfile", "Identifier": identifier}


def restart_device(*, rebuild: bool = False, kext_paths: Sequence[str] = (), notify: bool = False) -> dict[str, Any]:
    """Keys are left out where they have their default. `kext_paths`: absolute paths on the Mac."""
    request: dict[str, Any] = {"RequestType": "RestartDevice"}
    if rebuild:
        request["RebuildKernelCache"] = True
    if kext_paths:
        request["KextPaths"] = list(kext_paths)
    if notify:
        request["NotifyUser"] = True
    return request


def listed(body: Mapping[str, Any]) -> tuple[ListedProfile, ...]:
    """The profiles of an answer to ProfileList. Raises UnreadableAnswer where it has none such."""
    found = body.get("ProfileList")
    if not isinstance(found, list) or len(found) > _MOST:
        raise UnreadableAnswer("ProfileList", f"ProfileList is {type(found).__name__}")
    return tuple(_profile(item) for item in found)


def errors(body: Mapping[str, Any]) -> tuple[CommandError, ...]:
    """The ErrorChain of an answer, outermost first; what is no error is passed over."""
    found = body.get("ErrorChain")
    chain = found[:_MOST] if isinstance(found, list) else []
    return tuple(
        CommandError(str(item.get("ErrorDomain", "")), code, _described(item))
        for item in chain
        if isinstance(item, dict) and isinstance(code := item.get("ErrorCode"), int)
    )


def _described(item: Mapping[str, Any]) -> str:
    text = item.get("USEnglishDescription") or item.get("LocalizedDescription") or ""
    return " ".join(str(text).split())[:200]


def _profile(item: object) -> ListedProfile:
    identifier = item.get("PayloadIdentifier") if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(identifier, str):
        raise UnreadableAnswer("ProfileList", "an item without PayloadIdentifier")
    return ListedProfile(identifier, frozenset(_types(item.get("PayloadContent"))))


def _types(content: object) -> Iterable[str]:
    for payload in content[:_MOST] if isinstance(content, list) else ():
        if isinstance(payload, dict) and isinstance(payload.get("PayloadType"), str):
            yield payload["PayloadType"]
