"""Which Mac of several a scenario gets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kextrel.plugin import run as running
from kextrel.plugin.choosing import for_scenario
from kextrel.plugin.handing import KEY
from kextrel.plugin.options import Options
from kextrel.scenario import Scenario, load

MAC = "{architecture: apple-silicon, model: 'Macmini9,1', macos: '14.5', virtual: {prepared: true}}"
OLDER = MAC.replace("14.5", "13.6")
TWINS = f"schema: kextrel/lab/v1\nname: twins\nmacs:\n  first: {MAC}\n  second: {MAC}\n  older: {OLDER}\n"
Begin = Callable[..., Callable[..., list[str]]]


@pytest.fixture
def choosing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Begin:
    """A run over the twins; then the Macs that it chooses for a scenario of so many steps."""
    lab = tmp_path / "lab.yaml"
    lab.write_text(TWINS)
    options = Options(lab=lab, fit=False, device=None, report=None, defects=(), faults=())
    monkeypatch.setattr(running, "options_of", lambda _: options)

    def begin(**config: Any) -> Callable[..., list[str]]:
        run = running.Run(cast("pytest.Config", SimpleNamespace(**config)))
        return lambda steps=1, macos="14.5", on="any": for_scenario(run, _walk(tmp_path, steps, macos, on))

    return begin


def _walk(folder: Path, steps: int, macos: str, on: str) -> Scenario:
    path = folder / "walk.mac.yaml"
    mac = f"mac: {{architecture: apple-silicon, macos: '{macos}', on: {on}}}\n"
    path.write_text("schema: kextrel/scenario/v1\nname: a walk\n" + mac + "steps:\n" + "  - restart:\n" * steps)
    return load(path)[0]


def worker(folder: Path) -> dict[str, Any]:
    return {"workerinput": {KEY: str(folder), "workerid": "gw0"}}


def test_a_worker_gives_a_scenario_to_the_mac_with_the_least_to_do(choosing: Begin, tmp_path: Path) -> None:
    choose = choosing(**worker(tmp_path))
    assert [choose(steps) for steps in (5, 1, 1, 1, 3)] == [["first"], ["second"], ["second"], ["second"], ["first"]]


def test_every_worker_chooses_the_same(choosing: Begin, tmp_path: Path) -> None:
    one, other = (choosing(**worker(tmp_path)) for _ in range(2))
    assert [one(steps) for steps in (2, 1, 4, 1)] == [other(steps) for steps in (2, 1, 4, 1)]


def test_a_run_without_workers_takes_the_first_that_fits(choosing: Begin) -> None:
    choose = choosing()
    assert [choose() for _ in range(3)] == [["first"]] * 3


def test_a_worker_leaves_alone_what_has_no_choice(choosing: Begin, tmp_path: Path) -> None:
    choose = choosing(**worker(tmp_path))
    assert choose(macos="13.6") == ["older"]
    assert choose(on="each") == ["first", "second"]
    assert choose(macos="12.7") == ["first"]  # none fits; the first says why
