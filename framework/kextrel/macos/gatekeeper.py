"""Gatekeeper's tools: `spctl --status`, `--assess` and `kext-consent`, `stapler validate`.

They print on stderr as often as on stdout, and spctl says "accepted" for everything while Gatekeeper is off, with
`override=security disabled` beside it. Kext consent is the switch of 10.13 to 10.15; newer releases lack it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from kextrel.macos.text import Facts, clean, flat, meaningful, require, unique

__all__ = [
    "AssessAnswer",
    "ConsentAnswer",
    "GatekeeperAnswer",
    "StapleAnswer",
    "read_assess",
    "read_consent",
    "read_stapler",
    "read_status",
]

_SWITCH = re.compile(r"(assessments|developer id|devid)\s{1,8}(enabled|disabled)\W{0,2}\Z", re.IGNORECASE)
_NO_CONSENT = "no kext consent configuration found"
_CONSENT = re.compile(r"Kernel Extension User Consent:\s{0,20}(ENABLED|DISABLED)\b", re.IGNORECASE)
_TEAM = re.compile(r"[A-Z0-9]{10}\Z")
_VERDICT = re.compile(r"(.{1,4096}?): (accepted|rejected)(?: \((.{1,400})\))?\Z")
_ROW = re.compile(r"(source|origin|override)=(.*)\Z")
_NO_VERDICT = re.compile(r"(.{1,4096}): ([a-z][^:]{3,300})\Z")
_STAPLE_FAILED = re.compile(r"action failed! Error (\d{1,6})")

# The first phrase found (in lower case) names the error.
_ERRORS = (
    ("no longer supported", "deprecated"),
    ("needs to be executed from", "needs_recovery"),
    ("only be used from the recovery os", "needs_recovery"),
    ("confirmed in system settings", "needs_confirmation"),
    ("not available in system settings", "needs_confirmation"),
    ("must be root", "not_root"),
    ("must be run as root", "not_root"),
    ("operation not permitted", "not_permitted"),
)


@dataclass(frozen=True)
class GatekeeperAnswer(Facts):
    """`developer_id`: apps of identified developers, not of the App Store only, may run. None: it does not say."""

    gatekeeper: bool | None = None
    developer_id: bool | None = None
    error: str | None = None
    unparsed: tuple[str, ...] = ()


@dataclass(frozen=True)
class AssessAnswer(Facts):
    """`accepted` is None where spctl could not assess; `reason` is what it gave in words."""

    accepted: bool | None = None
    path: str | None = None
    source: str | None = None
    origin: str | None = None
    override: str | None = None
    reason: str | None = None
    error: str | None = None
    unparsed: tuple[str, ...] = ()


@dataclass(frozen=True)
class ConsentAnswer(Facts):
    """`consent` is ENABLED or DISABLED; `teams` are those that need no consent."""

    consent: str | None = None
    teams: tuple[str, ...] = ()
    error: str | None = None
    unparsed: tuple[str, ...] = ()


@dataclass(frozen=True)
class StapleAnswer(Facts):
    """`code` is stapler's error: 65 without a ticket, 66 and others where it could not look."""

    stapled: bool | None = None
    path: str | None = None
    code: int | None = None
    unparsed: tuple[str, ...] = ()


def read_status(text: str | bytes) -> GatekeeperAnswer:
    """`spctl --status`, and what a change of it is answered."""
    found: dict[str, Any] = {}
    unparsed: list[str] = []
    lines = list(meaningful(clean(text)))
    for line in lines:
        if match := _SWITCH.match(line.strip()):
            name = "gatekeeper" if match[1].lower() == "assessments" else "developer_id"
            found[name] = match[2].lower() == "enabled"
        elif word := _error(line):
            found["error"] = word
        else:
            unparsed.append(line)
    require(bool(found), "spctl --status", lines)
    return GatekeeperAnswer(**found, unparsed=tuple(unparsed))


def read_assess(text: str | bytes) -> AssessAnswer:
    """`spctl --assess -v`, with the rows that more -v bring."""
    found: dict[str, Any] = {}
    unparsed: list[str] = []
    lines = list(meaningful(clean(text)))
    for line in lines:
        if match := _VERDICT.match(line.lstrip()):
            found |= {"path": match[1], "accepted": match[2] == "accepted", "reason": match[3]}
        elif match := _ROW.match(line.lstrip()):
            found[match[1]] = match[2].strip()
        elif word := _error(line):
            found["error"] = word
        elif "path" not in found and (match := _NO_VERDICT.match(line)) and _of_code(match[2]):
            found |= {"path": match[1], "reason": match[2]}
        else:
            unparsed.append(line)
    require(bool(found), "spctl --assess", lines)
    return AssessAnswer(**found, unparsed=tuple(unparsed))


def _of_code(words: str) -> bool:
    """Whether this is how Code Signing complains of a bundle."""
    return any(word in words for word in ("seal", "signature", "signed", "resources", "Code Signing", "bundle format"))


def read_consent(text: str | bytes) -> ConsentAnswer:
    """`spctl kext-consent status` and `list`."""
    consent, error, teams, unparsed = None, None, list[str](), list[str]()
    lines = list(meaningful(clean(text)))
    titled = False
    for line in lines:
        if match := _CONSENT.search(line):
            consent = match[1].upper()
        elif "Team Identifiers" in line or _NO_CONSENT in line:
            titled = True
        elif _TEAM.match(line.strip()):
            teams.append(line.strip())
        elif word := _error(line):
            error = word
        else:
            unparsed.append(line)
    require(bool(consent or titled or error or teams), "spctl kext-consent", lines)
    return ConsentAnswer(consent, unique(teams), error, tuple(unparsed))


def read_stapler(text: str | bytes) -> StapleAnswer:
    """`stapler validate` (or `staple`), also where a terminal wrapped it."""
    lines = list(meaningful(clean(text)))
    joined, path, unparsed = flat("\n".join(lines)), None, list[str]()
    for line in lines:
        if line.startswith("Processing: "):
            path = line.removeprefix("Processing: ").strip()
        elif not ("action" in line or "ticket" in line or "Error" in line):
            unparsed.append(line)
    failed = _STAPLE_FAILED.search(joined)
    stapled = True if "action worked!" in joined else None
    if "does not have a ticket stapled" in joined or (failed and failed[1] == "65"):
        stapled = False
    require(stapled is not None or failed is not None or path is not None, "stapler validate", lines)
    return StapleAnswer(stapled, path, int(failed[1]) if failed else None, tuple(unparsed))


def _error(line: str) -> str | None:
    lowered = line.lower()
    return next((word for phrase, word in _ERRORS if phrase in lowered), None)
