"""Text that was read from a screen, as recovery's Terminal is: 0 for O, 1 for l, blanks lost or doubled.

Only whole lines that are known word for word are put right, by a form in which look-alikes are one. A hash, a version
or an identifier cannot be known, so it is never put right: on a screen that had look-alikes a hash says nothing.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TypeVar

from kextrel.errors import UnreadableAnswer
from kextrel.macos.text import Reading, clean

__all__ = ["BPUTIL", "CSRUTIL", "restored", "tolerant"]

R = TypeVar("R", bound=Reading)

# One character for all that look alike, nothing for what a screen loses or adds, small letters for large ones.
_ALIKE = str.maketrans(
    {
        **{chr(code): chr(code + 32) for code in range(ord("A"), ord("Z") + 1)},
        **dict.fromkeys("0oOqQ", "o"),
        **dict.fromkeys("1lLiI|!", "l"),
        "5": "s",
        "8": "b",
        **dict.fromkeys(" \t.,'\"’‘“”`·_-—", None),
    }
)
_HASH_ROW = re.compile(r"(.{0,120}\((?:auxp|auxi|auxr|coih|lpnh|rpnh|ronh|nsih|spih|stng)\) {0,40}:)(.*)\Z")
_LONGEST = 200


def _squeezed(line: str) -> str:
    return line.translate(_ALIKE)


def _known(phrases: Iterable[str]) -> Mapping[str, str]:
    """The squeezed form of each phrase; two that look alike would be no knowledge, so neither stays."""
    found: dict[str, list[str]] = {}
    for phrase in phrases:
        found.setdefault(_squeezed(phrase), []).append(phrase)
    return MappingProxyType({key: same[0] for key, same in found.items() if len(same) == 1})


_PROTECTIONS = (
    *("Apple Internal", "Kext Signing", "Filesystem Protections", "Debugging Restrictions", "DTrace Restrictions"),
    *("NVRAM Protections", "BaseSystem Verification", "Boot-arg Restrictions", "Kernel Integrity Protections"),
    "Authenticated Root Requirement",
)
CSRUTIL = _known(
    (
        *(f"System Integrity Protection status: {word}." for word in ("enabled", "disabled")),
        *(f"System Integrity Protection status: {word} (Custom Configuration)." for word in ("enabled", "unknown")),
        *(f"System Integrity Protection is {word}." for word in ("on", "off")),
        *(f"Authenticated Root status: {word}" for word in ("enabled", "disabled")),
        *(f"{name}: {word}" for name, word in itertools.product(_PROTECTIONS, ("enabled", "disabled"))),
        "Configuration:",
        "csrutil: This tool needs to be executed from Recovery OS.",
        "Restart the machine for the changes to take effect.",
        "Turning off System Integrity Protection requires modifying system security.",
        "Successfully disabled System Integrity Protection. Please restart the machine for the changes to take effect.",
        "Successfully enabled System Integrity Protection. Please restart the machine for the changes to take effect.",
    )
)
"""Every line of csrutil that has no name or number in it, by its squeezed form."""

_SWITCHES = {
    "3rd Party Kexts Status": "smb2",
    "User-allowed MDM Control": "smb3",
    "DEP-allowed MDM Control": "smb4",
    "SIP Status": "sip0",
    "Signed System Volume Status": "sip1",
    "Kernel CTRR Status": "sip2",
    "Boot Args Filtering Status": "sip3",
}
_HASHES = {
    "User Authorized Kext List Hash": "auxp",
    "Auxiliary Kernel Cache Image4 Hash": "auxi",
    "Kext Receipt Hash": "auxr",
    "CustomKC or fuOS Image4 Hash": "coih",
}
BPUTIL = _known(
    (
        *("Current local policy:", "OS environment:", "Local policy:"),
        "Security Mode: Full (smb0): absent",
        "Security Mode: Reduced (smb0): 1",
        "Security Mode: Permissive (smb0 && smb1): 1",
        *(
            f"{label}: {word} ({tag}): {value}"
            for (label, tag), word, value in itertools.product(
                _SWITCHES.items(), ("Enabled", "Disabled"), ("absent", "1", "0")
            )
        ),
        *(f"{label} ({tag}): absent" for label, tag in _HASHES.items()),
        *(f"OS Pairing Status : {word}" for word in ("Paired", "Not Paired")),
        "OS Type : macOS",
        "OS Type : one true recoveryOS",
        "OS Type : ordinary (software-launched) recoveryOS",
        "OS Type : fallback recoveryOS",
        "Pairing Integrity : Valid",
        "Signature Type : BAA",
        "bputil is not yet supported on this platform",
    )
)
"""Every row of `bputil -d` whose value is a word, by its squeezed form."""


def restored(text: str, known: Mapping[str, str]) -> str:
    """`text` with the lines of `known` put right, and then without any hash; `text` itself where none was wrong."""
    lines = text.split("\n")
    wrong = {
        number: phrase
        for number, (line, form) in enumerate(zip(lines, _squeezed(text).split("\n"), strict=True))
        if (phrase := known.get(form)) is not None and len(line) < _LONGEST and not _same(line, phrase)
    }
    if not wrong:
        return text
    return "\n".join(_without_hash(wrong.get(number, line)) for number, line in enumerate(lines))


def _same(line: str, phrase: str) -> bool:
    """More blanks in a row are the tool's own columns."""
    return line.strip() == phrase or line.split() == phrase.split()


def _without_hash(line: str) -> str:
    match = _HASH_ROW.match(line)
    return match[1] if match and match[2].strip() not in ("absent", "") else line


def tolerant(read: Callable[[str | bytes], R], known: Mapping[str, str]) -> Callable[[str | bytes], R]:
    """A reader that puts a screen's text right before it reads; what it refuses it quotes as it came."""

    def reading(text: str | bytes) -> R:
        cleaned = clean(text)
        right = restored(cleaned, known)
        try:
            return read(right)
        except UnreadableAnswer:
            return read(cleaned)

    return reading
