"""`kextrel explain`: why a scenario ends as it does, in words with sources."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kextrel.cli.jsonline import json_line

__all__ = ["explain"]

_FILES = typer.Argument(metavar="SCENARIO...", help="Scenario files (*.mac.yaml).")
_MACOS = typer.Option("--macos", metavar="VERSION", help="The version to explain for, where a scenario has a range.")
_JSON = typer.Option("--json", help="JSON: one object a scenario.")


def explain(
    files: Annotated[list[Path], _FILES],
    macos: Annotated[str | None, _MACOS] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Say of each step what happens and why, and for a refusal the shortest way to success."""
    from kextrel import scenario
    from kextrel.scenario.explaining import explain as explained
    from kextrel.scenario.explaining import explanation_json

    for one in [one for path in files for one in scenario.load(path)]:
        steps = explained(one, macos)
        if as_json:
            typer.echo(json_line(explanation_json(one, steps)))
            continue
        typer.echo(f"{one.name}  ({one.file})")
        for line in (line for step in steps for line in step.lines()):
            typer.echo(line)
