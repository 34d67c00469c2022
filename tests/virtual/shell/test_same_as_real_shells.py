"""Every snippet of snippets.txt does the same in the virtual shell, in dash and in bash: output and exit code."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from kextrel.virtual.unix.system import Finished

HERE = Path(__file__).parent
PATH = "/usr/bin:/bin:/usr/sbin:/sbin"


def _snippets() -> list[str]:
    return [part.partition("\n")[2] for part in ("\n" + (HERE / "snippets.txt").read_text()).split("\n###")[1:]]


SNIPPETS = _snippets()
IDS = [f"{index}: {snippet.strip().splitlines()[0][:50]}" for index, snippet in enumerate(SNIPPETS)]


def test_there_are_more_than_a_hundred() -> None:
    assert len(SNIPPETS) == len(set(SNIPPETS)) > 150


def _home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    return home


@pytest.mark.parametrize("snippet", SNIPPETS, ids=IDS)
def test_same_in_dash_and_bash(snippet: str, virtual: Callable[[str], Finished], tmp_path: Path) -> None:
    ours = virtual(snippet)
    compared = 0
    for shell in filter(shutil.which, ("dash", "bash")):
        folder = tmp_path / shell
        folder.mkdir()
        links = folder / "bin"
        links.mkdir()
        (links / "sh").symlink_to(str(shutil.which(shell)))
        work = folder / "work"
        work.mkdir()
        env = {"PATH": f"{links}:{PATH}", "HOME": str(folder), "LC_ALL": "C.UTF-8"}
        real = subprocess.run(
            [shell, "-c", snippet],
            capture_output=True,
            cwd=work,
            env=env,
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
        code = real.returncode if real.returncode >= 0 else 128 - real.returncode
        assert (ours.out, ours.status) == (real.stdout.decode(), code), (
            f"{shell}; ours said {ours.err!r}, it {real.stderr!r}"
        )
        compared += 1
    if not compared:
        pytest.skip("neither dash nor bash is on this machine")
