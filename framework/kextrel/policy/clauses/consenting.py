"""macOS 10.13 to 10.15: the user's consent (UAK), and 10.12, where there is none."""

from __future__ import annotations

from kextrel.policy.clauses import loading, signing, vouching
from kextrel.policy.clauses.fitness import asked_for
from kextrel.policy.consent import (
    UAK_01,
    UAK_02,
    UAK_03,
    UAK_04,
    UAK_05,
    UAK_06,
    UAK_07,
    UAK_08,
    UAK_10,
    UAK_11,
    UAK_12,
)
from kextrel.policy.copying import replace
from kextrel.policy.mdm import MDM_11
from kextrel.policy.rule import CATALINA, HIGH_SIERRA, Law, Rule
from kextrel.policy.ruling import Expected, Prediction, either, refused, ruled
from kextrel.policy.situation import Situation
from kextrel.vocabulary import Credential, Enrollment, Environment, Extension, Outcome, Reason, Signature, Version
from kextrel.vocabulary.actions import Approve, KextConsent, Load

__all__ = [
    "by_name",
    "consented",
    "covered",
    "decides_the_load",
    "granted",
    "kext_consent_changed",
    "nothing_is_offered",
]

_OFF_BY_MDM, _PROFILES = Version(10, 13, 4), Version(10, 13, 2)
_LOADED = frozenset({"loaded_kexts"})
_SHARED = ("/Library/Extensions", "/Library/Application Support")


def decides_the_load(situation: Situation, action: Load, law: Law) -> Prediction | None:
    """The load request before macOS 11: the kext loads at once, or the user's consent is asked (UAK-01)."""
    if situation.has_auxkc:
        return None
    extension, known = situation.extensions[action.extension], asked_for(situation, action.extension)
    spared = _spared(known, extension, law)
    if spared:
        return _or_another_runs(known, extension, _loads(known, extension, law, *spared))
    asked = _consent_is_asked(known, action, extension, law)
    if not _off_by_itself(known, law):
        return _or_another_runs(known, extension, asked)
    loads = _loads(known, extension, law, UAK_11)
    return loads if known.mac.macos < _PROFILES else either(loads, asked)


def _or_another_runs(known: Situation, extension: Extension, answer: Prediction) -> Prediction:
    """While another version of it runs, a kernel may refuse it for that. No rule speaks of it, so none forbids it."""
    bundle_id = extension.bundle_id
    runs = known.built.get(bundle_id) or known.vetted.get(bundle_id, extension.version)
    if bundle_id not in known.loaded or runs == extension.version or answer.open:
        return answer
    return replace(answer, outcomes=(*answer.outcomes, Expected(Outcome.REFUSED, None, known)))


def _spared(known: Situation, extension: Extension, law: Law) -> tuple[Rule, ...]:
    """The rules by which no consent is needed, the user's own apart; none where it is."""
    allowed = vouching.managed(known) and vouching.listed(known, extension, law)
    ways = (
        (UAK_11, known.mac.macos < HIGH_SIERRA, ()),
        (UAK_10, known.consent.off, ()),
        (UAK_02, extension.name in known.consent.old, ()),
        (UAK_04, _team(extension) in known.consent.teams, ()),
        (UAK_05, allowed, (MDM_11,)),
    )
    return next(((rule, *more) for rule, applies, more in ways if applies and law.says(rule)), ())


def _off_by_itself(known: Situation, law: Law) -> bool:
    """UAK-11 on a Mac with an MDM."""
    mac = known.mac
    early = HIGH_SIERRA <= mac.macos < _OFF_BY_MDM
    return early and mac.enrollment is not Enrollment.NONE and law.says(UAK_11)


def _consent_is_asked(known: Situation, action: Load, extension: Extension, law: Law) -> Prediction:
    """Forbidden by a profile (MDM-12), given before (UAK-03, UAK-06, UAK-07), or yet to be given."""
    forbidden = loading.approval_is_forbidden(known, action, law)
    if forbidden is not None:
        return forbidden
    given = _given(known, extension, law)
    if given:
        return _by_consent(known, extension, law, given)
    if not law.says(UAK_01):
        return _loads(known, extension, law)
    again = (UAK_08,) if law.says(UAK_08) and action.extension in known.lapsed | known.pending else ()
    asked = loading.approval_asked(known, action.extension)
    spared = _loads(known, extension, law).outcomes if granted(known, extension) else ()
    return Prediction((asked, *spared), tuple(rule.id for rule in (UAK_01, *again)))


def _given(known: Situation, extension: Extension, law: Law) -> tuple[Rule, ...]:
    """The rules by which the user's consent covers this kext; none where it does not."""
    named = by_name(known, extension)
    if named and known.vetted.get(extension.bundle_id, extension.version) != extension.version:
        return (UAK_03,) if law.says(UAK_03) else ()
    if not law.says(UAK_07):
        return ()
    if named:
        return (UAK_07,)
    return (UAK_06, UAK_07) if law.says(UAK_06) and covered(known, extension) else ()


def covered(known: Situation, extension: Extension) -> bool:
    """UAK-06: whether consent was given to this team in this place, or to this kext by name."""
    return _place(extension) in known.consent.given or by_name(known, extension)


def by_name(known: Situation, extension: Extension) -> bool:
    """Whether somebody consented to this very kext, in whatever version."""
    return _key(extension) in known.consent.approved


