"""What comes onto a Mac with an MDM and goes with it: profiles (MDM-07, MDM-14), and the enrollment itself."""

from __future__ import annotations

from kextrel.policy.clauses import activation, auxkc, profiles, removal, signing, vouching
from kextrel.policy.clauses.activation import ENABLED, TERMINATED, WAITING
from kextrel.policy.copying import replace
from kextrel.policy.mdm import MDM_07, MDM_10, MDM_14, MDM_15
from kextrel.policy.rule import BIG_SUR, Law, Rule
from kextrel.policy.ruling import Prediction, refused, ruled
from kextrel.policy.situation import Situation
from kextrel.policy.sysext import SYS_05, SYS_07, SYS_08, SYS_12
from kextrel.vocabulary import Enrollment, Environment, Extension, Outcome, Profile, Reason, Version
from kextrel.vocabulary.actions import Enroll, InstallProfile, RemoveProfile, Unenroll

__all__ = [
    "enrolled",
    "installed_by_hand",
    "kexts_now_listed",
    "malformed",
    "must_be_on_the_mac",
    "needs_an_approved_enrollment",
    "profile_installed",
    "profile_removed",
    "reached_in_macos",
    "unenrolled",
]

_CHANGES_STATES = Version.parse("11.3")
_KEXTS = frozenset({"uakl"})
_REACHED = (Environment.MACOS, Environment.SAFE_MODE)


def reached_in_macos(
    situation: Situation, action: InstallProfile | RemoveProfile | Enroll | Unenroll, law: Law
) -> Prediction | None:
    """These verbs need macOS: a Mac in recovery asks no MDM anything until it is back (MDM-16)."""
    return None if situation.environment in _REACHED else refused(Reason.WRONG_ENVIRONMENT, situation)


def needs_an_approved_enrollment(situation: Situation, action: InstallProfile, law: Law) -> Prediction | None:
    """MDM-07: an MDM that manages the device, and that the user approved. Any other profile needs an MDM, if that is to
    install it."""
    if not _has_a_policy(action.profile):
        alone = action.from_ == "mdm" and situation.mac.enrollment is Enrollment.NONE
        return refused(Reason.ENROLLMENT, situation) if alone else None
    if not law.says(MDM_07) or _counts_as_approved(situation):
        return None
    return refused(Reason.ENROLLMENT, situation, MDM_07)


def _has_a_policy(profile: Profile) -> bool:
    return profile.kernel_extensions is not None or profile.system_extensions is not None


def _counts_as_approved(situation: Situation) -> bool:
    mac = situation.mac
    if mac.enrollment is Enrollment.DEVICE:
        return mac.user_approved_mdm or mac.macos >= BIG_SUR
    return mac.enrollment is Enrollment.AUTOMATED_DEVICE


def installed_by_hand(situation: Situation, action: InstallProfile, law: Law) -> Prediction | None:
    """MDM-07: these policies come from MDM only."""
    if action.from_ == "mdm" or not _has_a_policy(action.profile) or not law.says(MDM_07):
        return None
    return refused(Reason.NOT_OFFERED, situation, MDM_07)


def malformed(situation: Situation, action: InstallProfile, law: Law) -> Prediction | None:
    """MDM-15: within one payload a profile may not contradict itself."""
    payload = action.profile.system_extensions
    if payload is None or not law.says(MDM_15) or not profiles.contradicts_itself(payload):
        return None
    return refused(Reason.MALFORMED_PROFILE, situation, MDM_15)


def profile_installed(situation: Situation, action: InstallProfile, law: Law) -> Prediction:
    """It takes the place of one with the same id. MDM-07 lets it in, if it is one that the rule speaks of."""
    others = tuple(one for one in situation.profiles if one.id != action.profile.id)
    because = (MDM_07,) if _has_a_policy(action.profile) else ()
    return _changed(situation, (*others, action.profile), Outcome.INSTALLED, law, because)


def must_be_on_the_mac(situation: Situation, action: RemoveProfile, law: Law) -> Prediction | None:
    if any(one.id == action.profile for one in situation.profiles):
        return None
    return refused(Reason.NOT_INSTALLED, situation)


def profile_removed(situation: Situation, action: RemoveProfile, law: Law) -> Prediction:
    left = tuple(one for one in situation.profiles if one.id != action.profile)
    return _changed(situation, left, Outcome.REMOVED, law)


