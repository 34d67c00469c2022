"""The recovery of the second macOS on a Mac: what it may do to ours is what BOOT-12 is about.

The held button leads to the recovery of the macOS that starts by itself, so that is changed, and changed back. Both is
done in recovery, where bless asks nobody. Source: bputil(1), "paired recoveryOS"; bless(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kextrel.device.flows import recovery, terminal
from kextrel.device.observe import observe
from kextrel.device.rig import Rig
from kextrel.errors import BenchError, KextrelError, NotPossible
from kextrel.macos import commands
from kextrel.timing import Deadline
from kextrel.vocabulary import Environment

__all__ = ["recovery_of_the_other"]

_CLEARING = 60.0  # wall seconds for the way back, whatever else has run out of time


@contextmanager
def recovery_of_the_other(rig: Rig, *, deadline: Deadline) -> Iterator[None]:
    """For the block the Mac is in the one true recovery of its second macOS; afterwards in our own again.

    Where it is not in our one true recovery the block runs where it is: that is what a request from there is judged by.
    NotPossible for a Mac without a second macOS. Whatever ends the block, our own macOS is what starts, or a note says
    that it may not be.
    """
    if not rig.facts.other_macos:
        raise NotPossible(
            f"{rig.name} has no second macOS, whose recovery would not be paired with ours; say other_macos in its"
            " profile where it has"
        )
    if observe(rig, deadline=deadline).state.boot is not Environment.ONE_TRUE_RECOVERY:
        yield
        return
    _start_from(rig, rig.facts.other_macos, deadline)
    try:
        recovery.enter(rig, deadline=deadline)
        yield
    except BaseException:
        _leave_ours(rig)
        raise
    _start_from(rig, rig.facts.volume, deadline)
    recovery.enter(rig, deadline=deadline)


def _leave_ours(rig: Rig) -> None:
    """What ended the block is told, not that the way back failed, too: that is noted."""
    try:
        _start_from(rig, rig.facts.volume, Deadline.after(_CLEARING, "the way back to our own macOS"))
    except KextrelError as error:
        rig.note(f"{rig.name} may still start from {rig.facts.other_macos}: {error}")


def _start_from(rig: Rig, volume: str, deadline: Deadline) -> None:
    line = f'{commands.set_startup_disk(f"/Volumes/{volume}")} 2>&1; echo "exit $?"'
    text = terminal.run(rig, line, deadline=deadline).decode(errors="replace")
    said, _, code = text.rpartition("exit ")
    if code.strip() != "0":
        raise BenchError(f"bless did not choose {volume}: {said.strip()[:160]}", wire=rig.keyboard.name)
