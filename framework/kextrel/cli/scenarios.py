"""`kextrel predict` asks the model alone; `kextrel run` performs on a device. Both read the same files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kextrel.cli.jsonline import json_line

if TYPE_CHECKING:
    from kextrel.scenario import Scenario

__all__ = ["predict", "run"]

_FILES = typer.Argument(metavar="SCENARIO...", help="Scenario files (*.mac.yaml).")
_MACOS = typer.Option("--macos", metavar="VERSION", help="The version to predict for, where a scenario has a range.")
_LAB = typer.Option("--lab", metavar="FILE", help="A lab profile; the shipped virtual lab when left out.")
_DEVICE = typer.Option("--device", metavar="NAME", help="The Mac to use; one that fits when left out.")
_EXTENSION = typer.Option("--extension", metavar="X=PATH", help="Install this bundle for the extension X.")
_EVIDENCE = typer.Option("--evidence", metavar="FILE", help="Append every byte on every wire to this JSON-lines file.")
_JSON = typer.Option("--json", help="JSON: one object a scenario.")


def predict(
    files: Annotated[list[str], _FILES],
    macos: Annotated[str | None, _MACOS] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Say what the rules expect of each step, without touching any Mac."""
    from kextrel import scenario

    loaded = _load(files)
    predictions = [scenario.predict(one, macos) for one in loaded]
    for prediction in predictions:
        typer.echo(json_line(prediction) if as_json else _page(prediction))


def run(
    files: Annotated[list[str], _FILES],
    lab: Annotated[str | None, _LAB] = None,
    device: Annotated[str | None, _DEVICE] = None,
    extension: Annotated[list[str] | None, _EXTENSION] = None,
    evidence: Annotated[Path | None, _EVIDENCE] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Perform scenarios on a Mac and hold each step against the rules."""
    from kextrel.cli.opening import given_bundles
    from kextrel.cli.running import run_all

    scenarios = _load(files, given_bundles(lab, extension or ()))
    raise typer.Exit(run_all(scenarios, lab, device, evidence, as_json=as_json))


def _load(files: Sequence[str], given: Mapping[str, Path] | None = None) -> list[Scenario]:
    """Every scenario of every file, before anything is touched."""
    from kextrel import scenario

    return [one for path in files for one in scenario.load(path, given)]


def _page(prediction: dict[str, object]) -> str:
    from kextrel.cli.words import prediction_lines

    return "\n".join(prediction_lines(prediction))