def granted(known: Situation, extension: Extension) -> bool:
    """Whether it once was on the disk when 10.13 came, or one of its team in its place was.

    TN2459 calls those approved, and what takes the place of an approved kext needs no consent (UAK-03, UAK-06); UAK-02
    speaks only of what still lies there. So a Mac may spare this one the question, though no rule calls that open.
    """
    consent, mine = known.consent, {_key(extension), _place(extension)}
    there = consent.granted | consent.old - {extension.name}
    return any(mine & {_key(known.extensions[name]), _place(known.extensions[name])} for name in there)


def _by_consent(known: Situation, extension: Extension, law: Law, given: tuple[Rule, ...]) -> Prediction:
    """UAK-07: at once; on 10.15 a restart may come first, once."""
    loads = _loads(known, extension, law, *given)
    running = extension.bundle_id in known.loaded
    fresh = _place(extension) in known.consent.fresh and known.mac.macos >= CATALINA and UAK_07 in given
    if running or not fresh:
        return loads
    later = Prediction((Expected(Outcome.RESTART_REQUIRED, None, known),), ())
    return either(loads, later)


def _loads(known: Situation, extension: Extension, law: Law, *rules: Rule) -> Prediction:
    bundle_id = extension.bundle_id
    after = replace(
        known,
        loaded=known.loaded | {bundle_id},
        built={**known.built, bundle_id: extension.version},
        pending=known.pending - {extension.name},
    )
    return ruled(Outcome.LOADED, after, *rules, *signing.relaxed(extension, known, law))


def _team(extension: Extension) -> str:
    """The team of the signature: an unsigned kext has none."""
    return extension.team_id if extension.signature is not Signature.NONE else ""


def _key(extension: Extension) -> tuple[str, str]:
    return (_team(extension), extension.bundle_id)


def _place(extension: Extension) -> tuple[str, str]:
    """What consent to this kext covers: a team in a place that its kexts share, else the kext alone (UAK-06)."""
    team, folder = _team(extension), _shared_folder(extension.path)
    return (team, folder) if team and folder else (team, extension.bundle_id)


def _shared_folder(path: str) -> str:
    extensions, support = _SHARED
    parts = path.rstrip("/").split("/")
    if path.startswith(f"{support}/"):
        return "/".join(parts[: support.count("/") + 2])
    app = next((number for number, part in enumerate(parts, 1) if part.endswith(".app")), 0)
    if app:
        return "/".join(parts[:app])
    return extensions if "/".join(parts[:3]) == extensions else ""


def nothing_is_offered(situation: Situation, action: Approve, law: Law) -> Prediction | None:
    """Before macOS 11: the button is there for 30 minutes after the request (UAK-08); on 10.12 never (UAK-11)."""
    if situation.has_auxkc or action.extension in situation.pending:
        return None
    if situation.mac.macos < HIGH_SIERRA:
        return refused(Reason.NOT_OFFERED, situation, UAK_11)
    late = action.extension in situation.lapsed
    if late and not law.says(UAK_08):
        return None
    return refused(Reason.NOT_OFFERED, situation, UAK_08 if late else UAK_01)


def consented(situation: Situation, action: Approve, law: Law) -> Prediction | None:
    """The click on Allow before macOS 11; open for a standard user (UAK-12)."""
    if situation.has_auxkc:
        return None
    given = _consent_given(situation, situation.extensions[action.extension])
    if action.as_ is Credential.ADMIN:
        return given
    return either(refused(Reason.NOT_ADMIN, situation, UAK_12), given)


def _consent_given(situation: Situation, extension: Extension) -> Prediction:
    consent, place = situation.consent, frozenset({_place(extension)})
    known = replace(
        consent,
        given=consent.given | place,
        fresh=consent.fresh | place,
        approved=consent.approved | {_key(extension)},
    )
    after = replace(situation, consent=known, vetted={**situation.vetted, extension.bundle_id: extension.version})
    spared = frozenset(name for name in after.pending if covered(after, after.extensions[name]))
    rules = (UAK_01, UAK_06) if len(spared) > 1 else (UAK_01,)
    after = replace(after, pending=after.pending - spared)
    # TN2459: what was blocked is loaded by the approval. UAK-07 can be read so, or of the next request.
    return ruled(Outcome.APPROVED, after, *rules, unsettled=_LOADED)


def kext_consent_changed(situation: Situation, action: KextConsent, law: Law) -> Prediction:
    """`spctl kext-consent`: of 10.13 to 10.15, from recoveryOS (UAK-04, UAK-10)."""
    rule = UAK_04 if action.add is not None or situation.has_auxkc else UAK_10
    if situation.mac.macos < HIGH_SIERRA:
        return refused(Reason.UNSUPPORTED_VERSION, situation, UAK_11)
    if situation.has_auxkc and law.says(UAK_04):
        return refused(Reason.UNSUPPORTED_VERSION, situation, UAK_04)
    if situation.environment is not Environment.RECOVERYOS and law.says(rule):
        return refused(Reason.WRONG_ENVIRONMENT, situation, rule)
    consent = situation.consent
    if action.add is not None:
        consent = replace(consent, teams=consent.teams | {action.add})
    else:
        consent = replace(consent, off=action.enabled is False)
    return ruled(Outcome.CHANGED, replace(situation, consent=consent), rule)
