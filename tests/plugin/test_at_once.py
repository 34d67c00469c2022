"""`--kextrel-at-once`: the Macs that were started while pytest collected, and those that are asked for besides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kextrel.errors import UsageError
from kextrel.lab import LabProfile, default_profile_path
from kextrel.plugin import run as running
from kextrel.plugin.options import Options


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The names of the Macs of each start; their wires are those of the profile, and nothing is started."""
    seen: list[list[str]] = []

    @contextmanager
    def begun(path: Path, profile: LabProfile, *, only: Sequence[str], **_: Any) -> Iterator[Any]:
        macs = {name: profile.macs[name] for name in only}
        seen.append(sorted(macs))
        monkeypatch.setattr(running, "load_profile", lambda _: profile.model_copy(update={"macs": macs}))
        yield SimpleNamespace(lab=lambda: path)

    monkeypatch.setattr(running, "begun", begun)
    return seen


def test_who_asks_for_more_than_was_begun_is_given_it(
    started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = default_profile_path()
    options = Options(lab=lab, fit=False, device="mini", report=None, defects=(), faults=())
    monkeypatch.setattr(running, "options_of", lambda _: options)
    monkeypatch.setattr(running, "_kept", [])
    run = running.Run(cast("pytest.Config", SimpleNamespace()))  # one that is no worker, whoever runs this test
    try:
        names = list(run.plan.names())
        run.begin()
        assert started == [["mini"]]
        for _ in range(2):  # the second time all are there
            run.serve(names)
            assert started == [["mini"], sorted({*names} - {"mini"})]
    finally:
        run.close()


def test_what_cannot_be_had_is_said_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Options(lab=None, fit=False, device=None, report=tmp_path / "new" / "report", defects=(), faults=())

    def check(options: Options, *, collecting: bool = False) -> None:
        monkeypatch.setattr(running, "options_of", lambda _: options)
        config = SimpleNamespace(option=SimpleNamespace(collectonly=collecting))
        running.Run(cast("pytest.Config", config)).check()

    check(asked, collecting=True)
    assert list(tmp_path.iterdir()) == []
    check(asked)
    assert list((tmp_path / "new").iterdir()) == [tmp_path / "new" / "report"]
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"file: File exists; name another folder with --kextrel-report$"):
        check(replace(asked, report=tmp_path / "file"))
    with pytest.raises(UsageError, match="--kextrel-device mini names a Mac, and virtual:fit makes its own"):
        check(replace(asked, fit=True, device="mini"))


@pytest.mark.parametrize(
    "more", [["--kextrel-report", "report"], pytest.param(["--kextrel-at-once"], marks=pytest.mark.night)]
)
def test_a_lab_that_there_is_not_is_one_sentence(pytester: pytest.Pytester, more: list[str]) -> None:
    (pytester.path / "walk.mac.yaml").write_text(
        "schema: kextrel/scenario/v1\nname: a walk\nmac: {macos: '14.5'}\nsteps: [{restart: {}}]\n"
    )
    done = pytester.runpytest_subprocess("--kextrel-lab", "virtual:foo", *more)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["ERROR: there is no lab 'virtual:foo'; did you mean 'virtual:fit'?"])
    assert "Traceback" not in done.stderr.str() + done.stdout.str()
