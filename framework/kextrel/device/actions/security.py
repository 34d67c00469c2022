"""Boot policy: bputil, csrutil and panic medic. What the policy reads afterwards decides, not what a tool says.

No Intel Mac has bputil; there csrutil asks nobody, and a T2's level is Startup Security Utility's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kextrel.device import observe as sight
from kextrel.device.actions.securityutility import is_wrong_place, set_by_utility
from kextrel.device.flows import terminal
from kextrel.device.flows.another import recovery_of_the_other
from kextrel.device.flows.consent import COLLECTIONS_SINCE
from kextrel.device.flows.place import Place, find
from kextrel.device.flows.screens import fold, has
from kextrel.device.flows.terminal import Answer
from kextrel.device.observe import Sighting
from kextrel.device.performed import Performed
from kextrel.device.remote import look, run
from kextrel.device.rig import Account, Rig
from kextrel.errors import NotPossible, UnreadableAnswer
from kextrel.macos import commands, readiness
from kextrel.timing import Deadline
from kextrel.vocabulary import (
    UNKNOWN,
    Architecture,
    Credential,
    Environment,
    KextManagement,
    Outcome,
    Reason,
    SecurityMode,
    State,
    Version,
)
from kextrel.vocabulary.actions import PanicMedic, SetSecurity, SetSip

__all__ = ["panic_medic", "set_security", "set_sip", "trigger_panic_medic"]

_NO_TOOLS = 126  # from here on exit codes are the shell's: not found, killed
_CSRUTIL_ASKS_USER = Version(15)  # since late 15.x it asks for a user name first, which is looked at (prepare.md)


@dataclass(frozen=True)
class _Told:
    """How a tool ended, what it printed, and what was seen on both sides of it."""

    exit_code: int
    text: str
    earlier: Sighting
    later: Sighting

    @property
    def before(self) -> State:
        return self.earlier.state

    @property
    def after(self) -> State:
        return self.later.state

    @property
    def differs(self) -> bool:
        """Whether a field reads otherwise than before; one that was not read on both sides says nothing."""
        pairs = zip(_policy(self.before), _policy(self.after), strict=True)
        return any(UNKNOWN not in pair and pair[0] != pair[1] for pair in pairs)


def set_security(rig: Rig, action: SetSecurity, *, deadline: Deadline) -> Performed:
    """Runs bputil where the Mac is now, with the credential asked for; or Startup Security Utility."""
    if _has_no_such_tool(rig, action):
        note = f"{rig.facts.architecture} has no boot policy that {action.using} could set"
        return Performed(Outcome.REFUSED, Reason.UNSUPPORTED_HARDWARE, note)
    if action.mode is None and not action.allow:
        return Performed(Outcome.UNCHANGED, note="neither a mode nor an allowance was asked for")
    if action.using != "bputil" and not action.paired:
        raise NotPossible("not implemented: Startup Security Utility in the recovery of another macOS (paired: false)")
    if action.using != "bputil":
        return set_by_utility(rig, action, deadline=deadline)
    told = _tell_bputil(rig, action, deadline)
    reached = action.mode in (None, told.after.security_mode) and _allows(told.after, action.allow)
    done = _judge(told, reached, _bputil_reason(action, told))
    _refuse_unprepared(rig, action, done, deadline)
    return done


def _tell_bputil(rig: Rig, action: SetSecurity, deadline: Deadline) -> _Told:
    """Where the Mac is now, or in the recovery of its other macOS, and then looked at in our own."""
    command = commands.bputil_set(action.mode, action.allow, rig.volume_group)
    if action.paired:
        return _tell(rig, command, action.as_, deadline)
    with recovery_of_the_other(rig, deadline=deadline):
        told = _tell(rig, command, action.as_, deadline)
    return replace(told, later=sight.observe(rig, deadline=deadline))


def _refuse_unprepared(rig: Rig, action: SetSecurity, done: Performed, deadline: Deadline) -> None:
    """NotPossible for a refusal that is due to how the Mac was prepared (PREP-04, PREP-11), and no answer to a rule."""
    if done.reason is Reason.NETWORK and (rig.facts.online or (rig.start is not None and rig.start.online)):
        how = "let it through" if not rig.facts.online else "let it through, or say online: false in the profile"
        raise NotPossible(f"bputil on {rig.name} cannot reach Apple's signing server (PREP-11); {how}")
    refused = done.outcome is Outcome.REFUSED and done.reason in (None, Reason.AUTHENTICATION)
    if refused and action.as_ is Credential.ADMIN:
        _refuse_tokenless(rig, deadline)


def _refuse_tokenless(rig: Rig, deadline: Deadline) -> None:
    """Without a secure token the right password is refused: that is the Mac's preparation, and no answer to the rule.
    Recovery itself lets nobody in without one."""
    user = rig.accounts.admin.name
    if find(rig, deadline=deadline) is not Place.MACOS:
        return
    if not readiness.read_secure_token(look(rig, readiness.secure_token(user), deadline=deadline).out):
        raise NotPossible(
            f"{user} has no secure token on {rig.name}, so every password is refused; give it one (PREP-04)"
        )


def set_sip(rig: Rig, action: SetSip, *, deadline: Deadline) -> Performed:
    """Runs csrutil where the Mac is now."""
    silicon = rig.facts.architecture is Architecture.APPLE_SILICON
    if silicon and rig.facts.other_macos:
        raise NotPossible(f"csrutil on {rig.name} asks which macOS is meant, and cannot be told: it has another one")
    if silicon and action.as_ is Credential.STANDARD and rig.facts.macos < _CSRUTIL_ASKS_USER:
        raise NotPossible("csrutil of this release asks for the administrator's password only, nobody else's")
    told = _tell(rig, commands.csrutil_set(action.enabled), action.as_, deadline)
    if told.after.sip is UNKNOWN:
        raise NotPossible("it could not be read whether SIP is on, so it is not known whether it changed")
    return _judge(told, told.after.sip is action.enabled, _csrutil_reason(rig, action, told))


def panic_medic(rig: Rig, action: PanicMedic, *, deadline: Deadline) -> Performed:
    """Asks for the AuxKC and all approvals to be dropped at the next boot; recovery only."""
    if rig.facts.macos < COLLECTIONS_SINCE:
        return Performed(Outcome.REFUSED, Reason.UNSUPPORTED_VERSION, "kmutil, and its panic medic, came with macOS 11")
    place = find(rig, deadline=deadline)
    if place is Place.MACOS:
        done = run(rig, f"{commands.SUDO} {commands.kmutil_trigger_panic_medic('/')}", deadline=deadline)
        code, text = done.exit_code, done.err.strip()
    elif place is Place.RECOVERY:
        code, text = trigger_panic_medic(rig, deadline=deadline)
    else:
        raise NotPossible(f"`{action.verb}` needs a running system, and the Mac is in {place}")
    if code == 0:
        return Performed(Outcome.CHANGED)
    reason = Reason.WRONG_ENVIRONMENT if place is Place.MACOS else None
    return Performed(Outcome.REFUSED, reason, f"kmutil ended with {code}: {text[:200]}")


def trigger_panic_medic(rig: Rig, *, deadline: Deadline) -> tuple[int, str]:
    """Panic medic from recovery's Terminal: its exit code and what it said."""
    command = commands.kmutil_trigger_panic_medic(f"/Volumes/{rig.facts.volume}")
    text = terminal.run(rig, f'{command} 2>&1; echo "exit $?"', deadline=deadline).decode(errors="replace")
    head, _, code = text.rpartition("exit ")
    return terminal.exit_code("kmutil trigger-panic-medic", code.encode()), head.strip()


