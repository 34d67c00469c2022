"""Is a bundle on the Mac signed as its scenario says? Asked of codesign, which has no part in loading anything."""

from __future__ import annotations

from kextrel.device.performed import Performed
from kextrel.device.remote import look
from kextrel.device.rig import Rig
from kextrel.errors import NotPossible
from kextrel.macos import readiness as told
from kextrel.timing import Deadline
from kextrel.vocabulary import Extension, ExtensionKind, Reason, Signature

__all__ = ["believed"]


def believed(rig: Rig, extension: Extension, done: Performed, *, deadline: Deadline) -> Performed:
    """`done`, unless it is a refusal of the signature of a bundle that is not what the scenario takes it for.

    NotPossible then (PREP-13): the scenario says Developer ID, the Mac's codesign says that it is none here.
    """
    if done.reason is not Reason.SIGNATURE or extension.signature is not Signature.DEVELOPER_ID:
        return done
    target = rig.catalog.installed_at(extension)
    verify = told.verify_kext if extension.kind is ExtensionKind.KEXT else told.verify_app
    if look(rig, verify(target), deadline=deadline).exit_code == 0:
        return done
    raise NotPossible(
        f"{target} is not signed by who may sign it on {rig.name}, whatever the scenario says; install one that is, or"
        " trust its authority (PREP-13)"
    )
