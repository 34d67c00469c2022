"""What all rooms speak: actions, outcomes, reasons, states, extensions, versions. Frozen values, no behaviour."""

from kextrel.vocabulary.actions import ACTIONS, Action
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
