"""The Macs of a lab: who they are (from the profile alone), and one of them opened, leased, with all its wires."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kextrel.device import Facts, TestMac
from kextrel.errors import BenchError, UsageError, nearest
from kextrel.evidence import Sink
from kextrel.lab import quarantine
from kextrel.lab.ends import Known, ends_of, known, shells_of
from kextrel.lab.health import WireHealth, check_wires
from kextrel.lab.leases import lease, state_folder
from kextrel.lab.profile import LabProfile, MacProfile
from kextrel.timing import Deadline

if TYPE_CHECKING:
    from kextrel.lab.wiring import Lost

__all__ = ["Lab"]

_WAIT_FOR_LEASE = 1.0


class Lab:
    """One lab profile, ready to be used. Making one touches nothing."""

    def __init__(self, profile: LabProfile) -> None:
        self.profile = profile

    def wired(self, macs: Mapping[str, MacProfile]) -> Lab:
        """This lab with the wires that `macs` have by now."""
        known = {name: macs.get(name, mac) for name, mac in self.profile.macs.items()}
        return Lab(self.profile.model_copy(update={"macs": known}))

    def names(self) -> Sequence[str]:
        """The Macs, in the order of the profile."""
        return list(self.profile.macs)

    def only(self, name: str | None) -> str:
        """`name`, or the lab's only Mac. Raises UsageError for one that is not there, or where there are several."""
        if name is None and len(self.profile.macs) == 1:
            return self.names()[0]
        if name is None:
            raise UsageError(f"this lab has several Macs: {', '.join(self.names())}; name one with --device")
        if name not in self.profile.macs:
            raise UsageError(f"the lab has no Mac named '{name}'; {nearest(name, self.names())}")
        return name

    def facts(self, name: str) -> Facts:
        """What the profile says of a Mac."""
        mac = self._mac(name)
        return Facts(
            mac.architecture,
            mac.macos,
            model=mac.model,
            enrollment=mac.enrollment,
            user_approved_mdm=mac.user_approved_mdm,
            bootstrap_token=mac.bootstrap_token,
            online=mac.online,
            automatic_login=mac.automatic_login,
            filevault=mac.filevault,
            volume=mac.volume,
            trusts_samples=mac.trusts_samples,
            upgrades=mac.upgrades,
            other_macos=mac.other_macos,
        )

    def describe(self, name: str) -> dict[str, Any]:
        """One Mac as `lab list --json` prints it."""
        mac = self._mac(name)
        return {
            "name": name,
            "architecture": mac.architecture.value,
            "model": mac.model,
            "macos": str(mac.macos),
            "enrollment": mac.enrollment.value,
            "virtual": mac.virtual is not None,
            "wires": mac.wires.names() if mac.wires is not None else [],
            "quarantine": quarantine.reason(state_folder(), self._known(name)),
        }

    @property
    def bundles(self) -> dict[str, Path]:
        """What the profile says is really installed for these extensions; relative paths begin where it lies."""
        return {name: self._base / Path(path).expanduser() for name, path in self.profile.extensions.items()}

    @contextmanager
    def open(
        self,
        name: str,
        sink: Sink,
        *,
        deadline: Deadline | None = None,
        quarantined: bool = False,
        lost: Lost | None = None,
    ) -> Iterator[TestMac]:
        """Leases the Mac, until `deadline` when somebody has one of its wires, and builds it; one in quarantine where
        `quarantined`. `lost`: told of each wire that cannot be opened, which the Mac then has not.

        Raises BenchError that names the wire and its owner of one in use, or says how to end a quarantine.
        """
        from kextrel.lab.wiring import build  # the drivers, which a look at the profile does not need

        mac = self._mac(name)
        with ExitStack() as stack:
            stack.enter_context(self._lease(name, deadline))
            if not quarantined:
                self._refuse_quarantined(name)
            device = build(name, mac, self.facts(name), sink, self._base, lost=lost)
            stack.callback(device.close)
            yield device

    def check(self, name: str, *, deadline: Deadline, sink: Sink) -> list[WireHealth]:
        """Whether each wire of a Mac is alive, quarantined or not; nothing is pressed and nothing is switched."""
        from kextrel.lab.wiring import openers

        opening = openers(name, self._mac(name), sink, self._base)
        with self._lease(name, None):
            return check_wires(name, opening, deadline=deadline)

    def quarantine(self, name: str, why: str) -> None:
        """Puts a Mac aside until `release`, whatever wires another profile gives it."""
        quarantine.put_aside(state_folder(), self._known(name), why)

    def release(self, name: str) -> str | None:
        """Ends a quarantine; returns its reason, None where there was none."""
        return quarantine.release(state_folder(), self._known(name))

    def how_to_release(self, name: str) -> str:
        """The command that ends a quarantine."""
        return shlex.join(["kextrel", "lab", "release", name, "--lab", self.profile.origin])

    def begin_anew(self, name: str) -> None:
        """The Mac has just been made: what stood against its wires was against another one, that has ended."""
        quarantine.begin_anew(state_folder(), self._known(name))

    def _lease(self, name: str, deadline: Deadline | None) -> AbstractContextManager[None]:
        waiting = deadline or Deadline.after(_WAIT_FOR_LEASE, f"waiting for {name}")
        ends = ends_of(self.only(name), self.profile, self._shells)
        return lease(state_folder(), name, ends, deadline=waiting)

    def _refuse_quarantined(self, name: str) -> None:
        why = quarantine.reason(state_folder(), self._known(name))
        if why is not None:
            hint = f"look at it, then end that with `{self.how_to_release(name)}`"
            raise BenchError(f"it is quarantined: {why}", wire=name, hint=hint)

    def _mac(self, name: str) -> MacProfile:
        return self.profile.macs[self.only(name)]

    @property
    def _base(self) -> Path:
        """Where relative paths of the profile begin."""
        return Path(self.profile.origin).parent

    def _known(self, name: str) -> Known:
        return known(self.only(name), self.profile, self._shells)

    @cached_property
    def _shells(self) -> Mapping[str, Set[str]]:
        return shells_of(self.profile)
