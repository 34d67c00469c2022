"""What becomes of an inspected extension on a given Mac: somebody installs it and does what is asked, step by step.

Here what `bundles` found meets what `policy` says of it; neither knows the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kextrel import policy
from kextrel.bundles.reading.found import Component, ComponentKind, Inspected
from kextrel.bundles.reading.jsonform import plain, printable
from kextrel.errors import InputError, NotPossible, UsageError
from kextrel.policy.ways import Way, shortest_way
from kextrel.scenario.explaining import way_json, way_out
from kextrel.scenario.fields import Place
from kextrel.scenario.jsonform import outcome_json, said
from kextrel.scenario.mac import counts_as_user_approved, read_mac
from kextrel.scenario.nodes import node_of
from kextrel.vocabulary import (
    Action,
    Extension,
    ExtensionKind,
    KernelPolicy,
    Mac,
    Outcome,
    Profile,
    Start,
    SystemPolicy,
    Version,
)
from kextrel.vocabulary.actions import Activate, Allow, Approve, Install, Load, Restart

__all__ = ["Fate", "Happening", "fate_json", "fates", "mac_json", "mac_of", "way_words"]

_MOST_STEPS = 10
_ENDS = {Outcome.LOADED: "it is loaded", Outcome.ENABLED: "it is enabled"}
_PROFILE = "allowed"


@dataclass(frozen=True)
class Happening:
    """One step: what is done and where, the allowed outcomes (the first is followed), and the rules that decide."""

    situation: policy.Situation
    action: Action
    prediction: policy.Prediction

    @property
    def outcome(self) -> Outcome:
        return self.prediction.outcomes[0].outcome

    @property
    def words(self) -> str:
        return " or ".join(said(one.outcome, one.reason) for one in self.prediction.outcomes)


@dataclass(frozen=True)
class Fate:
    """The steps of one extension, how they end in a sentence, what besides the rules speaks for or against it, and the
    shortest way to have it run where it is refused."""

    extension: Extension
    steps: tuple[Happening, ...]
    ends: str
    sentence: str
    assumed: tuple[str, ...] = ()
    way: Way | None = None


def mac_of(said: Mapping[str, object]) -> Mac:
    """A Mac from the fields of `mac:` that were given. Raises UsageError for what no Mac can be."""
    try:
        wanted, _ = read_mac(node_of(said), Place("", "the Mac"))
        if wanted.macos.exact is None:
            raise UsageError(f"--macos {wanted.macos} is not one version; name one, such as 14.5")
        return wanted.at(wanted.macos.exact)
    except InputError as error:
        raise UsageError(f"{error.what}; {error.hint}" if error.hint else error.what) from error


def mac_json(mac: Mac) -> dict[str, Any]:
    """What the sentence depends on; `security_mode` is null on a Mac that has none."""
    return {
        "architecture": mac.architecture.value,
        "macos": str(mac.macos),
        "enrollment": mac.enrollment.value,
        "sip": mac.sip,
        "security_mode": mac.security_mode.value if mac.security_mode else None,
        "kext_management": sorted(one.value for one in mac.kext_management),
    }


def fates(found: Inspected, mac: Mac, *, allowed: bool) -> list[Fate]:
    """What becomes of each of its extensions; `allowed`: a profile of the Mac's MDM allows their team.

    Raises UsageError where no such profile can be on that Mac.
    """
    if allowed and not counts_as_user_approved(mac):
        raise UsageError(
            f"no profile can allow it on a Mac with enrollment {mac.enrollment}; "
            "add --enrollment device, or automated-device"
        )
    carried = [one for one in found.components if one.kind is not ComponentKind.APP]
    extensions = found.extensions()
    return [_fate(one, extension, mac, allowed) for one, extension in zip(carried, extensions, strict=True)]


def fate_json(fate: Fate) -> dict[str, Any]:
    return {
        "name": printable(fate.extension.name),
        "bundle_id": printable(fate.extension.bundle_id),
        "ends": fate.ends,
        "sentence": printable(fate.sentence),
        "assumed": list(fate.assumed),
        "way": None if fate.way is None else plain(way_json(fate.way, way_words(fate))),
        "steps": [
            {
                "action": one.action.verb,
                "outcomes": [outcome_json(each.outcome, each.reason) for each in one.prediction.outcomes],
                "rules": list(one.prediction.rules),
                "open": one.prediction.open,
            }
            for one in fate.steps
        ],
    }


def way_words(fate: Fate) -> str:
    """The shortest way to have it run, where it was refused; "" else."""
    return "" if fate.way is None else way_out(fate.way, fate.steps[-1].action)


def _fate(component: Component, extension: Extension, mac: Mac, allowed: bool) -> Fate:
    assumed = tuple(_assumptions(component, mac))
    if extension.kind is ExtensionKind.SYSTEM_EXTENSION and extension.category is None:
        return Fate(extension, (), "unknown", f"no rule speaks of {component.category_name or 'its kind'}", assumed)
    profiles = (_profile(extension),) if allowed else ()
    steps: list[Happening] = []
    try:
        for one in _walk(extension, Start(mac, profiles, {extension.name: extension})):
            steps.append(one)
    except NotPossible as error:
        return Fate(extension, tuple(steps), "unknown", str(error), assumed)
    last = steps[-1]
    way = shortest_way(last.situation, last.action) if last.outcome is Outcome.REFUSED else None
    return Fate(extension, tuple(steps), last.outcome.value, _sentence(steps), assumed, way)


def _walk(extension: Extension, start: Start) -> Iterator[Happening]:
    """Installs it, asks for it, and does what the Mac then wants, until it runs or is refused."""
    situation = policy.begin(start)
    action: Action | None = Install(extension.name)
    for _ in range(_MOST_STEPS):
        if action is None:
            return
        prediction = policy.predict(situation, action)
        happening = Happening(situation, action, prediction)
        yield happening
        situation = prediction.outcomes[0].situation
        action = _next(extension, happening)


def _next(extension: Extension, last: Happening) -> Action | None:
    """What is done after it; None at the end."""
    if last.outcome in (Outcome.REFUSED, *_ENDS):
        return None
    if last.outcome is Outcome.APPROVAL_REQUIRED:
        return Approve(extension.name)
    if last.outcome is Outcome.RESTART_REQUIRED:
        return Restart()
    if last.outcome is Outcome.WAITING_FOR_USER:
        return Allow(extension.name)
    if extension.kind is ExtensionKind.KEXT:
        return Load(extension.name)
    return Activate(extension.name)


def _sentence(steps: Sequence[Happening]) -> str:
    last = steps[-1]
    if last.outcome not in _ENDS:
        return f"it does not run: {last.action.verb} is {last.words}"
    needs = [word for verb, word in _NEEDS if any(one.action.verb == verb for one in steps)]
    after = f" after {' and '.join(needs)}" if needs else " without anything being asked"
    return f"{_ENDS[last.outcome]}{after}"


_NEEDS = (("approve", "an administrator's approval"), ("allow", "an administrator's consent"), ("restart", "a restart"))


def _profile(extension: Extension) -> Profile:
    """One that allows its team; for a kext without a team its identifier, as Apple's schema has it."""
    if extension.kind is ExtensionKind.SYSTEM_EXTENSION:
        return Profile(
            _PROFILE, system_extensions=SystemPolicy(allowed_team_identifiers=frozenset({extension.team_id}))
        )
    if not extension.team_id:
        unsigned = {"": frozenset({extension.bundle_id})}
        return Profile(_PROFILE, kernel_extensions=KernelPolicy(allowed_kernel_extensions=unsigned))
    return Profile(_PROFILE, kernel_extensions=KernelPolicy(allowed_team_identifiers=frozenset({extension.team_id})))


def _assumptions(component: Component, mac: Mac) -> Iterator[str]:
    """What the sentence rests on, and what the bundle itself says of that macOS."""
    if component.needs_macos is not None and mac.macos < Version.parse(component.needs_macos):
        yield f"but the bundle says that it needs macOS {component.needs_macos}, and this Mac has {mac.macos}"
    if component.notarization == "unknown" and component.code.team_id:
        yield "provided that it is notarized: no ticket is stapled to it, so only Apple's server knows"
    if component.code.anchor.startswith("the test"):
        yield "provided that the Mac trusts Kextrel's test authority, as only a virtual one does"
