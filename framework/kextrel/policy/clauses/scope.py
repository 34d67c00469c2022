"""What every action asks first: of the hardware, the version, the boot environment, the disk."""

from __future__ import annotations

from kextrel.policy.rule import Law
from kextrel.policy.ruling import Prediction, refused
from kextrel.policy.situation import Situation
from kextrel.vocabulary import (
    Action,
    Architecture,
    Environment,
    Reason,
)
from kextrel.vocabulary.actions import (
    Activate,
    Allow,
    Approve,
    Deactivate,
    Disable,
    Enable,
    Load,
    Remove,
    Replace,
    SetSecurity,
    Unload,
)

__all__ = ["has_a_boot_policy", "must_be_installed", "needs_an_auxkc", "needs_macos"]

_OnExtension = Load | Unload | Approve | Remove | Replace | Activate | Allow | Disable | Enable | Deactivate


def needs_macos(situation: Situation, action: Action, law: Law) -> Prediction | None:
    """Actions on kexts and system extensions need a running macOS."""
    if situation.environment is Environment.MACOS:
        return None
    return refused(Reason.WRONG_ENVIRONMENT, situation)


def needs_an_auxkc(situation: Situation, action: Action, law: Law) -> Prediction | None:
    """kmutil, and what it builds, came with macOS 11."""
    return None if situation.has_auxkc else refused(Reason.UNSUPPORTED_VERSION, situation)


def must_be_installed(situation: Situation, action: _OnExtension, law: Law) -> Prediction | None:
    if action.extension in situation.on_disk:
        return None
    return refused(Reason.NOT_INSTALLED, situation)


def has_a_boot_policy(situation: Situation, action: SetSecurity, law: Law) -> Prediction | None:
    """No Intel Mac has bputil, and those without a T2 have no security mode either."""
    if situation.apple_silicon:
        return None
    if situation.mac.architecture is Architecture.INTEL or action.using == "bputil":
        return refused(Reason.UNSUPPORTED_HARDWARE, situation)
    return None
