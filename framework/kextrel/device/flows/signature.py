"""Is a bundle on the Mac signed as its scenario says, and notarized? Asked of codesign, which loads nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePosixPath

from kextrel.device.performed import Performed
from kextrel.device.remote import look
from kextrel.device.rig import Rig
from kextrel.errors import NotPossible
from kextrel.macos import codesign, commands
from kextrel.macos import readiness as told
from kextrel.timing import Deadline
from kextrel.vocabulary import Extension, ExtensionKind, Reason, Signature

__all__ = ["believed", "shown_as"]

_DEVELOPER = re.compile(r"Developer ID Application: (.{1,200}?)(?: \([A-Z0-9]{10}\))?\Z")
_NOT_MET = 3  # the signature is valid, and the requirement is not met [codesign(1)]


def believed(rig: Rig, extension: Extension, done: Performed, *, deadline: Deadline) -> Performed:
    """`done`, unless it is a refusal of the signature of a bundle whose signature is good.

    The tools say the same of one that is not notarized (SIG-04), so codesign is asked which it is. NotPossible
    (PREP-13): the scenario says Developer ID, the Mac's codesign says that it is none here.
    """
    if done.reason is not Reason.SIGNATURE or extension.signature is not Signature.DEVELOPER_ID:
        return done
    target = rig.catalog.installed_at(extension)
    verify = told.verify_kext if extension.kind is ExtensionKind.KEXT else told.verify_app
    if look(rig, verify(target), deadline=deadline).exit_code == 0:
        return _unless_notarized(rig, target, done, deadline)
    raise NotPossible(
        f"{target} is not signed by who may sign it on {rig.name}, whatever the scenario says; install one that is, or"
        " trust its authority (PREP-13)"
    )


def shown_as(rig: Rig, path: str, *, deadline: Deadline) -> tuple[str, ...]:
    """By what names macOS may show the developer of the kext at `path`, the likely first: the one in its certificate,
    where it has one; the one of a kext whose signature proves nobody."""
    done = look(rig, commands.codesign_display(path), deadline=deadline)
    signed = done.exit_code == 0 and done.err.strip()
    first = next(iter(codesign.read(done.err).authorities), "") if signed else ""
    named = _DEVELOPER.match(first)
    nobody = f"Unidentified - {PurePosixPath(path).stem}"
    return (named[1], nobody) if named else (nobody,)


def _unless_notarized(rig: Rig, target: str, done: Performed, deadline: Deadline) -> Performed:
    """A whole bundle of the right people: it was refused because nobody has notarized it, where that is so."""
    if look(rig, told.verify_notarized(target), deadline=deadline).exit_code != _NOT_MET:
        return done
    return replace(done, reason=Reason.NOTARIZATION, note=f"{done.note}; codesign says that it is not notarized")
