"""What is done with system extensions: activate, allow, disable, enable, deactivate, reset, developer mode.

What `systemextensionsctl list` says afterwards decides; what the app and Settings said only gives the reason.
"""

from __future__ import annotations

from typing import Literal

from kextrel.bench.protocols import Completed
from kextrel.device.actions.bundles import need_macos
from kextrel.device.flows import pane, requests, switches
from kextrel.device.flows.login import arrived_user, console_user, ensure
from kextrel.device.flows.place import blame_or
from kextrel.device.flows.signature import believed
from kextrel.device.flows.switches import Came
from kextrel.device.flows.walks import walk_for
from kextrel.device.performed import Performed
from kextrel.device.remote import answered, exists, look
from kextrel.device.rig import Account, Rig
from kextrel.errors import NotPossible, UnreadableAnswer
from kextrel.macos import applications, extension_request, sysext
from kextrel.macos.extension_request import RequestAnswer, RequestError
from kextrel.macos.sysext import SystemExtension
from kextrel.timing import Deadline
from kextrel.vocabulary import Credential, Extension, Outcome, Reason, Version
from kextrel.vocabulary.actions import Activate, Allow, Deactivate, DeveloperMode, Disable, Enable, ResetExtensions

__all__ = [
    "activate",
    "allow",
    "deactivate",
    "deactivate_by_app",
    "developer_mode",
    "disable",
    "enable",
    "reset_extensions",
    "still_listed",
]

ENABLED, DISABLED, WAITING = "activated enabled", "activated disabled", "activated waiting for user"
_OUTCOMES = {ENABLED: Outcome.ENABLED, DISABLED: Outcome.DISABLED, WAITING: Outcome.WAITING_FOR_USER}
_REASONS = {
    RequestError.MISSING_ENTITLEMENT: Reason.ENTITLEMENT,
    RequestError.UNSUPPORTED_PARENT_BUNDLE_LOCATION: Reason.LOCATION,
    RequestError.EXTENSION_NOT_FOUND: Reason.NOT_INSTALLED,
    RequestError.CODE_SIGNATURE_INVALID: Reason.SIGNATURE,
    RequestError.FORBIDDEN_BY_SYSTEM_POLICY: Reason.APPROVAL_FORBIDDEN,
    RequestError.REQUEST_CANCELED: Reason.AUTHENTICATION,
    RequestError.AUTHORIZATION_REQUIRED: Reason.AUTHENTICATION,
}
_TOOL = "/usr/bin/systemextensionsctl"
_SINCE = Version(10, 15)
_SIP_WORDS = "System Integrity Protection is enabled"


def activate(rig: Rig, action: Activate, *, deadline: Deadline) -> Performed:
    """Has the extension's app ask for it. Nobody answers for the user here: see `allow`."""
    extension, refusal = _begin(rig, action.verb, action.extension, deadline)
    if refusal is not None:
        return refusal
    before = _records(rig, extension, deadline)
    app = rig.catalog.installed_at(extension)
    answer = _ask(rig, "activate", app, extension.bundle_id, None, deadline)
    if answer.code is not None:
        refused = Performed(Outcome.REFUSED, _reason(answer), f"the app's request failed with {answer.code}")
        return believed(rig, extension, refused, deadline=deadline)
    found = _records(rig, extension, deadline)
    after = _live(found)
    if after is None or after.state not in _OUTCOMES:
        word = after.state if after else "not in the list"
        return Performed(Outcome.REFUSED, None, f"the app says {answer.result or 'nothing'}, and it is {word}")
    # In developer mode the same version takes its own place: the list has the old record too, dying (SYS-13).
    if after.state == DISABLED or (before == found and after.state != WAITING):
        return Performed(Outcome.UNCHANGED, note="it stays switched off" if after.state == DISABLED else "")
    return Performed(
        _OUTCOMES[after.state], note="" if answer.replaced is None else " for ".join(answer.replaced[::-1])
    )


def deactivate(rig: Rig, action: Deactivate, *, deadline: Deadline) -> Performed:
    """By its app, or by deleting the app in Finder; what asks for an administrator gets one, or nobody."""
    if action.by == "settings":
        raise NotPossible("not implemented: Settings of no release that is known here removes an extension")
    extension, refusal = _begin(rig, action.verb, action.extension, deadline)
    if refusal is not None:
        return refusal
    known = _record(rig, extension, deadline) is not None
    if not known and action.by == "finder":
        return Performed(Outcome.REFUSED, Reason.NOT_INSTALLED, "the list has nothing that would go with the app")
    account = None if action.as_ is Credential.NOBODY else rig.accounts.acting(action.as_)
    reason, note = _end(rig, action, extension, account, deadline)
    after = _record(rig, extension, deadline)
    if after is None and not known:
        return Performed(Outcome.REFUSED, Reason.NOT_INSTALLED, f"the list had nothing of it, and {note}")
    if after is None or after.state.startswith(("terminat", "uninstall")):
        return Performed(Outcome.TERMINATED, note=note)
    if reason is Reason.AUTHENTICATION and action.as_ is Credential.STANDARD:
        reason = Reason.NOT_ADMIN
    return Performed(Outcome.REFUSED, reason, f"{note}, and it is {after.state}")


