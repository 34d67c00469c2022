"""Installers of macOS: those on the Mac, and how one is started."""

from __future__ import annotations

import pytest

from kextrel.errors import UsageError
from kextrel.macos import upgrading
from kextrel.vocabulary import Version

APP = "/Applications/Install macOS Ventura.app"


def test_installers_are_known_by_what_they_bring() -> None:
    text = f"13.6\t{APP}\r\n\t/Applications/Install macOS *.app\n12.7\t/elsewhere/Install macOS x.app\n"
    assert upgrading.read_installers(text) == {"13.6": APP}


@pytest.mark.parametrize(
    ("macos", "words"),
    [("10.13.6", f" --applicationpath '{APP}'"), ("10.14.6", ""), ("10.15.7", " --forcequitapps")],
)
def test_each_release_of_it_takes_its_own_options(macos: str, words: str) -> None:
    line = upgrading.start(APP, Version.parse(macos), None, sudo="sudo")
    assert line == f"sudo '{APP}/Contents/Resources/startosinstall' --agreetolicense --nointeraction{words}"


def test_nothing_else_is_started() -> None:
    with pytest.raises(UsageError, match="no installer"):
        upgrading.start("/tmp/x.app", Version(15), "admin")
