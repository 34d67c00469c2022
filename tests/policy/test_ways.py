"""The shortest ways out of refusals: none shorter is found by a plain search, and each ends where it says."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from kextrel import policy
from kextrel.policy.ways import helpful, shortest_way, succeeds
from kextrel.vocabulary import (
    Action,
    Architecture,
    Category,
    Credential,
    Enrollment,
    Environment,
    ExtensionKind,
    KernelPolicy,
    KextManagement,
    Outcome,
    Profile,
    SecurityMode,
    Signature,
    SystemPolicy,
    Version,
)
from kextrel.vocabulary.actions import (
    Activate,
    Allow,
    Approve,
    Boot,
    Deactivate,
    DeveloperMode,
    Enroll,
    Install,
    InstallProfile,
    Load,
    Restart,
    SetSecurity,
    SetSip,
    Unenroll,
)

WALK = Callable[..., Any]
TEAM = "KXTRL00001"
INTEL = {"architecture": Architecture.INTEL, "macos": Version.parse("12.7"), "security_mode": None}
T2 = {"architecture": Architecture.INTEL_T2, "macos": Version.parse("13.6")}
MANAGED = {"enrollment": Enrollment.DEVICE}
LOAD, INSTALL, ACTIVATE = Load("driver"), Install("driver"), Activate("driver")
IN_1TR, IN_RECOVERY, IN_MACOS = (
    Boot(Environment.ONE_TRUE_RECOVERY),
    Boot(Environment.RECOVERYOS),
    Boot(Environment.MACOS),
)
BY_USER = SetSecurity(allow=frozenset({KextManagement.USER}))
AGENT = {"kind": ExtensionKind.SYSTEM_EXTENSION, "category": Category.NETWORK}
STRICT = Profile("strict", KernelPolicy(frozenset({"OTHER"})), SystemPolicy(allow_user_overrides=False))
NARROW = Profile("allow-it", KernelPolicy(allowed_kernel_extensions={TEAM: frozenset({"com.example.kextrel.driver"})}))

WAYS: list[tuple[str, dict[str, Any], tuple[Action, ...], Action, tuple[Action, ...]]] = [
    ("full", {}, (INSTALL, LOAD), LOAD, (IN_1TR, BY_USER, IN_MACOS, LOAD, Approve("driver"), Restart())),
    ("reduced", {"mac": {"security_mode": SecurityMode.REDUCED}}, (INSTALL,), LOAD,
     (IN_1TR, BY_USER, IN_MACOS, LOAD, Approve("driver"), Restart())),
    ("unsigned", {"signature": Signature.NONE}, (INSTALL,), LOAD,
     (IN_1TR, BY_USER, SetSip(enabled=False), IN_MACOS, LOAD, Approve("driver"), Restart())),
    ("unsigned on Intel", {"mac": INTEL, "signature": Signature.NONE}, (INSTALL,), LOAD,
     (IN_RECOVERY, SetSip(enabled=False), IN_MACOS, LOAD, Approve("driver"), Restart())),
    ("absent", {"mac": INTEL}, (), LOAD, (INSTALL, LOAD, Approve("driver"), Restart())),
    ("in recovery", {"mac": INTEL}, (INSTALL, IN_RECOVERY), LOAD, (IN_MACOS, LOAD, Approve("driver"), Restart())),
    ("forbidden", {"mac": INTEL | MANAGED, "profiles": [STRICT]}, (INSTALL, LOAD), LOAD,
     (InstallProfile(NARROW), Restart())),
    ("not an administrator", {"mac": INTEL}, (INSTALL, LOAD), Approve("driver", Credential.STANDARD),
     (Approve("driver"),)),
    ("not pending", {"mac": INTEL}, (INSTALL,), Approve("driver"), (LOAD, Approve("driver"))),
    ("from macOS", {}, (), SetSecurity(SecurityMode.REDUCED), (IN_1TR, SetSecurity(SecurityMode.REDUCED))),
    ("SIP from macOS", {"mac": INTEL}, (), SetSip(enabled=False), (IN_RECOVERY, SetSip(enabled=False))),
    ("no MDM", {"mac": INTEL}, (), Restart("mdm"), (Enroll(Enrollment.DEVICE), Restart("mdm"))),
    ("a user's MDM", {"mac": INTEL | {"enrollment": Enrollment.USER}}, (), Restart("mdm"),
     (Unenroll(), Enroll(Enrollment.DEVICE), Restart("mdm"))),
    ("location", {**AGENT, "app_in_applications": False}, (INSTALL,), ACTIVATE,
     (IN_1TR, SetSip(enabled=False), IN_MACOS, DeveloperMode(on=True), ACTIVATE, Allow("driver"))),
    ("nobody there", AGENT, (INSTALL, ACTIVATE, Allow("driver")), Deactivate("driver", as_=Credential.NOBODY),
     (Deactivate("driver"),)),
]  # fmt: skip


@pytest.mark.parametrize(("mac", "before", "refused", "way"), [row[1:] for row in WAYS], ids=[row[0] for row in WAYS])
def test_the_way_is_the_one_that_people_know(
    walk: WALK, mac: dict[str, Any], before: tuple[Action, ...], refused: Action, way: tuple[Action, ...]
) -> None:
    situation = walk(**mac).do(*before).situation
    found = shortest_way(situation, refused)
    assert (found.steps, found.sure, found.complete) == (way, True, True)
    assert ends(situation, refused, found.steps, way[-1])


def ends(situation: policy.Situation, refused: Action, steps: tuple[Action, ...], last: Action) -> bool:
    """Whether performing `steps` has `refused` succeed, with nothing refused and nothing open on the way. Where that
    is for it not to be refused, `last` is how it is asked for."""
    done = succeeds(refused)
    for step in steps:
        outcomes = policy.predict(situation, step).outcomes
        if len(outcomes) > 1 or outcomes[0].outcome is Outcome.REFUSED:
            return False
        situation = outcomes[0].situation
    return steps[-1] == last if done is None else done(outcomes[0])


def by_plain_search(situation: policy.Situation, refused: Action, longest: int) -> Iterator[tuple[Action, ...]]:
    """Every sequence of helpful actions that has it succeed, shortest first, with no memory of what was seen."""
    given = (*helpful(situation, refused), refused)
    for length in range(1, longest + 1):
        for steps in itertools.product(given, repeat=length):
            with suppress(policy.NotModelled):
                if ends(situation, refused, steps, refused):
                    yield steps


SMALL = ["absent", "forbidden", "not pending", "from macOS", "SIP from macOS", "no MDM"]


@pytest.mark.parametrize("name", SMALL)
def test_no_plain_search_finds_a_shorter_one(walk: WALK, name: str) -> None:
    _, mac, before, refused, _ = next(row for row in WAYS if row[0] == name)
    situation = walk(**mac).do(*before).situation
    found = shortest_way(situation, refused).steps
    assert next(by_plain_search(situation, refused, len(found) - 1), None) is None
    assert len(next(by_plain_search(situation, refused, len(found)))) == len(found)


@pytest.mark.parametrize(
    ("extension", "refused"),
    [
        ({**AGENT, "category": Category.ENDPOINT_SECURITY, "entitlements": frozenset({"other"})}, ACTIVATE),
        ({**AGENT, "category": Category.ENDPOINT_SECURITY, "entitlements": frozenset()}, ACTIVATE),
    ],
)
def test_where_only_another_build_helps_there_is_no_way(walk: WALK, extension: dict[str, Any], refused: Action) -> None:
    found = shortest_way(walk(**extension).do(INSTALL).situation, refused)
    assert (found.steps, found.complete) == ((), True)


def test_a_search_that_is_cut_short_says_so(walk: WALK) -> None:
    found = shortest_way(walk().do(INSTALL).situation, LOAD, most=5)
    assert (found.steps, found.complete) == ((), False)
