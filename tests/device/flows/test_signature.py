"""A refusal of a signature counts where the bundle is signed as the scenario says, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kextrel.device.flows.signature import believed
from kextrel.device.performed import Performed
from kextrel.device.rig import Rig
from kextrel.errors import NotPossible
from kextrel.timing import Deadline
from kextrel.vocabulary import Extension, ExtensionKind, Outcome, Reason, Signature

KEXT = Extension("driver", ExtensionKind.KEXT, "com.example.kextrel.driver")
REFUSED = Performed(Outcome.REFUSED, Reason.SIGNATURE)


@pytest.mark.parametrize(
    ("extension", "requirement"),
    [(KEXT, "field.1.2.840.113635.100.6.1.18"), (replace(KEXT, kind=ExtensionKind.SYSTEM_EXTENSION), "=anchor apple")],
)
def test_codesign_decides(world: Any, rig: Rig, deadline: Deadline, extension: Extension, requirement: str) -> None:
    world.shell_up = True
    assert believed(rig, extension, REFUSED, deadline=deadline) is REFUSED
    assert requirement in world.log[0]
    world.commands["codesign"] = (3, "", "test-requirement: code failed")
    with pytest.raises(NotPossible, match="PREP-13"):
        believed(rig, extension, REFUSED, deadline=deadline)


@pytest.mark.parametrize(("code", "reason"), [(3, Reason.NOTARIZATION), (0, Reason.SIGNATURE), (2, Reason.SIGNATURE)])
def test_a_good_signature_that_was_refused_is_not_notarized_where_codesign_says_so(
    world: Any, rig: Rig, deadline: Deadline, code: int, reason: Reason
) -> None:
    """Exit 2 is of a codesign that knows no such option."""
    world.shell_up = True
    world.commands["check-notarization"] = (code, "", "")
    assert believed(rig, KEXT, REFUSED, deadline=deadline).reason is reason


@pytest.mark.parametrize(
    ("done", "signature"),
    [
        (REFUSED, Signature.BROKEN),
        (REFUSED, Signature.NONE),
        (Performed(Outcome.REFUSED, Reason.ARCHITECTURE), Signature.DEVELOPER_ID),
        (Performed(Outcome.LOADED), Signature.DEVELOPER_ID),
    ],
)
def test_nothing_else_is_asked(world: Any, rig: Rig, deadline: Deadline, done: Performed, signature: Signature) -> None:
    world.shell_up, world.commands["codesign"] = True, (1, "", "not signed at all")
    assert believed(rig, replace(KEXT, signature=signature), done, deadline=deadline) is done
    assert world.log == []
