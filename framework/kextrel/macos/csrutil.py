"""`csrutil status`, `csrutil authenticated-root status`, and what csrutil says when it will not.

With a custom configuration it lists protections; the list grew over the years (6 rows in 10.11, 10 on Apple silicon).
With several macOS installations it asks which one, and waits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from kextrel.macos.text import clean, meaningful, require

__all__ = ["CsrutilAnswer", "Protection", "Sip", "read"]

Sip = Literal["enabled", "disabled", "custom"]

_INSTALLATION = re.compile(r"\s{0,8}(\d{1,3}): (.*)\Z")
_STATUS = re.compile(r"System Integrity Protection (?:status:\s{0,8}|is )(enabled|disabled|unknown|on|off)\b(.*)\Z")
_PROTECTED = "System Integrity Protection"
_BEGINS = "System Integrity"
_NAMES = (
    "Apple Internal",
    "Kext Signing",
    "Filesystem Protections",
    "Debugging Restrictions",
    "DTrace Restrictions",
    "NVRAM Protections",
    "BaseSystem Verification",
    "Boot-arg Restrictions",
    "Kernel Integrity Protections",
    "Authenticated Root Requirement",
)
# What somebody wrote beside a line, as comments are written.
_NOTE = re.compile(r"[ \t]{1,80}(?:#|//|<-|←|->|→) .*\Z")
_CHANGED = re.compile(r"Successfully (enabled|disabled|cleared) System Integrity Protection")
_TELLS = re.compile(f"{_STATUS.pattern}|\\ASystem Integrity Protection status|\\A{_CHANGED.pattern}")
_PARTLY = "csrutil: requesting an unsupported configuration"  # with --without or --no-internal
_OF_A_PASSWORD = ("fail", "user", "password", "error", "denied")
_EXPECTED = (
    "Configuration:",
    "This is an unsupported configuration",
    "This computer has several macOS",
    "Restart the machine for the changes",
    "Please restart the machine",
    "Turning off System Integrity Protection requires",
)
_PROMPTS = ("Pick a macOS", "Allow booting unsigned", "Enter password", "Enter username", "Enter the password")
_ASKS = ("several macOS", "Pick a macOS")  # which installation; else a numbered line is none


@dataclass(frozen=True)
class Protection:
    name: str
    enabled: bool


_PROTECTIONS = {
    (name, word): Protection(name, word == "enabled") for name in _NAMES for word in ("enabled", "disabled")
}
"""Every row that there can be."""


@dataclass(frozen=True)
class CsrutilAnswer:
    """`sip` and `ssv` (the signed system volume) are None where the answer does not say, neither what is nor what was
    set now."""

    sip: Sip | None = None
    ssv: Literal["enabled", "disabled"] | None = None
    protections: tuple[Protection, ...] = ()
    prompt: bool = False
    installations: tuple[str, ...] = ()
    error: str | None = None
    unparsed: tuple[str, ...] = ()

    def protection(self, name: str) -> bool | None:
        """Whether the protection of that name is on; None when the list does not have it."""
        return next((row.enabled for row in self.protections if row.name == name), None)

    def facts(self) -> dict[str, Any]:
        return {
            "sip": self.sip,
            "ssv": self.ssv,
            "protections": [{"name": row.name, "enabled": row.enabled} for row in self.protections],
            "debugging": self.protection("Debugging Restrictions"),
            "kext_signing": self.protection("Kext Signing"),
            "prompt": self.prompt,
            "installations": list(self.installations),
            "error": self.error,
        }


def read(text: str | bytes) -> CsrutilAnswer:
    """Reads csrutil's answer. Raises UnreadableAnswer for other text."""
    sip: Sip | None = None
    ssv: Literal["enabled", "disabled"] | None = None
    protections: list[Protection] = []
    installations: list[str] = []
    unparsed: list[str] = []
    cleaned = clean(text)
    prompt, error, lines = False, None, list(meaningful(cleaned))
    lines = list(_joined(lines)) if _BEGINS in cleaned else lines
    # A terminal breaks the warning between words or inside them.
    partly = "csrutil: " in cleaned and "".join(_PARTLY.split()) in "".join(cleaned.split())
    asked = any(phrase in cleaned for phrase in _ASKS)
    # A last line without its full stop and without its end was cut: more may have stood there.
    if lines and not cleaned.endswith("\n") and lines[-1].strip().startswith("System Integrity Protection status"):
        lines[-1] += "" if lines[-1].endswith(".") else " …"
    for line in lines:
        stripped = line.strip()
        if (row := _protection(stripped)) is not None:
            protections.append(row)
        elif _PROTECTED in stripped and _TELLS.search(stripped):
            sip = _sip(stripped, partly)
            unparsed.extend([] if sip else [line])
        elif "Authenticated Root status:" in stripped:
            ssv = "enabled" if "enabled" in stripped else "disabled" if "disabled" in stripped else None
        elif asked and (found := _INSTALLATION.match(line)):
            installations.append(found[2].strip())
        elif stripped.startswith(_PROMPTS):
            prompt = True
        elif (word := _error(stripped)) is not None:
            error = word
        elif not (stripped.startswith(_EXPECTED) or _asks_for_parts(stripped)):
            unparsed.append(line)
    known = (
        any(_PROTECTED in line for line in lines) or ssv or protections or (installations and prompt) or prompt or error
    )
    require(bool(known), "csrutil", lines)
    return CsrutilAnswer(sip, ssv, tuple(protections), prompt, tuple(installations), error, tuple(unparsed))


