"""The model: for each action its clauses in the order of design.md's precedence; the first that speaks decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from kextrel.policy import boot, consent, kext, kpi, mdm, signature, sysext
from kextrel.policy.clauses import (
    activation,
    approving,
    auxkc,
    booting,
    commands,
    consenting,
    enrollment,
    extensiontool,
    fitness,
    intel,
    intelsecurity,
    interfaces,
    loading,
    removal,
    scope,
    security,
    signing,
    switching,
    unloading,
    upgrading,
)
from kextrel.policy.copying import replace
from kextrel.policy.rule import Law, Rule
from kextrel.policy.ruling import NotModelled, Prediction, either
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
    KextConsent,
    Load,
    PanicMedic,
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
    Upgrade,
    Wait,
)

__all__ = ["RULES", "begin", "predict"]

Clause = Callable[[Situation, Any, Law], Prediction | None]

_FAMILIES = (boot, kext, signature, consent, kpi, mdm, sysext)
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
    law = Law.of(situation.mac, without)
    prediction = _decided(clauses, situation, action, law)
    rules = tuple(dict.fromkeys((*prediction.rules, *_spoken_of(situation, action, prediction, law))))
    return prediction if rules == prediction.rules else replace(prediction, rules=rules)


def _spoken_of(situation: Situation, action: Action, prediction: Prediction, law: Law) -> tuple[str, ...]:
    """KPI rules about a load request that goes on all the same: what the kext uses is deprecated only, or spared."""
    if not isinstance(action, Load) or prediction.outcomes[0].outcome is Outcome.REFUSED:
        return ()
    extension = situation.extensions[action.extension]
    return tuple(rule.id for rule in interfaces.spoken_of(situation, extension, law))


def _may_be_spared(situation: Situation, action: Load, law: Law) -> Prediction | None:
    """SIG-04, where it is open: refused, or whatever comes of the clauses after it."""
    denied = fitness.must_be_notarized(situation, action, law)
    if denied is None or not fitness.may_be_spared(situation, situation.extensions[action.extension], law):
        return denied
    return either(denied, _decided(_LOAD_IF_NOTARIZED, situation, action, law))


def _decided(clauses: tuple[Clause, ...], situation: Situation, action: Action, law: Law) -> Prediction:
    for clause in clauses:
        prediction = clause(situation, action, law)
        if prediction is not None:
            return prediction
    raise NotModelled(f"the action '{action.verb}' here")


def _removed(situation: Situation, action: Remove, law: Law) -> Prediction:
    is_kext = situation.extensions[action.extension].kind is ExtensionKind.KEXT
    return (unloading.removed_from_disk if is_kext else removal.its_app_deleted)(situation, action, law)


def _replaced(situation: Situation, action: Replace, law: Law) -> Prediction:
    is_kext = situation.extensions[action.extension].kind is ExtensionKind.KEXT
    return (unloading.replaced_on_disk if is_kext else activation.replaced_on_disk)(situation, action, law)


def _power_was_cut(situation: Situation, action: PowerCut, law: Law) -> Prediction:
    if action.during == "rebuild":
        return booting.interrupted(situation, law)
    return commands.booted_by_somebody(situation, action, law)


def _booted(situation: Situation, action: Boot, law: Law) -> Prediction:
    if action.into is Environment.MACOS:
        return commands.booted_by_somebody(situation, action, law)
    if action.into is Environment.SAFE_MODE:
        return booting.into_safe_mode(situation, law)
    return booting.into_another_system(situation, action.into, law)


_LOAD_IF_NOTARIZED: tuple[Clause, ...] = (
    fitness.must_be_supported,
    loading.dropped_as_banned,
    consenting.decides_the_load,
    loading.never_on_demand,
    intel.no_mode_is_needed,
    loading.policy_must_allow_kexts,
    loading.a_profile_is_enough,
    loading.approval_is_forbidden,
    loading.approval_or_restart,
)


_CLAUSES: Mapping[type, tuple[Clause, ...]] = {
    Install: (scope.needs_macos, unloading.put_on_disk),
    Remove: (scope.needs_macos, scope.must_be_installed, _removed),
    Replace: (scope.needs_macos, scope.must_be_installed, _replaced),
    Load: (
        scope.needs_macos,
        scope.must_be_installed,
        loading.already_in_the_running_auxkc,
        fitness.must_have_a_slice,
        signing.must_be_valid,
        _may_be_spared,
        *_LOAD_IF_NOTARIZED,
    ),
    Approve: (
        scope.needs_macos,
        scope.must_be_installed,
        loading.approval_is_forbidden,
        consenting.nothing_is_offered,
        approving.nothing_is_pending,
        approving.only_by_hand,
        consenting.consented,
        approving.only_by_an_administrator,
        approving.approved_into_the_uakl,
    ),
    Rebuild: (scope.needs_an_auxkc, scope.needs_macos, auxkc.rebuilt),
    Unload: (scope.needs_macos, scope.must_be_installed, unloading.unloaded),
    KextConsent: (consenting.kext_consent_changed,),
    PanicMedic: (scope.needs_an_auxkc, approving.medic_called),
    Upgrade: (upgrading.upgraded,),
    Restart: (
        commands.needs_an_mdm,
        commands.queued_in_recovery,
        commands.notified,
        commands.restarted_by_mdm,
        commands.booted_by_somebody,
    ),
    PowerCut: (_power_was_cut,),
    Boot: (security.only_these_environments, _booted),
    SetSecurity: (
        scope.has_a_boot_policy,
        security.nothing_is_asked,
        intelsecurity.security_level_is_set,
        security.lowering_needs_1tr,
        security.full_excludes_allowances,
        security.the_tool_can,
        security.must_be_paired,
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
    Wait: (approving.time_passed,),
}
