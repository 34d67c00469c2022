"""A test Mac over its wires: verbs, flows, observation, preparation, baselines. It never asks the model.

rig        what flows and actions work with     actions/   the verbs, by family
observe    what is seen -> State                flows/     power, recovery, Terminal, approval, login
prepare    to a scenario's start                baseline   back, at a price

What walks and looks is imported when it is first asked for: who wants a wire, or a fact, pays for no flow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kextrel.device.mac import TestMac
from kextrel.device.rig import Account, Accounts, Facts, Timeouts, Wires

if TYPE_CHECKING:
    from kextrel.device.baseline import Level, cost
    from kextrel.device.observe import Sighting
    from kextrel.device.performed import Performed

__all__ = [
    "Account",
    "Accounts",
    "Facts",
    "Level",
    "Performed",
    "Sighting",
    "TestMac",
    "Timeouts",
    "Wires",
    "cost",
]

_LATER = {"Level": "baseline", "Performed": "performed", "Sighting": "observe", "cost": "baseline"}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
