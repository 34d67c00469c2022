"""Looks at every row in turn. Nothing is changed on the Mac; what could not be asked is unknown, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from kextrel.device.readiness import access, hardware, network, session, trust
from kextrel.device.readiness.asking import Asking
from kextrel.device.readiness.finding import Finding, Standing, unknown
from kextrel.device.rig import Rig
from kextrel.errors import KextrelError
from kextrel.timing import Deadline

__all__ = ["examine"]

_Look = Callable[[Asking], Finding]

_BY_SHELL: Mapping[str, _Look] = {
    "PREP-02": access.sudo,
    "PREP-03": access.disk_access,
    "PREP-04": access.ownership,
    "PREP-05": session.desktop,
    "PREP-06": session.awake,
    "PREP-07": session.navigation,
    "PREP-08": session.injector,
    "PREP-09": hardware.power,
    "PREP-10": hardware.disk,
    "PREP-11": network.signing_server,
    "PREP-12": network.beacon,
}


def examine(rig: Rig, *, bundles: Sequence[Path] = (), deadline: Deadline) -> list[Finding]:
    """Every row, in its order. `bundles`: those that the lab's profile names. Never raises for what the Mac says."""
    asking = Asking(rig, deadline)
    first = access.handshake(asking)
    rows: Mapping[str, _Look] = {
        **_BY_SHELL,
        "PREP-13": partial(trust.signatures, bundles=bundles),
        "PREP-14": trust.management,
        "PREP-15": trust.old_approvals,
    }
    if first.standing is not Standing.OK:
        return [first, *(unknown(row, "no shell answers (PREP-01), so nothing was asked") for row in rows)]
    return [first, *_looked(asking, rows)]


def _looked(asking: Asking, rows: Mapping[str, _Look]) -> Iterator[Finding]:
    for row, look in rows.items():
        try:
            yield look(asking)
        except KextrelError as error:
            yield unknown(row, str(error))
