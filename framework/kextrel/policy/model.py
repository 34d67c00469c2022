"""The model: for each action its clauses in the order of design.md's precedence; the first that speaks decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from kextrel.policy import boot, kext, mdm, signature, sysext
from kextrel.policy.clauses import (
    activation,
    approving,
    booting,
    commands,
    enrollment,
    extensiontool,
    intel,
    intelsecurity,
    loading,
    removal,
    scope,
    security,
    signing,
    switching,
    unloading,
)
from kextrel.policy.rule import Law, Rule
from kextrel.policy.ruling import NotModelled, Prediction, ruled
from kextrel.policy.situation import Situation
from kextrel.vocabulary import Action, Environment, ExtensionKind, Outcome, Start
from kextrel.vocabulary.actions import (
    Activate,
    Allow,
    Approve,
    Boot,
    Deactivate,
    DeveloperMode,
    Disable,
    Enable,
    Enroll,
    Install,
    InstallProfile,
    Load,
    PowerCut,
    Rebuild,
    Remove,
    RemoveProfile,
    Replace,
    ResetExtensions,
    Restart,
    SetSecurity,
    SetSip,
    Unenroll,
    Unload,
    Wait,
)

__all__ = ["RULES", "begin", "predict"]

_OFFERED = 30  # minutes that design.md lets an approval be offered for

Clause = Callable[[Situation, Any, Law], Prediction | None]

_FAMILIES = (boot, kext, signature, mdm, sysext)
RULES: Mapping[str, Rule] = MappingProxyType({rule.id: rule for family in _FAMILIES for rule in family.RULES})


def begin(start: Start) -> Situation:
    """The situation before step 1. `start` is possible: the scenario's loader refuses those that are not."""
    return Situation.at(start)


def predict(situation: Situation, action: Action, *, without: frozenset[str] = frozenset()) -> Prediction:
    """What a Mac in `situation` must do when asked for `action`.

    `without` leaves rules out: the rule without which something that was seen would be allowed is the one to blame.
    Pure: the same arguments give the same answer. Raises NotModelled where no built rule speaks.
    """
    clauses = _CLAUSES.get(type(action))
    if clauses is None:
        raise NotModelled(f"the action '{action.verb}'")
    law = Law(situation.mac, without)
    for clause in clauses:
        prediction = clause(situation, action, law)
        if prediction is not None:
            return replace(prediction, rules=tuple(dict.fromkeys(prediction.rules)))
    raise NotModelled(f"the action '{action.verb}' here")


def _installed(situation: Situation, action: Install, law: Law) -> Prediction:
    return ruled(Outcome.DONE, replace(situation, on_disk=situation.on_disk | {action.extension}))


def _removed(situation: Situation, action: Remove, law: Law) -> Prediction:
    is_kext = situation.extensions[action.extension].kind is ExtensionKind.KEXT
    return (unloading.removed_from_disk if is_kext else removal.its_app_deleted)(situation, action, law)


def _replaced(situation: Situation, action: Replace, law: Law) -> Prediction:
    if situation.extensions[action.extension].kind is ExtensionKind.KEXT:
        raise NotModelled("another version of a kext (KEXT-02)")
    return activation.replaced_on_disk(situation, action, law)


def _power_was_cut(situation: Situation, action: PowerCut, law: Law) -> Prediction:
    if action.during != "idle":
        raise NotModelled("a power cut during the rebuild (KEXT-19)")
    return commands.booted_by_somebody(situation, action, law)


def _booted(situation: Situation, action: Boot, law: Law) -> Prediction:
    if action.into is Environment.MACOS:
        scope.no_kexts_before_big_sur(situation, action, law)
        return commands.booted_by_somebody(situation, action, law)
    return booting.into_another_system(situation, action.into, law)


def _waited(situation: Situation, action: Wait, law: Law) -> Prediction:
    """Time alone changes nothing that is observed; how long an approval stays offered, no rule says since macOS 11."""
    offered = action.minutes < _OFFERED
    after = (
        situation if offered else replace(situation, pending=frozenset(), lapsed=situation.lapsed | situation.pending)
    )
    return ruled(Outcome.DONE, after)


