"""An observation as a page of plain text: what this Mac is, its boot policy, its extensions, what contradicts itself,
what is unknown and why. Values are in the words of scenarios. Of an Intel Mac the rows of a LocalPolicy are left out.

Strings in, strings out: every line has passed through `text.plain`, so nothing of the Mac's reaches a terminal as a
control sequence, and no line is longer than `width`.
"""

from __future__ import annotations

import textwrap
from datetime import UTC, datetime
from typing import Any

from kextrel.macos.drivers import RunningDriver
from kextrel.macos.fields import Field
from kextrel.macos.observation import Observation, worded
from kextrel.macos.probes import MACOS
from kextrel.macos.sysext import SystemExtension
from kextrel.macos.system import BootTime
from kextrel.macos.text import plain
from kextrel.vocabulary import Architecture

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
            ("loaded_kexts", "Loaded, not Apple's"),
            ("aux_kc", "Kexts in the AuxKC"),
            ("approved_kexts", "Kexts approved by hand"),
            ("mdm_allowed_kexts", "Kexts allowed by MDM"),
            ("asked_for_kexts", "Kexts ever asked for"),
            ("system_extensions", "System extensions"),
            ("running_drivers", "Drivers that run"),
        ),
    ),
)


_OF_LOCAL_POLICY = frozenset({"kext_management", "os_type", "pairing", "auxp", "auxi", "auxr", "smb2", "smb3", "smb4"})

# What it means that there is none, and what yes and no are, where that is not plain.
_NONE = {
    "security_mode": "this Mac has no such policy",
    "auxp": "the policy holds none",
    "auxi": "the policy holds none",
    "auxr": "the policy holds none",
    "user_approved_mdm": "there is no enrollment",
    "console_user": "nobody",
}
_SWITCHED = {True: "on", False: "off"}


def render(observation: Observation, *, width: int = 100, title: str = "") -> str:
    """The page, with a line end at its end. `width` is in characters, 40 at least; `title` stands above it."""
    width = max(width, 40)
    fields = observation.fields()
    if observation.architecture.value in (Architecture.INTEL, Architecture.INTEL_T2):
        fields = {name: field for name, field in fields.items() if name not in _OF_LOCAL_POLICY}
    blocks = [plain(title)[:width]] if title else []
    blocks += [_block(heading, rows, fields, width) for heading, rows in _PAGE]
    notes = [("Contradictions", list(observation.contradictions)), ("Unknown, and why", _unknown(fields))]
    notes.append(("The answer", [observation.problem] if observation.problem else []))
    blocks += [_notes(heading, lines, width) for heading, lines in notes if lines]
    return "\n\n".join(blocks) + "\n"


def _unknown(fields: dict[str, Field[Any]]) -> list[str]:
    """A line a reason, with all that is unknown for it."""
    labels = {name: label for _, rows in _PAGE for name, label in rows}
    reasons: dict[str, list[str]] = {}
    for name, field in fields.items():
        if not field.known:
            reasons.setdefault(_shorter(field.why), []).append(labels.get(name, name))
    return [f"{', '.join(names)}: {why}" for why, names in reasons.items()]


def _shorter(why: str) -> str:
    """A reason with the table in place of the query that reads it."""
    for probe in MACOS:
        _, of, table = probe.command[-1].partition(" from ")
        if of:
            why = why.replace(probe.line, f"sudo sqlite3 KextPolicy ({table.partition(';')[0]})")
    return why


def _block(title: str, rows: tuple[tuple[str, str], ...], fields: dict[str, Field[Any]], width: int) -> str:
    lines = [title]
    for name, label in rows:
        for number, value in enumerate(_values(name, fields[name]) if name in fields else ()):
            lines += _wrapped(f"  {label if number == 0 else '':<{_LABEL}}", plain(value), width)
    return "\n".join(lines)


def _values(name: str, field: Field[Any]) -> list[str]:
    """One line a value; a list has a line, or two, for each of its items."""
    value = field.value
    if not field.known:
        return ["unknown"]
    if isinstance(value, BootTime):
        return [_moment(value)]
    if isinstance(value, tuple) and value:
        return [line for item in sorted(value, key=_place) for line in _described(item)]
    if isinstance(value, frozenset) and value:
        return sorted(worded(Field((item,))) for item in value)
    if value is None and name in _NONE:
        return [_NONE[name]]
    return [_SWITCHED[value]] if name == "filevault" and isinstance(value, bool) else [worded(field)]


def _place(one: SystemExtension | RunningDriver) -> tuple[str, bool]:
    """By name; the one that lives before the one that goes."""
    return one.bundle_id, not (one.state or "").startswith("activated")


def _described(one: SystemExtension | RunningDriver) -> list[str]:
    return _driver(one) if isinstance(one, RunningDriver) else _extension(one)


def _driver(one: RunningDriver) -> list[str]:
    """What runs and of what version; under it whose, by which process, and what that must be signed as."""
    whose = f"team {one.team_id}" if one.team_id else ""
    pids = f"PID {', '.join(map(str, one.pids))}" if one.pids else ""
    rest = ", ".join(part for part in (whose, pids, f"cdhash {one.cdhash}" if one.cdhash else "") if part)
    return [worded(Field((one,))), *([f"  {rest}"] if rest else [])]


def _extension(one: SystemExtension) -> list[str]:
    """What it is and its state; under it what kind, whose, and what it is called."""
    kind = (one.category or "").rpartition(".")[2].replace("_", " ")
    whose = "ad-hoc signed" if one.team_id == "-" else f"team {one.team_id}" if one.team_id else ""
    rest = ", ".join(part for part in (kind, whose, one.name) if part)
    return [worded(Field((one,))), *([f"  {rest}"] if rest else [])]


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
    if len(text) <= room:
        return [head + text.rstrip()]
    pieces = textwrap.wrap(text[:4000], room, break_long_words=True, break_on_hyphens=False) or [""]
    return [(head if number == 0 else " " * len(head)) + piece for number, piece in enumerate(pieces)]
