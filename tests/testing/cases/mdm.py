"""A sound driver in memory with a Mac behind it, and some that break one promise each."""

from __future__ import annotations

import itertools
import plistlib
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from kextrel.bench.protocols import MdmAnswer, MdmCommand
from kextrel.errors import BenchError, DeadlineExceeded, UsageError
from kextrel.testing import MdmConformance
from kextrel.timing import Deadline

NUMBERS = itertools.count(1)


class Server:
    """A queue and a Mac that carries it out while it is on."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.queue: list[tuple[MdmCommand, Mapping[str, Any]]] = []
        self.answers: list[MdmAnswer] = []
        self.profiles: list[str] = []
        self.awake = True

    def work(self) -> None:
        with self.changed:
            while self.awake and self.queue:
                command, request = self.queue.pop(0)
                status, body = self.perform(dict(request))
                self.answers.append(MdmAnswer(command, status, {"CommandUUID": command.uuid, **body}))
            self.changed.notify_all()

    def perform(self, request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        if request["RequestType"] == "ProfileList":
            return "Acknowledged", {"ProfileList": [{"PayloadIdentifier": one} for one in self.profiles]}
        if request["RequestType"] == "InstallProfile":
            self.profiles.append(plistlib.loads(request["Payload"])["PayloadIdentifier"])
            return "Acknowledged", {}
        if request["RequestType"] == "RemoveProfile" and request["Identifier"] in self.profiles:
            self.profiles.remove(request["Identifier"])
            return "Acknowledged", {}
        return "Error", {"ErrorChain": []}


class Sound:
    name = "memory.mdm"
    breaks = ""

    def __init__(self, server: Server) -> None:
        self.server, self.closed, self.gone = server, False, set[str]()

    def send(self, request: Mapping[str, Any], *, deadline: Deadline) -> MdmCommand:
        if self.closed:
            raise BenchError("closed", wire=self.name)
        deadline.check(self.name)
        return self.queue(request)

    def queue(self, request: Mapping[str, Any]) -> MdmCommand:
        command = MdmCommand(f"C-{next(NUMBERS)}", request["RequestType"])
        self.server.queue.append((command, request))
        self.server.work()
        return command

    def ours(self, command: MdmCommand) -> MdmAnswer | None:
        return next((one for one in self.server.answers if one.command == command), None)

    def receive(self, command: MdmCommand, *, deadline: Deadline) -> MdmAnswer:
        if command.uuid in self.gone:
            raise UsageError("withdrawn")
        with self.server.changed:
            while (found := self.ours(command)) is None:
                if not self.server.changed.wait(deadline.remaining):
                    raise DeadlineExceeded("no answer", wire=self.name)
            self.server.answers.remove(found)
        return found

    def withdraw(self, command: MdmCommand, *, deadline: Deadline) -> bool:
        self.gone.add(command.uuid)
        self.server.queue = [one for one in self.server.queue if one[0] != command]
        return True

    def check(self, *, deadline: Deadline) -> str:
        return "there"

    def close(self) -> None:
        self.closed = True


class Mixing(Sound):
    breaks = "test_answers_of_two_commands_are_told_apart"

    def ours(self, command: MdmCommand) -> MdmAnswer | None:
        return self.server.answers[0] if self.server.answers else None


class Raising(Sound):
    breaks = "test_what_the_mac_refuses_is_an_answer_and_no_error"

    def receive(self, command: MdmCommand, *, deadline: Deadline) -> MdmAnswer:
        answer = super().receive(command, deadline=deadline)
        if answer.status == "Error":
            raise BenchError("the Mac refused it", wire=self.name)
        return answer


class Hasty(Sound):
    breaks = "test_a_queue_is_kept_in_order_while_the_mac_is_off"

    def queue(self, request: Mapping[str, Any]) -> MdmCommand:
        command = super().queue(request)
        self.server.queue.sort(key=lambda one: one[0].request_type != "ProfileList")
        return command


class Late(Sound):
    breaks = "test_nothing_is_queued_after_the_deadline"

    def send(self, request: Mapping[str, Any], *, deadline: Deadline) -> MdmCommand:
        command = super().send(request, deadline=Deadline.after(5))
        deadline.check(self.name)
        return command


class Lying(Sound):
    breaks = "test_a_command_that_was_taken_back_is_not_carried_out"

    def withdraw(self, command: MdmCommand, *, deadline: Deadline) -> bool:
        self.gone.add(command.uuid)
        return True


class Patient(Sound):
    breaks = "test_a_mac_that_does_not_answer_ends_with_the_deadline"

    def receive(self, command: MdmCommand, *, deadline: Deadline) -> MdmAnswer:
        try:
            return super().receive(command, deadline=deadline)
        except DeadlineExceeded:
            return MdmAnswer(command, "NotNow", {})


class Undead(Sound):
    breaks = "test_check_says_something_and_close_may_come_twice"

    def close(self) -> None:
        self.server.work()


class Peer:
    def __init__(self, kind: type[Sound]) -> None:
        self.kind, self.server = kind, Server()

    def mdm(self) -> Sound:
        return self.kind(self.server)

    def off(self) -> None:
        self.server.awake = False

    def on(self) -> None:
        self.server.awake = True
        self.server.work()


KINDS = [Sound, Mixing, Raising, Hasty, Late, Lying, Patient, Undead]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
class TestMdm(MdmConformance):
    patience = 5.0
    brief = 0.05

    @pytest.fixture
    def peer(self, kind: type[Sound]) -> Peer:
        return Peer(kind)
