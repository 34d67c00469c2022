"""Activation of system extensions: the request of an extension's own app, the first time and again (SYS)."""

from __future__ import annotations

from kextrel.policy.clauses import profiles
from kextrel.policy.copying import replace
from kextrel.policy.mdm import MDM_12
from kextrel.policy.rule import CATALINA, Law, Rule
from kextrel.policy.ruling import Expected, Prediction, refused, ruled
from kextrel.policy.signature import SIG_05
from kextrel.policy.situation import Situation
from kextrel.policy.sysext import SYS_01, SYS_02, SYS_03, SYS_04, SYS_05, SYS_06, SYS_13, SYS_16, SYS_17, SYS_20
from kextrel.vocabulary import Category, Extension, Outcome, Reason, Signature
from kextrel.vocabulary.actions import (
    Activate,
    Allow,
    Deactivate,
    DeveloperMode,
    Disable,
    Enable,
    Replace,
    ResetExtensions,
)

__all__ = [
    "DISABLED",
    "ENABLED",
    "TERMINATED",
    "WAITING",
    "activated",
    "allows",
    "approval_is_forbidden",
    "before_catalina",
    "entitlement_missing",
    "must_be_signed_and_in_applications",
    "recorded",
    "replaced_on_disk",
]

ENABLED, WAITING = "activated enabled", "activated waiting for user"
DISABLED, TERMINATED = "activated disabled", "terminated waiting to uninstall on reboot"
_CLIENT = "com.apple.developer.endpoint-security.client"
_ELSE_NEEDED = {
    Category.DRIVER: "com.apple.developer.driverkit",
    Category.NETWORK: "com.apple.developer.networking.networkextension",
}


def before_catalina(
    situation: Situation,
    action: Activate | Allow | Disable | Enable | Deactivate | ResetExtensions | DeveloperMode,
    law: Law,
) -> Prediction | None:
    """SYS-01: there are none before macOS 10.15."""
    if situation.mac.macos >= CATALINA or not law.says(SYS_01):
        return None
    return refused(Reason.UNSUPPORTED_VERSION, situation, SYS_01)


def must_be_signed_and_in_applications(situation: Situation, action: Activate, law: Law) -> Prediction | None:
    """SIG-05: the place first, then the signature. Developer mode asks for neither."""
    extension = situation.extensions[action.extension]
    if situation.developer_mode or not law.says(SIG_05):
        return None
    if not extension.app_in_applications:
        return refused(Reason.LOCATION, situation, SIG_05)
    if extension.signature is not Signature.DEVELOPER_ID:
        return refused(Reason.SIGNATURE, situation, SIG_05)
    return None


def entitlement_missing(situation: Situation, action: Activate, law: Law) -> Prediction | None:
    """SYS-17, for endpoint security only. Apple's own entitlement is given to nobody else, so it does not help."""
    extension = situation.extensions[action.extension]
    if extension.entitlements is None or extension.category is not Category.ENDPOINT_SECURITY:
        return None
    missing = _CLIENT not in extension.entitlements
    return refused(Reason.ENTITLEMENT, situation, SYS_17) if missing and law.says(SYS_17) else None


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
    """SYS-06, which MDM-12 says of both kinds of extension. What was approved before needs no approval (SYS-13)."""
    extension = situation.extensions[action.extension]
    overrides = profiles.extension_overrides(situation, law) or not law.says(SYS_06)
    if overrides or allows(situation, extension, law) or situation.word(extension) in (ENABLED, DISABLED):
        return None
    forbidden = refused(Reason.APPROVAL_FORBIDDEN, situation, SYS_06, MDM_12, *_matching(situation, law))
    sooner = _denied_to_other_kinds(situation, extension) if isinstance(action, Activate) else ()
    return replace(forbidden, outcomes=(*forbidden.outcomes, *sooner))


