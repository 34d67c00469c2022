"""What is done with kexts in a running macOS: load, unload, approve, rebuild."""

from __future__ import annotations

from kextrel.bench.protocols import Completed
from kextrel.device.actions.bundles import need_macos
from kextrel.device.actions.offers import judge_pending
from kextrel.device.flows import approval, signature, terminal
from kextrel.device.flows.approval import Offer
from kextrel.device.flows.consent import COLLECTIONS_SINCE, consented
from kextrel.device.flows.place import Place, find
from kextrel.device.flows.signature import believed
from kextrel.device.observe import observe
from kextrel.device.performed import Performed
from kextrel.device.remote import answered, exists, is_safe_boot, look, run
from kextrel.device.rig import Rig
from kextrel.errors import NotPossible
from kextrel.macos import commands, kexts
from kextrel.macos import load as answers
from kextrel.macos.load import LoadAnswer, LoadReason
from kextrel.timing import Deadline
from kextrel.vocabulary import UNKNOWN, Credential, Extension, Outcome, Reason
from kextrel.vocabulary.actions import Approve, Load, Rebuild, Unload

__all__ = ["approve", "load", "rebuild", "unload"]

_REASONS = {
    LoadReason.BAD_CODE_SIGNATURE: Reason.SIGNATURE,
    LoadReason.NOT_SIGNED: Reason.SIGNATURE,
    LoadReason.VALIDATION_ERRORS: Reason.SIGNATURE,
    LoadReason.WRONG_ARCH: Reason.ARCHITECTURE,
    LoadReason.BOOTPOLICY_PAIRING: Reason.NOT_PAIRED,
    LoadReason.EXCLUDED: Reason.BANNED,
}
_APPLE = "com.apple."
_MISSING_KEXT = 3  # kmutil unload [kmutil(8)]


def load(rig: Rig, action: Load, *, deadline: Deadline) -> Performed:
    """Asks for the kext. Loaded is what the kernel lists; exit 27 is looked into: it is printed in three cases."""
    extension = rig.catalog.kext(action.extension)
    if find(rig, deadline=deadline) is Place.RECOVERY:
        return _load_in_recovery(rig, extension, deadline)
    need_macos(rig, action.verb, deadline, safe=True)
    target = rig.catalog.installed_at(extension)
    done = answered(run(rig, commands.kext_load(target, rig.facts.macos), deadline=deadline))
    if done.exit_code == 0:
        return _listed(rig, extension, deadline)
    if not exists(rig, target, deadline=deadline):
        return Performed(Outcome.REFUSED, Reason.NOT_INSTALLED, f"there is nothing at {target}")
    if is_safe_boot(rig, deadline=deadline):
        return Performed(Outcome.REFUSED, Reason.WRONG_ENVIRONMENT, "the Mac is in safe mode")
    return believed(rig, extension, _not_loaded(rig, extension, done, deadline), deadline=deadline)


def unload(rig: Rig, action: Unload, *, deadline: Deadline) -> Performed:
    """Asks for the kext to be stopped; unloaded is what the kernel no longer lists."""
    need_macos(rig, action.verb, deadline)
    extension = rig.catalog.kext(action.extension)
    done = answered(run(rig, commands.kext_unload(extension.bundle_id, rig.facts.macos), deadline=deadline))
    if not _is_listed(rig, extension, deadline):
        if done.exit_code == _MISSING_KEXT:
            return Performed(Outcome.REFUSED, Reason.NOT_INSTALLED, "it was not loaded")
        return Performed(Outcome.UNLOADED, note=f"kmutil unload ended with {done.exit_code}")
    return Performed(Outcome.REFUSED, None, f"kmutil unload ended with {done.exit_code}: {done.err.strip()[:200]}")


def rebuild(rig: Rig, action: Rebuild, *, deadline: Deadline) -> Performed:
    """Asks for the AuxKC to be built again."""
    if rig.facts.macos < COLLECTIONS_SINCE:
        return Performed(Outcome.REFUSED, Reason.UNSUPPORTED_VERSION, "kmutil, and what it builds, came with macOS 11")
    need_macos(rig, action.verb, deadline)
    done = answered(run(rig, commands.kmutil_rebuild(), deadline=deadline))
    answer = answers.read(done.exit_code, done.stdout, done.stderr)
    if answer.reason is LoadReason.INTERACTIVE_AUTH:
        raise NotPossible("`kmutil rebuild` asks for a person at the Mac (LocalAuthentication), and there is none")
    if answer.reason is LoadReason.REBOOT_REQUIRED:
        return Performed(Outcome.RESTART_REQUIRED)
    if done.exit_code == 0:
        return Performed(Outcome.UNCHANGED)
    return Performed(Outcome.REFUSED, _REASONS.get(answer.reason) if answer.reason else None, done.err.strip()[:200])


def approve(rig: Rig, action: Approve, *, deadline: Deadline) -> Performed:
    """Allow in Settings, by the keyboard. What KextPolicy says afterwards decides, where it can be read."""
    need_macos(rig, action.verb, deadline)
    extension = rig.catalog.kext(action.extension)
    target = rig.catalog.installed_at(extension)
    if not exists(rig, target, deadline=deadline):
        return Performed(Outcome.REFUSED, Reason.NOT_INSTALLED, f"there is nothing at {target}")
    try:
        pressed = _in_settings(rig, action, target, deadline)
    finally:
        approval.close_settings(rig, deadline=deadline)
    return pressed if isinstance(pressed, Performed) else _approved(rig, action, extension, pressed, deadline)


