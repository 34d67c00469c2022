"""Questions to a Mac that may not be prepared: as its user, and as root with or without a password.

The rest of Kextrel asks root by `sudo -n`, which an unprepared Mac refuses. Here the administrator's password is given
on standard input then, so that one missing row does not hide the others. It is never part of a command line, and -k
keeps sudo from remembering that it was given: looking changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from kextrel.bench.protocols import Completed
from kextrel.device.rig import Rig
from kextrel.errors import NotPossible
from kextrel.macos import readiness as told
from kextrel.timing import Deadline

__all__ = ["Asking"]

_FREE = "sudo -n true"
_WITH_PASSWORD = "sudo -k -S -p ''"  # noqa: S105 - how it is asked for
_REFUSED = ("incorrect password", "not in the sudoers", "no valid sudoers", "password is required", "not allowed")


@dataclass
class Asking:
    """One examination of one Mac. `deadline` is for all of it."""

    rig: Rig
    deadline: Deadline
    _free: bool | None = field(default=None, init=False)

    def run(self, command: str, *, input: bytes = b"") -> Completed:
        """One quoted command line, as the user who logs in over SSH. Raises BenchError."""
        limit = self.deadline.within(self.rig.timeouts.command, f"`{command[:60]}`")
        return self.rig.shell.run(command, deadline=limit, input=input)

    def root(self, command: str) -> Completed:
        """The same as root. NotPossible where this user does not become root, even with a password."""
        if self.asks_no_password:
            return self.run(f"sudo -n {command}")
        given = f"{self.rig.accounts.admin.password}\n".encode()
        done = self.run(f"{_WITH_PASSWORD} {command}", input=given)
        if done.exit_code == 1 and any(words in done.err for words in _REFUSED):
            raise NotPossible(f"root could not be asked: {_first_line(done.err)}")
        return done

    @property
    def asks_no_password(self) -> bool:
        """Whether sudo runs anything without asking."""
        if self._free is None:
            self._free = self.run(_FREE).exit_code == 0
        return self._free

    @property
    def user(self) -> str:
        """Who logs in over SSH; the administrator where the Mac does not say."""
        said = self.run("id -un").out.strip()
        return told.checked_user(said or self.rig.accounts.admin.name)

    def renew(self) -> None:
        """Forgets what sudo said: its rights have been changed."""
        self._free = None


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (lines[0] if lines else "sudo said nothing")[:160]
