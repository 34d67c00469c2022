"""An observation as a page of plain text: what this Mac is, its boot policy, its extensions, what is unknown and why.

Strings in, strings out: every line has passed through `text.plain`, so nothing of the Mac's reaches a terminal as a
control sequence, and no line is longer than `width`.
"""

from __future__ import annotations

import textwrap
from datetime import UTC, datetime
from typing import Any

from kextrel.macos.fields import Field
from kextrel.macos.observation import Observation, worded
from kextrel.macos.system import BootTime
from kextrel.macos.text import plain

__all__ = ["render"]

_LABEL = 26

# What people call each fact, in the order of the page.
_PAGE: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "This Mac",
        (
            ("macos", "macOS"),
            ("build", "Build"),
            ("architecture", "Architecture"),
            ("model", "Model"),
            ("boot_time", "Booted"),
            ("environment", "Booted into"),
            ("console_user", "At the screen"),
            ("filevault", "FileVault"),
        ),
    ),
    (
        "Boot policy",
        (
            ("security_mode", "Security mode"),
            ("kext_management", "Kexts may be managed by"),
            ("sip", "SIP now"),
            ("sip_stored", "SIP from the next boot"),
            ("os_type", "OS type"),
            ("pairing", "Pairing"),
            ("auxp", "Approved kexts (auxp)"),
            ("auxi", "AuxKC (auxi)"),
            ("auxr", "Receipt (auxr)"),
        ),
    ),
    ("Management", (("enrollment", "Enrollment"), ("user_approved_mdm", "User approved"))),
    (
        "Extensions",
        (
            ("loaded_kexts", "Kexts loaded"),
            ("aux_kc", "Kexts in the AuxKC"),
            ("approved_kexts", "Kexts approved by hand"),
            ("mdm_allowed_kexts", "Kexts allowed by MDM"),
            ("asked_for_kexts", "Kexts ever asked for"),
            ("system_extensions", "System extensions"),
        ),
    ),
)


def render(observation: Observation, *, width: int = 100) -> str:
    """The page, with a line end at its end. `width` is in characters, 40 at least."""
    width = max(width, 40)
    fields = observation.fields()
    blocks = [_block(title, rows, fields, width) for title, rows in _PAGE]
    labels = {name: label for _, rows in _PAGE for name, label in rows}
    unknown = [f"{labels.get(name, name)}: {why}" for name, why in observation.unknown().items()]
    notes = [("Unknown, and why", unknown), ("Contradictions", list(observation.contradictions))]
    notes.append(("The answer", [observation.problem] if observation.problem else []))
    blocks += [_notes(title, lines, width) for title, lines in notes if lines]
    return "\n\n".join(blocks) + "\n"


def _block(title: str, rows: tuple[tuple[str, str], ...], fields: dict[str, Field[Any]], width: int) -> str:
    lines = [title]
    for name, label in rows:
        for number, value in enumerate(_values(fields[name])):
            lines += _wrapped(f"  {label if number == 0 else '':<{_LABEL}}", plain(value), width)
    return "\n".join(lines)


def _values(field: Field[Any]) -> list[str]:
    """One line a value; a list has a line for each of its items."""
    if not field.known:
        return ["unknown"]
    if isinstance(field.value, BootTime):
        return [_moment(field.value)]
    if isinstance(field.value, frozenset | tuple) and field.value:
        return sorted(worded(Field((item,))) for item in field.value)
    return [worded(field)]


def _moment(boot: BootTime) -> str:
    try:
        return datetime.fromtimestamp(boot.sec, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return f"{boot.sec} s since 1970"


def _notes(title: str, lines: list[str], width: int) -> str:
    body = [wrapped for line in lines for wrapped in _wrapped("  ", plain(line), width)]
    return "\n".join([title, *body])


def _wrapped(head: str, text: str, width: int) -> list[str]:
    room = max(width - len(head), 20)
    pieces = textwrap.wrap(text[:4000], room, break_long_words=True, break_on_hyphens=False) or [""]
    return [(head if number == 0 else " " * len(head)) + piece for number, piece in enumerate(pieces)]
