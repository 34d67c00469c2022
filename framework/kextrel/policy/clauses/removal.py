"""How system extensions go: deactivation by their app, deletion of the app, the boot that ends it (SYS-09 to -12); and
what a boot leaves as it is (SYS-18 to -20)."""

from __future__ import annotations

from kextrel.policy.clauses import profiles
from kextrel.policy.clauses.activation import DISABLED, ENABLED, TERMINATED, WAITING, recorded
from kextrel.policy.copying import replace
from kextrel.policy.rule import Law, Rule
from kextrel.policy.ruling import Expected, Prediction, refused, ruled
from kextrel.policy.situation import Situation
from kextrel.policy.sysext import SYS_09, SYS_10, SYS_11, SYS_12, SYS_18, SYS_19, SYS_20
from kextrel.vocabulary import Category, Credential, Extension, Outcome, Reason, Version
from kextrel.vocabulary.actions import Deactivate, Remove

__all__ = ["booted", "deactivated", "ended", "its_app_deleted", "outlasts_the_boot"]

_ASKS = Version.parse("11.3")
_REMOVABLE = Version.parse("12.0.1")


def deactivated(situation: Situation, action: Deactivate, law: Law) -> Prediction:
    """By its own app (SYS-09, SYS-10), in Settings, or with its app by Finder (SYS-12)."""
    extension = situation.extensions[action.extension]
    answer = (_by_app if action.by == "app" else _by_hand)(situation, action, extension, law)
    if situation.word(extension) != TERMINATED or answer.outcomes[0].outcome is Outcome.TERMINATED:
        return answer
    # Gone but for the restart: a Mac may ask nobody any more, and that ends as it was.
    return replace(answer, outcomes=(*answer.outcomes, Expected(Outcome.TERMINATED, None, situation)))


def _by_hand(situation: Situation, action: Deactivate, extension: Extension, law: Law) -> Prediction:
    """Settings and Finder ask for an administrator, whatever the version; Finder takes the app away too."""
    if action.as_ is not Credential.ADMIN and law.says(SYS_12):
        return refused(Reason.AUTHENTICATION, situation, SYS_12)
    app = {extension.name} if action.by == "finder" else frozenset()
    gone = replace(situation, on_disk=situation.on_disk - app)
    return ruled(Outcome.TERMINATED, ended(gone, extension, law), SYS_12)


def _by_app(situation: Situation, action: Deactivate, extension: Extension, law: Law) -> Prediction:
    done = ruled(Outcome.TERMINATED, ended(situation, extension, law), SYS_12)
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


def ended(situation: Situation, extension: Extension, law: Law) -> Situation:
    """SYS-12: the record waits for the restart. Without the rule it is gone at once."""
    return recorded(situation, extension, TERMINATED if law.says(SYS_12) else None)


def its_app_deleted(situation: Situation, action: Remove, law: Law) -> Prediction:
    """`remove` takes the app away. What it carried goes as by deactivation; when the list says so is not said. What may
    not be uninstalled stays (SYS-11)."""
    extension = situation.extensions[action.extension]
    gone = replace(situation, on_disk=situation.on_disk - {extension.name})
    if situation.word(extension) in (None, TERMINATED):
        return ruled(Outcome.DONE, gone)
    if law.says(SYS_11) and situation.in_force.sip and profiles.not_removable(situation, extension):
        return ruled(Outcome.DONE, gone, SYS_11)
    fields = frozenset({"system_extensions"})
    return ruled(Outcome.DONE, ended(gone, extension, law), SYS_12, unsettled=fields)


def booted(after: Situation, law: Law) -> tuple[Situation, tuple[Rule, ...]]:
    """A boot into macOS: what was terminated is gone (SYS-12); the rest stays what it was (SYS-19, SYS-20)."""
    if not after.system_extensions:
        return after, ()
    again, rules = outlasts_the_boot(after, law)
    kept = {key: word for key, word in again.system_extensions.items() if word != TERMINATED}
    if len(kept) == len(again.system_extensions) or not law.says(SYS_12):
        return again, rules
    versions = {key: one for key, one in again.activated.items() if key in kept}
    return replace(again, system_extensions=kept, activated=versions), (SYS_12, *rules)


def outlasts_the_boot(after: Situation, law: Law) -> tuple[Situation, tuple[Rule, ...]]:
    """Any boot of macOS: approved stays approved (SYS-19), pending stays pending (SYS-20); left out, they do not."""
    turned = {} if law.says(SYS_19) else {ENABLED: WAITING}
    turned |= {} if law.says(SYS_20) else {WAITING: ENABLED}
    words = {key: turned.get(word, word) for key, word in after.system_extensions.items()}
    said = set(after.system_extensions.values())
    rules = (
        *((SYS_19,) if said & {ENABLED, DISABLED} else ()),
        *((SYS_20,) if WAITING in said else ()),
        *((SYS_18,) if _starts_early(after) else ()),
    )
    spoken = law.those_said(*rules)
    return (replace(after, system_extensions=words) if turned else after), spoken


def _starts_early(after: Situation) -> bool:
    """Whether an enabled endpoint-security extension asks to be started before other programs."""
    return any(
        one.early_boot and one.category is Category.ENDPOINT_SECURITY and after.word(one) == ENABLED
        for one in after.extensions.values()
    )