def _changed(
    situation: Situation, left: tuple[Profile, ...], outcome: Outcome, law: Law, because: tuple[Rule, ...] = ()
) -> Prediction:
    """Profiles came or went: what that does to system extensions, and to kexts on a macOS that has an AuxKC."""
    after, touched = _activations(situation, replace(situation, profiles=left), law)
    rules = (*because, *touched)
    if after.mac.macos < BIG_SUR:
        return ruled(outcome, after, *rules)
    after, let_in = kexts_now_listed(after, law)
    after, stale = _kexts_no_longer_listed(after, law)
    rules = (*rules, *let_in, *((MDM_14,) if stale else ()))
    return ruled(outcome, after, *rules, unsettled=_KEXTS if stale else frozenset())


def _activations(before: Situation, after: Situation, law: Law) -> tuple[Situation, tuple[Rule, ...]]:
    """SYS-07: what waited and is allowed now is enabled. SYS-08: what was allowed and is not any more ends."""
    rules: list[Rule] = []
    for extension in before.extensions.values():
        word = before.word(extension)
        if word is None or word == TERMINATED:
            continue
        was, is_ = activation.allows(before, extension, law), activation.allows(after, extension, law)
        if word == WAITING and is_:
            completed = (after.mac.macos >= _CHANGES_STATES) is law.says(SYS_07)
            after, rules = _enabled(after, extension) if completed else after, [*rules, SYS_07, SYS_05]
        elif word != WAITING and was and not is_ and law.says(SYS_08):
            after, rules = removal.ended(after, extension, law), [*rules, SYS_08, SYS_12]
    return after, tuple(rules)


def _enabled(after: Situation, extension: Extension) -> Situation:
    return replace(after, system_extensions={**after.system_extensions, extension.bundle_id: ENABLED})


def kexts_now_listed(after: Situation, law: Law) -> tuple[Situation, tuple[Rule, ...]]:
    """Kexts that asked to be loaded before their profile came: it approves them now (MDM-02), and nobody is asked any
    more. Where the MDM has yet to lower the boot policy (MDM-10) nothing is built of them by a restart alone."""
    rules: list[Rule] = []
    for name in sorted(after.discovered & after.on_disk):
        extension = after.extensions[name]
        enough = vouching.lets_in(after, extension, law)
        if not enough or extension.bundle_id in after.uakl or signing.unfit(extension, sip=after.in_force.sip):
            continue
        bundle = {extension.bundle_id}
        after = replace(after, pending=after.pending - {name}, uakl=after.uakl | bundle, vouched=after.vouched | bundle)
        if MDM_10 not in enough:
            after = replace(after, staged=auxkc.buildable(after, law))
        rules += enough
    return after, tuple(rules)


def _kexts_no_longer_listed(after: Situation, law: Law) -> tuple[Situation, frozenset[str]]:
    """MDM-14: what is loaded stays so until a restart; what still waited for one is not built in by it."""
    known = {one.bundle_id: one for one in after.extensions.values()}
    stale = frozenset(one for one in after.vouched & known.keys() if not vouching.listed(after, known[one], law))
    waiting = stale - after.aux_kc - after.consented
    if not waiting:
        return after, stale
    ended = replace(after, uakl=after.uakl - waiting, vouched=after.vouched - waiting)
    return replace(ended, staged=auxkc.buildable(ended, law)), stale


def enrolled(situation: Situation, action: Enroll, law: Law) -> Prediction:
    """Into an enrollment, from none: a Mac has one, and has to leave it for another."""
    if action.enrollment is Enrollment.NONE:
        return unenrolled(situation, Unenroll(), law)
    if situation.mac.enrollment is not Enrollment.NONE:
        return refused(Reason.ENROLLMENT, situation)
    mac = replace(
        situation.mac,
        enrollment=action.enrollment,
        user_approved_mdm=action.user_approved_mdm,
        bootstrap_token=action.bootstrap_token,
    )
    return ruled(Outcome.DONE, replace(situation, mac=mac))


def unenrolled(situation: Situation, action: Unenroll, law: Law) -> Prediction:
    """The enrollment goes, and with it the profiles that it brought and the commands that waited."""
    if situation.mac.enrollment is Enrollment.NONE:
        return refused(Reason.ENROLLMENT, situation)
    gone = _changed(situation, (), Outcome.DONE, law)
    after = gone.outcomes[0].situation
    mac = replace(after.mac, enrollment=Enrollment.NONE)
    ended = replace(after, mac=mac, told=None, queued=())
    return replace(gone, outcomes=(replace(gone.outcomes[0], situation=ended),))
