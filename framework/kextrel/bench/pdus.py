"""Outlets of rack PDUs as their SNMP objects: what is written where, and which values mean on and off.

Sources: the vendors' MIBs (PowerNet-MIB, PDU2-MIB, EATON-EPDU-MIB, CPS-MIB, GUDEADS-EPC8X-MIB), as labgrid's drivers
and NUT's snmp-ups use them. Outlets are counted from 1, on the first PDU of a chain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

__all__ = ["PDUS", "SnmpOutlet", "plain"]


@dataclass(frozen=True)
class SnmpOutlet:
    """One outlet: `on` and `off` are object and value to write, `state` is the object to ask, and `means` what its
    values mean; one that is not among them is a state in between."""

    on: tuple[str, int]
    off: tuple[str, int]
    state: str
    means: Mapping[int, bool]


def plain(oid: str, on: int, off: int) -> SnmpOutlet:
    """One whose object tells what was written into it."""
    return SnmpOutlet((oid, on), (oid, off), oid, {on: True, off: False})


def _raritan(outlet: int) -> SnmpOutlet:
    """PDU2-MIB: switchingOperation (0 off, 1 on, 2 cycle) and outletSwitchingState (7 on, 8 off)."""
    table = "1.3.6.1.4.1.13742.6.4.1.2.1"
    written = f"{table}.2.1.{outlet}"
    return SnmpOutlet((written, 1), (written, 0), f"{table}.3.1.{outlet}", {7: True, 8: False})


def _eaton(outlet: int) -> SnmpOutlet:
    """EATON-EPDU-MIB: outletControlOnCmd and …OffCmd take seconds to wait; outletControlStatus: 2 and 3 are pending."""
    table = "1.3.6.1.4.1.534.6.6.7.6.6.1"
    on, off = (f"{table}.4.0.{outlet}", 0), (f"{table}.3.0.{outlet}", 0)
    return SnmpOutlet(on, off, f"{table}.2.0.{outlet}", {1: True, 0: False})


def _cyberpower(outlet: int) -> SnmpOutlet:
    """CPS-MIB: ePDUOutletControlOutletCommand and ePDUOutletStatusOutletState, both 1 on, 2 off."""
    written = f"1.3.6.1.4.1.3808.1.1.3.3.3.1.1.4.{outlet}"
    state = f"1.3.6.1.4.1.3808.1.1.3.3.5.1.1.4.{outlet}"
    return SnmpOutlet((written, 1), (written, 2), state, {1: True, 2: False})


PDUS: dict[str, Callable[[int], SnmpOutlet]] = {
    "apc": lambda outlet: plain(f"1.3.6.1.4.1.318.1.1.4.4.2.1.3.{outlet}", 1, 2),  # PowerNet-MIB's sPDUOutletCtl
    "cyberpower": _cyberpower,
    "eaton": _eaton,
    "gude8210": lambda outlet: plain(f"1.3.6.1.4.1.28507.1.1.2.2.1.3.{outlet}", 1, 0),
    "raritan": _raritan,
}
"""The outlets of a PDU by their number, by the names that profiles give."""
