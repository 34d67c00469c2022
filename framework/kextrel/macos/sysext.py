"""`systemextensionsctl list`: one row a record. A bundle identifier may occur twice, even with the same version.

The bracket says the state; the stars do not (a pending extension has one under "active"). Where tabs became spaces,
only the place of a star is left to tell the two columns apart, and sometimes not even that: then `active` is None.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from kextrel.macos.text import clean, quiet, require

__all__ = ["STATES", "SystemExtension", "SystemExtensionList", "read"]

STATES = frozenset(
    {
        *("realizing", "staging", "validating", "validating_by_category", "activated_waiting_for_user"),
        *("activated_enabling", "activated_enabled", "activated_disabled", "activated_waiting_to_upgrade"),
        *("activated_waiting_to_upgrade_on_reboot", "terminating_for_disable", "terminating_for_upgrade"),
        *("terminating_for_disable_but_still_running", "terminating_for_upgrade_via_delegate"),
        *("terminating_for_uninstall", "terminating_for_uninstall_via_delegate"),
        *("terminating_for_uninstall_but_still_running", "terminated_waiting_to_uninstall_on_reboot"),
        *("uninstalling", "uninstalled"),
    }
)
"""The states as sysextd's database and log write them; the list has blanks for underscores."""

# By what is left without blanks, so that wraps and lost blanks cost nothing. The manual page has "for" for "to".
_SPOKEN = {state.replace("_", ""): state.replace("_", " ") for state in STATES}
_SPOKEN["terminatedwaitingforuninstallonreboot"] = "terminated waiting to uninstall on reboot"
_OF_STATES = ("activated ", "terminating ", "terminated ")
"""How states begin, those of releases to come too, and what no name has in brackets."""
_NEW_STATE = re.compile(r"[a-z][a-z ]{2,80}\Z")
_PLACES = {
    f"System Settings > General > Login Items & Extensions > {kind} Extensions"
    for kind in ("Network", "Driver", "Endpoint Security", "Camera")
}
_BY_PLACE = {place.replace(" ", ""): place for place in _PLACES}

_COUNT = re.compile(r"\s{0,8}(\d{1,6}) extension\(s\)\s{0,8}\Z")
_SECTION = re.compile(r"\s{0,8}(?:---?|—-?|–-?)\s{0,4}(com\.[\w.-]{1,200})")
_STARS = re.compile(r"[ \t]{0,40}(?:\*[ \t]{0,40}){0,2}")
_TEAM = re.compile(r"([A-Z0-9]{10}|-)[ \t]{1,40}")
_BUNDLE = re.compile(r"([A-Za-z0-9][\w.-]{1,250})\s{0,40}\(([^()/]{0,80})/([^()]{0,80})\)")
# The usual row, undamaged, in one step; and one that the terminal broke inside the name.
_TABBED = r"(\*?)\t(\*?)\t([A-Z0-9]{10}|-)\t([A-Za-z0-9][\w.-]{1,250}) \(([^()/\s]{1,80})/([^()\s]{1,80})\)\t"
_USUAL = re.compile(rf"{_TABBED}([^\t]{{0,400}})(?:\t\[([a-z ]{{3,80}})\])?\Z")
_REST = re.compile(r"([^\t(—–-][^\t(]{0,400})\t\[([a-z ]{3,80})\]\Z")
# The beginning of a row that a terminal broke before its bundle identifier was over.
_BEGUN = re.compile(
    r"[ \t]{0,40}(?:\*[ \t]{0,40}){0,2}(?:[A-Z0-9]{10}|-)(?:[ \t]{1,40}[\w.-]{0,250})?\s{0,4}(?:\([^()]{0,80})?\Z"
)
_FAILED = re.compile(r"systemextensionsctl: list command failed: (.{0,400})")
_TITLES = ("enabled", "active", "teamID")
_FAILURE, _DONE = "The operation", "be completed."
_ENABLED = "activated enabled"
_DRIVER = "com.apple.system_extension.driver_extension"
_DRIVER_STATES = frozenset({"terminating for upgrade via delegate", "terminating for uninstall via delegate"})
_WIDE = 79  # columns: a line that is at least this long was broken by the terminal, not between words
_MOST_PIECES = 4


@dataclass(frozen=True)
class SystemExtension:
    """One record. `team_id` "-" is ad-hoc signed; None in any field: the row does not say."""

    bundle_id: str
    version: str
    build: str
    state: str
    category: str | None = None
    team_id: str | None = None
    name: str | None = None
    enabled: bool | None = None
    active: bool | None = None

    def facts(self) -> dict[str, Any]:
        return dict(self.__dict__)


@dataclass(frozen=True)
class SystemExtensionList:
    """`count` is what the first line says, None without that line; `hints` maps a category to where Settings has it."""

    count: int | None = None
    extensions: tuple[SystemExtension, ...] = ()
    hints: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    error: str | None = None
    reason: str | None = None
    unparsed: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        return {
            "count": self.count,
            "extensions": [extension.facts() for extension in self.extensions],
            "settings_hint": dict(self.hints),
            "error": self.error,
            "reason": self.reason,
        }


