"""`kextrel lab pin`: a Mac's host key goes into the lab's profile, once somebody says that it is the Mac's."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kextrel.cli.jsonline import json_line
from kextrel.errors import BenchError, KextrelError, UsageError

if TYPE_CHECKING:
    from kextrel.bench.hostkey import HostKey

__all__ = ["pin"]

_LAB = typer.Option("--lab", metavar="FILE", help="The lab profile that the key is written into.")
_YES = typer.Option("--yes", "-y", help="Do not ask: the fingerprint was compared before, or the network is trusted.")
_REPLACE = typer.Option("--replace", help="Put it in the place of other keys, of a Mac that was reinstalled.")
_JSON = typer.Option("--json", help="One JSON object; asks nothing.")
_SECONDS = 30.0


def pin(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The Mac.")],
    lab: Annotated[str | None, _LAB] = None,
    yes: Annotated[bool, _YES] = False,
    replace: Annotated[bool, _REPLACE] = False,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Show the host key of a Mac, and pin it in the profile once you say that it is the Mac's.

    Nobody is logged in for that. Compare the fingerprint at the Mac, by `ssh-keygen -lf` of the .pub files in /etc/ssh.
    """
    from kextrel.cli.opening import named_lab
    from kextrel.lab import Lab, load_profile, pinning
    from kextrel.timing import Deadline

    path = named_lab(lab)
    profile = load_profile(path)
    before = pinning.pinned(profile, Lab(profile).only(name))
    key = pinning.shown(profile, name, deadline=Deadline.after(_SECONDS, f"reading the host key of {name}"))
    if not as_json:
        typer.echo(f"{name} shows {_words(key)}" + (", which is pinned" if key in before else ""))
    stays = None
    if key not in before:
        stays = _pinned_another(name, path, before) if before and not replace else None
        stays = stays or (None if yes or (not as_json and _agreed(path)) else _not_agreed(path))
        if stays is None:
            pinning.pin(path, name, key)
    _end(name, key, before, path, stays, as_json)


def _words(key: HostKey) -> str:
    return f"{key.kind} {key.fingerprint}"


def _pinned_another(name: str, path: Path, before: Sequence[HostKey]) -> KextrelError:
    """Like a run that meets this key: it may be another host that answers there."""
    others = ", ".join(map(_words, before))
    hint = "if the Mac was reinstalled, say --replace; if it is met in two systems, add the second key by hand"
    return BenchError(f"{path} pins another key, {others}, which stays", wire=f"{name}.shell", hint=hint)


def _agreed(path: Path) -> bool:
    """What somebody says to the question; the end of the input is a no, and so is what is no text."""
    typer.echo(f"Is this what `ssh-keygen -lf` prints at the Mac? Pin it in {path}? [y/N] ", nl=False)
    try:
        said = sys.stdin.readline() if sys.stdin is not None else ""
    except UnicodeDecodeError:
        return False
    return said.strip().lower() in ("y", "yes")


def _not_agreed(path: Path) -> KextrelError:
    return UsageError(f"nothing was written into {path}: say yes, or --yes, once the fingerprint has been compared")


def _end(
    name: str, key: HostKey, before: Sequence[HostKey], path: Path, stays: KextrelError | None, as_json: bool
) -> None:
    if as_json:
        others = [one.fingerprint for one in before if one != key]
        said = {"mac": name, "host_key": key.line, "fingerprint": key.fingerprint}
        typer.echo(json_line({**said, "pinned": stays is None, "others": others}))
    elif stays is None and key not in before:
        typer.echo(f"pinned in {path}")
    if stays is not None:
        raise stays
