"""How the coverage of the rules reads in a terminal, after `kextrel certify`: a few lines; the report has the rest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from kextrel.report import Coverage, of_json
from kextrel.report.coverage import FILE

__all__ = ["print_coverage"]

_KINDS = 12
_RULES = 12


def print_coverage(page: Path, console: Console) -> None:
    """Prints what lies beside the report `page`: a row for each kind of Mac, the rules exercised nowhere; the page's
    own path comes last."""
    found = of_json(json.loads((page.parent / FILE).read_text(encoding="utf-8")))
    if found.kinds:
        console.print(_table(found))
    for line in _lines(found):
        console.print(line, soft_wrap=True)
    console.print(f"report: {page}", soft_wrap=True)


def _table(found: Coverage) -> Table:
    """One row for each kind of Mac, in the order of architectures and versions: how many rules, and how they ended."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("rules on", no_wrap=True)
    for name in ("exercised", "held", "violated", "left out"):
        table.add_column(name, justify="right", no_wrap=True)
    for kind in list(found.kinds)[:_KINDS]:
        near, applies = found.of_kind(kind), found.applies[kind]
        exercised = {rule for rule, count in near.items() if count.exercised}
        held, violated = (sum(bool(getattr(count, word)) for count in near.values()) for word in ("held", "violated"))
        counted = (f"{len(exercised)} of {len(applies)}", held, violated, len(applies - exercised))
        table.add_row(str(kind), *map(str, counted))
    return table


def _lines(found: Coverage) -> Iterator[str]:
    if len(found.kinds) > _KINDS:
        yield f"… and {len(found.kinds) - _KINDS} other kinds of Mac"
    yield f"rules: {len(found.exercised)} of {len(found.rules)} exercised, {len(found.nowhere)} nowhere"
    if found.nowhere:
        more = f" and {len(found.nowhere) - _RULES} more, see {FILE}" if len(found.nowhere) > _RULES else ""
        yield f"exercised nowhere: {', '.join(found.nowhere[:_RULES])}{more}"
