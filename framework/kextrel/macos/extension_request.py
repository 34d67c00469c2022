"""What an app prints about its OSSystemExtensionRequest.

The app that `bundles` makes, and the sample whose source lies beside it, print one line a step: `request: VERB ID`,
`replacing OLD with NEW`, `needs user approval`, `finished: completed`, `finished: will complete after reboot`,
`failed: OSSystemExtensionErrorDomain CODE`. Other apps' words for the end are understood where they name the domain
and the code, or the result. Codes: SystemExtensions.h.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from typing import Any

from kextrel.macos.text import clean, meaningful, require

__all__ = ["RequestAnswer", "RequestError", "RequestResult", "read"]

_BEGUN = re.compile(r"\s*request: (activate|deactivate) ([A-Za-z0-9._-]{1,200})\s*\Z")
_REPLACING = re.compile(r"\s*replacing (\S{1,80}) with (\S{1,80})\s*\Z")
_DOMAIN = "OSSystemExtensionErrorDomain"
_FAILED = re.compile(_DOMAIN + r"[ ,:(]{0,8}(?:(?:code|error)[ =:]{0,4})?(\d{1,4})(?!\d)", re.IGNORECASE)
_NAMED = re.compile(r"\b(?:System)?extension \"([A-Za-z0-9._-]{2,200})\"", re.IGNORECASE)
_ASKED = re.compile(r"\b(activ|deactiv)ation of ([A-Za-z0-9._-]{2,200}) is requested")
_OF = re.compile(r"\brequest of ([A-Za-z0-9._-]{2,200}) (?:is|requires)\b")
_UPDATING = re.compile(
    r"\breplacing (?:extension )?([A-Za-z0-9._-]{2,200}) v(?:ersion )?(\S{1,80}) with v(?:ersion )?(\S{1,80})\s*\Z",
    re.IGNORECASE,
)
_UPDATED = re.compile(r"([A-Za-z0-9._-]{2,200}) will be (?:force )?replaced to (\S{1,80}) from (\S{1,80})\s*\Z")
_AFTER_REBOOT = re.compile(r"will complete after reboot|request of \S{2,200} requires reboot", re.IGNORECASE)
_COMPLETED = re.compile(
    r"finished: completed|request (?:of \S{2,200} is |did )?complete[ds]?\b|completed successfully", re.IGNORECASE
)
_APPROVAL = re.compile(r"(?:needs|requires) (?:explicit )?user approval", re.IGNORECASE)


class RequestResult(StrEnum):
    """How far a request came; the last two are OSSystemExtensionRequest's own results."""

    NEEDS_APPROVAL = "needsUserApproval"
    COMPLETED = "completed"
    AFTER_REBOOT = "willCompleteAfterReboot"


class RequestError(IntEnum):
    """Codes of OSSystemExtensionErrorDomain [SystemExtensions.h]."""

    UNKNOWN = 1
    MISSING_ENTITLEMENT = 2
    UNSUPPORTED_PARENT_BUNDLE_LOCATION = 3
    EXTENSION_NOT_FOUND = 4
    EXTENSION_MISSING_IDENTIFIER = 5
    DUPLICATE_EXTENSION_IDENTIFIER = 6
    UNKNOWN_EXTENSION_CATEGORY = 7
    CODE_SIGNATURE_INVALID = 8
    VALIDATION_FAILED = 9
    FORBIDDEN_BY_SYSTEM_POLICY = 10
    REQUEST_CANCELED = 11
    REQUEST_SUPERSEDED = 12
    AUTHORIZATION_REQUIRED = 13


_DESCRIBED = {
    "Missing entitlement com.apple.developer.system-extension.install": RequestError.MISSING_ENTITLEMENT,
    "System Extension to be activated must be in /Applications": RequestError.UNSUPPORTED_PARENT_BUNDLE_LOCATION,
    "Extension not found in App bundle": RequestError.EXTENSION_NOT_FOUND,
    "Invalid code signature or missing entitlements": RequestError.CODE_SIGNATURE_INVALID,
    "extension category returned error": RequestError.VALIDATION_FAILED,
}
"""What macOS calls an error in English, for apps that print that alone."""


@dataclass(frozen=True)
class RequestAnswer:
    """`result` and `code` are both None where the app said how it began, but not how it ended."""

    action: str | None = None
    bundle_id: str | None = None
    replaced: tuple[str, str] | None = None
    result: RequestResult | None = None
    code: int | None = None
    domain: str | None = None
    unparsed: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        return {
            "action": self.action,
            "bundle_id": self.bundle_id,
            "replaced": list(self.replaced) if self.replaced else None,
            "result": self.result.value if self.result else None,
            "code": self.code,
            "domain": self.domain,
        }


def read(text: str | bytes) -> RequestAnswer:
    """Reads what an app printed. Raises UnreadableAnswer where nothing of a request is in it."""
    found, unparsed = RequestAnswer(), []
    for line in meaningful(clean(text)):
        step = _step(line)
        if step:
            found = replace(found, **step)
        else:
            unparsed.append(line)
    known = found != RequestAnswer()
    require(known, "the app's request for its system extension", unparsed)
    return replace(found, unparsed=tuple(unparsed))


def _step(line: str) -> dict[str, Any]:
    """The fields that one line sets; the last end that is said counts."""
    if match := _BEGUN.match(line):
        return {"action": match[1], "bundle_id": match[2]}
    if match := _ASKED.search(line):
        return {"action": f"{match[1]}ate", "bundle_id": match[2]}
    if match := _REPLACING.match(line):
        return {"replaced": (match[1], match[2])}
    if match := _UPDATING.search(line):
        return {"bundle_id": match[1], "replaced": (match[2], match[3])}
    if match := _UPDATED.search(line):
        return {"bundle_id": match[1], "replaced": (match[3], match[2])}
    named = _OF.search(line) or _NAMED.search(line)
    told = {"bundle_id": named[1]} if named else {}
    if (code := _code(line)) is not None:
        return {"result": None, "code": code, "domain": _DOMAIN, **told}
    if result := _result(line):
        return {"result": result, "code": None, "domain": None, **told}
    # It ended, but not how.
    return {"result": None, **told} if _OF.search(line) else {}


def _code(line: str) -> int | None:
    if match := _FAILED.search(line):
        return int(match[1])
    return next((code.value for phrase, code in _DESCRIBED.items() if phrase in line), None)


def _result(line: str) -> RequestResult | None:
    if _APPROVAL.search(line):
        return RequestResult.NEEDS_APPROVAL
    if _AFTER_REBOOT.search(line):
        return RequestResult.AFTER_REBOOT
    return RequestResult.COMPLETED if _COMPLETED.search(line) else None
