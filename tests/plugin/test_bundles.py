"""`--kextrel-extension`: what it names is looked at before anything runs."""

from __future__ import annotations

import sys

import pytest

from kextrel.bundles.kext import make_kext  # now: what is first imported inside a test, pytester forgets
from kextrel.vocabulary import Extension, ExtensionKind

STORAGE = Extension("storage", ExtensionKind.KEXT, "com.acme.storage", "ACME123456")
SCENARIO = """\
schema: kextrel/scenario/v1
name: a driver
mac: {macos: ">=11"}
extensions: {driver: {kind: kext, bundle_id: com.example.kextrel.driver}}
steps: [{install: driver}]
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    (pytester.path / "walk.mac.yaml").write_text(SCENARIO)
    return pytester


@pytest.mark.parametrize("said", [pytest.param("driver", marks=pytest.mark.night), "driver=absent.kext"])
def test_a_name_without_a_bundle_ends_the_run(project: pytest.Pytester, said: str) -> None:
    done = project.runpytest_subprocess("--kextrel-extension", said, "--collect-only")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["ERROR: *driver*"])


def test_a_bundle_that_contradicts_a_scenario_is_an_error_of_its_file(project: pytest.Pytester) -> None:
    path = make_kext(STORAGE, project.path)
    (project.path / "walk.mac.yaml").write_text(SCENARIO.replace("com.example.kextrel.driver", "org.else.driver"))
    done = project.runpytest_subprocess(f"--kextrel-extension=driver={path.name}", "--collect-only")
    assert done.ret == pytest.ExitCode.INTERRUPTED
    done.stdout.fnmatch_lines(["*walk.mac.yaml:4: extension 'driver' is to have bundle_id org.else.driver*"])


def test_an_ini_file_names_bundles_from_its_own_place(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_kext(STORAGE, project.path)
    project.makeini(f"[pytest]\nkextrel_extension = driver={path.name}")
    (project.path / "walk.mac.yaml").write_text(SCENARIO.replace("com.example.kextrel.driver", "com.acme.storage"))
    monkeypatch.chdir(project.mkdir("below"))
    done = project.run(sys.executable, "-m", "pytest", "-c", "../tox.ini", "--collect-only", "-q", "..")
    assert done.ret == 0
    done.stdout.fnmatch_lines(["*walk.mac.yaml::a driver*"])