_CLAUSES: Mapping[type, tuple[Clause, ...]] = {
    Install: (scope.needs_macos, _installed),
    Remove: (scope.needs_macos, scope.must_be_installed, _removed),
    Replace: (scope.needs_macos, scope.must_be_installed, _replaced),
    Load: (
        scope.needs_macos,
        scope.must_be_installed,
        loading.already_in_the_running_auxkc,
        scope.since_big_sur,
        scope.architecture_reaches,
        signing.must_be_valid,
        scope.notarization_and_kpi_reach,
        intel.no_mode_is_needed,
        loading.policy_must_allow_kexts,
        scope.banned_reaches,
        loading.a_profile_is_enough,
        loading.approval_is_forbidden,
        loading.approval_or_restart,
    ),
    Approve: (
        scope.needs_macos,
        scope.must_be_installed,
        scope.since_big_sur,
        loading.approval_is_forbidden,
        approving.nothing_is_pending,
        approving.who_approves,
        approving.approved_into_the_uakl,
    ),
    Rebuild: (scope.needs_macos, scope.since_big_sur, approving.rebuilt),
    Unload: (scope.needs_macos, scope.must_be_installed, scope.since_big_sur, unloading.unloaded),
    Restart: (
        commands.needs_an_mdm,
        scope.no_kexts_before_big_sur,
        commands.queued_in_recovery,
        commands.notified,
        commands.restarted_by_mdm,
        commands.booted_by_somebody,
    ),
    PowerCut: (scope.no_kexts_before_big_sur, _power_was_cut),
    Boot: (security.only_these_environments, _booted),
    SetSecurity: (
        scope.has_a_boot_policy,
        security.nothing_is_asked,
        intelsecurity.security_level_is_set,
        security.lowering_needs_1tr,
        security.full_excludes_allowances,
        scope.security_tools_reach,
        security.credentials,
        security.full_asks_apple,
        security.the_policy_is_written,
    ),
    SetSip: (
        intelsecurity.sip_is_set,
        security.disabling_sip_needs_1tr,
        security.enabling_sip,
        security.credentials,
        security.sip_is_set,
    ),
    Activate: (
        activation.before_catalina,
        scope.needs_macos,
        scope.must_be_installed,
        activation.must_be_signed_and_in_applications,
        activation.entitlement_missing,
        activation.approval_is_forbidden,
        activation.activated,
    ),
    Allow: (
        activation.before_catalina,
        scope.needs_macos,
        scope.must_be_installed,
        activation.approval_is_forbidden,
        switching.allowed_by_the_user,
    ),
    Disable: (
        activation.before_catalina,
        scope.needs_macos,
        scope.must_be_installed,
        switching.must_be_activated,
        switching.must_be_removable,
        switching.switched,
    ),
    Enable: (
        activation.before_catalina,
        scope.needs_macos,
        scope.must_be_installed,
        switching.must_be_activated,
        switching.switched,
    ),
    Deactivate: (
        activation.before_catalina,
        scope.needs_macos,
        scope.must_be_installed,
        switching.must_be_activated,
        switching.must_be_removable,
        removal.deactivated,
    ),
    ResetExtensions: (activation.before_catalina, scope.needs_macos, extensiontool.all_reset),
    DeveloperMode: (activation.before_catalina, scope.needs_macos, extensiontool.developer_mode_set),
    InstallProfile: (
        enrollment.reached_in_macos,
        enrollment.needs_an_approved_enrollment,
        enrollment.installed_by_hand,
        enrollment.malformed,
        enrollment.profile_installed,
    ),
    RemoveProfile: (enrollment.reached_in_macos, enrollment.must_be_on_the_mac, enrollment.profile_removed),
    Enroll: (enrollment.reached_in_macos, enrollment.enrolled),
    Unenroll: (enrollment.reached_in_macos, enrollment.unenrolled),
    Wait: (_waited,),
}
