"""Where the built rules end: situations that they do not speak of are said to be not modelled, never guessed."""

from __future__ import annotations

from kextrel.policy.rule import BIG_SUR, Law
from kextrel.policy.ruling import NotModelled, Prediction, refused
from kextrel.policy.situation import Situation
from kextrel.vocabulary import (
    Action,
    Architecture,
    Environment,
    ExtensionKind,
    Reason,
    SecurityMode,
)
from kextrel.vocabulary.actions import (
    Activate,
    Allow,
    Approve,
    Boot,
    Deactivate,
    Disable,
    Enable,
    Load,
    PowerCut,
    Remove,
    Replace,
    Restart,
    SetSecurity,
    Unload,
)

__all__ = [
    "architecture_reaches",
    "banned_reaches",
    "has_a_boot_policy",
    "must_be_installed",
    "needs_macos",
    "no_kexts_before_big_sur",
    "notarization_and_kpi_reach",
    "security_tools_reach",
    "since_big_sur",
]

_OnExtension = Load | Unload | Approve | Remove | Replace | Activate | Allow | Disable | Enable | Deactivate
_SLICES = {Architecture.APPLE_SILICON: "arm64e", Architecture.INTEL: "x86_64", Architecture.INTEL_T2: "x86_64"}


def since_big_sur(situation: Situation, action: Action, law: Law) -> Prediction | None:
    """Kexts before macOS 11 have rules of their own, which are not built."""
    if situation.mac.macos < BIG_SUR:
        raise NotModelled(f"macOS {situation.mac.macos} (the UAK rules)")
    return None


def no_kexts_before_big_sur(situation: Situation, action: Restart | Boot | PowerCut, law: Law) -> Prediction | None:
    """A boot before macOS 11 is foreseen where no kext lies on the disk, and no MDM orders what came with macOS 11."""
    orders = isinstance(action, Restart) and action.by == "mdm" and (action.rebuild_kernel_cache or action.kext_paths)
    return since_big_sur(situation, action, law) if orders or situation.kexts_on_disk else None


def needs_macos(situation: Situation, action: Action, law: Law) -> Prediction | None:
    """Actions on kexts and system extensions need a running macOS."""
    if situation.environment is Environment.MACOS:
        return None
    return refused(Reason.WRONG_ENVIRONMENT, situation)


def must_be_installed(situation: Situation, action: _OnExtension, law: Law) -> Prediction | None:
    if action.extension in situation.on_disk:
        return None
    return refused(Reason.NOT_INSTALLED, situation)


def architecture_reaches(situation: Situation, action: Load, law: Law) -> Prediction | None:
    """What the architecture rule, which comes before the signature's, would have to say is not built yet."""
    extension = situation.extensions[action.extension]
    if extension.kind is not ExtensionKind.KEXT:
        raise NotModelled("loading what is not a kext")
    if _SLICES[situation.mac.architecture] not in extension.architectures:
        raise NotModelled("a kext without a slice for this Mac (KEXT-21)")
    return None


def notarization_and_kpi_reach(situation: Situation, action: Load, law: Law) -> Prediction | None:
    """Both are enforced with SIP enabled only (SIG-04, KPI-11); what they would have to say then is not built yet."""
    extension = situation.extensions[action.extension]
    if not situation.in_force.sip:
        return None
    if not extension.notarized:
        raise NotModelled("a kext that is not notarized (SIG-04)")
    if (
        extension.symbols
        or extension.user_client
        or any(not one.startswith("com.apple.kpi.") for one in extension.libraries)
    ):
        raise NotModelled("unsupported kernel programming interfaces (the KPI rules)")
    return None


def banned_reaches(situation: Situation, action: Load, law: Law) -> Prediction | None:
    if situation.extensions[action.extension].banned:
        raise NotModelled("a banned kext (KEXT-10)")
    return None


def has_a_boot_policy(situation: Situation, action: SetSecurity, law: Law) -> Prediction | None:
    """No Intel Mac has bputil, and those without a T2 have no security mode either."""
    if situation.apple_silicon:
        return None
    if situation.mac.architecture is Architecture.INTEL or action.using == "bputil":
        return refused(Reason.UNSUPPORTED_HARDWARE, situation)
    return None


def security_tools_reach(situation: Situation, action: SetSecurity, law: Law) -> Prediction | None:
    """set-security: by bputil, or by Startup Security Utility in 1TR; paired."""
    if not action.paired:
        raise NotModelled("a recoveryOS that is not paired (BOOT-12)")
    in_1tr = situation.environment is Environment.ONE_TRUE_RECOVERY
    if action.using != "bputil" and (not in_1tr or action.mode is SecurityMode.PERMISSIVE):
        raise NotModelled("Startup Security Utility outside 1TR, or asked for permissive (BOOT-08)")
    return None
