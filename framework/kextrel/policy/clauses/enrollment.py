"""What comes onto a Mac with an MDM and goes with it: profiles (MDM-07, MDM-14), and the enrollment itself."""

from __future__ import annotations

from dataclasses import replace

from kextrel.policy.clauses import activation, approving, vouching
from kextrel.policy.mdm import MDM_07, MDM_14
from kextrel.policy.rule import BIG_SUR, Law, Rule
from kextrel.policy.ruling import NotModelled, Prediction, refused, ruled
from kextrel.policy.situation import Situation
from kextrel.vocabulary import Enrollment, Environment, Outcome, Profile, Reason, SystemPolicy, Version
from kextrel.vocabulary.actions import Enroll, InstallProfile, RemoveProfile, Unenroll

__all__ = [
    "enrolled",
    "installed_by_hand",
    "malformed",
    "must_be_on_the_mac",
    "needs_an_approved_enrollment",
    "profile_installed",
    "profile_removed",
    "reached_in_macos",
    "unenrolled",
]

_KERNEL_POLICIES, _SYSTEM_POLICIES = Version.parse("10.13.2"), Version.parse("10.15")
_KEXTS = frozenset({"uakl"})


def reached_in_macos(
    situation: Situation, action: InstallProfile | RemoveProfile | Enroll | Unenroll, law: Law
) -> Prediction | None:
    """A Mac in recovery is not reached: what its MDM sends then waits (MDM-16), and these verbs cannot."""
    if situation.environment is not Environment.MACOS:
        raise NotModelled(f"'{action.verb}' while the Mac is not in macOS")
    return None


def needs_an_approved_enrollment(situation: Situation, action: InstallProfile, law: Law) -> Prediction | None:
    """MDM-07: an MDM that manages the device, and that the user approved."""
    profile, macos = action.profile, situation.mac.macos
    if profile.kernel_extensions is None and profile.system_extensions is None:
        raise NotModelled("a profile without a policy for extensions")
    early = profile.kernel_extensions is not None and macos < _KERNEL_POLICIES
    if early or (profile.system_extensions is not None and macos < _SYSTEM_POLICIES):
        raise NotModelled(f"a profile that macOS {macos} does not know")
    if not law.says(MDM_07) or _counts_as_approved(situation):
        return None
    return refused(Reason.ENROLLMENT, situation, MDM_07)


def _counts_as_approved(situation: Situation) -> bool:
    mac = situation.mac
    if mac.enrollment is Enrollment.DEVICE:
        return mac.user_approved_mdm or mac.macos >= BIG_SUR
    return mac.enrollment is Enrollment.AUTOMATED_DEVICE


def installed_by_hand(situation: Situation, action: InstallProfile, law: Law) -> Prediction | None:
    """MDM-07: these policies come from MDM only."""
    if action.from_ == "mdm" or not law.says(MDM_07):
        return None
    return refused(Reason.NOT_OFFERED, situation, MDM_07)


def malformed(situation: Situation, action: InstallProfile, law: Law) -> Prediction | None:
    """MDM-15, which is not built yet: such a profile contradicts itself within one payload."""
    payload = action.profile.system_extensions
    if payload is not None and (_a_team_twice(payload) or _removable_and_not(payload)):
        raise NotModelled("a malformed profile (MDM-15)")
    return None


def _a_team_twice(payload: SystemPolicy) -> bool:
    return bool(payload.allowed_team_identifiers & payload.allowed_system_extensions.keys())


def _removable_and_not(payload: SystemPolicy) -> bool:
    fixed = payload.non_removable_system_extensions
    return any(names & fixed.get(team, frozenset()) for team, names in payload.removable_system_extensions.items())


def profile_installed(situation: Situation, action: InstallProfile, law: Law) -> Prediction:
    """It takes the place of one with the same id. What was asked for before meets it when it asks again."""
    others = tuple(one for one in situation.profiles if one.id != action.profile.id)
    return _changed(situation, (*others, action.profile), Outcome.INSTALLED, law, (MDM_07,))


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
    after = replace(situation, profiles=left)
    _no_system_extension_is_touched(situation, after, law)
    after, stale = _kexts_no_longer_listed(_no_longer_pending(after, law), law)
    rules = (*because, MDM_14) if stale else because
    return ruled(outcome, after, *rules, unsettled=_KEXTS if stale else frozenset())


def _no_longer_pending(after: Situation, law: Law) -> Situation:
    """What a profile lets in now need not be approved any more; whether it still can be, no rule says."""
    spared = frozenset(name for name in after.pending if vouching.lets_in(after, after.extensions[name], law))
    return replace(after, pending=after.pending - spared, lapsed=after.lapsed | spared)


def _kexts_no_longer_listed(after: Situation, law: Law) -> tuple[Situation, frozenset[str]]:
    """MDM-14: what is loaded stays so until a restart; what still waited for one is not built in by it."""
    known = {one.bundle_id: one for one in after.extensions.values()}
    stale = frozenset(one for one in after.vouched & known.keys() if not vouching.listed(after, known[one], law))
    waiting = stale - after.aux_kc - after.consented
    if not waiting:
        return after, stale
    ended = replace(after, uakl=after.uakl - waiting, vouched=after.vouched - waiting)
    return replace(ended, staged=approving.buildable(ended, law)), stale


def _no_system_extension_is_touched(before: Situation, after: Situation, law: Law) -> None:
    """Profiles that come or go change activations (SYS-07, SYS-08), which is not built yet."""
    for extension in before.extensions.values():
        word, allowed = before.word(extension), activation.allows(after, extension, law)
        if word == activation.WAITING and allowed:
            raise NotModelled("a profile that allows a pending extension (SYS-07)")
        if word in (activation.ENABLED, activation.DISABLED) and extension.bundle_id in before.granted and not allowed:
            raise NotModelled("an active extension that no profile allows any more (SYS-08)")


def enrolled(situation: Situation, action: Enroll, law: Law) -> Prediction:
    if situation.mac.enrollment is not Enrollment.NONE or action.enrollment is Enrollment.NONE:
        raise NotModelled(f"going from enrollment '{situation.mac.enrollment}' to '{action.enrollment}'")
    mac = replace(
        situation.mac,
        enrollment=action.enrollment,
        user_approved_mdm=action.user_approved_mdm,
        bootstrap_token=action.bootstrap_token,
    )
    return ruled(Outcome.DONE, replace(situation, mac=mac))


def unenrolled(situation: Situation, action: Unenroll, law: Law) -> Prediction:
    """The enrollment goes, and with it the profiles that it brought."""
    if situation.mac.enrollment is Enrollment.NONE:
        raise NotModelled("ending an enrollment that there is not")
    gone = _changed(situation, (), Outcome.DONE, law)
    after = gone.outcomes[0].situation
    ended = replace(after, mac=replace(after.mac, enrollment=Enrollment.NONE), told=None)
    return replace(gone, outcomes=(replace(gone.outcomes[0], situation=ended),))
