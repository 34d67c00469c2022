"""A project that does not use Kextrel pays nothing but one import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROBE = """
import sys
def test_it():
    loaded = sorted(name for name in sys.modules if name.startswith("kextrel"))
    print("LOADED", loaded)
    heavy = {"paramiko", "asyncssh", "pydantic", "PIL", "aiohttp", "httpx", "serial", "yaml", "typer"}
    print("HEAVY", sorted(heavy & set(sys.modules)))
def test_that_fails():
    raise AssertionError
def test_after_a_failure():
    test_it()
"""


def test_nothing_of_kextrel_but_the_door_is_imported(tmp_path: Path) -> None:
    (tmp_path / "test_probe.py").write_text(PROBE)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "test_probe.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 failed, 2 passed" in done.stdout
    assert done.stdout.count("LOADED ['kextrel', 'kextrel.plugin', 'kextrel.plugin.options']") == 2
    assert done.stdout.count("HEAVY []") == 2


def test_two_options_of_the_same_name_are_not_ours_to_take(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("def pytest_addoption(parser): parser.addoption('--lab'); parser.addoption('--device')")
    pytester.makepyfile("def test_it(): pass")
    assert pytester.runpytest_subprocess().ret == 0


def test_the_plugin_may_be_named_in_a_conftest(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("pytest_plugins = ['kextrel.plugin']")
    pytester.makepyfile("def test_it(): pass")
    assert pytester.runpytest_subprocess().ret == 0
