"""What all rooms speak: actions, outcomes, reasons, states, extensions, versions. Frozen values, no behaviour.

The actions are imported when they are first asked for: who wants a Mac's wires, or its facts, has none to perform.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kextrel.vocabulary.mac import Extension, KernelPolicy, Mac, Profile, Start, State, SystemPolicy
from kextrel.vocabulary.version import Version
from kextrel.vocabulary.words import (
    UNKNOWN,
    Architecture,
    Category,
    Credential,
    Enrollment,
    Environment,
    ExtensionKind,
    KextManagement,
    Outcome,
    Reason,
    SecurityMode,
    Signature,
    Unknown,
    Verdict,
)

if TYPE_CHECKING:
    from kextrel.vocabulary.actions import ACTIONS, Action

__all__ = [
    "ACTIONS",
    "UNKNOWN",
    "Action",
    "Architecture",
    "Category",
    "Credential",
    "Enrollment",
    "Environment",
    "Extension",
    "ExtensionKind",
    "KernelPolicy",
    "KextManagement",
    "Mac",
    "Outcome",
    "Profile",
    "Reason",
    "SecurityMode",
    "Signature",
    "Start",
    "State",
    "SystemPolicy",
    "Unknown",
    "Verdict",
    "Version",
]


def __getattr__(name: str) -> Any:
    if name not in ("ACTIONS", "Action"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.actions"), name)
