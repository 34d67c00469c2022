"""The everyday tools: the same as this machine's where their output is the same on every Unix, macOS' own elsewhere."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from kextrel.virtual.unix.system import Finished

Run = Callable[..., Finished]

COMMON = [
    part.partition("\n")[2] for part in ("\n" + (Path(__file__).parent / "snippets.txt").read_text()).split("\n###")[1:]
]


@pytest.mark.parametrize("snippet", COMMON, ids=[snippet[:40] for snippet in COMMON])
def test_as_on_this_machine(run: Run, snippet: str, tmp_path: Path) -> None:
    for tool in ("dash", "shasum", "xargs"):
        if not shutil.which(tool):
            pytest.skip(f"there is no {tool} on this machine to compare with")
    env = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": str(tmp_path), "TMPDIR": "/tmp"}
    work = tmp_path / "work"
    work.mkdir()
    real = subprocess.run(["dash", "-c", snippet], capture_output=True, cwd=work, env=env, timeout=60, check=False)
    ours = run(f"mkdir /tmp/work; cd /tmp/work; exec /bin/dash -c {shlex.quote(snippet)}")
    assert (ours.out, ours.status) == (real.stdout.decode(), real.returncode), ours.err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("uname -s -r -m", "Darwin 23.5.0 arm64\n"),
        ("hostname", "mini\n"),
        ("id", "uid=0(root) gid=0(wheel) groups=0(wheel),80(admin),20(staff),12(everyone)\n"),
        ("id -un student; id -Gn student", "student\nstaff everyone localaccounts com.apple.access_ssh\n"),
        ("id -F admin", "Lab Admin\n"),
        ("printf 12345 > /tmp/f; stat -f '%Su %Sg %Lp %z %HT' /tmp/f", "root wheel 644 5 Regular File\n"),
        ("printf 12345 > /tmp/f; ls -l /tmp/f", "-rw-r--r--  1 root  wheel  5 Jan  1 00:00 /tmp/f\n"),
        ("stat -f %N /tmp", "/tmp\n"),
        ("readlink /tmp", "private/tmp\n"),
        ("cd /tmp; pwd; pwd -P; /bin/pwd", "/tmp\n/private/tmp\n/private/tmp\n"),
        ("ls -ld /Applications", "drwxrwxr-x  2 root  admin  64 Jan  1 00:00 /Applications\n"),
        ("md5 -q /etc/shells | wc -c | tr -d ' '", "33\n"),
        ("cp /bin/ls /tmp/copy; /tmp/copy -d /", "/\n"),
    ],
)
def test_what_is_mac_os_own(run: Run, line: str, said: str) -> None:
    done = run(line)
    assert done.out == said, done.err


@pytest.mark.parametrize(
    ("line", "said", "code"),
    [
        ("cat /nosuch", "cat: /nosuch: No such file or directory", 1),
        ("ls /nosuch", "ls: /nosuch: No such file or directory", 1),
        ("ls -J", "ls: illegal option -- J", 1),
        ("mkdir /tmp", "mkdir: /tmp: File exists", 1),
        ("rmdir /Users", "rmdir: /Users: Directory not empty", 1),
        ("rm /Users", "rm: /Users: is a directory", 1),
        ("touch /usr/bin/x", "touch: /usr/bin/x: Read-only file system", 1),
        ("rm /bin/ls", "rm: /bin/ls: Read-only file system", 1),
        ("touch /Library/Apple/x", "touch: /Library/Apple/x: Operation not permitted", 1),
        ("chown nobodyelse /tmp", "chown: nobodyelse: illegal user name", 1),
        ("kill 99999", "kill: (99999): No such process", 1),
        ("sleep x", "usage: sleep number[unit] ...", 1),
        ("tar -xf /etc/shells", "tar: Error opening archive: Unrecognized archive format", 1),
    ],
)
def test_complaints(run: Run, line: str, said: str, code: int) -> None:
    done = run(f"exec env {line}" if line.startswith("kill") else line)
    assert (done.err.splitlines()[0], done.status) == (said, code)


def test_a_user_who_is_not_root(run: Run) -> None:
    done = run("cat /private/var/root/x; touch /Library/x; ls -la ~ | wc -l; cd /private/var/root", user="student")
    assert re.sub(r"^zsh:cd:1", "cd", done.err.replace("\n", "|")) == (
        "cat: /private/var/root/x: Permission denied|touch: /Library/x: Permission denied|"
        "zsh:cd:1: permission denied: /private/var/root|"
    )


def test_a_tool_that_breaks_ends_alone(run: Run) -> None:
    data = os.urandom(100)
    assert run("cat | base64 | base64 -d", input=data).stdout == data
