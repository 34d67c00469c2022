"""`kextrel rules`: the rules that the model knows."""

from __future__ import annotations

from typing import Annotated

import typer

from kextrel.cli.jsonline import json_line

__all__ = ["rules"]


def rules(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array: id, text, sources, open.")] = False,
) -> None:
    """Print every rule that devices are held against, with its sources."""
    from kextrel.policy import RULES

    if as_json:
        known = [
            {"id": rule.id, "text": rule.text, "sources": list(rule.sources), "open": rule.open}
            for rule in RULES.values()
        ]
        typer.echo(json_line(known))
        return
    for rule in RULES.values():
        mark = " (open)" if rule.open else ""
        typer.echo(f"{rule.id}{mark}  {rule.text}  [{', '.join(rule.sources)}]")