def allow(rig: Rig, action: Allow, *, deadline: Deadline) -> Performed:
    """Lets a pending extension in, in Settings."""
    extension, refusal = _begin(rig, action.verb, action.extension, deadline)
    if refusal is not None:
        return refusal
    before = _record(rig, extension, deadline)
    if before is not None and before.state != WAITING:
        reason = Reason.NOT_OFFERED if before.state in _OUTCOMES else None
        return Performed(Outcome.REFUSED, reason, f"it is {before.state}, so nothing of it is pending")
    return _in_settings(rig, action, extension, ENABLED, deadline)


def disable(rig: Rig, action: Disable, *, deadline: Deadline) -> Performed:
    """Turns an enabled extension off, in Settings."""
    return _switch(rig, action, ENABLED, DISABLED, deadline)


def enable(rig: Rig, action: Enable, *, deadline: Deadline) -> Performed:
    """Turns a disabled extension on again, in Settings."""
    return _switch(rig, action, DISABLED, ENABLED, deadline)


def reset_extensions(rig: Rig, action: ResetExtensions, *, deadline: Deadline) -> Performed:
    """`systemextensionsctl reset`, which needs SIP off."""
    need_macos(rig, action.verb, deadline)
    return _tool(requests.through(rig, applications.reset(), rig.accounts.admin, deadline=deadline))


def developer_mode(rig: Rig, action: DeveloperMode, *, deadline: Deadline) -> Performed:
    """`systemextensionsctl developer`, which needs SIP off."""
    need_macos(rig, action.verb, deadline)
    rig.developer_mode = True  # until a baseline has taken it back
    return _tool(requests.through(rig, applications.developer_mode(action.on), rig.accounts.admin, deadline=deadline))


def deactivate_by_app(
    rig: Rig, app: str, bundle_id: str, account: Account | None, *, deadline: Deadline
) -> RequestAnswer:
    """Has the app at the path `app` ask for its extension's end; what asks for a password gets `account`'s, or none."""
    return _ask(rig, "deactivate", app, bundle_id, account, deadline)


def still_listed(rig: Rig, *, deadline: Deadline) -> tuple[SystemExtension, ...]:
    """Every record of `systemextensionsctl list`. UnreadableAnswer where it does not say."""
    done = answered(look(rig, applications.list_extensions(), deadline=deadline), 0)
    found = sysext.read(done.stdout)
    if found.error is not None or found.unparsed:
        raise UnreadableAnswer(done.command, found.reason or "".join(found.unparsed[:1]))
    return found.extensions


def _begin(rig: Rig, verb: str, name: str, deadline: Deadline) -> tuple[Extension, Performed | None]:
    """The extension, and a refusal where the Mac knows no system extensions or the app is not on it."""
    extension = rig.catalog.system_extension(name)
    need_macos(rig, verb, deadline)
    if rig.facts.macos < _SINCE and not exists(rig, _TOOL, deadline=deadline):
        return extension, Performed(Outcome.REFUSED, Reason.UNSUPPORTED_VERSION, f"there is no {_TOOL}")
    app = rig.catalog.installed_at(extension)
    if not exists(rig, app, deadline=deadline):
        return extension, Performed(Outcome.REFUSED, Reason.NOT_INSTALLED, f"there is nothing at {app}")
    return extension, None


def _record(rig: Rig, extension: Extension, deadline: Deadline) -> SystemExtension | None:
    """Its record; of a live and a dying one the live one."""
    return _live(_records(rig, extension, deadline))


def _records(rig: Rig, extension: Extension, deadline: Deadline) -> list[SystemExtension]:
    """All its records: those of versions that were replaced stay in the list until a restart."""
    return [one for one in still_listed(rig, deadline=deadline) if one.bundle_id == extension.bundle_id]


def _live(found: list[SystemExtension]) -> SystemExtension | None:
    return max(found, key=lambda one: one.state.startswith("activated"), default=None)


def _ask(
    rig: Rig,
    verb: Literal["activate", "deactivate"],
    app: str,
    bundle_id: str,
    account: Account | None,
    deadline: Deadline,
) -> RequestAnswer:
    """The app's request in the session of who is logged in; where nobody is, somebody who opens it logs in first."""
    user = console_user(rig, deadline=deadline) or ensure(rig, deadline=deadline)
    uid = requests.number_of(rig, user, deadline=deadline)
    command = applications.request(app, verb, bundle_id, user=user, uid=uid)
    done = answered(requests.through(rig, command, account, deadline=deadline), 0, 1)
    return extension_request.read(done.stdout or done.stderr)