def _tell(rig: Rig, command: str, credential: Credential, deadline: Deadline) -> _Told:
    """Runs a tool where the Mac is, answers what it asks, and looks at the policy on both sides.

    A password that is right and was refused is typed once more: nobody sees whether the keyboard lost a key of it.
    """
    account = rig.accounts.acting(credential)
    told = _once(rig, command, account, deadline)
    if credential is Credential.ADMIN and told.exit_code != 0 and not told.differs and has(told.text, "uthenticat"):
        rig.note(f"the password of {account.name} was refused; it is typed once more")
        told = _once(rig, command, account, deadline)
    return told


def _once(rig: Rig, command: str, account: Account, deadline: Deadline) -> _Told:
    place = find(rig, deadline=deadline)
    if place is Place.MACOS:
        return _over_shell(rig, command, account, deadline)
    if place is not Place.RECOVERY:
        raise NotPossible(f"`{command}` needs a running system, and the Mac is in {place}")
    token = sight.new_token()
    look = sight.recovery_script(rig, token)
    talk = terminal.converse(rig, command, _answers(account), observe=look, deadline=deadline)
    before, after = (sight.of_recovery(report, token) for report in (talk.before, talk.after))
    return _Told(talk.exit_code, talk.screen, before, after)


def _over_shell(rig: Rig, command: str, account: Account, deadline: Deadline) -> _Told:
    """Without a terminal the tools read what they ask for from stdin; there the password is on no command line."""
    before = sight.observe(rig, deadline=deadline)
    asked = f"{account.name}\n{account.password}\n".encode()
    done = run(rig, f"{commands.SUDO} {command}", deadline=deadline, input=asked)
    after = sight.observe(rig, deadline=deadline)
    return _Told(done.exit_code, f"{done.out}\n{done.err}", before, after)


