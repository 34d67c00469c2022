"""The model: for each action its clauses in the order of design.md's precedence; the first that speaks decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from kextrel.policy import boot, booting, kext, mdm, scope, signature
from kextrel.policy.rule import Law, Rule
from kextrel.policy.ruling import NotModelled, Prediction, ruled
from kextrel.policy.situation import Situation
from kextrel.vocabulary import Action, Environment, Outcome, Start
from kextrel.vocabulary.actions import (
    Approve,
    Boot,
    Install,
    Load,
    PowerCut,
    Rebuild,
    Remove,
    Restart,
    SetSecurity,
    SetSip,
)

__all__ = ["RULES", "begin", "predict"]

Clause = Callable[[Situation, Any, Law], Prediction | None]

RULES: Mapping[str, Rule] = MappingProxyType(
    {rule.id: rule for rule in (*boot.RULES, *kext.RULES, *signature.RULES, *mdm.RULES)}
)


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
    """The bundle goes; the AuxKC that runs does not change by that (KEXT-05)."""
    name = {action.extension}
    after = replace(situation, on_disk=situation.on_disk - name, discovered=situation.discovered - name)
    return ruled(Outcome.DONE, replace(after, pending=after.pending - name, lapsed=after.lapsed | after.pending & name))


def _restarted(situation: Situation, action: Restart, law: Law) -> Prediction:
    if action.by != "user":
        raise NotModelled("a restart by the MDM (the MDM rules)")
    return booting.into_macos(situation, Outcome.RESTARTED, law)


def _power_was_cut(situation: Situation, action: PowerCut, law: Law) -> Prediction:
    if action.during != "idle":
        raise NotModelled("a power cut during the rebuild (KEXT-19)")
    return booting.into_macos(situation, Outcome.RESTARTED, law)


def _booted(situation: Situation, action: Boot, law: Law) -> Prediction:
    if action.into is Environment.MACOS:
        scope.since_big_sur(situation, action, law)
        return booting.into_macos(situation, Outcome.BOOTED, law)
    return booting.into_another_system(situation, action.into, law)


_CLAUSES: Mapping[type, tuple[Clause, ...]] = {
    Install: (scope.needs_macos, _installed),
    Remove: (scope.needs_macos, scope.must_be_installed, _removed),
    Load: (
        scope.needs_macos,
        scope.must_be_installed,
        kext.already_in_the_running_auxkc,
        scope.since_big_sur,
        scope.architecture_reaches,
        signature.must_be_valid,
        scope.notarization_and_kpi_reach,
        scope.managed_by_nobody,
        kext.policy_must_allow_kexts,
        scope.banned_reaches,
        kext.approval_or_restart,
    ),
    Approve: (
        scope.needs_macos,
        scope.must_be_installed,
        scope.since_big_sur,
        scope.managed_by_nobody,
        kext.nothing_is_pending,
        scope.who_approves,
        kext.approved_into_the_uakl,
    ),
    Rebuild: (scope.needs_macos, scope.since_big_sur, kext.rebuilt),
    Restart: (scope.since_big_sur, _restarted),
    PowerCut: (scope.since_big_sur, _power_was_cut),
    Boot: (boot.only_these_environments, _booted),
    SetSecurity: (
        scope.has_a_boot_policy,
        boot.nothing_is_asked,
        boot.lowering_needs_1tr,
        boot.full_excludes_allowances,
        scope.security_tools_reach,
        boot.credentials,
        boot.full_asks_apple,
        boot.the_policy_is_written,
    ),
    SetSip: (
        scope.sip_rules_reach,
        boot.disabling_sip_needs_1tr,
        boot.enabling_sip,
        boot.credentials,
        boot.sip_is_set,
    ),
}
