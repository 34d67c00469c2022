"""How system extensions go: deactivation by their app, deletion of the app, the boot that ends it (SYS-09 to -12)."""

from __future__ import annotations

from dataclasses import replace

from kextrel.policy.clauses import profiles
from kextrel.policy.clauses.activation import DISABLED, ENABLED, TERMINATED, WAITING, recorded
from kextrel.policy.rule import Law, Rule
from kextrel.policy.ruling import Expected, NotModelled, Prediction, refused, ruled
from kextrel.policy.situation import Situation
from kextrel.policy.sysext import SYS_09, SYS_10, SYS_12
from kextrel.vocabulary import Credential, Extension, Outcome, Reason, Version
from kextrel.vocabulary.actions import Deactivate, Remove

__all__ = ["booted", "deactivated", "its_app_deleted"]

_ASKS = Version.parse("11.3")
_REMOVABLE = Version.parse("12.0.1")


def deactivated(situation: Situation, action: Deactivate, law: Law) -> Prediction:
    """By its own app (SYS-09, SYS-10), or with its app by Finder (SYS-12)."""
    extension = situation.extensions[action.extension]
    word = situation.word(extension)
    if word not in (ENABLED, DISABLED):
        raise NotModelled(f"deactivating what is '{word or 'not activated'}'")
    if action.by == "settings":
        raise NotModelled("deactivation in Settings")
    if profiles.restrains(situation, extension):
        raise NotModelled("an extension that a profile makes not removable (SYS-11)")
    return (_by_finder if action.by == "finder" else _by_app)(situation, action, extension, law)


def _by_finder(situation: Situation, action: Deactivate, extension: Extension, law: Law) -> Prediction:
    if action.as_ is not Credential.ADMIN and law.says(SYS_12):
        return refused(Reason.AUTHENTICATION, situation, SYS_12)
    gone = replace(situation, on_disk=situation.on_disk - {extension.name})
    return ruled(Outcome.TERMINATED, _terminated(gone, extension, law), SYS_12)


def _by_app(situation: Situation, action: Deactivate, extension: Extension, law: Law) -> Prediction:
    done = ruled(Outcome.TERMINATED, _terminated(situation, extension, law), SYS_12)
    named = profiles.removable(situation, extension)
    if named and (situation.mac.macos >= _REMOVABLE) is law.says(SYS_10):
        return replace(done, rules=(SYS_10.id, *done.rules))
    about = (SYS_09.id, SYS_10.id) if named else (SYS_09.id,)
    if action.as_ is Credential.ADMIN:
        denied = () if law.says(SYS_09) else (Expected(Outcome.REFUSED, Reason.AUTHENTICATION, situation),)
        return replace(done, outcomes=(*denied, *done.outcomes), rules=(*about, *done.rules))
    if not law.says(SYS_09):
        return done
    denied_only = refused(Reason.AUTHENTICATION, situation, SYS_09)
    if situation.mac.macos >= _ASKS:
        return replace(denied_only, rules=about)
    return Prediction((*denied_only.outcomes, *done.outcomes), (*about, *done.rules), open=True)


def _terminated(situation: Situation, extension: Extension, law: Law) -> Situation:
    """SYS-12: the record waits for the restart. Without the rule it is gone at once."""
    word = TERMINATED if law.says(SYS_12) else None
    after = recorded(situation, extension, word)
    return replace(after, asked=after.asked - {extension.name}, granted=after.granted - {extension.bundle_id})


def its_app_deleted(situation: Situation, action: Remove, law: Law) -> Prediction:
    """`remove` takes the app away. What it carried goes as by deactivation; when the list says so is not said."""
    extension = situation.extensions[action.extension]
    gone = replace(situation, on_disk=situation.on_disk - {extension.name})
    word = situation.word(extension)
    if word is None or word == TERMINATED:
        return ruled(Outcome.DONE, gone)
    if word not in (ENABLED, DISABLED, WAITING):
        raise NotModelled(f"deleting the app of what is '{word}'")
    fields = frozenset({"system_extensions"})
    return ruled(Outcome.DONE, _terminated(gone, extension, law), SYS_12, unsettled=fields)


def booted(after: Situation, law: Law) -> tuple[Situation, tuple[Rule, ...]]:
    """A boot into macOS: what was terminated is gone (SYS-12), what is pending has to ask again."""
    records = dict(after.system_extensions)
    kept = {key: word for key, word in records.items() if word != TERMINATED}
    again = replace(after, asked=frozenset())
    if kept == records or not law.says(SYS_12):
        return again, ()
    return replace(again, system_extensions=kept), (SYS_12,)