def _answers(account: Account) -> list[Answer]:
    """What bputil and csrutil ask, on the folded screen; a question for another user's password is not ours."""
    ours, for_user = fold(account.name), fold("Enter password for user")
    return [
        Answer(fold("Enter username"), account.name),
        Answer(fold("[y/n]"), "y"),
        Answer(f"(?:{fold('Enter password')}|{for_user}{ours})", account.password, secret=True),
        Answer(f"{for_user}(?!{ours})[a-z0-9]+", not_ours=f"the tool does not ask for the password of {account.name}"),
    ]


def _judge(told: _Told, reached: bool, reason: Reason | None) -> Performed:
    if UNKNOWN in (told.after.security_mode, told.before.security_mode):
        raise NotPossible("the boot policy could not be read, so it is not known whether it changed")
    if told.exit_code >= _NO_TOOLS:
        raise UnreadableAnswer("the tool in recovery", f"it ended with {told.exit_code}")
    if UNKNOWN in (told.after.kext_management, told.before.kext_management):
        raise NotPossible("who may manage kexts could not be read, so it is not known whether it changed")
    if told.differs:
        note = "" if told.exit_code == 0 else f"and the tool ended with {told.exit_code}"
        return Performed(Outcome.CHANGED, None, note, told.later)
    if told.exit_code == 0 and reached:
        return Performed(Outcome.UNCHANGED, sighting=told.later)
    note = f"the tool ended with {told.exit_code}; the policy is as it was"
    return Performed(Outcome.REFUSED, reason, note, told.later)


def _bputil_reason(action: SetSecurity, told: _Told) -> Reason | None:
    """The first that applies, in the order of the scenario language."""
    if is_wrong_place(action, told.before.boot):
        return Reason.WRONG_ENVIRONMENT
    if action.mode is SecurityMode.FULL and action.allow:
        return Reason.NOT_OFFERED
    return _by_text(action.as_, told.text)


def _csrutil_reason(rig: Rig, action: SetSip, told: _Told) -> Reason | None:
    if rig.facts.architecture is not Architecture.APPLE_SILICON:
        return Reason.WRONG_ENVIRONMENT if has(told.text, "needs to be executed from Recovery OS") else None
    where = told.before.boot
    lowering = not action.enabled and where is not UNKNOWN and where is not Environment.ONE_TRUE_RECOVERY
    if lowering or has(told.text, "needs to be executed from Recovery OS"):
        return Reason.WRONG_ENVIRONMENT
    return _by_text(action.as_, told.text)


def _by_text(credential: Credential, text: str) -> Reason | None:
    if has(text, "pairing"):
        return Reason.NOT_PAIRED
    if credential is Credential.STANDARD:
        return Reason.NOT_ADMIN
    if credential is Credential.WRONG_PASSWORD or has(text, "uthenticat"):
        return Reason.AUTHENTICATION
    if has(text, "not connected to the Internet") or has(text, "Code=102"):
        return Reason.NETWORK
    return None


def _allows(state: State, allow: frozenset[KextManagement]) -> bool:
    return state.kext_management is not UNKNOWN and allow <= state.kext_management


def _policy(state: State) -> tuple[object, ...]:
    return (state.security_mode, state.sip, state.kext_management)


def _has_no_such_tool(rig: Rig, action: SetSecurity) -> bool:
    """Without a T2 an Intel Mac has no security mode; with one it has it in Startup Security Utility only."""
    if rig.facts.architecture is Architecture.INTEL_T2:
        return action.using == "bputil"
    return rig.facts.architecture is Architecture.INTEL
