"""Programs of this machine by which a wire is driven: started without a shell, bounded by a deadline, and ended."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from kextrel.errors import BenchError, DeadlineExceeded
from kextrel.timing import Deadline

__all__ = ["Ran", "Tool"]

ENDING = 2.0  # wall seconds for the end of one: one that waits in the kernel for a device ends when that lets it go


@dataclass(frozen=True)
class Ran:
    """What one run left: its exit code and what it printed."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Tool:
    """A program: `missing` says what to install where it is not there, `stuck` where to look where it does not end."""

    program: str
    missing: str
    stuck: str

    def run(
        self, arguments: Sequence[str], *, wire: str, limit: Deadline, environment: Mapping[str, str] | None = None
    ) -> Ran:
        """Whatever ends the wait ends the program, and what it started. `environment` is all that it gets, in the place
        of ours. Raises BenchError for `wire` where it cannot start, DeadlineExceeded where it does not end."""
        limit.check(wire)
        process = self._started(arguments, wire, environment)
        try:
            out, err = process.communicate(timeout=limit.remaining)
        except subprocess.TimeoutExpired:
            what = f"{limit.what}: {self.program} did not end in time and was ended"
            raise DeadlineExceeded(what, wire=wire, hint=self.stuck) from None
        finally:
            _ended(process)
        return Ran(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))

    def _started(
        self, arguments: Sequence[str], wire: str, environment: Mapping[str, str] | None
    ) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        command = [self.program, *arguments]
        try:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, start_new_session=True, env=environment
            )
        except OSError as error:
            raise BenchError(f"cannot start {self.program}: {error.strerror}", wire=wire, hint=self.missing) from error


def _ended(process: subprocess.Popen[bytes]) -> None:
    """Ends the program and what it started, where it has not ended; waits for that, but not for ever."""
    if process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):  # macOS's word for one that has ended just now
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=ENDING)
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