def _end(
    rig: Rig, action: Deactivate, extension: Extension, account: Account | None, deadline: Deadline
) -> tuple[Reason | None, str]:
    """Why it was refused, if it was, and what was said."""
    app = rig.catalog.installed_at(extension)
    if action.by == "app":
        answer = deactivate_by_app(rig, app, extension.bundle_id, account, deadline=deadline)
        reason = _reason(answer)
        if answer.code == RequestError.FORBIDDEN_BY_SYSTEM_POLICY:
            reason = Reason.NOT_REMOVABLE
        return reason, f"the app's request ended with {answer.code or answer.result or 'nothing'}"
    user = arrived_user(rig, deadline=deadline)
    if user is None:
        raise NotPossible("nobody is logged in at the console, so there is no Finder to delete the app in (PREP-05)")
    uid = requests.number_of(rig, user, deadline=deadline)
    command = applications.delete_in_finder(app, user=user, uid=uid)
    done = answered(requests.through(rig, command, account, deadline=deadline))
    cancelled = done.exit_code != 0 and "-128" in done.err
    return Reason.AUTHENTICATION if cancelled else None, f"Finder ended with {done.exit_code} {done.err.strip()[:120]}"


def _reason(answer: RequestAnswer) -> Reason | None:
    """None for a code that may mean several things, such as 9: the extension's own kind refused it."""
    known = {int(code): reason for code, reason in _REASONS.items()}
    return known.get(answer.code) if answer.code is not None else None


def _switch(rig: Rig, action: Disable | Enable, old: str, new: str, deadline: Deadline) -> Performed:
    extension, refusal = _begin(rig, action.verb, action.extension, deadline)
    if refusal is not None:
        return refusal
    if not walk_for(rig.facts.macos).switches:
        raise NotPossible(f"Settings of macOS {rig.facts.macos} has no switches for system extensions; 15 has")
    before = _record(rig, extension, deadline)
    if before is None or before.state != old:
        return Performed(Outcome.REFUSED, None, f"it is {before.state if before else 'not in the list'}, not {old}")
    return _in_settings(rig, action, extension, new, deadline)


def _in_settings(
    rig: Rig, action: Allow | Disable | Enable, extension: Extension, wanted: str, deadline: Deadline
) -> Performed:
    account = rig.accounts.acting(action.as_)
    others = _others(rig, extension, deadline)
    try:
        came = _walk(rig, extension, account, deadline)
    finally:
        pane.close_settings(rig, deadline=deadline)
    if _others(rig, extension, deadline) != others:
        raise blame_or(rig, rig.keyboard.name, "reached the switch of another extension", deadline=deadline)
    after = _record(rig, extension, deadline)
    if after is not None and after.state == wanted:
        return Performed(_OUTCOMES[wanted], note=came)
    reason = None
    if came is Came.DENIED:
        reason = Reason.NOT_ADMIN if action.as_ is Credential.STANDARD else Reason.AUTHENTICATION
    return Performed(Outcome.REFUSED, reason, f"{came}; it is {after.state if after else 'not in the list'}")


def _others(rig: Rig, extension: Extension, deadline: Deadline) -> list[tuple[str, str]]:
    """The state of every other extension; those of the same app are allowed together with it."""
    mine = {e.bundle_id for e in rig.catalog.system_extensions() if _same_app(rig, e, extension)}
    return [(one.bundle_id, one.state) for one in still_listed(rig, deadline=deadline) if one.bundle_id not in mine]


def _same_app(rig: Rig, one: Extension, other: Extension) -> bool:
    return rig.catalog.installed_at(one) == rig.catalog.installed_at(other)


def _walk(rig: Rig, extension: Extension, account: Account, deadline: Deadline) -> Came:
    if walk_for(rig.facts.macos).switches:
        listed = [one.bundle_id for one in still_listed(rig, deadline=deadline)]
        return switches.flip(rig, extension, listed, account, deadline=deadline)
    app = rig.catalog.installed_at(extension).rsplit("/", 1)[-1].removesuffix(".app")
    return switches.allow_application(rig, app, account, deadline=deadline)


def _tool(done: Completed) -> Performed:
    answered(done)
    if done.exit_code == 0 and _SIP_WORDS not in done.out:
        return Performed(Outcome.DONE)
    reason = Reason.SIP_ENABLED if _SIP_WORDS in done.out + done.err else None
    said = " ".join((done.err or done.out).split())[:160]
    return Performed(Outcome.REFUSED, reason, f"it ended with {done.exit_code}: {said}")
