"""What SSH can put right on an unprepared Mac, each remedy for one row; and what is left for a person.

The administrator's password goes to sudo and to sysadminctl on their standard input, and never onto a command line.
Each remedy may be done again: it then changes nothing.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from kextrel.bench.protocols import Completed
from kextrel.device.flows import filevault
from kextrel.device.readiness.asking import Asking
from kextrel.device.readiness.examine import examine
from kextrel.device.readiness.finding import Finding, Standing
from kextrel.device.rig import Rig
from kextrel.errors import BenchError, KextrelError, NotPossible
from kextrel.timing import Deadline

__all__ = ["Remedied", "by_hand", "make_ready", "unlock"]

_SUDOERS = "/private/etc/sudoers.d/kextrel"
# A file with a mistake would shut everybody out of sudo, so visudo judges it before it is in its place; the rename
# makes it come whole or not at all, with root's mode already on it.
_PLACE_ENTRY = """\
set -e
umask 077
new=$(mktemp /private/etc/sudoers.d/.kextrel.XXXXXX)
trap 'rm -f "$new"' EXIT
printf '%s\\n' "$1" > "$new"
visudo -cf "$new"
chown root:wheel "$new"
chmod 0440 "$new"
mv -f "$new" "$2"
"""


@dataclass(frozen=True)
class Remedied:
    """What was done for a row; `failed` says why it could not be, "" where it was."""

    row: str
    did: str
    failed: str = ""

    def line(self) -> str:
        return f"{self.row}  could not {self.did}: {self.failed}" if self.failed else f"{self.row}  did: {self.did}"

    def to_json(self) -> dict[str, str]:
        return {"row": self.row, "did": self.did, "failed": self.failed}


def make_ready(
    rig: Rig, *, bundles: Sequence[Path] = (), done: Callable[[Remedied], None], deadline: Deadline
) -> list[Finding]:
    """Examines the Mac, puts right what SSH can, and examines it again. `done` hears of each remedy as it is made."""
    found = examine(rig, bundles=bundles, deadline=deadline)
    asking = Asking(rig, deadline)
    lacking = [finding.row for finding in found if finding.standing is Standing.MISSING and finding.row in _REMEDIES]
    for row in lacking:
        did, remedy = _REMEDIES[row]
        try:
            remedy(asking)
        except KextrelError as error:
            done(Remedied(row, did, str(error)))
        else:
            done(Remedied(row, did))
    return examine(rig, bundles=bundles, deadline=deadline) if lacking else found


def unlock(rig: Rig, *, done: Callable[[Remedied], None], deadline: Deadline) -> None:
    """Gives FileVault's password where the Mac waits for it, so that SSH can do the rest; `done` hears of it."""
    did = "give FileVault's password, for which macOS waited"
    try:
        if not filevault.waits(rig, deadline=deadline):
            return
    except BenchError:
        return  # of a wire that fails the examination says what and where
    try:
        waiting = deadline.within(rig.timeouts.boot, "macOS after FileVault's unlock")
        filevault.await_macos(rig, deadline=waiting)
    except KextrelError as error:
        done(Remedied("PREP-01", did, str(error)))
    else:
        done(Remedied("PREP-01", did))


def by_hand(found: Sequence[Finding]) -> list[str]:
    """What is left for a technician: a sentence for each row that is still missing."""
    return [f"{finding.row}: {finding.said}." for finding in found if finding.standing is Standing.MISSING]


def _let_sudo_be(asking: Asking) -> None:
    """One line for our user alone."""
    entry = f"{asking.user} ALL = (ALL) NOPASSWD: ALL"
    _must(asking.root(shlex.join(["/bin/sh", "-c", _PLACE_ENTRY, "sh", entry, _SUDOERS])))
    asking.renew()


def _keep_awake(asking: Asking) -> None:
    _must(asking.root("pmset -a sleep 0 displaysleep 0 disksleep 0"))
    given = f"{asking.rig.accounts.admin.password}\n".encode()
    _must(asking.run("sysadminctl -screenLock off -password -", input=given))


def _navigate(asking: Asking) -> None:
    _must(asking.run("defaults write -g AppleKeyboardUIMode -int 3"))


def _start_by_itself(asking: Asking) -> None:
    _must(asking.root("pmset -a autorestart 1"))


def _must(done: Completed) -> None:
    if done.exit_code != 0:
        said = (done.err.strip() or done.out.strip()).splitlines()[-1:] or [f"exit {done.exit_code}"]
        raise NotPossible(said[0][:200])


_REMEDIES: Mapping[str, tuple[str, Callable[[Asking], None]]] = MappingProxyType(
    {
        "PREP-02": (f"put a NOPASSWD entry for this user into {_SUDOERS}", _let_sudo_be),
        "PREP-06": ("switch sleep and the screen lock off", _keep_awake),
        "PREP-07": ("switch keyboard navigation on", _navigate),
        "PREP-09": ("have it start by itself when the mains are back", _start_by_itself),
    }
)
