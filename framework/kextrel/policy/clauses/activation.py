"""Activation of system extensions, and what Settings does with them (SYS)."""

from __future__ import annotations

from dataclasses import replace

from kextrel.policy.clauses import profiles
from kextrel.policy.mdm import MDM_12
from kextrel.policy.rule import CATALINA, Law, Rule
from kextrel.policy.ruling import Expected, NotModelled, Prediction, refused, ruled
from kextrel.policy.signature import SIG_05
from kextrel.policy.situation import Situation
from kextrel.policy.sysext import SYS_01, SYS_02, SYS_03, SYS_04, SYS_05, SYS_06, SYS_14, SYS_17
from kextrel.vocabulary import Category, Credential, Extension, Outcome, Reason, Signature
from kextrel.vocabulary.actions import Activate, Allow, Deactivate, Disable, Enable

__all__ = [
    "activated",
    "allowed_by_the_user",
    "allows",
    "approval_is_forbidden",
    "before_catalina",
    "entitlement_missing",
    "must_be_signed_and_in_applications",
    "recorded",
    "switched",
]

ENABLED, WAITING = "activated enabled", "activated waiting for user"
DISABLED, TERMINATED = "activated disabled", "terminated waiting to uninstall on reboot"
_CLIENT = "com.apple.developer.endpoint-security.client"
_MANAGER = "com.apple.private.endpoint-security.manager"


def before_catalina(
    situation: Situation, action: Activate | Allow | Disable | Enable | Deactivate, law: Law
) -> Prediction | None:
    """SYS-01: there are none before macOS 10.15."""
    if situation.mac.macos >= CATALINA or not law.says(SYS_01):
        return None
    return refused(Reason.UNSUPPORTED_VERSION, situation, SYS_01)


def must_be_signed_and_in_applications(situation: Situation, action: Activate, law: Law) -> Prediction | None:
    """SIG-05: the place first, then the signature."""
    extension = situation.extensions[action.extension]
    if not law.says(SIG_05):
        return None
    if not extension.app_in_applications:
        return refused(Reason.LOCATION, situation, SIG_05)
    if extension.signature is not Signature.DEVELOPER_ID:
        return refused(Reason.SIGNATURE, situation, SIG_05)
    return None


def entitlement_missing(situation: Situation, action: Activate, law: Law) -> Prediction | None:
    """SYS-17, for endpoint security only."""
    extension = situation.extensions[action.extension]
    if extension.entitlements is None:
        return None
    if _MANAGER in extension.entitlements:
        raise NotModelled(f"an extension that is given {_MANAGER}")
    needs = extension.category is Category.ENDPOINT_SECURITY and _CLIENT not in extension.entitlements
    return refused(Reason.ENTITLEMENT, situation, SYS_17) if needs and law.says(SYS_17) else None


def allows(situation: Situation, extension: Extension, law: Law) -> bool:
    """SYS-05: whether a profile allows it. Left out, lists mean the contrary of what they say."""
    if not profiles.system(situation):
        return False
    return profiles.extension_listed(situation, extension, law) is law.says(SYS_05)


def _matching(situation: Situation, law: Law) -> tuple[Rule, ...]:
    """The rules that decide whether a profile allows something, where there is a profile."""
    payloads = profiles.system(situation)
    return (SYS_05, *profiles.united(payloads, law)) if payloads else ()


def approval_is_forbidden(situation: Situation, action: Activate | Allow, law: Law) -> Prediction | None:
    """SYS-06, which MDM-12 says of both kinds of extension."""
    extension = situation.extensions[action.extension]
    overrides = profiles.extension_overrides(situation, law) or not law.says(SYS_06)
    if overrides or allows(situation, extension, law) or situation.word(extension) in (ENABLED, DISABLED):
        return None
    return refused(Reason.APPROVAL_FORBIDDEN, situation, SYS_06, MDM_12, *_matching(situation, law))


def activated(situation: Situation, action: Activate, law: Law) -> Prediction:
    """SYS-03 and SYS-04: the request of the extension's own app."""
    extension = situation.extensions[action.extension]
    word = situation.word(extension)
    if word not in (None, WAITING):
        raise NotModelled(f"activating again what is '{word}' (SYS-13)")
    found = _activated(situation, extension, law)
    more = [] if law.says(SYS_02) else [Expected(Outcome.REFUSED, Reason.SECURITY_MODE, situation)]
    more += [] if law.says(SYS_01) else [Expected(Outcome.REFUSED, Reason.UNSUPPORTED_VERSION, situation)]
    return replace(found, outcomes=(*more, *found.outcomes))


def _activated(situation: Situation, extension: Extension, law: Law) -> Prediction:
    asked = replace(situation, asked=situation.asked | {extension.name})
    if allows(situation, extension, law) and law.says(SYS_04):
        after = replace(recorded(asked, extension, ENABLED), granted=asked.granted | {extension.bundle_id})
        return ruled(Outcome.ENABLED, after, SYS_04, *_matching(situation, law), SYS_02, SYS_01)
    if not law.says(SYS_03):
        return ruled(Outcome.ENABLED, recorded(asked, extension, ENABLED))
    rules = (SYS_03, *_matching(situation, law), SYS_02, SYS_01)
    return ruled(Outcome.WAITING_FOR_USER, recorded(asked, extension, WAITING), *rules)


def recorded(situation: Situation, extension: Extension, word: str | None) -> Situation:
    """The situation with this state word in sysextd's database; None: with no record."""
    records = {key: said for key, said in situation.system_extensions.items() if key != extension.bundle_id}
    return replace(situation, system_extensions=records if word is None else {**records, extension.bundle_id: word})


def allowed_by_the_user(situation: Situation, action: Allow, law: Law) -> Prediction:
    """SYS-03's second half: an administrator, in Settings, and only what is pending."""
    extension = situation.extensions[action.extension]
    if situation.word(extension) != WAITING:
        return refused(Reason.NOT_OFFERED, situation, SYS_03)
    if extension.name not in situation.asked:
        raise NotModelled("allowing what asked before the last boot, and not since (SYS-20)")
    if action.as_ is not Credential.ADMIN and law.says(SYS_03):
        return refused(Reason.NOT_ADMIN, situation, SYS_03)
    taken = ruled(Outcome.ENABLED, recorded(situation, extension, ENABLED), SYS_03, SYS_02)
    if law.says(SYS_03):
        return taken
    return replace(taken, outcomes=(Expected(Outcome.REFUSED, None, situation), *taken.outcomes))


def switched(situation: Situation, action: Disable | Enable, law: Law) -> Prediction:
    """SYS-14: off and on again in Settings."""
    extension = situation.extensions[action.extension]
    off = isinstance(action, Disable)
    word = situation.word(extension)
    if word != (ENABLED if off else DISABLED):
        raise NotModelled(f"to {action.verb} what is '{word or 'not activated'}'")
    if profiles.restrains(situation, extension):
        raise NotModelled("an extension that a profile makes not removable (SYS-11)")
    if action.as_ is not Credential.ADMIN:
        if not off:
            raise NotModelled("enabling by somebody who is no administrator")
        return refused(Reason.NOT_ADMIN, situation, SYS_14)
    after = recorded(situation, extension, DISABLED if off else ENABLED)
    done = ruled(Outcome.DISABLED if off else Outcome.ENABLED, after, SYS_14)
    if law.says(SYS_14):
        return done
    asked = recorded(situation, extension, ENABLED if off else WAITING)
    return replace(done, outcomes=(Expected(Outcome.REFUSED, None, asked), *done.outcomes))
