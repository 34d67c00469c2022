"""sysextd of one Mac: requests of applications, consent of people and of policies, what a restart ends.

The states that an extension goes through are in `extensionlife`; what is on its way is lost with the power.

Sources: systemextensionsctl(8), SystemExtensions.h, Apple's device management schema and deployment guide.
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace

from kextrel.virtual.macos.code import Code
from kextrel.virtual.macos.extensiondb import ExtensionDatabase, Record, State
from kextrel.virtual.macos.extensionlife import Lives
from kextrel.virtual.macos.extensionpolicy import PAYLOAD, ExtensionPolicy
from kextrel.virtual.macos.extensionrules import ErrorCode, Refused, check_category, check_form
from kextrel.virtual.macos.inspection import Inspection
from kextrel.virtual.macos.sysexthost import Host, Request

__all__ = ["Request", "SystemExtensions"]

STEP = 0.2
"""Mac seconds that each step of an activation takes."""
_POLICY_CHANGES_STATE_SINCE = (11, 3)


class SystemExtensions:
    """One Mac's sysextd. `log` has its lines with their moments (Mac seconds)."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._lives = Lives(host)
        self.log, self.drivers = self._lives.log, self._lives.drivers
        self._one_at_a_time = asyncio.Lock()
        host.management.on_change(self._profiles_changed)

    @property
    def database(self) -> ExtensionDatabase:
        return self._lives.database

    # Coming up and going down

    def boot(self) -> None:
        """macOS is up: what waited for this restart goes, and so does what was under way or lost its application."""
        self._lives.running = True
        kept = [record for record in self.records() if self._survives(record)]
        self._lives.keep(kept)
        for record in kept:
            if record.state is State.ENABLED:
                self.drivers.publish(record)
        self._profiles_changed()

    async def orderly_shutdown(self) -> None:
        """Nothing is left to do: every change is on the disk already."""
        self.power_lost()

    def power_lost(self) -> None:
        """What is on its way stays as the database has it."""
        self._lives.running = False
        self.drivers.stop()

    # What can be asked

    def records(self) -> list[Record]:
        """Every record, in the order in which they came."""
        return self._lives.records()

    def pending(self) -> list[Record]:
        """What Settings offers to allow: it waits for the user, and no profile forbids that."""
        waiting = [record for record in self.records() if record.state is State.WAITING_FOR_USER]
        return waiting if self.policy.overrides else []

    def switches(self) -> list[Record]:
        """What 15's Settings has a switch for: what is on or off, and what `pending` names."""
        pending = self.pending()
        return [one for one in self.records() if one in pending or one.state in (State.ENABLED, State.DISABLED)]

    def is_on(self, record: Record) -> bool:
        """Whether it runs."""
        return self._lives.state_of(record) is State.ENABLED

    def carried_by(self, app: str) -> list[Record]:
        """The activated extensions of the application at the path `app`."""
        return [record for record in self.records() if record.app_path == app and record.state.activated]

    @property
    def policy(self) -> ExtensionPolicy:
        """What the installed profiles say together."""
        return ExtensionPolicy.of(self._host.management.payloads(PAYLOAD), self._host.spec.macos)

    def removable(self, record: Record) -> bool:
        """Whether it may be disabled or uninstalled at all (NonRemovableSystemExtensions holds while SIP is on)."""
        return bool(self._host.sip) or (record.team_id, record.identifier) not in self.policy.non_removable

    def removable_from_ui(self, record: Record) -> bool:
        """Whether Settings and Finder may do so."""
        listed = (record.team_id, record.identifier) in self.policy.non_removable_from_ui
        return self.removable(record) and not listed

    # Requests of applications

    async def submit(self, request: Request) -> str:
        """Does what `request` asks: "completed", "reboot" (will complete after it) or "waiting" (for the user).

        Raises Refused.
        """
        if not self._lives.running:
            raise Refused(ErrorCode.UNKNOWN, "sysextd does not run")
        if request.verb == "activate":
            async with self._one_at_a_time:
                return await self._activate(request)
        return await self._deactivate(request)

    async def _activate(self, request: Request) -> str:
        if not request.in_session:
            raise Refused(ErrorCode.UNKNOWN, "the application does not run in a login session")
        developer = self.database.load().developer_mode
        found = Inspection(self._host).inspect(request.app, request.identifier, developer=developer)
        code = found.extension
        current = self._lives.current(code.identifier)
        same = current is not None and (current.short_version, current.version) == (code.short_version, code.version)
        if current is not None and same and not developer:
            return self._again(current)
        if any(one.state is State.TERMINATING_FOR_UPGRADE_VIA_DELEGATE for one in self._lives.named(code.identifier)):
            self._lives.note("activateDecision found two entries")
            raise Refused(ErrorCode.NOT_FOUND, f"an older {code.identifier} has not ended yet")
        record = Record(
            code.identifier, found.team_id, code.short_version, code.version, found.category, State.REALIZING,
            str(uuid.uuid4()).upper(), code.name or code.identifier, found.app.path, code.path,
        )  # fmt: skip
        self._check_policy(record)
        if current is not None:
            request.replacing(current.version, record.version)
        return await self._realize(record, code)

    def _again(self, current: Record) -> str:
        """The very same version: nothing is done to it, unless a profile has come that allows it; else whoever has to
        allow it is asked once more."""
        if current.state is State.ENABLED:
            return "completed"
        self._check_policy(current)
        if current.state is State.WAITING_FOR_USER and self._consented(current):
            self._lives.enable(current)
            return "completed"
        return self._ask(current)

    def _ask(self, record: Record) -> str:
        self._host.display.application_blocked(record.application, record.category)
        return "waiting"

    async def _realize(self, record: Record, code: Code) -> str:
        """The healthy path; a failure takes the record away again, and so does an application that goes meanwhile."""
        self._lives.begin(record)
        try:
            record = await self._next(record, State.STAGING)
            self.database.stage(code.nodes, record)
            record = await self._next(record, State.VALIDATING)
            check_form(code)
            record = await self._next(record, State.VALIDATING_BY_CATEGORY)
            check_category(code, record.category)
            await self._host.clock.sleep(STEP)
        except (Refused, asyncio.CancelledError):
            if self._lives.running:
                self._lives.drop(record)
            raise
        return self._activated(record)

    async def _next(self, record: Record, state: State) -> Record:
        await self._host.clock.sleep(STEP)
        return self._lives.advance(record, state)

    def _activated(self, record: Record) -> str:
        """Validated: it takes the place of what was there, with its consent; else somebody must allow it.

        SYS-03 is the Mac whose sysextd asks nobody.
        """
        old = self._lives.current(record.identifier, besides=record)
        if old is not None:
            self._lives.give_way(old)
        consent = old.state if old is not None else State.WAITING_FOR_USER
        if self._consented(record) or consent is State.ENABLED or self._host.defect("SYS-03"):
            self._lives.enable(record)
            return "completed"
        if consent is State.DISABLED:
            self._lives.advance(record, State.DISABLED)
            return "completed"
        return self._ask(self._lives.advance(record, State.WAITING_FOR_USER))

    async def _deactivate(self, request: Request) -> str:
        record = self._lives.current(request.identifier)
        if record is None or record.app_path != self._host.disk.real(request.app):
            raise Refused(ErrorCode.NOT_FOUND, f"{request.identifier} is not activated by {request.app}")
        if not self.removable(record):
            raise Refused(ErrorCode.FORBIDDEN_BY_POLICY, f"a profile does not let {record.identifier} be removed")
        if (record.team_id, record.identifier) not in self.policy.removable:
            await self._authorize(record, request.in_session)
        self._lives.uninstall(record)
        return "reboot"

    async def _authorize(self, record: Record, in_session: bool) -> None:
        """An administrator at the screen; none was asked for before 11.3."""
        if self._host.spec.release < _POLICY_CHANGES_STATE_SINCE:
            return
        answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

        def done(user: str | None) -> None:
            if not answer.done():
                answer.set_result(user)

        name = record.application
        message = f"{name} is trying to remove a system extension."
        if not in_session or not self._host.display.authorize(name, message, done):
            raise Refused(ErrorCode.AUTHORIZATION_REQUIRED, "nobody is there to authorize it")
        if await answer is None:
            raise Refused(ErrorCode.CANCELED, "nobody authorized it")

    # People

    def allow(self, record: Record, user: str) -> None:
        """The administrator whose short name is `user` allowed it in Settings, which asked for the password.

        PermissionError for anybody else, and where a profile forbids it; LookupError when it waits no more.
        """
        self._must_administrate(user)
        if record not in self.pending():
            raise LookupError(f"{record.identifier} does not wait for anybody")
        self._lives.enable(record)

    def enable(self, record: Record, user: str) -> None:
        """As `allow`, and for what was disabled."""
        self._must_administrate(user)
        if self._lives.state_of(record) is State.DISABLED:
            self._lives.enable(record)
            return
        self.allow(record, user)

    def disable(self, record: Record, user: str) -> None:
        """The administrator whose short name is `user` switched it off. PermissionError, as for `allow`."""
        self._must_administrate(user)
        if not self.removable_from_ui(record):
            raise PermissionError(f"a profile does not let {record.identifier} be disabled")
        if self._lives.state_of(record) is State.ENABLED:
            self._lives.disable(record)

    def app_deleted(self, path: str) -> None:
        """Finder, which asked an administrator, moved the application away that was at `path`."""
        for record in self.carried_by(path):
            if self.removable_from_ui(record):
                self._lives.uninstall(record)

    # systemextensionsctl, which needs SIP off for these

    def reset(self) -> None:
        """Takes everything away at once, and every decision about it."""
        for record in self.records():
            self.drivers.withdraw(record)
        self._lives.keep([])

    def set_developer_mode(self, on: bool) -> None:
        self.database.save(replace(self.database.load(), developer_mode=on))

    def uninstall(self, team_id: str, identifier: str) -> bool:
        """Marks an activated extension for the next restart; False when there is none."""
        record = self._lives.current(identifier)
        if record is None or record.team_id != team_id:
            return False
        self._lives.uninstall(record)
        return True

    # Policies

    def _check_policy(self, record: Record) -> None:
        policy = self.policy
        if not policy.overrides and not _allowed(policy, record):
            raise Refused(ErrorCode.FORBIDDEN_BY_POLICY, f"no profile allows {record.identifier}")

    def _consented(self, record: Record) -> bool:
        """Whether a profile consents in the user's place; SYS-04 is the Mac whose sysextd asks all the same."""
        return _allowed(self.policy, record) and not self._host.defect("SYS-04")

    def _profiles_changed(self) -> None:
        """A profile came or went: what it allows goes on by itself, what no profile allows any more ends."""
        if not self._lives.running:
            return
        contents, macos = self.database.load(), self._host.spec.macos
        before, payloads = ExtensionPolicy.of(contents.policies, macos), self._host.management.payloads(PAYLOAD)
        self.database.save(replace(contents, policies=tuple(dict(one) for one in payloads)))
        if self._host.spec.release < _POLICY_CHANGES_STATE_SINCE:
            return
        for record in contents.records:
            ended = _allowed(before, record) and not _allowed(self.policy, record)
            if record.state is State.WAITING_FOR_USER and self._consented(record):
                self._lives.enable(record)
            elif record.state in (State.ENABLED, State.DISABLED) and ended:
                self._lives.uninstall(record)

    # Inside

    def _survives(self, record: Record) -> bool:
        """Whether a record is still there after a restart: it was activated, and its application is there."""
        there = self._host.disk.is_dir(record.app_path) or not self.removable(record)
        return record.state.activated and there

    def _must_administrate(self, user: str) -> None:
        account = self._host.spec.account(user)
        if account is None or not account.admin:
            raise PermissionError(f"{user} is not an administrator")


def _allowed(policy: ExtensionPolicy, record: Record) -> bool:
    return policy.allows(record.team_id, record.identifier, record.category)
