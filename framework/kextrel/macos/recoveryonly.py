"""Tools that answer in a sentence or two, most often that they will not: `rdma_ctl`, `systemextensionsctl reset`,
`uninstall`, `developer` and `gc`, `kmutil configure-boot`, `kextcache -i`.

Match on text: the same sentence came with exit codes 77 and 0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from kextrel.errors import UnreadableAnswer
from kextrel.macos import load
from kextrel.macos.load import LoadAnswer
from kextrel.macos.text import Facts, clean, flat, meaningful, require

__all__ = [
    "ConfigureBootAnswer",
    "ExtensionsChange",
    "KextCacheAnswer",
    "SwitchAnswer",
    "read_configure_boot",
    "read_extensions_change",
    "read_kextcache",
    "read_switch",
]

_SIP_ENABLED = ("cannot be used if System Integrity Protection is enabled", "requires System Integrity Protection")
_SIP_LINES = (*_SIP_ENABLED, "limitation will be removed", "remember to re-enable System Integrity Protection")
_DEVELOPER = re.compile(r"Developer mode is (on|off)|developer mode:? (on|off|enabled|disabled)", re.IGNORECASE)
_EXTENSION_CODE = re.compile(r"OSSystemExtensionErrorDomain[^\d\n]{1,20}(\d{1,4})")
_NO_EXTENSION = re.compile(r"\b[Nn]o (?:such )?extensions?\b|\b[Ee]xtension\b[^.:]{0,200}\bnot found\b")
_DONE = re.compile(
    r"(?:systemextensionsctl: )?(?:(?:all |the )?(?:system )?extensions?\b.{0,200}\b(?:uninstalled|removed|reset)\b"
    r"|successfully (?:uninstalled|removed|reset)\b)",
    re.IGNORECASE,
)
_WORD = re.compile(r"(?:RDMA:? )?(?:is |status: {0,8})?(enabled|disabled)\W{0,2}\Z", re.IGNORECASE)
_REBUILT = ("rebuilding local auxiliary collection", "rebuilding auxiliary collection")
_CACHE_LINES = (*_REBUILT, "kmutil done", "KernelCache ID:", "Created prelinked kernel", "Kernel cache is up to date")


@dataclass(frozen=True)
class SwitchAnswer(Facts):
    """`enabled` None: it does not say. `error`: needs_recovery, not_root, failed."""

    enabled: bool | None = None
    error: str | None = None
    unparsed: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExtensionsChange(Facts):
    """`error`: sip_enabled, not_root, not_found, failed; None with `done` True after a change that worked."""

    error: str | None = None
    code: int | None = None
    developer_mode: bool | None = None
    done: bool | None = None
    unparsed: tuple[str, ...] = ()


@dataclass(frozen=True)
class ConfigureBootAnswer:
    """`prompt`: it asks whether to go on to Permissive Security. `load` is its complaint, if it has one."""

    prompt: bool = False
    load: LoadAnswer | None = None
    unparsed: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        return {**(self.load.facts() if self.load else {}), "prompt": self.prompt}


@dataclass(frozen=True)
class KextCacheAnswer:
    """`auxkc_rebuilt`: it built the auxiliary collection (11 and later); None: it does not say."""

    auxkc_rebuilt: bool | None = None
    load: LoadAnswer | None = None
    unparsed: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        return {**(self.load.facts() if self.load else {}), "auxkc_rebuilt": self.auxkc_rebuilt}


def read_switch(text: str | bytes, command: str = "rdma_ctl") -> SwitchAnswer:
    """`rdma_ctl status`, `enable`, `disable`."""
    found: dict[str, Any] = {}
    unparsed: list[str] = []
    lines = list(meaningful(clean(text)))
    for line in lines:
        if word := _refusal(line) or ("failed" if line.startswith(f"{command}:") and "ailed" in line else None):
            found["error"] = word
        elif match := _WORD.match(line.strip()):
            found["enabled"] = match[1].lower() == "enabled"
        else:
            unparsed.append(line)
    require(bool(found), command, lines)
    return SwitchAnswer(**found, unparsed=tuple(unparsed))


def read_extensions_change(text: str | bytes) -> ExtensionsChange:
    """What `systemextensionsctl reset`, `uninstall`, `developer` and `gc` say; no text at all says nothing."""
    lines = list(meaningful(clean(text)))
    joined = flat("\n".join(lines))
    found = _extensions_facts(joined)
    require(bool(found) or not lines, "systemextensionsctl", lines)
    rest = [line for line in lines if not _known_change(line, joined)]
    return ExtensionsChange(**found, unparsed=tuple(rest))


def _extensions_facts(joined: str) -> dict[str, Any]:
    if any(phrase in joined for phrase in _SIP_ENABLED):
        return {"error": "sip_enabled"}
    if match := _DEVELOPER.search(joined):
        return {"developer_mode": (match[1] or match[2]).lower() in ("on", "enabled")}
    if match := _EXTENSION_CODE.search(joined):
        return {"error": "failed", "code": int(match[1])}
    if word := _refusal(joined):
        return {"error": word}
    if _NO_EXTENSION.search(joined):
        return {"error": "not_found"}
    if joined.startswith("systemextensionsctl:"):
        return {"error": "failed"}
    return {"done": True} if _DONE.match(joined) else {}


def _known_change(line: str, joined: str) -> bool:
    lowered = line.lower()
    words = ("extension", "developer mode", "uninstall", "root", "success")
    pieces = any(phrase in line for phrase in _SIP_LINES) or any(word in lowered for word in words)
    # A wrapped sentence of the refusal is known by the whole.
    return pieces or any(flat(line) in phrase for phrase in _SIP_SENTENCES if phrase in joined)


_SIP_SENTENCES = (
    "At this time, this tool cannot be used if System Integrity Protection is enabled.",
    "This limitation will be removed in the near future.",
    "Please remember to re-enable System Integrity Protection!",
)


def read_configure_boot(text: str | bytes) -> ConfigureBootAnswer:
    """`kmutil configure-boot`: a question, or a complaint as of `kmutil load`."""
    lines = list(meaningful(clean(text)))
    joined = flat("\n".join(lines))
    prompt = "enter y or n" in joined or "Are you sure you want to do this?" in joined
    answer = _load(text, lines, required=not (prompt or "custom boot object" in joined))
    words = ("custom boot object", "Permissive Security", "Are you sure", "enter y or n")
    rest = [line for line in (answer.unparsed if answer else lines) if not any(word in line for word in words)]
    return ConfigureBootAnswer(prompt, answer, tuple(rest))


def read_kextcache(text: str | bytes) -> KextCacheAnswer:
    """`kextcache -i /`, `-u /`: what it built, or a complaint as of kextutil."""
    lines = list(meaningful(clean(text)))
    known = [line for line in lines if line.strip().startswith(_CACHE_LINES)]
    answer = _load(text, lines, required=not known)
    rebuilt = True if any(line.strip().startswith(_REBUILT) for line in lines) else None
    rest = tuple(line for line in (answer.unparsed if answer else lines) if line not in known)
    return KextCacheAnswer(rebuilt, answer, rest)


def _load(text: str | bytes, lines: list[str], *, required: bool) -> LoadAnswer | None:
    """The text as an answer of `kmutil load`; None where it is none and need not be."""
    try:
        return load.read_text(text)
    except UnreadableAnswer:
        if required and lines:
            raise
    return None


def _refusal(line: str) -> str | None:
    if "needs to be executed from" in line and "Recovery" in line:
        return "needs_recovery"
    lowered = line.lower()
    if any(phrase in lowered for phrase in ("must be run as root", "must be root", "requires root", "not permitted")):
        return "not_root"
    return None
