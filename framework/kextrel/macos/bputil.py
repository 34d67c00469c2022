"""`bputil`: the LocalPolicy of Apple silicon, and why it could not be shown or changed.

The display has one row a field: a label, sometimes a word (Full, Disabled, Customized), a four-letter tag, a value. A
field that the policy does not hold is "absent"; a row that is not there was not said (None). `lpnh`, `rpnh` and
"Security Mode" occur twice: environment and policy, CSEC and smb0. "OS Pairing Status: Not Paired" is normal in macOS.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from kextrel.macos.text import clean, flat, meaningful, require, unique

__all__ = ["ABSENT", "BputilAnswer", "Policy", "read"]

ABSENT = "absent"
_FLAGS = ("smb0", "smb1", "smb2", "smb3", "smb4", "sip0", "sip1", "sip2", "sip3")
_BANNER = (
    "This utility is not meant for normal users",
    "It provides unabstracted access",
    "It is possible to make your system security much weaker",
    "This tool is not to be used in production",
    "It is possible to render your system unbootable",
    "It should only be used to understand how",
    "Use at your own risk",
)
_TAGS = re.compile(r"\(([A-Za-z0-9]{4})((?: {0,3}&& {0,3}[A-Za-z0-9]{4}){0,4})\) {0,40}:")
# A flag's value; what else stands there is a sentence about the row.
_VALUE = re.compile(r"(?:absent|(?:0x)?[0-9A-Fa-f]{1,16})?\Z")
_HEADINGS = ("Local policy", "Operating on Volume Group", "Current local policy:", "OS environment:")
_HEX_ONLY = re.compile(r"[0-9A-Fa-f]{8,}\Z")
_GROUP = re.compile(r"(?:volume group|Volume Group UUID) +([0-9A-Fa-f-]{4,40})")
# A number at the very end of a text may have lost digits.
_DOMAIN = re.compile(r"Error Domain=(\w{1,80}) Code=(-?\d{1,9})(?=\D)")
_BOOTPOLICY = re.compile(r"com\.apple\.bootpolicy Code=(\d{1,6})(?=\D)|pairing \((\d{1,6})\)")
_FAILED = ("Can't get local policy for", "Failed to display local policy for")
_PROMPTS = ("Enter username", "Enter password", "Enter the password", "Pick a macOS", "Username:")
_OF_EITHER = "Password:"  # bputil asks so, and sudo before it
_EXPECTED = (*_BANNER, *_PROMPTS, _OF_EITHER)

# How a complaint of bputil begins; what follows may go over several lines.
_OWN = re.compile(
    r"\s{0,8}(?:(?:bputil|Th(?:e|is) (?:tool|utility)):? (?:must|requires|needs)\b|bputil: |Error Domain=|Error: "
    r"|[^:\n]{0,200}\bfailed\b[^:\n]{0,80}:|Failed to (?!display))"
)
# The first phrase found (in lower case) names the error.
_ERRORS = (
    ("pairing (", "pairing"),
    ("networkrequired", "network_required"),
    ("not connected to the internet", "network_required"),
    ("uthenticat", "authentication"),
    ("password", "authentication"),
    ("as root", "not_root"),
    ("root privileges", "not_root"),
)


@dataclass(frozen=True)
class Policy:
    """One LocalPolicy. `fields` maps tags to values as printed ("absent" too), `words` to the words before them."""

    volume_group: str | None = None
    os_type: str | None = None
    pairing: str | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    words: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)

    @property
    def security_mode(self) -> str | None:
        """Full, Reduced or Permissive, as printed before smb0; without the word as far as smb0 and smb1 tell."""
        if self.words.get("smb0"):
            return self.words["smb0"]
        reduced, permissive = self.present("smb0"), self.present("smb1")
        if reduced is False:
            return "Full"
        return {True: "Permissive", False: "Reduced", None: None}[permissive] if reduced else None

    def flag(self, tag: str) -> str | int | None:
        """ "absent", a number, the text where it is neither, None where the row is missing or was cut."""
        value = self.fields.get(tag)
        if not value:
            return None
        return int(value) if value.isdecimal() and len(value) < 10 else value

    def present(self, tag: str) -> bool | None:
        """Whether the policy holds this field; None where the answer does not say."""
        value = self.fields.get(tag)
        return None if not value else value not in (ABSENT, "0")

    def switched(self, tag: str) -> bool | None:
        """What the word before a flag says: Enabled is True, Disabled False, anything else None."""
        return {"enabled": True, "disabled": False}.get(self.words.get(tag, "").lower())


@dataclass(frozen=True)
class BputilAnswer:
    """`supported` is False on Intel. `error` is one word for `domain` and `code`; the text of it stays in `message`."""

    policies: tuple[Policy, ...] = ()
    failed_groups: tuple[str, ...] = ()
    supported: bool | None = None
    prompt: bool = False
    error: str | None = None
    message: str | None = None
    domain: str | None = None
    code: int | None = None
    bootpolicy_code: int | None = None
    unparsed: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        first = self.policies[0] if self.policies else Policy()
        kexts = first.switched("smb2")
        return {
            "security_mode": first.security_mode,
            **{tag: first.flag(tag) for tag in _FLAGS},
            "third_party_kexts": first.present("smb2") if kexts is None else kexts,
            "boot_args_filtering": first.switched("sip3"),
            "os_type": first.os_type,
            "pairing": first.pairing,
            **{tag: first.fields.get(tag) or None for tag in ("auxp", "auxi", "auxr", "coih")},
            "policies": len(self.policies),
            "volume_groups": [one.volume_group for one in self.policies],
            "security_modes": [one.security_mode for one in self.policies],
            "failed_groups": list(self.failed_groups),
            "supported": self.supported,
            "prompt": self.prompt,
            "error": self.error,
            "domain": self.domain,
            "code": self.code,
            "bootpolicy_code": self.bootpolicy_code,
        }


@dataclass
class _Draft:
    """A policy while its rows are read; `section` is which of the two tables we are in."""

    volume_group: str | None = None
    facts: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    section: str = "policy"
    last: tuple[dict[str, str], str] | None = None

    def done(self) -> Policy:
        return Policy(
            self.volume_group,
            self.facts.get("OS Type"),
            self.facts.get("OS Pairing Status"),
            MappingProxyType(self.environment),
            MappingProxyType(self.fields),
            MappingProxyType(self.words),
        )

    @property
    def empty(self) -> bool:
        return not (self.facts or self.environment or self.fields)


def read(text: str | bytes) -> BputilAnswer:
    """Reads `bputil -d`, `-e`, `-d --json` or the complaint of a change. Raises UnreadableAnswer for other text."""
    cleaned = clean(text)
    if cleaned.lstrip().startswith("{"):
        return _read_json(cleaned)
    lines = list(meaningful(cleaned))
    drafts, unparsed = _drafts(lines)
    policies = tuple(draft.done() for draft in drafts if not draft.empty)
    complaint = _complaint(unparsed, cleaned.endswith("\n"))
    failed = lines if any(phrase in cleaned for phrase in _FAILED) else []
    groups = unique(match[1] for line in failed if _failed(line) and (match := _GROUP.search(line)))
    prompt = "..2)" in cleaned or _begins(lines, _PROMPTS, cleaned) or _asks_for_password(lines)
    supported = False if "not yet supported on this platform" in cleaned else None
    banner = _begins(lines, _BANNER, cleaned)
    known = policies or groups or prompt or supported is not None or complaint["error"] or banner
    require(bool(known), "bputil", lines)
    rest = tuple(line for line in unparsed if not (complaint["error"] and _of_error(line)))
    return BputilAnswer(
        policies, groups, supported or (True if policies else supported), prompt, unparsed=rest, **complaint
    )


def _begins(lines: list[str], phrases: tuple[str, ...], text: str) -> bool:
    """Whether a line begins with one of the phrases; they are looked for in the whole text first, which is cheap."""
    there = tuple(phrase for phrase in phrases if phrase in text)
    return bool(there) and any(line.lstrip().startswith(there) for line in lines)


def _asks_for_password(lines: list[str]) -> bool:
    """Whether bputil itself asks: after its banner."""
    asked = next((at for at, line in enumerate(lines) if line.lstrip().startswith(_OF_EITHER)), 0)
    return any(line.lstrip().startswith(_BANNER) for line in lines[:asked])


def _drafts(lines: list[str]) -> tuple[list[_Draft], list[str]]:
    drafts, unparsed = [_Draft()], []
    for line in lines:
        if not (_heading(line, drafts) or _entry(line, drafts[-1]) or _expected(line)):
            unparsed.append(line)
    return drafts, unparsed


def _heading(line: str, drafts: list[_Draft]) -> bool:
    """A line that starts a policy or one of its two tables."""
    text = line.strip()
    if not text.startswith(_HEADINGS):
        return False
    named = text.startswith(("Local policy for volume group", "Operating on Volume Group"))
    if named or text in ("Current local policy:", "OS environment:"):
        if not drafts[-1].empty and (named or drafts[-1].section == "policy"):
            drafts.append(_Draft())
        group = _GROUP.search(text)
        drafts[-1].volume_group = group[1] if group else drafts[-1].volume_group
        drafts[-1].section = "environment" if text == "OS environment:" else "policy"
        return True
    if text == "Local policy:":
        drafts[-1].section = "policy"
        return True
    return False


def _entry(line: str, draft: _Draft) -> bool:
    tags = _TAGS.search(line)
    if tags is None:
        return _continued(line, draft) or _untagged(line, draft)
    value = line[tags.end() :].strip()
    if tags[1] in _FLAGS and _VALUE.match(value) is None:
        return False
    label, _, word = line[: tags.start()].rpartition(":")
    if not label:
        label, word = word, ""
    # Flags are a policy's, also where its heading is gone.
    table = draft.environment if draft.section == "environment" and tags[1] not in _FLAGS else draft.fields
    for tag in (tags[1], *tags[2].replace("&&", " ").split()):
        table[tag] = value
        if word.strip():
            draft.words[tag] = word.strip()
        draft.last = (table, tag)
    return bool(label.strip())


def _continued(line: str, draft: _Draft) -> bool:
    """The rest of a hash that a terminal put on the next line."""
    text = line.strip()
    if draft.last is None:
        return False
    (table, tag), draft.last = draft.last, None
    # A value may begin on the next line; what goes on is a hash, never a word or a number.
    begins = not table[tag] and (text in (ABSENT, "0", "1") or _HEX_ONLY.match(text))
    goes_on = _HEX_ONLY.match(table[tag]) and _HEX_ONLY.match(text) and len(table[tag]) + len(text) <= 128
    if not (begins or goes_on):
        return False
    table[tag] += text
    return True


def _untagged(line: str, draft: _Draft) -> bool:
    label, colon, value = line.partition(":")
    label = label.strip()
    if not colon or label not in ("OS Type", "OS Pairing Status", "Pairing Integrity", "Signature Type"):
        return False
    draft.facts[label] = value.strip()
    return True


def _expected(line: str) -> bool:
    text = line.lstrip()
    return text.startswith(_EXPECTED) or _failed(text) or "not yet supported" in text


def _failed(line: str) -> bool:
    return line.lstrip().startswith(_FAILED)


def _of_error(line: str) -> bool:
    return any(word in line for word in ("Error", "error", "failed", '"', "{", "BY", "bputil"))


def _complaint(lines: list[str], ended: bool) -> dict[str, Any]:
    """The error that the rows which are no policy rows tell of, if any. `ended`: the last of them has its line end."""
    own = itertools.dropwhile(lambda line: _OWN.match(line) is None, lines[:200])
    joined = flat("\n".join(line for line in own if not line.startswith("sudo:"))) + (" " if ended else "")
    domain, lowered = _DOMAIN.search(joined), joined.lower()
    word = next((name for phrase, name in _ERRORS if phrase in lowered), "failed" if domain else None)
    if word == "failed" and domain and (domain[1], domain[2]) == ("BYErrorDomain", "102"):
        word = "network_required"
    boot = _BOOTPOLICY.search(joined)
    if boot is not None and word == "failed":
        word = "pairing" if "17" in boot.groups() else word
    return {
        "error": word,
        "message": joined[:2000] if word else None,
        "domain": domain[1] if domain else None,
        "code": int(domain[2]) if domain else None,
        "bootpolicy_code": int(boot[1] or boot[2]) if boot else None,
    }


def _read_json(text: str) -> BputilAnswer:
    """`--json`, whose shape no field report shows: every key that is, or ends in, a tag is taken, at any depth."""
    try:
        pairs = dict(_pairs(json.loads(text), 0))
    except (ValueError, RecursionError):
        pairs = {}
    fields = {tag: value for tag, value in pairs.items() if tag in _FLAGS or tag in ("auxp", "auxi", "auxr", "coih")}
    require(bool(fields), "bputil --json", text.strip().split("\n"))
    policy = Policy(
        os_type=pairs.get("OS Type"), pairing=pairs.get("OS Pairing Status"), fields=MappingProxyType(fields)
    )
    return BputilAnswer((policy,), supported=True)


def _pairs(node: Any, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(node, Mapping) and depth < 8:
        for key, value in node.items():
            tag = str(key).rpartition("(")[2].rstrip(") ")
            if isinstance(value, (Mapping, list)):
                yield from _pairs(value, depth + 1)
            else:
                yield tag, ABSENT if value is None else str(int(value)) if isinstance(value, bool) else str(value)
    elif isinstance(node, list) and depth < 8:
        for item in node:
            yield from _pairs(item, depth + 1)
