"""The shortest way out of a refusal: what people may do so that what was asked for succeeds, searched in the model.

Breadth first over the situations that a few helpful actions lead to, each situation looked at once. A way is sure where
the rules leave one outcome at each of its steps; only where there is none, open rules are followed by their first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

from kextrel.policy.clauses.activation import ENABLED
from kextrel.policy.copying import replace
from kextrel.policy.model import predict
from kextrel.policy.ruling import Expected, NotModelled
from kextrel.policy.situation import Situation
from kextrel.vocabulary import (
    Action,
    Credential,
    Enrollment,
    Environment,
    Extension,
    ExtensionKind,
    KernelPolicy,
    KextManagement,
    Outcome,
    Profile,
    SystemPolicy,
)
from kextrel.vocabulary.actions import (
    Activate,
    Allow,
    Approve,
    Boot,
    DeveloperMode,
    Enable,
    Enroll,
    Install,
    InstallProfile,
    KextConsent,
    Load,
    RemoveProfile,
    Restart,
    SetSecurity,
    SetSip,
    Unenroll,
)

__all__ = ["Way", "helpful", "shortest_way", "succeeds"]

_MOST = 3_000  # situations that one search looks at
_PROFILE = "allow-it"
_BETTER: dict[str, Any] = {"as_": Credential.ADMIN, "input": "physical", "paired": True, "by": "app", "from_": "mdm"}


@dataclass(frozen=True)
class Way:
    """The steps, none where what was asked for cannot succeed. `sure`: no open rule decides on it. `complete`: nothing
    shorter, or nothing at all, was overlooked for the number of situations."""

    steps: tuple[Action, ...]
    sure: bool = True
    complete: bool = True


@dataclass(frozen=True)
class _Node:
    situation: Situation
    last: Action | None = None
    before: _Node | None = None

    def path(self) -> tuple[Action, ...]:
        return () if self.last is None or self.before is None else (*self.before.path(), self.last)


def shortest_way(situation: Situation, action: Action, *, most: int = _MOST) -> Way:
    """What to do in `situation`, where `action` is refused, so that it succeeds; see `succeeds`."""
    sure = _searched(situation, action, most, sure=True)
    if sure.steps or not sure.complete:
        return sure
    return _searched(situation, action, most, sure=False)


def succeeds(action: Action) -> Callable[[Expected], bool] | None:
    """What has come about once `action` has succeeded: a kext that was to be loaded runs, an extension is enabled.

    None: it is enough that it is not refused, so that its own step ends the way.
    """
    if isinstance(action, Load):
        return lambda one: "loaded_kexts" not in one.unsettled and _runs(one.situation, action.extension)
    if isinstance(action, Activate | Allow | Enable):
        return lambda one: one.situation.word(one.situation.extensions[action.extension]) == ENABLED
    return None


def _runs(situation: Situation, name: str) -> bool:
    return situation.extensions[name].bundle_id in situation.loaded


def _searched(start: Situation, action: Action, most: int, *, sure: bool) -> Way:
    helpers, variants, done = helpful(start, action), _variants(action), succeeds(action)
    seen, queue = {start}, deque([_Node(start)])
    while queue:
        node = queue.popleft()
        for step in (*variants, *(one for one in helpers if _fits(one, node.situation))):
            taken = _taken(node.situation, step, sure=sure)
            if taken is None:
                continue
            if step in variants if done is None else done(taken):
                return Way((*node.path(), step), sure)
            if taken.situation not in seen:
                seen.add(taken.situation)
                queue.append(_Node(taken.situation, step, node))
        if len(seen) > most:
            return Way((), sure, complete=False)
    return Way((), sure)


def _taken(situation: Situation, step: Action, *, sure: bool) -> Expected | None:
    """What a step leads to; None where it is refused, or where no rule speaks. A refusal helps nobody, though the model
    may remember that it was asked."""
    try:
        found = predict(situation, step).outcomes
    except NotModelled:
        return None
    return None if found[0].outcome is Outcome.REFUSED or (sure and len(found) > 1) else found[0]


def _fits(step: Action, situation: Situation) -> bool:
    """Leaves out what would be said twice: macOS is booted from elsewhere, and restarted from itself."""
    there = situation.environment is Environment.MACOS
    if isinstance(step, Boot) and step.into is Environment.MACOS:
        return not there
    return there or not isinstance(step, Restart)


def _variants(action: Action) -> tuple[Action, ...]:
    """What was asked for, as it was asked and as it should have been: by an administrator, by hand, paired."""
    values: Any = action
    named = {item.name for item in fields(values)}
    better = {name: value for name, value in _BETTER.items() if name in named}
    if isinstance(action, Restart):
        better = {}
    asked: list[Action] = [action, replace(values, **better)]
    if isinstance(action, SetSecurity):
        asked.append(replace(values, **better, using="startup-security-utility"))
        asked.append(replace(values, **better, using="bputil"))
    return tuple(dict.fromkeys(asked))


def helpful(situation: Situation, action: Action) -> tuple[Action, ...]:
    """What may be worth doing before `action`, or after it: the few actions that the search tries."""
    return (*_ways_around(situation), *_for_extension(situation, action), *_for_enrollment(situation, action))


def _ways_around(situation: Situation) -> Iterator[Action]:
    """Boots, and the boot policy."""
    recovery = Environment.ONE_TRUE_RECOVERY if situation.apple_silicon else Environment.RECOVERYOS
    yield from (Boot(Environment.MACOS), Boot(recovery), Restart())
    if situation.apple_silicon:
        yield SetSecurity(allow=frozenset({KextManagement.USER}))
        if _managed(situation):
            yield SetSecurity(allow=frozenset({KextManagement.REMOTE}))
    yield SetSip(enabled=False)


def _for_extension(situation: Situation, action: Action) -> Iterator[Action]:
    extension = situation.extensions.get(getattr(action, "extension", ""))
    if extension is None:
        return
    yield Install(extension.name)
    if extension.kind is ExtensionKind.KEXT:
        yield from (Load(extension.name), Approve(extension.name), KextConsent(add=extension.team_id))
    else:
        yield from (Activate(extension.name), Allow(extension.name), Enable(extension.name), DeveloperMode(on=True))
    yield from (RemoveProfile(one.id) for one in situation.profiles)
    if _managed(situation):
        yield InstallProfile(_allowing(extension))
        yield Restart("mdm", rebuild_kernel_cache=True)


def _for_enrollment(situation: Situation, action: Action) -> Iterator[Action]:
    by_mdm = isinstance(action, InstallProfile) or (isinstance(action, Restart) and action.by == "mdm")
    if by_mdm and not _managed(situation):
        yield from (Unenroll(), Enroll(Enrollment.DEVICE))


def _managed(situation: Situation) -> bool:
    return situation.mac.enrollment in (Enrollment.DEVICE, Enrollment.AUTOMATED_DEVICE)


def _allowing(extension: Extension) -> Profile:
    """The smallest profile that allows one extension."""
    named = {extension.team_id: frozenset({extension.bundle_id})}
    if extension.kind is ExtensionKind.KEXT:
        return Profile(_PROFILE, KernelPolicy(allowed_kernel_extensions=named))
    return Profile(_PROFILE, None, SystemPolicy(allowed_system_extensions=named))
