"""What `kmutil load` and its old names (kextload, kextutil, kextcache) answer.

Codes are KMErrorDomain's, and the exit codes of `kmutil load` are the same numbers [kmutil(8)]; code 71 is a catch-all
and the kext that an error names is often not the one that was asked for, so the text decides, then the code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from kextrel.macos.loadreasons import BEFORE_KMUTIL, OF_KEXT_TOOLS, PHRASES, RETURNS, LoadReason
from kextrel.macos.text import between, clean, flat, meaningful, require, unique

__all__ = ["LoadAnswer", "LoadReason", "identifiers_of", "read", "read_text", "reason_of"]


_SIGNATURE = (LoadReason.BAD_CODE_SIGNATURE, LoadReason.NOT_SIGNED)

_BUILD_FAILED = 31
# Where the text bears no code, these reasons have one only [kmutil(8), field reports]; 34 or 71 for a missing KDK.
_CODES: Mapping[LoadReason, int] = MappingProxyType(
    {
        LoadReason.APPROVAL_REQUIRED: 27,
        LoadReason.REBOOT_REQUIRED: 28,
        LoadReason.BAD_CODE_SIGNATURE: 29,
        LoadReason.VALIDATION_ERRORS: 30,
        LoadReason.COLLECTION_BUILD_FAILED: _BUILD_FAILED,
    }
)
_REASONS = MappingProxyType({code: reason for reason, code in _CODES.items()} | {34: LoadReason.MISSING_KDK})
_KM_CODES = frozenset({*_REASONS, 71})

# A number at the very end of a text may have lost digits.
_CODE = re.compile(r"KMErrorDomain,? ?Code ?= ?(\d{1,6})(?=\D)")
# Without its domain only before words that are KMErrorDomain's.
_BARE_CODE = re.compile(
    r"\bCode ?= ?(\d{1,6}) [\"“](?:Missing Developer Kit|Could not find|Error occurred while|Extension with "
    r"|Loading extension|Boot policy error|Authenticating|Kernel request)"
)
_KERNEL_RETURN = re.compile(r"(?<![\w.])(-60394\d{4})(?!\d)|0x(dc008[0-9a-fA-F]{3})(?![0-9a-fA-F])")
_CS_STATUS = re.compile(r"(?<![\w.])(-670\d{2})(?!\d)")
_BOOTPOLICY = re.compile(
    r"code pairing \((\d{1,6})\)|com\.apple\.bootpolicy Code=(\d{1,6})(?=\D)|pairing \((\d{1,6})\)"
)
_OWNERSHIP = re.compile(r"ownership \((\d{1,10}:\d{1,10})\)")
_KEXT = re.compile(r"(?<!\S)Kext (\S+) v(\d\S*)")
_ARCHITECTURES = re.compile(r"Binary is for ([\w, ]{1,80}), but needed (\w{1,20})")
_BUILD = re.compile(r"your build (\w{4,12})")
_ALLOWED = re.compile(r"invalid signatured? \(-\d{5}\) allowed|allowing invalid signature -\d{5}\b")
_OSKEXT = re.compile(r"<OSKext 0x[^>\n]{1,80}> ?\{[^}\n]{0,400}\bID = \"([A-Za-z0-9._-]{2,200})\"")
# What was not found when a kext was linked, and the kext that wanted it [kmutil print-diagnostics; reports of builds].
_UNBOUND = re.compile(r"Failed to bind '([^'\n]{1,1000})' in '([A-Za-z0-9._-]{1,200})'")
_DEPENDENCY = re.compile(r"'([A-Za-z0-9._-]{1,200})' names a dependency on '([A-Za-z0-9._-]{1,200})'")
# The older tools, of a kext's dependencies.
_WANTED = re.compile(
    r"\.kext - (?:dependency '([A-Za-z0-9._-]{1,200})' not found"
    r"|no compatible dependency found for ([A-Za-z0-9._-]{1,200}[A-Za-z0-9]))"
)
# Whom a sentence is about: of a collection that was not built, of the kernel, of kextd.
_ABOUT = re.compile(
    r"(?:Could not use '|Failed to load kext |\(kernel\) Kext |invalid signature for )"
    r"([A-Za-z0-9._-]{1,200}[A-Za-z0-9])(?:' because|,? \(error |,? will not load| start failed| failed to load)"
)
_UNSIGNED = -67062  # errSecCSUnsigned
_NEEDLES: Mapping[re.Pattern[str], tuple[str, ...]] = MappingProxyType(
    {
        _KERNEL_RETURN: ("-60394", "0xdc008"),
        _CS_STATUS: ("-670",),
        _BOOTPOLICY: ("pairing (", "com.apple.bootpolicy"),
        _KEXT: ("Kext ",),
        _OSKEXT: ("<OSKext ",),
        _UNBOUND: ("Failed to bind '",),
        _DEPENDENCY: (" names a dependency on ",),
        _WANTED: (".kext - ",),
        _ABOUT: ("Could not use '", "Failed to load kext ", "(kernel) Kext ", "invalid signature for "),
        _CODE: ("KMErrorDomain",),
        _BARE_CODE: ("Code",),
        _OWNERSHIP: ("ownership (",),
        _ARCHITECTURES: ("Binary is for ",),
        _BUILD: ("your build ",),
        _ALLOWED: (") allowed", "allowing invalid"),
    }
)
_IDENTIFIER = re.compile(r"[\w\"'(].{0,250}\Z")
_LONGEST_PATH = 1024
_SAYS = " - "  # between whom it is about and what
_OF_A_PATH = re.compile(r"\.kext(?: failed to load| does not authenticate| - dependency '| - no compatible dependency)")
_SQUEEZED = tuple((reason, tuple(phrase.replace(" ", "") for phrase in phrases)) for reason, phrases in PHRASES)
_SQUEEZED_BEFORE_KMUTIL = tuple(words.replace(" ", "") for words in BEFORE_KMUTIL)
_SQUEEZED_TOOLS = ("(libkern/kext)", "KMErrorDomain", "Extensionwithidentifiers", "Kextrejecteddueto")
_PAIRING = 17
_BAD_SIGNATURE = ("Code Signing Failure", "code signature is invalid", "invalid signature", "Bad code signature")


@dataclass(frozen=True)
class LoadAnswer:
    """One answer to a request to load a kext. Every field but `unparsed` is None (or empty) when nothing was said.

    `exit_code` is the process's, where the caller knows it; `code` is KMErrorDomain's, read from the text, else known
    from the reason, else the exit code. `kernel_return` is a signed 32-bit number, `culprit_path` ends in `.kext`.
    `missing` is what `bundle_id` could not be linked against: symbols ("_sflt_attach") or a kext's identifier.
    """

    exit_code: int | None
    code: int | None
    reason: LoadReason | None
    identifiers: tuple[str, ...] = ()
    bundle_id: str | None = None
    version: str | None = None
    culprit_path: str | None = None
    kernel_return: int | None = None
    cs_status: int | None = None
    bootpolicy_code: int | None = None
    ownership: str | None = None
    have: str | None = None
    need: str | None = None
    build: str | None = None
    signature_ok: bool | None = None
    loadable: bool | None = None
    missing: tuple[str, ...] = ()
    unparsed: tuple[str, ...] = ()

    @property
    def loaded(self) -> bool:
        """The tool ended with 0 and complained of nothing."""
        return self.exit_code == 0 and self.reason is None and self.code in (0, None)

    @property
    def public_reason(self) -> str | None:
        """The reason in the words of `kextrel parse`: a collection that lacks something was not built."""
        if self.code == _BUILD_FAILED and self.reason in (LoadReason.UNDEFINED_SYMBOLS, LoadReason.MISSING_DEPENDENCY):
            return LoadReason.COLLECTION_BUILD_FAILED.value
        return None if self.reason is None else self.reason.value

    def facts(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "reason": self.public_reason,
            "identifiers": list(self.identifiers),
            "bundle_id": self.bundle_id,
            "version": self.version,
            "culprit_path": self.culprit_path,
            "kr": self.kernel_return,
            "csstatus": self.cs_status,
            "bootpolicy_code": self.bootpolicy_code,
            "ownership": self.ownership,
            "have": self.have,
            "need": self.need,
            "build": self.build,
            "signature_ok": self.signature_ok,
            "loadable": self.loadable,
            "missing": list(self.missing),
        }


def read(exit_code: int | None, stdout: str | bytes, stderr: str | bytes) -> LoadAnswer:
    """Reads one answer of `kmutil load`; `exit_code` None when only the text is left.

    Raises UnreadableAnswer for text that no kext tool prints (sudo's or the shell's complaint, for example), unless the
    exit code is one that only KMErrorDomain uses.
    """
    text = clean(stderr) + "\n" + clean(stdout)
    lines = list(meaningful(text))
    joined = flat("\n".join(lines)) + (" " if text.endswith("\n") else "")
    reason = _reason(joined) or _of_broken_words(joined) or _REASONS.get(exit_code or 0)
    answer = _named(exit_code, _code(joined, reason, exit_code), reason, joined, lines)
    known = reason is not None or _search(_CODE, joined) is not None or _says_something(answer)
    known = known or any(words in joined for words in OF_KEXT_TOOLS)
    require(known or not lines or exit_code == 0 or exit_code in _KM_CODES, "kmutil load", lines)
    return answer


def read_text(text: str | bytes) -> LoadAnswer:
    """`read` for text alone."""
    return read(None, text, "")


def reason_of(message: str) -> LoadReason | None:
    """The reason that one line, without wraps, gives; None where it gives none."""
    return _reason(message)


def identifiers_of(message: str) -> tuple[str, ...]:
    """The kexts that one line, without wraps, says are not approved or need a restart."""
    return _identifiers(message)


def _named(
    exit_code: int | None, code: int | None, reason: LoadReason | None, joined: str, lines: list[str]
) -> LoadAnswer:
    bundle_id, version = _bundle(joined, lines)
    have, need = _architectures(joined)
    return LoadAnswer(
        exit_code=exit_code,
        code=code,
        reason=reason,
        identifiers=_identifiers(joined),
        bundle_id=bundle_id,
        version=version,
        culprit_path=_culprit(joined, lines),
        kernel_return=_kernel_return(joined),
        cs_status=_number(_CS_STATUS, joined),
        bootpolicy_code=_number(_BOOTPOLICY, joined),
        ownership=_text(_OWNERSHIP, joined),
        have=have,
        need=need,
        build=_text(_BUILD, joined),
        signature_ok=False if any(phrase in joined for phrase in _BAD_SIGNATURE) else None,
        loadable=_loadable(joined),
        missing=_missing(joined),
        unparsed=_unknown(lines),
    )


def _reason(joined: str) -> LoadReason | None:
    joined = _ALLOWED.sub(" ", joined) if _search(_ALLOWED, joined) else joined
    found = [reason for reason, phrases in PHRASES if any(phrase in joined for phrase in phrases)]
    if "Code=30" in joined or (LoadReason.OWNERSHIP in found and any(r in found for r in _SIGNATURE)):
        return LoadReason.VALIDATION_ERRORS
    return found[0] if found else _reason_of_numbers(joined)


def _of_broken_words(joined: str) -> LoadReason | None:
    """The reason where a terminal broke the lines inside words; only of text that is a kext tool's for certain."""
    squeezed = (_ALLOWED.sub(" ", joined) if _search(_ALLOWED, joined) else joined).replace(" ", "")
    if not any(words in squeezed for words in _SQUEEZED_TOOLS):
        return None
    return next((reason for reason, phrases in _SQUEEZED if any(phrase in squeezed for phrase in phrases)), None)


