"""Which Mac of several a scenario gets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kextrel.errors import NotPossible, UsageError
from kextrel.plugin import run as running
from kextrel.plugin.choosing import fitting, for_scenario
from kextrel.plugin.handing import KEY
from kextrel.plugin.options import Options
from kextrel.scenario import Scenario, load

MAC = "{architecture: apple-silicon, model: 'Macmini9,1', macos: '14.5', virtual: {prepared: true}}"
OLDER = MAC.replace("14.5", "13.6")
TWINS = f"schema: kextrel/lab/v1\nname: twins\nmacs:\n  first: {MAC}\n  second: {MAC}\n  older: {OLDER}\n"
LAST_FAILED = "cache/lastfailed"
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


@pytest.mark.parametrize("workers", [False, True])
def test_a_test_that_an_earlier_run_has_told_of_is_found_again(choosing: Begin, tmp_path: Path, workers: bool) -> None:
    """With workers it ran on another Mac than the first, and its name says so."""
    more = worker(tmp_path) if workers else {}
    choose = choosing(args=["walk.mac.yaml::a walk[second]"], **more)
    assert [choose() for _ in range(2)] == [["second"]] * 2
    assert choosing(args=["walk.mac.yaml::a walk[older]"], **more)() == ["first"]  # it does not fit


def test_a_worker_leaves_alone_what_has_no_choice(choosing: Begin, tmp_path: Path) -> None:
    choose = choosing(**worker(tmp_path))
    assert choose(macos="13.6") == ["older"]
    assert choose(on="each") == ["first", "second"]
    assert choose(macos="12.7") == ["first"]  # none fits; the first says why


LAB = """\
schema: kextrel/lab/v1
name: five of a kind
macs:
  plain: MAC
  offline: MAC, online: false
  pair: MAC, other_macos: Second HD
  spare: MAC, upgrades: true
  no-token: MAC, enrollment: automated-device, bootstrap_token: false
  unapproved: MAC, enrollment: device, user_approved_mdm: false
"""


@pytest.fixture
def marking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """The Macs that meet a mark, by name; with `fit` those that are made to measure."""
    lines = [
        f"{line.split(' MAC')[0]} {MAC[:-1]}{line.split('MAC')[1]}}}" for line in LAB.splitlines() if "MAC" in line
    ]
    lab = tmp_path / "lab.yaml"
    lab.write_text("\n".join([*LAB.splitlines()[:3], *lines]))

    def meeting(*, fit: bool = False, test: str = "test_x", **asked: Any) -> list[str]:
        options = Options(lab=lab, fit=fit, device=None, report=None, defects=(), faults=())
        monkeypatch.setattr(running, "options_of", lambda _: options)
        run = running.Run(cast("pytest.Config", SimpleNamespace()))
        return fitting(run, pytest.mark.kextrel(**asked).mark, test)

    return meeting


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"online": False}, ["offline"]),
        ({"other_macos": True}, ["pair"]),
        ({"upgrades": True}, ["spare"]),
        ({"bootstrap_token": False}, ["no-token"]),
        ({"user_approved_mdm": False}, ["unapproved"]),
        ({"online": True, "other_macos": False, "upgrades": False, "enrollment": "none"}, ["plain"]),
        ({"online": False, "upgrades": True}, []),
    ],
)
def test_a_mark_asks_for_what_a_scenario_can(
    marking: Callable[..., list[str]], asked: dict[str, Any], names: list[str]
) -> None:
    assert marking(**asked) == names


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({"online": False}, "apple-silicon-15.1-offline"),
        ({"other_macos": True, "architecture": "intel"}, "intel-15.1-of-two"),
        ({"bootstrap_token": False, "enrollment": "automated-device"}, "apple-silicon-15.1-automated-device-no-token"),
    ],
)
def test_a_virtual_mac_is_made_for_it(marking: Callable[..., list[str]], asked: dict[str, Any], name: str) -> None:
    assert marking(fit=True, **asked) == [name]


def test_a_virtual_mac_that_a_test_upgrades_is_no_other_tests(marking: Callable[..., list[str]]) -> None:
    one, again, other = (marking(fit=True, upgrades=True, test=name) for name in ("test_x", "test_x", "test_y"))
    assert one == again != other
    assert marking(fit=True) == ["apple-silicon-15.1"]


def test_what_no_virtual_mac_can_be_is_said(marking: Callable[..., list[str]]) -> None:
    with pytest.raises(NotPossible, match="user_approved_mdm=False"):
        marking(fit=True, enrollment="device", macos="<11", architecture="intel", user_approved_mdm=False)


@pytest.mark.parametrize(
    ("asked", "said"),
    [({"upgrade": True}, "knows no 'upgrade'.*upgrades"), ({"online": "no"}, "online is True or False, not 'no'")],
)
def test_a_mark_that_says_nothing_is_refused(
    marking: Callable[..., list[str]], asked: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        marking(**asked)


def test_a_mark_that_does_not_name_what_it_says_is_refused() -> None:
    untouched = cast("running.Run", SimpleNamespace())
    with pytest.raises(UsageError, match="'apple-silicon' says not of what; write it as architecture="):
        fitting(untouched, pytest.mark.kextrel("apple-silicon").mark)


@pytest.mark.parametrize("workers", [False, True])
@pytest.mark.parametrize("option", ["lf", "failedfirst"])
def test_a_test_that_failed_last_time_is_found_again(
    choosing: Begin, tmp_path: Path, option: str, workers: bool
) -> None:
    more = worker(tmp_path) if workers else {}
    cache = SimpleNamespace(get=lambda key, _: {"a.mac.yaml::a walk[second]": True} if key == LAST_FAILED else {})
    again = choosing(option=SimpleNamespace(**{option: True}), cache=cache, **more)
    assert [again() for _ in range(2)] == [["second"]] * 2
    assert choosing(option=SimpleNamespace(lf=False), cache=cache, **more)() == ["first"]
    assert choosing(option=SimpleNamespace(**{option: True}), cache=None, **more)() == ["first"]


def test_last_failed_runs_what_failed_on_the_mac_that_it_failed_on(pytester: pytest.Pytester) -> None:
    """Without workers the first of the twins would be taken, of which pytest's cache knows nothing."""
    for name in ("a", "b"):
        pytester.path.joinpath(f"{name}.mac.yaml").write_text(
            f"schema: kextrel/scenario/v1\nname: walk {name}\nmac: {{architecture: apple-silicon, macos: '14.5'}}\n"
            "steps: [restart: ]\n"
        )
    pytester.path.joinpath("lab.yaml").write_text(TWINS)
    cache = pytester.path / ".pytest_cache" / "v" / LAST_FAILED
    cache.parent.mkdir(parents=True)
    cache.write_text('{"b.mac.yaml::walk b[second]": true}')
    done = pytester.runpytest_inprocess("--collect-only", "-q", "--kextrel-lab=lab.yaml", "--lf")
    assert [line for line in done.outlines if "::" in line] == ["b.mac.yaml::walk b[second]"]
