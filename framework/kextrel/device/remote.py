"""Commands on a running macOS, in the few ways that devices need them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from kextrel.bench.protocols import Completed
from kextrel.device.rig import Rig
from kextrel.errors import NotPossible
from kextrel.timing import Deadline

__all__ = ["is_safe_boot", "root", "run"]

_SUDO_REFUSALS = ("a terminal is required", "a password is required", "not in the sudoers file", "is not allowed to")


def run(rig: Rig, command: str, *, deadline: Deadline, input: bytes = b"", seconds: float | None = None) -> Completed:
    """Runs one quoted command line; `seconds` of wall time, else the command timeout.

    NotPossible where sudo will not let us: that is the Mac's preparation (PREP-02), not an answer to the command.
    """
    limit = rig.timeouts.command if seconds is None else seconds
    done = rig.shell.run(command, deadline=deadline.within(limit, f"`{command[:60]}`"), input=input)
    if done.exit_code == 1 and "sudo" in command and any(words in done.err for words in _SUDO_REFUSALS):
        raise NotPossible(
            f"sudo refuses on {rig.name}: {done.err.strip()[:160]}; let it run without a password (PREP-02)"
        )
    return done


def root(
    rig: Rig, argv: Sequence[str], *, deadline: Deadline, input: bytes = b"", seconds: float | None = None
) -> Completed:
    """Runs a program as root. sudo is told to ask nothing (-n), so that `input` reaches the program."""
    return run(rig, shlex.join(["sudo", "-n", *argv]), deadline=deadline, input=input, seconds=seconds)


def is_safe_boot(rig: Rig, *, deadline: Deadline) -> bool:
    """Whether this boot of macOS is a safe one (sysctl kern.safeboot)."""
    return run(rig, "sysctl -n kern.safeboot", deadline=deadline).out.strip() == "1"
