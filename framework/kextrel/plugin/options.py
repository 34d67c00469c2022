"""The plugin's options. Command line before environment before ini before the shipped virtual lab."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = ["Options", "declare", "names_a_mac", "names_what_it_uses", "options_of"]

_GROUP = "kextrel"
_VIRTUAL, _FIT = "virtual", "virtual:fit"  # kextrel.lab.fit.FIT, which is not cheap to import


def declare(parser: pytest.Parser) -> None:
    """Adds the options; each has an ini value of the same name with underscores."""
    group = parser.getgroup(_GROUP, "Kextrel: test Macs, real and virtual")
    group.addoption("--kextrel-lab", metavar="FILE", help="Lab profile; the shipped virtual lab when left out.")
    group.addoption("--kextrel-device", metavar="NAME", help="Use only this Mac of the lab.")
    group.addoption(
        "--kextrel-report", metavar="DIR", help="Write results.jsonl, evidence.jsonl and report.html there."
    )
    group.addoption(
        "--kextrel-extension", metavar="X=PATH", action="append", help="Install this bundle for the extension X."
    )
    group.addoption("--kextrel-defect", metavar="ID", action="append", help="Break the virtual Macs' rule ID.")
    group.addoption("--kextrel-fault", metavar="NAME", action="append", help="Break a wire of the virtual bench.")
    group.addoption(
        "--kextrel-at-once",
        action="store_true",
        help="Start every virtual Mac of the lab while the tests are being collected.",
    )
    parser.addini("kextrel_lab", "Lab profile; the shipped virtual lab when left out.")
    parser.addini("kextrel_device", "Use only this Mac of the lab.")
    parser.addini("kextrel_report", "Write results.jsonl, evidence.jsonl and report.html there.")
    parser.addini("kextrel_extension", "Install these bundles: X=PATH.", type="args")
    parser.addini("kextrel_defect", "Break the virtual Macs' rules of these IDs.", type="args")
    parser.addini("kextrel_fault", "Break these wires of the virtual bench.", type="args")


def names_a_mac(config: pytest.Config) -> bool:
    """Whether this run is told which Mac to use: that word is looked at before anything runs."""
    return bool(config.getoption("--kextrel-device") or config.getini("kextrel_device"))


def names_what_it_uses(config: pytest.Config) -> bool:
    """Whether this run is told which lab or which Mac to use, or where to report."""
    lab = config.getoption("--kextrel-lab") or os.environ.get("KEXTREL_LAB")
    return names_a_mac(config) or bool(lab or _text(config, "report"))


@dataclass(frozen=True)
class Options:
    """What was asked for. `lab` None: the shipped virtual lab or, with `fit`, virtual Macs made to measure.

    `extensions`: X=PATH, as they were written; `below` is where relative paths of theirs begin.
    """

    lab: Path | None
    fit: bool
    device: str | None
    report: Path | None
    defects: tuple[str, ...]
    faults: tuple[str, ...]
    extensions: tuple[str, ...] = ()
    below: Path = Path()


def options_of(config: pytest.Config) -> Options:
    """The options of this run; paths from an ini file are relative to it, others to where pytest was started."""
    lab = _text(config, "lab", os.environ.get("KEXTREL_LAB"))
    report = _text(config, "report")
    return Options(
        lab=None if lab in (None, _VIRTUAL, _FIT) else Path(str(lab)),
        fit=lab == _FIT,
        device=_text(config, "device"),
        report=None if report is None else Path(report).absolute(),
        defects=_several(config, "defect"),
        faults=_several(config, "fault"),
        extensions=_several(config, "extension"),
        below=_below(config) if not config.getoption("--kextrel-extension") else config.invocation_params.dir,
    )


def _text(config: pytest.Config, name: str, environment: str | None = None) -> str | None:
    given = config.getoption(f"--kextrel-{name}") or environment
    if given:
        return str(given)
    ini = config.getini(f"kextrel_{name}")
    if not ini or ini in (_VIRTUAL, _FIT):
        return ini or None
    return str(ini) if name == "device" else str(_below(config) / ini)


def _below(config: pytest.Config) -> Path:
    """Where relative paths of the ini file begin."""
    return config.inipath.parent if config.inipath is not None else Path()


def _several(config: pytest.Config, name: str) -> tuple[str, ...]:
    return tuple(config.getoption(f"--kextrel-{name}") or config.getini(f"kextrel_{name}"))
