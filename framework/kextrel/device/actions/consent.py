"""`spctl kext-consent`: who is spared the question of macOS 10.13 to 10.15. What the tool lists afterwards decides."""

from __future__ import annotations

from kextrel.device.flows import consent, terminal
from kextrel.device.flows.consent import Switches
from kextrel.device.flows.place import Place, find
from kextrel.device.performed import Performed
from kextrel.device.remote import answered, look, run
from kextrel.device.rig import Rig
from kextrel.errors import NotPossible, UnreadableAnswer
from kextrel.macos import commands
from kextrel.timing import Deadline
from kextrel.vocabulary import Outcome, Reason
from kextrel.vocabulary.actions import KextConsent

__all__ = ["kext_consent"]

_MARK = "then exit"


def kext_consent(rig: Rig, action: KextConsent, *, deadline: Deadline) -> Performed:
    """Changes the switches where the Mac is now. A release without the question is not touched: what its spctl may
    still take and keep, nothing reads."""
    if not consent.is_asked(rig):
        note = f"macOS {rig.facts.macos} does not ask in this way, so the command has no part in what loads"
        return Performed(Outcome.REFUSED, Reason.UNSUPPORTED_VERSION, note)
    place = find(rig, deadline=deadline)
    if place not in (Place.MACOS, Place.RECOVERY):
        raise NotPossible(f"`{action.verb}` needs a running system, and the Mac is in {place}")
    code, now = _told(rig, _words(action), place, deadline)
    if code == 0 and _is_so(now, action):
        return Performed(Outcome.CHANGED)
    reason = Reason.WRONG_ENVIRONMENT if place is Place.MACOS else None
    return Performed(
        Outcome.REFUSED, reason, f"spctl ended with {code}; asked: {now.asks}, spared: {sorted(now.teams)}"
    )


def _words(action: KextConsent) -> tuple[str, ...]:
    if action.add is not None:
        return ("add", action.add)
    return ("enable",) if action.enabled else ("disable",)


def _is_so(now: Switches, action: KextConsent) -> bool:
    return action.add in now.teams if action.add is not None else now.asks is action.enabled


def _told(rig: Rig, words: tuple[str, ...], place: Place, deadline: Deadline) -> tuple[int, Switches]:
    """Runs it, and looks: its exit code, and how the switches stand. In macOS a complaint is a refusal, whatever the
    code: a switch that stood so before would look as if it had been set."""
    if place is Place.MACOS:
        done = answered(run(rig, commands.kext_consent(*words), deadline=deadline))
        ended = done.exit_code or int(bool(done.err.strip()))
        return ended, consent.switches(answered(look(rig, consent.SAY, deadline=deadline)).stdout)
    line = commands.kext_consent(*words, sudo="")
    said = terminal.run(rig, f"{line} >/dev/null\ncode=$?\n{consent.SAY}\necho '{_MARK}' $code", deadline=deadline)
    shown, mark, code = said.decode(errors="replace").rpartition(_MARK)
    if not mark:
        raise UnreadableAnswer("spctl kext-consent", shown.strip()[:160] or "nothing")
    return terminal.exit_code("spctl kext-consent", code.encode()), consent.switches(shown)
