"""The verbs: each becomes wire work in the module of its family, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable

from kextrel.device.actions import boot, bundles, consent, extensions, kexts, management, passing, security, upgrading
from kextrel.device.performed import Performed
from kextrel.device.rig import Rig
from kextrel.errors import NotPossible
from kextrel.timing import Deadline
from kextrel.vocabulary import Action
from kextrel.vocabulary import actions as verbs

__all__ = ["perform"]

_BUILT: dict[type[Action], Callable[..., Performed]] = {
    verbs.Install: bundles.install,
    verbs.Remove: bundles.remove,
    verbs.Replace: bundles.replace,
    verbs.Load: kexts.load,
    verbs.Unload: kexts.unload,
    verbs.Approve: kexts.approve,
    verbs.Rebuild: kexts.rebuild,
    verbs.Activate: extensions.activate,
    verbs.Allow: extensions.allow,
    verbs.Disable: extensions.disable,
    verbs.Enable: extensions.enable,
    verbs.Deactivate: extensions.deactivate,
    verbs.ResetExtensions: extensions.reset_extensions,
    verbs.DeveloperMode: extensions.developer_mode,
    verbs.Restart: boot.restart,
    verbs.Boot: boot.boot,
    verbs.PowerCut: boot.power_cut,
    verbs.SetSecurity: security.set_security,
    verbs.SetSip: security.set_sip,
    verbs.KextConsent: consent.kext_consent,
    verbs.PanicMedic: security.panic_medic,
    verbs.Wait: passing.wait,
    verbs.InstallProfile: management.install_profile,
    verbs.RemoveProfile: management.remove_profile,
    verbs.Enroll: management.enroll,
    verbs.Unenroll: management.unenroll,
    verbs.Upgrade: upgrading.upgrade,
}


def perform(rig: Rig, action: Action, *, deadline: Deadline) -> Performed:
    """Dispatches to the family. NotPossible for a verb that is not built yet."""
    does = _BUILT.get(type(action))
    if does is None:
        raise NotPossible(f"not implemented: `{action.verb}` on a device")
    return does(rig, action, deadline=deadline)