def _reason_of_numbers(joined: str) -> LoadReason | None:
    """What a status of Code Signing that refused, or the kernel's return, says where no word does."""
    status, returned = _number(_CS_STATUS, joined), _kernel_return(joined)
    if _number(_BOOTPOLICY, joined) == _PAIRING:
        return LoadReason.BOOTPOLICY_PAIRING
    if status is not None and _search(_ALLOWED, joined) is None:
        return LoadReason.NOT_SIGNED if status == _UNSIGNED else LoadReason.BAD_CODE_SIGNATURE
    return None if returned is None else RETURNS.get(returned & 0xFF)


def _code(joined: str, reason: LoadReason | None, exit_code: int | None) -> int | None:
    written = _number(_CODE, joined)
    written = _number(_BARE_CODE, joined) if written is None else written
    if written is not None:
        return written
    # KMErrorDomain came with kmutil.
    return exit_code if reason is None or _before_kmutil(joined) else _CODES.get(reason, exit_code)


def _before_kmutil(joined: str) -> bool:
    """Whether an older tool speaks; a terminal may have broken its words."""
    squeezed = joined.replace(" ", "")
    return any(words in squeezed for words in _SQUEEZED_BEFORE_KMUTIL)


def _says_something(answer: LoadAnswer) -> bool:
    return any(value is not None for value in (answer.kernel_return, answer.cs_status, answer.loadable)) or (
        answer.signature_ok is not None
    )


