"""Commands as processes of their own that need not import Kextrel first: each is a fork of one process that has.

Most of what a short command costs is its imports. What a fork cannot show, that a command imports all that it needs, is
shown wherever the command is really started: in `test_ending`, and by everything in tests/acceptance.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import IO

__all__ = ["Forking"]

WARM = (
    "kextrel.cli.app",
    "kextrel.bundles.reading",
    "kextrel.cli.inspecting",
    "kextrel.cli.inspectpage",
    "kextrel.lab",
    "kextrel.macos.page",
    "kextrel.policy",
    "kextrel.scenario",
)
LARGEST = 1 << 20  # bytes of one request


class Forking:
    """Runs `kextrel` in forks of a process that it starts; `close` ends that."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            line = [sys.executable, __file__, str(theirs.fileno())]
            self._process = subprocess.Popen(line, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])

    def run(
        self, arguments: Sequence[str], *, cwd: Path, environment: Mapping[str, str], stdin: bytes, timeout: float
    ) -> subprocess.CompletedProcess[bytes]:
        """One command, ended. Raises subprocess.TimeoutExpired, and has killed it then."""
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            given.write(stdin)
            given.seek(0)
            asked = json.dumps([list(arguments), str(cwd), dict(environment)]).encode("utf-8", "surrogateescape")
            socket.send_fds(self._ours, [asked], [file.fileno() for file in (given, out, err)])
            pid = int(self._ours.recv(LARGEST))
            self._ours.settimeout(timeout)
            try:
                status = int(self._ours.recv(LARGEST))
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                self._ours.settimeout(None)
                self._ours.recv(LARGEST)
                raise subprocess.TimeoutExpired(list(arguments), timeout) from None
            self._ours.settimeout(None)
            code = os.waitstatus_to_exitcode(status)
            return subprocess.CompletedProcess(list(arguments), code, _all_of(out), _all_of(err))

    def close(self) -> None:
        self._ours.close()
        self._process.wait(30)


def _all_of(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _serve(asking: socket.socket) -> list[str] | None:
    """Forks for each request until nobody asks any more. Returns in every fork, with its arguments."""
    while True:
        asked, fds, _, _ = socket.recv_fds(asking, LARGEST, 3)
        if not asked:
            return None
        pid = os.fork()
        if pid == 0:
            asking.close()
            return _become(json.loads(asked), fds)
        for fd in fds:
            os.close(fd)
        asking.send(str(pid).encode())
        asking.send(str(os.waitpid(pid, 0)[1]).encode())


def _become(asked: tuple[list[str], str, dict[str, str]], fds: Sequence[int]) -> list[str]:
    """Takes the streams, the folder and the environment of the command."""
    arguments, cwd, environment = asked
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
        os.close(fd)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    return arguments


def _main() -> None:
    for name in WARM:
        import_module(name)
    from kextrel.cli import main

    with socket.socket(fileno=int(sys.argv[1])) as asking:
        arguments = _serve(asking)
    if arguments is not None:
        sys.argv[1:] = arguments
        _end(main)


def _end(main: Callable[[], None]) -> None:
    """Runs the command, which exits, without the interpreter's own end: that frees one by one all that is warm."""
    code = 0
    try:
        main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


if __name__ == "__main__":
    _main()
