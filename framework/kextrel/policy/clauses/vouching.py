"""Who lets a kext in on a Mac: a person, a profile, or neither (MDM)."""

from __future__ import annotations

from kextrel.policy.clauses import profiles
from kextrel.policy.mdm import MDM_01, MDM_02, MDM_08, MDM_09, MDM_10, MDM_11, MDM_12
from kextrel.policy.rule import Law, Rule
from kextrel.policy.situation import Situation
from kextrel.vocabulary import Enrollment, Extension, KextManagement, SecurityMode

__all__ = ["approved_by_persons", "decides", "forbids_overrides", "lets_in", "listed", "lowers_itself", "managed"]


def managed(situation: Situation) -> bool:
    """Whether an MDM manages the device, not only a user's part of it."""
    return situation.mac.enrollment in (Enrollment.DEVICE, Enrollment.AUTOMATED_DEVICE)


def decides(situation: Situation, law: Law) -> tuple[Rule, ...]:
    """The rules that say who may allow kexts in this Mac's boot policy: a person for himself, or for the MDM."""
    rule = MDM_09 if managed(situation) else MDM_08
    return (rule,) if law.says(rule) else ()


def approved_by_persons(situation: Situation, law: Law) -> tuple[Rule, ...]:
    """MDM-01, where no MDM can spare the user the approval and the restart."""
    return () if managed(situation) or not law.says(MDM_01) else (MDM_01,)


def listed(situation: Situation, extension: Extension, law: Law) -> bool:
    """MDM-11: whether a profile on this Mac allows this kext. Left out, lists mean the contrary of what they say."""
    if not profiles.kernel(situation):
        return False
    return profiles.kext_listed(situation, extension, law) is law.says(MDM_11)


def lets_in(situation: Situation, extension: Extension, law: Law) -> tuple[Rule, ...]:
    """The rules by which a profile lets this kext in with no person's approval; none where it does not.

    On Apple silicon the boot policy in force must allow remote management (MDM-09), or the MDM sees to that itself
    with the bootstrap token: MDM_10 is then among the rules, whether the law says it or not.
    """
    if not (managed(situation) and law.says(MDM_02) and listed(situation, extension, law)):
        return ()
    merged = profiles.united(profiles.kernel(situation), law)
    if not situation.apple_silicon:
        return (*merged, MDM_02, MDM_11)
    if _remote_allowed(situation, law):
        return (*merged, MDM_02, *((MDM_09,) if law.says(MDM_09) and not lowers_itself(situation) else ()), MDM_11)
    return (*merged, MDM_02, MDM_10, MDM_11) if lowers_itself(situation) else ()


def lowers_itself(situation: Situation) -> bool:
    """Whether the MDM of this Mac holds what it takes to lower the boot policy."""
    mac = situation.mac
    return situation.apple_silicon and mac.enrollment is Enrollment.AUTOMATED_DEVICE and mac.bootstrap_token


def _remote_allowed(situation: Situation, law: Law) -> bool:
    """MDM-09: user management is not enough for a profile. Without the rule that would be turned round."""
    policy = situation.in_force
    needed = KextManagement.REMOTE if law.says(MDM_09) or lowers_itself(situation) else KextManagement.USER
    return policy.mode is not SecurityMode.FULL and needed in policy.management


def forbids_overrides(situation: Situation, extension: Extension, law: Law) -> tuple[Rule, ...]:
    """The rules that forbid the user to approve this kext; none where he may, if he can."""
    payloads = profiles.kernel(situation)
    if not law.says(MDM_12) or listed(situation, extension, law) or profiles.kext_overrides(situation, law):
        return ()
    return (MDM_12, MDM_11, *profiles.united(payloads, law))