def _identifiers(joined: str) -> tuple[str, ...]:
    pieces = between(joined, "identifiers ", " not approved to load")
    pieces += between(joined, "identifier ", " not approved to load") if not pieces else []
    pieces += between(joined, "extension(s): ", " requires a reboot")
    # Commas part them; a blank inside one is where a terminal broke it.
    return unique("".join(item.split()).strip("\"'") for piece in pieces for item in piece.split(","))


def _bundle(joined: str, lines: list[str]) -> tuple[str | None, str | None]:
    match = _search(_KEXT, joined)
    if match:
        return match[1], match[2].rstrip(":;,.\"'")
    if named := _search(_OSKEXT, joined) or _search(_DEPENDENCY, joined):
        return named[1], None
    if unbound := _search(_UNBOUND, joined):
        return unbound[2], None
    if about := _search(_ABOUT, joined):
        return about[1], None
    told = zip(lines, ("", *lines), strict=False) if _SAYS in joined else ()
    return next(filter(None, (_subject(line, before) for line, before in told if _SAYS in line)), None), None


def _subject(line: str, before: str) -> str | None:
    """Whom a line says that it failed for, by identifier; a path, or the end of one that was broken, is none."""
    told, mark, _ = line.strip().partition(_SAYS)
    subject = told.removeprefix("Failed to unload ").removesuffix(" failed to load")
    broken = before.lstrip().startswith("/") and _SAYS not in before
    if not mark or subject == told or not subject.strip() or "/" in subject or broken:
        return None
    named = subject.split()[-1]
    return named if _IDENTIFIER.match(named) else None


