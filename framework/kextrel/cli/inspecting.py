"""`kextrel inspect`: what a bundle is, what each macOS says of it, and what happens with it on a given Mac."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kextrel.cli.jsonline import json_line
from kextrel.errors import UsageError

if TYPE_CHECKING:
    from kextrel.bundles.reading.found import Inspected
    from kextrel.cli.fate import Fate
    from kextrel.vocabulary import Mac

__all__ = ["inspect"]

_BUNDLE = typer.Argument(metavar="BUNDLE", help="A .kext, .app, .systemextension, .dext, .pkg or .zip.")
_MACOS = typer.Option("--macos", metavar="VERSION", help="Say what happens on a Mac with this macOS, such as 14.5.")
_ARCHITECTURE = typer.Option("--architecture", metavar="WORD", help="… apple-silicon (unless said), intel-t2, intel.")
_MODE = typer.Option("--security-mode", metavar="WORD", help="… with this security mode; full unless said.")
_MANAGEMENT = typer.Option("--kext-management", metavar="WORD", help="… that lets `user` or `remote` manage kexts.")
_SIP = typer.Option("--sip/--no-sip", help="… with System Integrity Protection on (unless said) or off.")
_ENROLLMENT = typer.Option("--enrollment", metavar="WORD", help="… enrolled so: none, user, device, automated-device.")
_ALLOWED = typer.Option("--allowed", help="… where a profile from MDM allows its team.")


def inspect(
    bundle: Annotated[Path, _BUNDLE],
    macos: Annotated[str | None, _MACOS] = None,
    architecture: Annotated[str | None, _ARCHITECTURE] = None,
    security_mode: Annotated[str | None, _MODE] = None,
    kext_management: Annotated[list[str] | None, _MANAGEMENT] = None,
    sip: Annotated[bool | None, _SIP] = None,
    enrollment: Annotated[str | None, _ENROLLMENT] = None,
    allowed: Annotated[bool, _ALLOWED] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object: kextrel/inspect/v1.")] = False,
) -> None:
    """Read a bundle here, without running anything of it. With --macos also say what will happen with it there."""
    from kextrel.bundles.reading import inspect as read
    from kextrel.cli.inspectpage import show

    said = {"architecture": architecture, "security_mode": security_mode, "sip": sip, "enrollment": enrollment}
    mac = _mac(macos, {**said, "kext_management": kext_management or None}, allowed)
    found = read(bundle)
    foreseen = None if mac is None else _foreseen(found, mac, allowed)
    if not as_json:
        show(found, mac, foreseen)
        return
    typer.echo(json_line(_json(found, mac, foreseen, allowed)))


def _mac(macos: str | None, others: Mapping[str, object], allowed: bool) -> Mac | None:
    """The Mac that was asked about; None where it was none. Raises UsageError for one without its macOS."""
    said = {name: value for name, value in others.items() if value is not None}
    if macos is None:
        if said or allowed:
            raise UsageError("of which Mac? say its macOS as well, --macos 14.5 or another")
        return None
    from kextrel.cli.fate import mac_of

    return mac_of({"macos": macos, **said})


def _foreseen(found: Inspected, mac: Mac, allowed: bool) -> list[Fate]:
    from kextrel.cli.fate import fates

    return fates(found, mac, allowed=allowed)


def _json(found: Inspected, mac: Mac | None, foreseen: Sequence[Fate] | None, allowed: bool) -> dict[str, Any]:
    from kextrel.bundles.reading.jsonform import inspected_json

    data = inspected_json(found)
    if mac is not None and foreseen is not None:
        from kextrel.cli.fate import fate_json, mac_json

        data["on_this_mac"] = {
            "mac": mac_json(mac) | {"allowed": allowed},
            "extensions": [fate_json(one) for one in foreseen],
        }
    return data