@dataclass
class _Draft:
    count: int | None = None
    category: str | None = None
    header: bool = False
    titled: bool = False
    """The section has had its column titles: the next ones are of another section, whose own line may be missing."""
    error: bool = False
    reason: str | None = None
    failure: str | None = None
    """The sentence of a failure that is not over yet."""
    extensions: list[SystemExtension] = field(default_factory=list)
    hints: dict[str, str] = field(default_factory=dict)
    unparsed: list[str] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    """The lines of a row that is not over yet."""
    half: re.Match[str] | None = None
    """The first of them, where it is a usual one."""
    hint: str | None = None
    """The hint of a section that is not over yet."""

    def known(self) -> bool:
        return self.count is not None or self.header or self.error or bool(self.extensions or self.category)

    def give_up(self) -> None:
        """A row whose state never came is kept as unread."""
        self.unparsed += self.pieces
        self.pieces = []


def read(text: str | bytes) -> SystemExtensionList:
    """Reads the list. Raises UnreadableAnswer for other text."""
    draft, first = _Draft(), ""
    for line in quiet(clean(text)):
        if not line or line.isspace():
            continue
        first = first or line
        # No sentence goes on, so that what looks like a row is one.
        if draft.hint is None and draft.failure is None and _usual(line, draft):
            continue
        if _title(line, draft):
            draft.give_up()
        elif not _row_line(line, draft):
            draft.unparsed.append(line)
    draft.give_up()
    require(draft.known(), "systemextensionsctl list", [first])
    return SystemExtensionList(
        draft.count,
        _same_category(draft.extensions),
        MappingProxyType(draft.hints),
        "list_failed" if draft.error else None,
        draft.reason,
        tuple(draft.unparsed),
    )


def _row_line(line: str, draft: _Draft) -> bool:
    """A row, or a piece of one; False for what is neither."""
    begun = bool(draft.pieces) and _bundle(draft.pieces[0]) is None
    row = None if begun else _row(line, draft.category)
    if row is None and draft.pieces and (begun or _bundle(line) is None):
        return _goes_on(line, draft)
    draft.give_up()
    if row is not None:
        draft.extensions.append(row)
        return True
    if _bundle(line) is not None or _BEGUN.match(line):
        draft.pieces = [line]
        return True
    return False


def _usual(line: str, draft: _Draft) -> bool:
    """A whole row, or one in two lines that broke inside its name; False where it takes more to tell."""
    if not draft.pieces:
        match = _USUAL.match(line)
        if match is None or (match[8] is None and "[" in match[7]):
            return False
        if match[8] is None:
            draft.pieces, draft.half = [line], match
            return True
        return _whole(match, match[7], match[8], draft)
    half, rest = draft.half, _REST.match(line)
    if half is None or rest is None or len(draft.pieces) > 1 or half.string is not draft.pieces[0]:
        return False
    blank = "" if len(half.string.expandtabs()) >= _WIDE else " "
    return _whole(half, half[7] + blank + rest[1], rest[2], draft)


def _whole(match: re.Match[str], name: str, words: str, draft: _Draft) -> bool:
    state = _SPOKEN.get(words.replace(" ", ""))
    if state is None:
        return False
    enabled, active, team, bundle_id, version, build = match.groups()[:6]
    stars = enabled == "*", active == "*"
    row = SystemExtension(
        bundle_id, version, build, state, draft.category, team, " ".join(name.split()) or None, *stars
    )
    draft.extensions.append(row)
    draft.pieces = []
    return True


def _goes_on(line: str, draft: _Draft) -> bool:
    pieces = [*draft.pieces, line]
    row = _joined(pieces, draft.category)
    if row is None and _bundle(pieces[0]) is None and (alone := _row(line, draft.category)) is not None:
        row = alone
        draft.give_up()
    if row is not None:
        draft.extensions.append(row)
        draft.pieces = []
    elif len(pieces) < _MOST_PIECES:
        draft.pieces = pieces
    else:
        draft.give_up()
        return False
    return True


def _joined(pieces: list[str], category: str | None) -> SystemExtension | None:
    """The row that the pieces make, whether the terminal broke between words or inside them; then its state must be a
    known one. What the ways disagree in beside a name's blanks is not believed."""
    rows = [row for text in _ways(pieces) if (row := _row(text, category, whole=False))]
    return rows[0] if rows and all(_same(row, rows[0]) for row in rows) else None


def _same(one: SystemExtension, other: SystemExtension) -> bool:
    return (one.bundle_id, one.version, one.build, one.state, one.team_id) == (
        *(other.bundle_id, other.version, other.build, other.state, other.team_id),
    )


