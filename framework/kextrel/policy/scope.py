"""Where the built rules end: situations that they do not speak of are said to be not modelled, never guessed."""

from __future__ import annotations

from kextrel.policy.rule import Law
from kextrel.policy.ruling import NotModelled, Prediction, refused
from kextrel.policy.situation import BIG_SUR, Situation
from kextrel.vocabulary import Architecture, Credential, Enrollment, Environment, ExtensionKind, Reason, SecurityMode
from kextrel.vocabulary.actions import Approve, Install, Load, Rebuild, Remove, SetSecurity, SetSip

__all__ = [
    "kext_rules_reach",
    "must_be_installed",
    "needs_macos",
    "security_rules_reach",
    "sip_rules_reach",
    "the_mac_is_modelled",
    "who_approves",
]

_SLICES = {Architecture.APPLE_SILICON: "arm64e", Architecture.INTEL: "x86_64", Architecture.INTEL_T2: "x86_64"}


def the_mac_is_modelled(situation: Situation) -> None:
    """Raises NotModelled for Macs whose rules are not built: before macOS 11, managed enrollment, profiles."""
    mac = situation.mac
    if mac.macos < BIG_SUR:
        raise NotModelled(f"macOS {mac.macos} (the UAK rules)")
    if mac.enrollment in (Enrollment.DEVICE, Enrollment.AUTOMATED_DEVICE) or situation.profiles:
        raise NotModelled(f"enrollment '{mac.enrollment}' and profiles (the MDM rules)")


def needs_macos(
    situation: Situation, action: Load | Approve | Rebuild | Install | Remove, law: Law
) -> Prediction | None:
    """Kext actions need a running macOS."""
    if situation.environment is Environment.MACOS:
        return None
    return refused(Reason.WRONG_ENVIRONMENT, situation)


def must_be_installed(situation: Situation, action: Load | Approve | Remove, law: Law) -> Prediction | None:
    if action.extension in situation.on_disk:
        return None
    return refused(Reason.NOT_INSTALLED, situation)


def kext_rules_reach(situation: Situation, action: Load, law: Law) -> Prediction | None:
    """What the architecture, notarization, KPI and banned rules would have to say is not built yet."""
    extension = situation.extensions[action.extension]
    if extension.kind is not ExtensionKind.KEXT:
        raise NotModelled("loading what is not a kext")
    if _SLICES[situation.mac.architecture] not in extension.architectures:
        raise NotModelled("a kext without a slice for this Mac (KEXT-21)")
    if extension.banned or not extension.notarized:
        raise NotModelled("banned and unnotarized kexts (KEXT-10, SIG-04)")
    if (
        extension.symbols
        or extension.user_client
        or any(not one.startswith("com.apple.kpi.") for one in extension.libraries)
    ):
        raise NotModelled("unsupported kernel programming interfaces (the KPI rules)")
    return None


def who_approves(situation: Situation, action: Approve, law: Law) -> Prediction | None:
    if action.as_ is not Credential.ADMIN:
        raise NotModelled("approval by somebody who is no administrator (KEXT-20)")
    if action.input != "physical":
        raise NotModelled("approval by a synthetic event (UAK-09)")
    return None


def security_rules_reach(situation: Situation, action: SetSecurity, law: Law) -> Prediction | None:
    """set-security: Apple silicon by bputil, or by Startup Security Utility in 1TR; paired."""
    if situation.mac.architecture is Architecture.INTEL:
        return refused(Reason.UNSUPPORTED_HARDWARE, situation)
    if situation.mac.architecture is Architecture.INTEL_T2:
        if action.using == "bputil":
            return refused(Reason.UNSUPPORTED_HARDWARE, situation)
        raise NotModelled("the security levels of a T2 Mac")
    if not action.paired:
        raise NotModelled("a recoveryOS that is not paired (BOOT-12)")
    in_1tr = situation.environment is Environment.ONE_TRUE_RECOVERY
    if action.using != "bputil" and (not in_1tr or action.mode is SecurityMode.PERMISSIVE):
        raise NotModelled("Startup Security Utility outside 1TR, or asked for permissive (BOOT-08)")
    return None


def sip_rules_reach(situation: Situation, action: SetSip, law: Law) -> Prediction | None:
    if situation.apple_silicon:
        return None
    raise NotModelled("SIP on Intel (BOOT-10)")
