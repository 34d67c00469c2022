"""Commands on a running macOS, in the few ways that devices need them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from kextrel.bench.protocols import Completed
from kextrel.device.rig import Rig
from kextrel.errors import NotPossible, UnreadableAnswer
from kextrel.timing import Deadline

__all__ = ["answered", "existing", "exists", "is_safe_boot", "look", "run"]

_NO_TOOLS = range(126, 193)
_SUDO_REFUSALS = ("a terminal is required", "a password is required", "not in the sudoers file", "is not allowed to")


def run(
    rig: Rig, command: str, *, deadline: Deadline, input: bytes = b"", seconds: float | None = None, again: bool = False
) -> Completed:
    """Runs one quoted command line; `seconds` of wall time, else the command timeout. `again`: see `look`.

    NotPossible where sudo will not let us: that is the Mac's preparation (PREP-02), not an answer to the command.
    """
    limit = rig.timeouts.command if seconds is None else seconds
    done = rig.shell.run(command, deadline=deadline.within(limit, f"`{command[:60]}`"), input=input, again=again)
    if done.exit_code == 1 and "sudo" in command and any(words in done.err for words in _SUDO_REFUSALS):
        raise NotPossible(
            f"sudo refuses on {rig.name}: {done.err.strip()[:160]}; let it run without a password (PREP-02)"
        )
    return done


def look(rig: Rig, command: str, *, deadline: Deadline, input: bytes = b"", seconds: float | None = None) -> Completed:
    """`run` for a command that changes nothing: asked again when the connection is lost before it has answered."""
    return run(rig, command, deadline=deadline, input=input, seconds=seconds, again=True)


def answered(done: Completed, *codes: int) -> Completed:
    """`done`, when the tool itself ended it: with one of `codes`, or, without any, with one that is its own.

    126 to 192 are the shell's: not found, not to be run, killed by a signal; 250 is kmutil's own. UnreadableAnswer for
    the shell's: that is no refusal.
    """
    if done.exit_code in codes or (not codes and done.exit_code not in _NO_TOOLS):
        return done
    said = done.err.strip() or done.out.strip()
    raise UnreadableAnswer(done.command, said.splitlines()[0] if said else f"it ended with {done.exit_code}")


def is_safe_boot(rig: Rig, *, deadline: Deadline) -> bool:
    """Whether this boot of macOS is a safe one (sysctl kern.safeboot)."""
    return answered(look(rig, "sysctl -n kern.safeboot", deadline=deadline), 0).out.strip() == "1"


def exists(rig: Rig, path: str, *, deadline: Deadline) -> bool:
    """Whether there is anything at `path` on the Mac."""
    return answered(look(rig, shlex.join(["test", "-e", path]), deadline=deadline), 0, 1).exit_code == 0


def existing(rig: Rig, paths: Sequence[str], *, deadline: Deadline) -> list[str]:
    """Those of the absolute `paths` at which there is something on the Mac, by one command."""
    if not paths:
        return []
    line = f"{shlex.join(['ls', '-1d', *paths])} 2>/dev/null"
    there = answered(look(rig, line, deadline=deadline), 0, 1).out.splitlines()
    return [path for path in paths if path in there]
