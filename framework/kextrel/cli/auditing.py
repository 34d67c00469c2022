"""`kextrel audit`: the suite against each defect of the virtual Macs in turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kextrel.cli.jsonline import json_line

if TYPE_CHECKING:
    from kextrel.certification.audit import Finding

__all__ = ["audit"]

_LAB = typer.Option("--lab", metavar="FILE", help="A profile of virtual Macs, or virtual:fit; the shipped lab without.")
_DEFECT = typer.Option(
    "--defect", metavar="ID", help="Only this defect; repeatable. Without: every one that its Macs can have."
)
_RULE = typer.Option("--rule", metavar="ID", help="Only the scenarios that show this rule; repeatable.")
_REPORT = typer.Option("--report", metavar="DIR", help="Where the reports go, a folder each; ./kextrel-audit without.")
_WORKERS = typer.Option("-n", metavar="N", help="Share the Macs out among N processes.", min=0)
_LIMIT = typer.Option("--limit", metavar="SECONDS", help="How long each run of the suite may take.", min=1.0)
_JSON = typer.Option("--json", help="JSON: one object a defect, a last one with the counts.")


def audit(
    lab: Annotated[str | None, _LAB] = None,
    defect: Annotated[list[str] | None, _DEFECT] = None,
    rule: Annotated[list[str] | None, _RULE] = None,
    report: Annotated[Path, _REPORT] = Path("kextrel-audit"),
    workers: Annotated[int, _WORKERS] = 0,
    limit: Annotated[float, _LIMIT] = 1800.0,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Break one mechanism after the other: which breaks the suite catches, and which it misses or blames on another.

    Exit 0: all that this lab can show were caught, and sound Macs held. 1: one was missed, or blamed on others only. 3:
    the bench failed. 4: none could be shown.
    """
    from kextrel.certification.audit import audit as run_audit
    from kextrel.certification.suite import Order
    from kextrel.cli.certifying import known_to_virtual_macs, need_rules, virtual_lab

    need_rules(rule or [])
    known_to_virtual_macs(defect or [], [])
    path = virtual_lab(lab)
    order = Order(path, report, rules=tuple(rule or ()), workers=workers, limit=limit)
    findings = []
    for one in run_audit(order, defect or _possible(path)):
        findings.append(one)
        typer.echo(json_line(one.to_json()) if as_json else _line(one))
    counts = Counter(one.found.value for one in findings)
    typer.echo(json_line(counts) if as_json else ", ".join(f"{n} {word}" for word, n in counts.items()))
    raise typer.Exit(_exit_code(findings))


def _possible(path: Path | None) -> list[str]:
    """The defects that the virtual Macs of a profile can have; None: those that are made to measure can have all."""
    from kextrel.lab import load_profile
    from kextrel.virtual.spec import DEFECTS, OLDER_DEFECTS
    from kextrel.vocabulary import Version

    macs = [] if path is None else load_profile(path).macs.values()
    older = path is None or any(mac.virtual is not None and mac.macos < Version(11) for mac in macs)
    return sorted(DEFECTS if older else DEFECTS - OLDER_DEFECTS)


def _line(one: Finding) -> str:
    """`KEXT-06  caught  11 s  by 2 scenarios`; rules that should not have been blamed are named with a scenario."""
    own = len(one.blamed.get(one.defect, ()))
    others = (f"{rule} in '{names[0]}'" for rule, names in one.blamed.items() if rule != one.defect)
    told = "; ".join([*([f"by {own} of the scenarios"] if own else []), *others]) or one.reason
    return f"{one.defect:<9}{one.found.value:<19}{one.seconds:>5.0f} s  {told}".rstrip()


def _exit_code(findings: Sequence[Finding]) -> int:
    from kextrel.certification.audit import Found

    if any(one.found in (Found.MISSED, Found.BLAMED_ON_ANOTHER) for one in findings):
        return 1
    if any(one.found is Found.BENCH_FAILED for one in findings):
        return 3
    return 4 if not any(one.found in (Found.CAUGHT, Found.CAUGHT_WITH_OTHERS) for one in findings) else 0
