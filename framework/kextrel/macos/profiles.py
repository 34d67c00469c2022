"""`profiles status`: is this Mac managed and who said so (enrollment), and has the server its token (bootstraptoken).

10.13.0-10.13.3 print one sentence, 10.13.4 two rows, 11 adds the server. "(User Approved)" stands there if and only if
the user approved the enrollment, so a bare "Yes" is a no to that question.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kextrel.macos.text import clean, meaningful, require

__all__ = ["BootstrapTokenAnswer", "EnrollmentAnswer", "read", "read_bootstrap_token"]


@dataclass(frozen=True)
class EnrollmentAnswer:
    """None: the answer does not say. `note` is what stood in parentheses after the MDM enrollment."""

    dep: bool | None = None
    mdm: bool | None = None
    user_approved: bool | None = None
    server: str | None = None
    note: str | None = None
    unparsed: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        return {"dep": self.dep, "mdm": self.mdm, "user_approved": self.user_approved, "server": self.server}


@dataclass(frozen=True)
class BootstrapTokenAnswer:
    """None: the answer does not say."""

    supported: bool | None = None
    escrowed: bool | None = None
    unparsed: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        return {"supported": self.supported, "escrowed": self.escrowed}


_TOKEN_ROWS = {"bootstrap token supported on server": "supported", "bootstrap token escrowed to server": "escrowed"}


def read_bootstrap_token(text: str | bytes) -> BootstrapTokenAnswer:
    """Reads `profiles status -type bootstraptoken`: two rows that begin with "profiles: ". UnreadableAnswer else."""
    found: dict[str, bool] = {}
    unparsed: list[str] = []
    lines = list(meaningful(clean(text)))
    for line in lines:
        label, _, value = line.strip().removeprefix("profiles:").rpartition(":")
        row, answer = _TOKEN_ROWS.get(label.strip().lower()), {"yes": True, "no": False}.get(value.strip().lower())
        if row is not None and answer is not None:
            found[row] = answer
        else:
            unparsed.append(line)
    require(bool(found), "profiles status -type bootstraptoken", lines)
    return BootstrapTokenAnswer(**found, unparsed=tuple(unparsed))


def read(text: str | bytes) -> EnrollmentAnswer:
    """Reads the status. Raises UnreadableAnswer for other text."""
    found: dict[str, Any] = {}
    unparsed: list[str] = []
    cleaned = clean(text)
    lines = list(meaningful(cleaned))
    for line in lines:
        facts = _facts(line.strip())
        found.update(facts)
        if not facts:
            unparsed.append(line)
    require(bool(found), "profiles status", lines)
    if not cleaned.endswith("\n") and found.get("mdm") and lines[-1].strip().endswith("Yes"):
        # The line was cut off, and "(User Approved)" with it, if it was there.
        found.pop("user_approved", None)
    return EnrollmentAnswer(**found, unparsed=tuple(unparsed))


_ANSWERS = {"Yes": True, "No": False}


def _facts(line: str) -> dict[str, Any]:
    label, colon, value = line.partition(":")
    label, value = label.rstrip(), value.lstrip()
    answer = _ANSWERS.get(value.partition("(")[0].rstrip())
    if colon and label == "Enrolled via DEP" and answer is not None:
        return {"dep": answer}
    if colon and label == "MDM enrollment" and answer is not None:
        return _mdm(answer, value)
    if colon and label == "MDM server" and value:
        return {"server": value}
    if "enrollment profile" in line and "installed on this system" in line:
        return {"mdm": "no enrollment profile" not in line.lower()}
    return {}


def _mdm(enrolled: bool, value: str) -> dict[str, Any]:
    _, opened, rest = value.partition("(")
    note, closed, _ = rest.partition(")")
    # A note that was cut off may have been that one.
    told = enrolled and not (opened and not closed)
    approved = " ".join(note.split()) == "User Approved" if told else None
    return {"mdm": enrolled, "user_approved": approved, "note": note.strip() or None}
