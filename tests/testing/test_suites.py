"""A suite passes a sound driver, and fails each of those that break one promise, at the test of that promise.

The drivers are in cases/, in memory: each names in `breaks` the test that must fail for it.
"""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

CASES = Path(__file__).parent / "cases"


def _module(path: Path) -> ModuleType:
    spec = spec_from_file_location(f"cases_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _promises(path: Path) -> dict[str, str]:
    """The promise that each driver breaks; "" for the sound one."""
    found = vars(_module(path)).values()
    return {one.__name__: one.breaks for one in found if isinstance(one, type) and hasattr(one, "breaks")}


def _case(name: str) -> Any:
    """What the suites of consoles, screens and beacons promise of waiting takes its time to be broken."""
    return pytest.param(name, marks=[pytest.mark.night] if name in {"console", "screen", "beacon"} else [])


@pytest.mark.parametrize("name", [_case(path.stem) for path in sorted(CASES.glob("*.py"))])
def test_a_suite_passes_the_sound_and_fails_the_others(pytester: pytest.Pytester, name: str) -> None:
    path = CASES / f"{name}.py"
    pytester.makepyfile(**{f"test_{name}": path.read_text()})
    run = pytester.inline_run("-q", "-p", "no:cacheprovider", "-p", "no:randomly")
    _, _, failed = run.listoutcomes()
    promises = _promises(path)
    told = {driver: [_test(report.nodeid) for report in failed if driver in _parameters(report)] for driver in promises}
    assert told.pop("Sound") == []
    for driver, tests in told.items():
        promise = promises[driver].partition("[")[0]
        assert promise in tests, f"{driver} breaks {promise}, and failed {tests}"


def _parameters(report: pytest.TestReport) -> list[str]:
    return report.nodeid.partition("[")[2].rstrip("]").split("-")


def _test(nodeid: str) -> str:
    return nodeid.rpartition("::")[2].partition("[")[0]