def _joined(lines: Iterable[str]) -> Iterator[str]:
    """The lines, with the status in one where a narrow terminal broke it between words."""
    held = ""
    for line in lines:
        if not held and not line.lstrip().startswith(_BEGINS):
            yield line
            continue
        whole = f"{held} {line.strip()}" if held else line
        unfinished = whole.count("(") > whole.count(")") or _STATUS.search(whole) is None
        broken = whole.strip().startswith(_BEGINS) and unfinished and len(whole) < 120
        held = whole.rstrip() if broken and "…" not in whole else ""
        if not held:
            yield whole
    if held:
        yield held


def _protection(line: str) -> Protection | None:
    name, _, value = line.partition(":")
    if name not in _NAMES:
        return None
    value = value.strip()
    return _PROTECTIONS.get((name, value)) or _PROTECTIONS.get((name, _NOTE.sub("", value).strip()))


def _sip(line: str, partly: bool) -> Sip | None:
    """The word after "status:" or "is"; None where what stands in parentheses after it was cut off."""
    if changed := _CHANGED.match(line):
        return "disabled" if changed[1] == "disabled" else "custom" if partly else "enabled"
    match = _STATUS.search(line)
    if match is None:
        return None
    word, rest = match[1].lower(), _NOTE.sub("", match[2]).strip()
    if "Custom Configuration" in rest:
        return "custom"
    if word == "unknown" or not (rest in ("", ".") or "Apple Internal" in rest):
        return None
    return "enabled" if word in ("enabled", "on") else "disabled"


def _error(line: str) -> str | None:
    if "needs to be executed from" in line and "Recovery" in line:
        return "needs_recovery"
    lowered = line.lower().replace("authenticated-root", "")  # the verb, where the command stands above
    if "incorrect" in lowered or ("authenticat" in lowered and any(word in lowered for word in _OF_A_PASSWORD)):
        return "authentication"
    return "failed" if line.startswith("csrutil: ") and not _asks_for_parts(line) else None


def _asks_for_parts(line: str) -> bool:
    """The warning that some protections are left out, or what a terminal has left of its first line."""
    return line.startswith(_PARTLY) or (line.startswith("csrutil: ") and _PARTLY.startswith(line))
