"""sqlite3's modes for people, -column, -table, -box and -markdown, as its usual rows with "|" between the cells.

Until 3.33 (macOS 11), -column cut what was wider than ten characters, than the title and than the first row's cell. A
cell that fills its column may have been cut there, so such a row is left as it stands, and nobody reads it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

__all__ = ["RULES", "listed"]

# What every line between titles and rows has. Looking for them in a whole text is cheaper than in each line.
RULES = ("--", "──", "══")

_RULE = re.compile(r"\s{0,8}[-+|: ┌┬┐├┼┤└┴┘╭╮╰╯─═╞╪╡│]{3,4000}\Z")
_DASHES = re.compile(r"-{1,1000}")
_BARS = "|│"
_NARROWEST = 10  # characters that the older -column gave to any


def listed(lines: Sequence[str], titles: AbstractSet[str]) -> Sequence[str]:
    """`lines` with the rows of such a table as `a|b|c`, and without its rules; other lines as they are. `titles` are
    those that its columns may have."""
    rule = next((at for at, line in enumerate(lines) if _is_rule(line)), None)
    if rule is None:
        return lines
    if set(lines[rule]) <= {"-", " "}:
        return _of_columns(lines, rule, titles)
    rows = [_of_bars(line) for line in lines if not _is_rule(line)]
    first = next((row for row in rows if "|" in row), "")
    return rows if titles >= set(first.split("|")) else lines


def _is_rule(line: str) -> bool:
    return _RULE.match(line) is not None and any(rule in line for rule in RULES)


def _of_bars(line: str) -> str:
    text = line.strip()
    if len(text) < 2 or text[0] not in _BARS or text[-1] not in _BARS:
        return line
    return "|".join(cell.strip() for cell in re.split("[|│]", text[1:-1]))


def _of_columns(lines: Sequence[str], rule: int, titles: AbstractSet[str]) -> list[str]:
    spans = [match.span() for match in _DASHES.finditer(lines[rule])]
    # Its titles stand above it, each once.
    title = _cut_at(lines[rule - 1], spans) if rule and len(spans) <= len(titles) else None
    if title is None or not titles >= set(title):
        return list(lines)
    rows = [_cut_at(line, spans) for line in lines[rule + 1 :]]
    if not rows or rows[0] is None:
        return list(lines)
    widths = [end - start for start, end in spans]
    fits = any(
        width > max(_NARROWEST, len(name)) and len(cell) < width
        for width, name, cell in zip(widths, title, rows[0], strict=True)
    )
    kept = [
        "|".join(cells) if cells and (fits or number == 0 or not _fills(cells, widths, title)) else line
        for number, (cells, line) in enumerate(zip(rows, lines[rule + 1 :], strict=True))
    ]
    return [*lines[: rule - 1], "|".join(title), *kept]


def _cut_at(line: str, spans: Sequence[tuple[int, int]]) -> list[str] | None:
    """The cells of a row; None where something stands between two columns."""
    starts = [start for start, _ in spans]
    if any(line[start - 1 : start].strip() for start in starts if start):
        return None
    return [line[start:end].strip() for start, end in zip(starts, [*starts[1:], len(line)], strict=True)]


def _fills(cells: Sequence[str], widths: Sequence[int], title: Sequence[str]) -> bool:
    """Whether a cell is as wide as its column; a team is never longer than the ten characters that any column has."""
    wide = (name for name, cell, width in zip(title, cells, widths, strict=True) if len(cell) >= width)
    return any(name != "team_id" for name in wide)
