"""What exit 27 means: macOS prints it for a kext that waits for its approval, and for one that it will never offer."""

from __future__ import annotations

from kextrel.device.flows import approval
from kextrel.device.flows.approval import Offer
from kextrel.device.flows.login import arrived_user
from kextrel.device.observe import observe
from kextrel.device.performed import Performed
from kextrel.device.rig import Rig
from kextrel.errors import NotPossible
from kextrel.timing import Deadline
from kextrel.vocabulary import UNKNOWN, Architecture, KextManagement, Outcome, Reason, SecurityMode, State

__all__ = ["judge_pending"]


def judge_pending(rig: Rig, *, deadline: Deadline) -> Performed:
    """Approval required where Settings offers Allow; refused where it sends to recovery or has no button."""
    if rig.wires.screen is None or arrived_user(rig, deadline=deadline) is None:
        return _by_policy(rig, deadline)
    try:
        offer = approval.look(rig, deadline=deadline)
    finally:
        approval.close_settings(rig, deadline=deadline)
    if offer is Offer.ALLOW:
        return Performed(Outcome.APPROVAL_REQUIRED)
    if offer is Offer.NO_BUTTON:
        return Performed(Outcome.REFUSED, Reason.APPROVAL_FORBIDDEN, f"Settings shows {offer}")
    if offer is Offer.NOTHING:
        return Performed(Outcome.REFUSED, None, "kmutil asks for an approval that Settings does not offer")
    seen = observe(rig, deadline=deadline)
    return Performed(Outcome.REFUSED, _forbidding(seen.state), f"Settings shows {offer}", seen)


def _by_policy(rig: Rig, deadline: Deadline) -> Performed:
    """Without eyes the policy that the Mac itself reports tells which of the cases it is."""
    seen = observe(rig, deadline=deadline)
    silicon = rig.facts.architecture is Architecture.APPLE_SILICON
    if silicon and UNKNOWN in (seen.state.security_mode, seen.state.kext_management):
        raise NotPossible("neither Settings nor the boot policy can be read, so it is not known what exit 27 means")
    reason = _forbidding(seen.state) if silicon else None
    note = "told by the policy alone, not by what Settings offers: no screen, or nobody logged in"
    if reason is not None:
        return Performed(Outcome.REFUSED, reason, note, seen)
    return Performed(Outcome.APPROVAL_REQUIRED, None, note, seen)


def _forbidding(state: State) -> Reason | None:
    """What in the policy keeps kexts out; None where nothing does or it was not seen."""
    if state.security_mode is SecurityMode.FULL:
        return Reason.SECURITY_MODE
    if state.kext_management is UNKNOWN or KextManagement.USER in state.kext_management:
        return None
    return Reason.KEXTS_NOT_ALLOWED
