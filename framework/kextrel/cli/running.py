"""`kextrel run`: chooses a device for each scenario, runs those of a device together, prints what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import typer

from kextrel.cli.jsonline import json_line
from kextrel.cli.opening import is_fit, named_lab, opened
from kextrel.cli.words import counts_line, step_lines
from kextrel.errors import BenchError, InputError, NotPossible, nearest
from kextrel.evidence import EvidenceLog
from kextrel.lab import Lab, load_profile, needs_serving, served
from kextrel.lab.fit import FIT, Fitted
from kextrel.scenario import Judgement, Report, Scenario, Visit, plan, run_on, untouched
from kextrel.scenario.tally import exit_code, tally
from kextrel.vocabulary import Verdict

__all__ = ["run_all"]


def run_all(
    scenarios: Sequence[Scenario], lab: str | None, device: str | None, evidence: Path | None, *, as_json: bool
) -> int:
    """Runs all of them and returns the exit code of design.md. Bad input is raised before any Mac is touched."""
    if is_fit(lab):
        return _made_to_measure(scenarios, device, evidence, as_json=as_json)
    profile = Lab(load_profile(named_lab(lab)))
    chosen = _choose(scenarios, profile, device)
    _announce(profile, chosen, as_json)
    reports: list[Report] = []
    with opened(lab, only=list(chosen)) as macs:
        stays = not needs_serving(profile.profile)
        for name, own in chosen.items():
            reports += _on(macs, name, own, evidence, as_json=as_json, stays=stays)
    return _counted(reports, as_json)


def _made_to_measure(scenarios: Sequence[Scenario], device: str | None, evidence: Path | None, *, as_json: bool) -> int:
    """Each scenario on a virtual Mac that meets its requirements; one that no virtual Mac can meet is not checked."""
    if device is not None:
        raise InputError(f"--device {device} names a Mac, and {FIT} makes its own", hint="leave one of them out")
    fitted = Fitted()
    chosen, reports = _fit(fitted, scenarios)
    for report in reports:
        _print(report, as_json)
    if chosen:
        profile = fitted.profile
        _announce(Lab(profile), chosen, as_json)
        with fitted.written() as path, served(path, profile) as wired:
            macs = Lab(load_profile(wired))
            for name, own in chosen.items():
                reports += _on(macs, name, own, evidence, as_json=as_json)
    return _counted(reports, as_json)


def _fit(fitted: Fitted, scenarios: Sequence[Scenario]) -> tuple[dict[str, list[Scenario]], list[Report]]:
    """The scenarios by the Mac that was made for them, and the reports of those for which none can be."""
    chosen, reports = dict[str, list[Scenario]](), list[Report]()
    for scenario in scenarios:
        try:
            chosen.setdefault(fitted.mac_for(scenario.requirement), []).append(scenario)
        except NotPossible as error:
            reports.append(untouched(scenario, "no Mac", Judgement(Verdict.NOT_CHECKED, None, str(error))))
    return chosen, reports


def _announce(profile: Lab, chosen: Mapping[str, Sequence[Scenario]], as_json: bool) -> None:
    """What it will cost, before anything is touched."""
    for name, own in chosen.items():
        visits = plan(own, profile.facts(name))
        if not as_json:
            typer.echo(f"{name}: {_minutes(visits)}")


def _counted(reports: Sequence[Report], as_json: bool) -> int:
    counts = tally(report.verdict for report in reports)
    typer.echo(json_line(counts) if as_json else counts_line(counts))
    return exit_code(counts)


def _minutes(visits: Sequence[Visit]) -> str:
    some = f"{len(visits)} scenario{'s' if len(visits) > 1 else ''}"
    return f"{some}, about {sum(one.minutes for one in visits):.0f} lab minutes on a real Mac"


def _choose(scenarios: Sequence[Scenario], macs: Lab, device: str | None) -> dict[str, list[Scenario]]:
    """The scenarios by the Mac that they run on; one that no Mac fits is given to the first, which says why not."""
    if device is not None and device not in macs.names():
        raise InputError(f"the lab has no Mac named '{device}'", hint=nearest(device, macs.names()))
    chosen: dict[str, list[Scenario]] = {}
    for scenario in scenarios:
        for name in [device] if device is not None else scenario.mac.chosen(macs.names(), macs.facts):
            chosen.setdefault(name, []).append(scenario)
    return chosen


def _on(
    macs: Lab,
    name: str,
    scenarios: Sequence[Scenario],
    evidence: Path | None,
    *,
    as_json: bool,
    stays: bool = False,
) -> list[Report]:
    """A Mac that cannot be had is the bench's failure in each of its scenarios; those of the others go on. `stays`: it
    is there after this run."""
    with closing(EvidenceLog(name, evidence)) as log, ExitStack() as stack:
        try:
            mac = stack.enter_context(macs.open(name, log))
        except BenchError as error:
            typer.echo(f"kextrel: {error}", err=True)
            lost = Judgement(Verdict.BENCH_FAILED, None, str(error))
            reports = [untouched(scenario, name, lost) for scenario in scenarios]
            for report in reports:
                _print(report, as_json)
            return reports
        aside: list[str] = []

        def put_aside(why: str) -> None:
            macs.quarantine(name, why)
            aside.append(why)

        reports = run_on(
            mac, scenarios, quarantine=put_aside, sink=log, on_report=lambda report: _print(report, as_json)
        )
    for why in aside:  # all steps may have held, and the Mac was lost on its way back
        how = f"once it is in order, run `{macs.how_to_release(name)}`" if stays else "it was made for this run"
        typer.echo(f"kextrel: {name} is quarantined: {why}; {how}", err=True)
    return reports


def _print(report: Report, as_json: bool) -> None:
    data: dict[str, Any] = report.to_json()
    if as_json:
        typer.echo(json_line(data))
        return
    typer.echo(f"{report.scenario.name}  on {report.device}")
    for step in data["steps"]:
        typer.echo("\n".join(step_lines(step)))
