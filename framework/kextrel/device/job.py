"""A command that goes on while we do other things: it waits for a person, and we are that person at the keyboard.

It runs on the Mac in the background; what it says and how it ends lies in a folder of its own there, which is taken
away when its block ends.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from kextrel.bench.protocols import Completed
from kextrel.device.remote import answered, look, run
from kextrel.device.rig import Rig
from kextrel.errors import BenchError, NotPossible
from kextrel.timing import Deadline

__all__ = ["Job", "job"]

_CLEARING = 10.0  # wall seconds for the end of a job, whatever else has run out of time
_PAUSE = 0.2  # Mac seconds between two looks of the Mac itself at whether it ended
_FOLDER = "/private/tmp/kextrel."
_UNREADABLE = 126  # a code of the shell's own: no answer of the command


class Job:
    """One command in the background; see `job`."""

    def __init__(self, rig: Rig, command: str, folder: str) -> None:
        self._rig, self._command, self._folder = rig, command, folder

    def ended(self, *, deadline: Deadline) -> bool:
        """Whether it has ended by now."""
        there = look(self._rig, shlex.join(["test", "-s", f"{self._folder}/code"]), deadline=deadline)
        return answered(there, 0, 1).exit_code == 0

    def watch(self, seen: Callable[[str], bool], seconds: float, *, deadline: Deadline, what: str) -> None:
        """Until `seen` is true of the screen, the job has ended, or `seconds` of wall time are over."""
        if self._rig.wires.screen is None:
            self._wait_there(seconds, deadline)
            return
        self._rig.sees(lambda text: seen(text) or self.ended(deadline=deadline), seconds, deadline=deadline, what=what)

    def completed(self, *, deadline: Deadline) -> Completed:
        """How it ended, and what it had said. NotPossible while it goes on."""
        if not self.ended(deadline=deadline):
            raise NotPossible(
                f"`{self._command[:160]}` goes on and on, and nothing on the screen says what it waits for"
            )
        out, err, code = (shlex.quote(f"{self._folder}/{name}") for name in ("out", "err", "code"))
        replay = f'cat {out} && cat {err} >&2 && exit "$(cat {code})"; exit {_UNREADABLE}'
        return replace(look(self._rig, replay, deadline=deadline), command=self._command)

    def _wait_there(self, seconds: float, deadline: Deadline) -> None:
        """Without a screen the Mac itself waits: so many pauses, or fewer."""
        code, pauses = shlex.quote(f"{self._folder}/code"), max(1, int(seconds / _PAUSE))
        loop = f"n=0; while [ $n -lt {pauses} ] && [ ! -s {code} ]; do sleep {_PAUSE}; n=$((n + 1)); done"
        run(self._rig, loop, deadline=deadline, seconds=seconds + self._rig.timeouts.command)


@contextmanager
def job(rig: Rig, command: str, *, deadline: Deadline) -> Iterator[Job]:
    """Begins the command line, and ends what is left of it with the block."""
    folder = run(rig, f"mktemp -d {_FOLDER}XXXXXX", deadline=deadline).out.strip()
    if not folder.startswith(_FOLDER):
        raise NotPossible(f"{rig.name} gives no place for what a command says: mktemp answered {folder!r}")
    out, err, code = (shlex.quote(f"{folder}/{name}") for name in ("out", "err", "code"))
    try:
        # A shell of its own: one that is only redirected may keep the channel's streams open, and sshd waits for them.
        script = shlex.quote(f"{command} >{out} 2>{err}; echo $? >{code}")
        line = f"sh -c {script} </dev/null >/dev/null 2>&1 &"
        answered(run(rig, line, deadline=deadline), 0)
        yield Job(rig, command, folder)
    finally:
        _clear(rig, folder)


def _clear(rig: Rig, folder: str) -> None:
    try:
        rig.shell.run(shlex.join(["rm", "-rf", folder]), deadline=Deadline.after(_CLEARING, "clearing up"))
    except BenchError as error:
        rig.note(f"{folder} may still be on the Mac: {error}")