def _ways(pieces: list[str]) -> Iterator[str]:
    """The pieces put together in every way, the likeliest first."""
    wide = [len(piece.expandtabs()) >= _WIDE for piece in pieces[:-1]]
    orders = [("", " ") if broken else (" ", "") for broken in wide]
    for between in itertools.product(*orders):
        parts = [piece.lstrip() if blank else piece for piece, blank in zip(pieces[1:], between, strict=True)]
        yield pieces[0] + "".join(blank + part for blank, part in zip(between, parts, strict=True))


def _title(line: str, draft: _Draft) -> bool:
    """Everything that is not a row: the count, sections, column titles, the hint, the failure."""
    if draft.hint is not None and draft.category and _bundle(line) is None:
        _hint(f"{draft.hint} {line.strip()}", draft)
    elif match := _COUNT.match(line):
        draft.count = int(match[1])
    elif match := _SECTION.match(line):
        draft.category, draft.titled = match[1], False
        _hint(line, draft)
    elif line.lstrip().startswith(("---", "(Go to")) and "Go to " in line:
        _hint(line, draft)
    elif match := _FAILED.search(line):
        _failure(match[1].strip(), draft)
    elif draft.failure is not None and draft.reason is None and len(line) < _WIDE:
        # The sentence went on in the next line, at a blank or inside a word.
        _failure(max((draft.failure + line, f"{draft.failure} {line}"), key=lambda text: _DONE in text), draft)
    elif tuple(line.split()[:3]) == _TITLES:
        draft.category = None if draft.titled else draft.category
        draft.header = draft.titled = True
    else:
        return False
    return True


def _failure(sentence: str, draft: _Draft) -> None:
    """What stands after "couldn't be completed."; a sentence without that is the reason itself."""
    _, done, reason = sentence.partition(_DONE)
    unfinished = not done and (sentence.startswith(_FAILURE) or _FAILURE.startswith(sentence))
    draft.error, draft.failure = True, sentence if unfinished else None
    draft.reason = None if unfinished else (reason.strip() or sentence)


def _hint(line: str, draft: _Draft) -> None:
    _, quoted, rest = line.replace("‘", "'").replace("’", "'").partition("Go to '")
    place, ended, _ = rest.partition("'")
    # A hint is never longer than two lines of a terminal.
    draft.hint = line if quoted and not ended and len(line) < 400 else None
    if place and ended and draft.category:
        draft.hints[draft.category] = _BY_PLACE.get(place.replace(" ", ""), place)


def _bundle(line: str) -> re.Match[str] | None:
    """The identifier and the two versions, where nothing but stars and a team stands before them."""
    if "(" not in line:
        return None
    stars = _STARS.match(line)
    at = stars.end() if stars else 0
    team = _TEAM.match(line, at)
    return _BUNDLE.match(line, team.end() if team else at)


def _row(line: str, category: str | None, *, whole: bool = True) -> SystemExtension | None:
    match = _bundle(line)
    if match is None or (not whole and (" " in match[2] or " " in match[3])):
        return None
    opening, closing = line.rfind("["), line.rfind("]")
    if not match.end() <= opening < closing or line[closing + 1 :].strip():
        return None
    words = line[opening + 1 : closing]
    state = _state(words, whole and (_is_column(line, opening) or words.startswith(_OF_STATES)))
    if state is None:
        return None
    before = line[: match.start()]
    team = next((word for word in before.replace("*", " ").split()), None)
    enabled, active = _stars(before, state)
    name = " ".join(line[match.end() : opening].split()) or None
    return SystemExtension(match[1], match[2].strip(), match[3].strip(), state, category, team, name, enabled, active)


def _is_column(line: str, opening: int) -> bool:
    """Whether the bracket has a column of its own, as the state has: behind a tab, or what became of it. After one
    blank, or where the terminal broke the line, it may be the name's."""
    return line[:opening].endswith(("\t", "  ")) or ("\t" not in line and len(line) < _WIDE)


def _state(words: str, whole: bool) -> str | None:
    known = _SPOKEN.get(words.replace(" ", "").replace("\t", "").replace("_", ""))
    if known is None and whole and _NEW_STATE.match(words):
        return words
    return known


def _stars(before: str, state: str) -> tuple[bool | None, bool | None]:
    """The two columns, by their tabs; without tabs by the place of the stars and by what the state allows."""
    cells = before.split("\t")
    if len(cells) >= 3:
        return cells[0].strip() == "*", cells[1].strip() == "*"
    count = before.count("*")
    if count >= 2:
        return True, True
    indented = before[:1].isspace()
    if count == 1:
        return (True, None) if state == _ENABLED and not indented else (False, True)
    if state.startswith("activated"):
        return state == _ENABLED, None
    return False, False if indented else None


def _same_category(rows: list[SystemExtension]) -> tuple[SystemExtension, ...]:
    """Only drivers are replaced "via delegate", and records of one identifier share their category."""
    drivers = {row.bundle_id for row in rows if row.category is None and row.state in _DRIVER_STATES}
    return tuple(
        replace(row, category=_DRIVER) if row.category is None and row.bundle_id in drivers else row for row in rows
    )