def _in_settings(rig: Rig, action: Approve, target: str, deadline: Deadline) -> Performed | bool:
    """Whether Settings took it; a refusal where it does not offer ours. Leaves Settings open."""
    account = rig.accounts.acting(action.as_)
    offer = approval.look(rig, deadline=deadline)
    if offer is not Offer.ALLOW:
        return Performed(Outcome.REFUSED, _NOT_OFFERED[offer], f"Settings shows {offer}")
    names = signature.shown_as(rig, target, deadline=deadline)
    whose = approval.ours(rig, names, deadline=deadline)
    if not whose:
        said = approval.seen(rig.screen.text(deadline=deadline))
        return Performed(Outcome.REFUSED, Reason.NOT_OFFERED, f"Settings says {said}, and nothing of {names[0]}")
    if action.input == "physical":
        return approval.approve(rig, account, whose, deadline=deadline)
    if approval.of_several(rig, deadline=deadline):
        raise NotPossible("Settings offers extensions of several developers, and a programme clicks the first only")
    return approval.approve_by_script(rig, account, deadline=deadline)


_NOT_OFFERED = {
    Offer.ENABLE: Reason.NOT_OFFERED,
    Offer.NOTHING: Reason.NOT_OFFERED,
    Offer.NO_BUTTON: Reason.APPROVAL_FORBIDDEN,
}


def _approved(rig: Rig, action: Approve, extension: Extension, taken: bool, deadline: Deadline) -> Performed:
    seen = observe(rig, deadline=deadline)
    uakl = consented(rig, seen)
    approved = taken if uakl is UNKNOWN else extension.bundle_id in uakl
    if approved:
        note = "KextPolicy cannot be read: told by the screen alone" if uakl is UNKNOWN else ""
        return Performed(Outcome.APPROVED, None, note, seen)
    if action.input == "synthetic":
        return Performed(Outcome.REFUSED, Reason.NOT_PHYSICAL, "Allow did not take a click that no device made", seen)
    reason = Reason.NOT_ADMIN if action.as_ is Credential.STANDARD else Reason.AUTHENTICATION
    if taken:
        return Performed(Outcome.REFUSED, None, "Settings took it, but KextPolicy has no approval", seen)
    return Performed(Outcome.REFUSED, reason, "the request for a password stayed", seen)


def _not_loaded(rig: Rig, extension: Extension, done: Completed, deadline: Deadline) -> Performed:
    answer = answers.read(done.exit_code, done.stdout, done.stderr)
    if answer.reason is LoadReason.REBOOT_REQUIRED:
        return Performed(Outcome.RESTART_REQUIRED)
    if answer.reason is LoadReason.APPROVAL_REQUIRED:
        return judge_pending(rig, deadline=deadline)
    if answer.bundle_id == extension.bundle_id and _is_withheld(answer):
        return Performed(
            Outcome.REFUSED, Reason.UNSUPPORTED_KPI, f"it uses what is not there: {', '.join(answer.missing)}"
        )
    reason = _REASONS.get(answer.reason) if answer.reason else None
    return Performed(
        Outcome.REFUSED, reason, f"kmutil load ended with {done.exit_code}, {answer.reason or 'no reason'}"
    )


def _is_withheld(answer: LoadAnswer) -> bool:
    """The kernel has not what the kext uses. A library of somebody else's that is not installed is another matter."""
    if answer.reason is LoadReason.MISSING_DEPENDENCY:
        return any(one.startswith(_APPLE) for one in answer.missing)
    return answer.reason is LoadReason.UNDEFINED_SYMBOLS


def _load_in_recovery(rig: Rig, extension: Extension, deadline: Deadline) -> Performed:
    path = f"/Volumes/{rig.facts.volume}{rig.catalog.installed_at(extension)}"
    command = commands.kext_load(path, rig.facts.macos, sudo="")
    code = terminal.exit_code(command, terminal.run(rig, f"{command} >/dev/null; echo $?", deadline=deadline))
    if code == 0:
        return Performed(Outcome.LOADED, note=f"`{command}` ended with 0 in recovery")
    return Performed(Outcome.REFUSED, Reason.WRONG_ENVIRONMENT, f"`{command}` ended with {code} in recovery")


def _listed(rig: Rig, extension: Extension, deadline: Deadline) -> Performed:
    if _is_listed(rig, extension, deadline):
        return Performed(Outcome.LOADED)
    return Performed(Outcome.REFUSED, None, "kmutil load ended with 0, but the kernel does not list the kext")


def _is_listed(rig: Rig, extension: Extension, deadline: Deadline) -> bool:
    """Not loaded is an empty answer with exit 0."""
    listed = answered(look(rig, commands.kext_loaded(extension.bundle_id, rig.facts.macos), deadline=deadline), 0)
    return extension.bundle_id in kexts.read(listed.stdout).names()
