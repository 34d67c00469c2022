"""`kextrel certify`: the shipped suite on a lab, in a pytest of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kextrel.cli.jsonline import json_line

__all__ = ["certify", "known_to_virtual_macs", "need_rules", "virtual_lab"]

_LAB = typer.Option("--lab", metavar="FILE", help="A lab profile, or virtual:fit; the shipped virtual lab without.")
_WORKERS = typer.Option("-n", metavar="N", help="Share the Macs out among N processes.", min=0)
_RULE = typer.Option("--rule", metavar="ID", help="Only the scenarios that show this rule.")
_EXTENSION = typer.Option(
    "--extension", metavar="X=PATH", help="A bundle of yours in the place of the suite's driver or agent; repeatable."
)
_REPORT = typer.Option("--report", metavar="DIR", help="Where the report goes; ./kextrel-report when left out.")
_DEFECT = typer.Option(
    "--defect", metavar="ID", help="Break the virtual Mac's mechanism for this rule: it must be caught."
)
_FAULT = typer.Option(
    "--fault", metavar="NAME", help="Break a wire of the virtual bench: ssh-drop, keys-lost@40, power-cut@30s."
)
_JSON = typer.Option("--json", help="JSON: one object a scenario, a last one with the counts.")


def certify(
    lab: Annotated[str | None, _LAB] = None,
    extension: Annotated[list[str] | None, _EXTENSION] = None,
    rule: Annotated[list[str] | None, _RULE] = None,
    report: Annotated[Path, _REPORT] = Path("kextrel-report"),
    defect: Annotated[list[str] | None, _DEFECT] = None,
    fault: Annotated[list[str] | None, _FAULT] = None,
    workers: Annotated[int, _WORKERS] = 0,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Run the certification suite and write a report. Exit 0: every rule held that could be checked."""
    from kextrel.certification import certify as run_suite
    from kextrel.certification.suite import Order
    from kextrel.cli.opening import is_fit, named_lab
    from kextrel.scenario.given import named

    need_rules(rule or [])
    known_to_virtual_macs(defect or [], fault or [])
    path = virtual_lab(lab) if defect or fault else None if is_fit(lab) else named_lab(lab)
    order = Order(
        lab=path,
        report=report,
        rules=tuple(rule or ()),
        defects=tuple(defect or ()),
        faults=tuple(fault or ()),
        bundles=named(extension or ()),
        quiet=as_json,
        workers=workers,
    )
    done = run_suite(order)
    if as_json:
        for result in done.results:
            typer.echo(json_line(result))
        typer.echo(json_line(done.counts))
    else:
        from rich.console import Console

        from kextrel.cli.coverage import print_coverage

        print_coverage(done.page, Console(highlight=False, markup=False))
    for name, why in done.unheld.items():
        typer.echo(f"kextrel: nothing was held with {order.bundles[name]} as '{name}': {why}", err=True)
    raise typer.Exit(done.exit_code)


def need_rules(names: list[str]) -> None:
    """Raises UsageError for a rule that the model does not have."""
    from kextrel.errors import UsageError, nearest
    from kextrel.policy import RULES

    for name in names:
        if name not in RULES:
            raise UsageError(f"there is no rule {name}; {nearest(name, RULES)}")


def virtual_lab(lab: str | None) -> Path | None:
    """The profile that `--lab` names, None for Macs made to measure. Raises InputError for one without virtual Macs."""
    from kextrel.cli.opening import is_fit, named_lab, without
    from kextrel.errors import InputError
    from kextrel.lab import load_profile, needs_serving

    if is_fit(lab):
        return None
    path = named_lab(lab)
    if not needs_serving(load_profile(path)):
        raise InputError("it has no virtual Mac, and only those can be broken", path=str(path), hint=without(lab))
    return path


def known_to_virtual_macs(defects: list[str], faults: list[str]) -> None:
    """Raises UsageError for a defect or a fault that no virtual Mac has, before anything is started."""
    if not defects and not faults:
        return
    from kextrel.errors import UsageError, nearest
    from kextrel.virtual import Fault
    from kextrel.virtual.spec import DEFECTS

    for name in defects:
        if name not in DEFECTS:
            raise UsageError(f"a virtual Mac has no defect {name}; {nearest(name, DEFECTS)}")
    for name in faults:
        Fault.parse(name)