def activated(situation: Situation, action: Activate, law: Law) -> Prediction:
    """SYS-03 and SYS-04 for what is not approved yet, SYS-13 for what is."""
    extension = situation.extensions[action.extension]
    if situation.word(extension) in (ENABLED, DISABLED):
        return _again(situation, extension, law)
    found = _first(situation, extension, law)
    more = [] if law.says(SYS_02) else [Expected(Outcome.REFUSED, Reason.SECURITY_MODE, situation)]
    more += [] if law.says(SYS_01) else [Expected(Outcome.REFUSED, Reason.UNSUPPORTED_VERSION, situation)]
    return replace(found, outcomes=(*more, *found.outcomes, *_denied_to_other_kinds(situation, extension)))


def _first(situation: Situation, extension: Extension, law: Law) -> Prediction:
    """What is not approved: with a profile it is enabled, without one it waits (SYS-20: the second time too)."""
    enabled = recorded(situation, extension, ENABLED)
    if allows(situation, extension, law) and law.says(SYS_04):
        return ruled(Outcome.ENABLED, enabled, SYS_04, *_matching(situation, law), SYS_02, SYS_01, SYS_16)
    if not law.says(SYS_03):
        return ruled(Outcome.ENABLED, enabled)
    pending = situation.word(extension) == WAITING
    rules = (SYS_03, *_matching(situation, law), *((SYS_20,) if pending else ()), SYS_02, SYS_01)
    waits = ruled(Outcome.WAITING_FOR_USER, recorded(situation, extension, WAITING), *rules)
    if law.says(SYS_20) or not pending:
        return waits
    unasked = (Expected(Outcome.ENABLED, None, enabled), Expected(Outcome.UNCHANGED, None, situation))
    return replace(waits, outcomes=(*waits.outcomes, *unasked))


def _denied_to_other_kinds(situation: Situation, extension: Extension) -> tuple[Expected, ...]:
    """Drivers and network extensions need an entitlement too. SYS-17 leaves it out of scenarios, so one without it is
    predicted as one with it; a Mac that looks at it breaks no rule."""
    needed = _ELSE_NEEDED.get(extension.category or Category.ENDPOINT_SECURITY)
    if extension.entitlements is None or needed is None or needed in extension.entitlements:
        return ()
    return (Expected(Outcome.REFUSED, Reason.ENTITLEMENT, situation),)


def _again(situation: Situation, extension: Extension, law: Law) -> Prediction:
    """SYS-13: another version takes the place of the running one unasked; the very same one is left as it is. One that
    the user has switched off stays so (SYS-14)."""
    word = situation.system_extensions[extension.bundle_id]
    same = situation.activated.get(extension.bundle_id, extension.version) == extension.version
    renewed = recorded(situation, extension, word)
    if (same and not situation.developer_mode) or word == DISABLED:
        done = ruled(Outcome.UNCHANGED, renewed, SYS_13)
    else:
        done = ruled(Outcome.ENABLED, renewed, SYS_13, SYS_16)
    if law.says(SYS_13):
        return done
    waits = Expected(Outcome.WAITING_FOR_USER, None, recorded(situation, extension, WAITING))
    others = [Expected(one, None, renewed) for one in (Outcome.ENABLED, Outcome.UNCHANGED)]
    return replace(done, outcomes=(*others, waits))


def replaced_on_disk(situation: Situation, action: Replace, law: Law) -> Prediction:
    """`replace` puts another version of the app there. What runs goes on running until the app asks again (SYS-13)."""
    extension = situation.extensions[action.extension]
    return ruled(Outcome.DONE, situation.knowing(replace(extension, version=action.version)))


def recorded(situation: Situation, extension: Extension, word: str | None) -> Situation:
    """The situation with these state words in sysextd's database; None: with no record."""
    own = extension.bundle_id
    words = {key: said for key, said in situation.system_extensions.items() if key != own}
    versions = {key: said for key, said in situation.activated.items() if key != own}
    if word is not None:
        words[own], versions[own] = word, extension.version
    return replace(situation, system_extensions=words, activated=versions)