def _missing(joined: str) -> tuple[str, ...]:
    """All that the first kext which could not be linked wants: the text says it twice, and may name other kexts too."""
    if wanted := _search(_DEPENDENCY, joined):
        return (wanted[2],)
    if _search(_WANTED, joined):
        return unique(one[1] or one[2] for one in _WANTED.finditer(joined))
    first = _search(_UNBOUND, joined)
    return unique(one[1] for one in _UNBOUND.finditer(joined) if one[2] == first[2]) if first else ()


def _architectures(joined: str) -> tuple[str | None, str | None]:
    match = _search(_ARCHITECTURES, joined)
    return (match[1], match[2]) if match else (None, None)


def _culprit(joined: str, lines: list[str]) -> str | None:
    """The kext whose path the text names, up to its `.kext`: after `in '`, after ` at `, or at the start of a line."""
    for before in ("in '/", " at /"):
        start = joined.find(before)
        end = joined.find(".kext", start) if start >= 0 else -1
        path = joined[start + len(before) - 1 : end + len(".kext")] if end >= 0 else ""
        if path and "'" not in path and len(path) < _LONGEST_PATH:
            return path
    if ".kext" not in joined:
        return None
    subjects = (line.strip().partition(".kext")[0] for line in lines if _OF_A_PATH.search(line))
    # An installer's log has its own words before.
    paths = (path if path.startswith("/") else path.rpartition(": ")[2] for path in subjects)
    return next((f"{path}.kext" for path in paths if path.startswith("/")), None)


def _search(pattern: re.Pattern[str], joined: str) -> re.Match[str] | None:
    """The pattern, looked for only where what it cannot be without is there: on a line of 100 MB that is seconds."""
    needles = _NEEDLES.get(pattern, ())
    return pattern.search(joined) if not needles or any(needle in joined for needle in needles) else None


def _kernel_return(joined: str) -> int | None:
    match = _search(_KERNEL_RETURN, joined)
    if match is None:
        return None
    return int(match[1]) if match[1] else int(match[2], 16) - (1 << 32)


def _loadable(joined: str) -> bool | None:
    if "appears to be loadable" in joined or " is loadable (including linkage" in joined:
        return True
    return False if "not loadable" in joined else None


def _number(pattern: re.Pattern[str], joined: str) -> int | None:
    found = _text(pattern, joined)
    return None if found is None else int(found)


def _text(pattern: re.Pattern[str], joined: str) -> str | None:
    match = _search(pattern, joined)
    return next((group for group in match.groups() if group is not None), None) if match else None


_LINE_WORDS = (
    *(phrase for _, phrases in PHRASES for phrase in phrases),
    *_BAD_SIGNATURE,
    "KMErrorDomain",
    "Error Domain=",
    "failed to load - ",
    "appears to be loadable",
    "Authenticating extension failed",
    "Extension with identifiers",
    "Please approve using System",
    "in executable kext bundle",
    "prevented linking",
    "Could not use '",
    *OF_KEXT_TOOLS,
    " is loadable (including linkage",
    " specific:",
)


def _unknown(lines: list[str]) -> tuple[str, ...]:
    """The lines without a word of theirs. What is nowhere in the text is not looked for in each line."""
    text = "\n".join(lines)
    words = [word for word in _LINE_WORDS if word in text]
    patterns = [one for one in (_KEXT, _KERNEL_RETURN, _CS_STATUS, _OWNERSHIP) if _search(one, text)]
    rest = [line for line in lines if not any(map(line.__contains__, words))] if words else lines
    return tuple([line for line in rest if not any(_search(one, line) for one in patterns)] if patterns else rest)
