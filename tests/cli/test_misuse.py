"""Wrong arguments: one sentence, which names the command as it was typed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("mac mini power", "Missing argument 'on|off'; see `kextrel mac mini power --help`"),
        (
            "mac mini shell sw_vers -productVersion",
            "No such option: -p; what is meant for the Mac goes into quotes, or behind --;"
            " see `kextrel mac mini shell --help`",
        ),
        ("mac mini screen --pictur x", "No such option: --pictur (Possible options: --picture); see `kextrel mac mini"),
    ],
)
def test_wrong_arguments_are_one_sentence(kextrel: Run, arguments: str, said: str) -> None:
    done = kextrel(*arguments.split())
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(f"kextrel: {said}")
