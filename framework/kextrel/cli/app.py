"""The tree of commands and the options that several of them take."""

from __future__ import annotations

from typing import Annotated

import typer

from kextrel.cli import (
    auditing,
    certifying,
    explaining,
    hands,
    inspecting,
    labs,
    observing,
    parsing,
    pinning,
    readying,
    rules,
    scenarios,
    serving,
)

__all__ = ["app"]

app = typer.Typer(
    help="Drives test Macs, real or virtual, and holds what they do with kexts against a policy model.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
lab = typer.Typer(help="A lab: its Macs, their wires, their preparation.", no_args_is_help=True, rich_markup_mode=None)
virtual = typer.Typer(help="Virtual Macs on real wires.", no_args_is_help=True, rich_markup_mode=None)

app.command("certify")(certifying.certify)
app.command("audit")(auditing.audit)
app.command("run")(scenarios.run)
app.command("predict")(scenarios.predict)
app.command("rules")(rules.rules)
app.command("explain")(explaining.explain)
app.command("inspect")(inspecting.inspect)
app.command("observe")(observing.observe)
app.command("parse")(parsing.parse)
app.add_typer(lab, name="lab")
app.add_typer(virtual, name="virtual")
app.add_typer(hands.mac, name="mac")

lab.command("list")(labs.list_macs)
lab.command("check")(labs.check)
lab.command("doctor")(readying.doctor)
lab.command("prepare")(readying.prepare)
lab.command("pin")(pinning.pin)
lab.command("release")(labs.release)
virtual.command("serve")(serving.serve)


@app.callback(invoke_without_command=True)
def _top(
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    if version:
        from kextrel import __version__

        typer.echo(f"kextrel {__version__}")
        raise typer.Exit(0)
