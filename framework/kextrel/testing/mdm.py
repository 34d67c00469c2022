"""What every driver of `protocols.Mdm` promises, as tests, with a Mac behind its server that is put to sleep and woken.

The requests are those that an enrolled Mac with a device enrollment knows: ProfileList, InstallProfile, RemoveProfile.
"""

from __future__ import annotations

import plistlib
import uuid
from collections.abc import Iterator
from typing import Any, Protocol

import pytest

from kextrel.bench.protocols import Mdm, MdmAnswer, MdmCommand
from kextrel.errors import BenchError, DeadlineExceeded, KextrelError
from kextrel.testing.patience import Patient

__all__ = ["MdmConformance", "MdmPeer"]

PREFIX = "com.example.kextrel.conformance"


class MdmPeer(Protocol):
    """An MDM server with one Mac enrolled in it, which is on before and after each test."""

    def mdm(self) -> Mdm:
        """Opens a driver of yours for that Mac."""
        ...

    def off(self) -> None:
        """Switches the Mac off; it asks for no command any more when this returns."""
        ...

    def on(self) -> None:
        """Lets the Mac run again; it need not run yet when this returns. Harmless when it is on."""
        ...


class MdmConformance(Patient):
    """Give it a fixture `peer` that makes an MdmPeer; one for a whole class will do."""

    @pytest.fixture
    def mdm(self, peer: MdmPeer) -> Iterator[Mdm]:
        """A driver; afterwards the Mac is on, and what the tests installed is gone."""
        wire = peer.mdm()
        yield wire
        peer.on()
        for identifier in self._installed(wire):
            self._done(wire, RequestType="RemoveProfile", Identifier=identifier)
        wire.close()

    def test_an_answer_is_the_commands_own(self, mdm: Mdm) -> None:
        command = mdm.send({"RequestType": "ProfileList"}, deadline=self.soon())
        answer = mdm.receive(command, deadline=self.soon())
        assert command.request_type == "ProfileList"
        assert (answer.command, answer.status) == (command, "Acknowledged")
        assert answer.body["CommandUUID"] == command.uuid
        assert isinstance(answer.body["ProfileList"], list)

    def test_a_profile_comes_and_goes(self, mdm: Mdm) -> None:
        identifier = f"{PREFIX}.one"
        self._install(mdm, identifier)
        assert identifier in self._installed(mdm)
        assert self._done(mdm, RequestType="RemoveProfile", Identifier=identifier).status == "Acknowledged"
        assert identifier not in self._installed(mdm)

    @pytest.mark.parametrize("request_type", ["NoSuchRequest", "RemoveProfile"])
    def test_what_the_mac_refuses_is_an_answer_and_no_error(self, mdm: Mdm, request_type: str) -> None:
        answer = self._done(mdm, RequestType=request_type, Identifier=f"{PREFIX}.never-installed")
        assert answer.status in ("Error", "CommandFormatError")

    def test_answers_of_two_commands_are_told_apart(self, mdm: Mdm) -> None:
        first = mdm.send({"RequestType": "ProfileList"}, deadline=self.soon())
        second = mdm.send({"RequestType": "RemoveProfile", "Identifier": f"{PREFIX}.x"}, deadline=self.soon())
        assert mdm.receive(second, deadline=self.soon()).status == "Error"
        assert mdm.receive(first, deadline=self.soon()).status == "Acknowledged"

    def test_the_next_driver_gets_answers_too(self, peer: MdmPeer) -> None:
        for _ in range(2):
            wire = peer.mdm()
            assert self._done(wire, RequestType="ProfileList").status == "Acknowledged"
            wire.close()

    def test_a_queue_is_kept_in_order_while_the_mac_is_off(self, peer: MdmPeer, mdm: Mdm) -> None:
        peer.off()
        identifiers = [f"{PREFIX}.kept-{number}" for number in range(3)]
        queued = [mdm.send(_profile(identifier), deadline=self.soon()) for identifier in identifiers]
        listing = mdm.send({"RequestType": "ProfileList"}, deadline=self.soon())
        peer.on()
        found = mdm.receive(listing, deadline=self.soon()).body["ProfileList"]
        assert set(identifiers) <= {one["PayloadIdentifier"] for one in found}
        assert [mdm.receive(one, deadline=self.soon()).status for one in queued] == ["Acknowledged"] * 3

    def test_a_mac_that_does_not_answer_ends_with_the_deadline(self, peer: MdmPeer, mdm: Mdm) -> None:
        peer.off()
        command = mdm.send({"RequestType": "ProfileList"}, deadline=self.soon())
        with pytest.raises(DeadlineExceeded) as late:
            mdm.receive(command, deadline=self.briefly())
        assert late.value.wire == mdm.name
        peer.on()
        assert self._done(mdm, RequestType="ProfileList").status == "Acknowledged"

    def test_a_command_that_was_taken_back_is_not_carried_out(self, peer: MdmPeer, mdm: Mdm) -> None:
        peer.off()
        identifier = f"{PREFIX}.taken-back"
        command = mdm.send(_profile(identifier), deadline=self.soon())
        taken = mdm.withdraw(command, deadline=self.soon())
        peer.on()
        assert not (taken and identifier in self._installed(mdm))
        with pytest.raises(KextrelError):
            mdm.receive(command, deadline=self.briefly())

    def test_nothing_is_queued_after_the_deadline(self, mdm: Mdm) -> None:
        identifier = f"{PREFIX}.late"
        with pytest.raises(DeadlineExceeded):
            mdm.send(_profile(identifier), deadline=self.soon(0))
        assert identifier not in self._installed(mdm)

    def test_check_says_something_and_close_may_come_twice(self, peer: MdmPeer) -> None:
        mdm = peer.mdm()
        assert mdm.check(deadline=self.soon()).strip()
        mdm.close()
        mdm.close()
        with pytest.raises(BenchError):
            mdm.send({"RequestType": "ProfileList"}, deadline=self.soon())

    # -- what the tests need

    def _done(self, mdm: Mdm, **request: Any) -> MdmAnswer:
        """The last answer to a request: a Mac that is busy says NotNow first."""
        command: MdmCommand = mdm.send(request, deadline=self.soon())
        answer = mdm.receive(command, deadline=self.soon())
        while answer.status == "NotNow":
            answer = mdm.receive(command, deadline=self.soon())
        return answer

    def _install(self, mdm: Mdm, identifier: str) -> None:
        answer = self._done(mdm, **_profile(identifier))
        assert answer.status == "Acknowledged", dict(answer.body)

    def _installed(self, mdm: Mdm) -> list[str]:
        """The suite's own profiles that the Mac has."""
        listed = self._done(mdm, RequestType="ProfileList").body["ProfileList"]
        found = [str(one["PayloadIdentifier"]) for one in listed]
        return [identifier for identifier in found if identifier.startswith(PREFIX)]


def _profile(identifier: str) -> dict[str, Any]:
    """InstallProfile with one that changes nothing: what it allows is what a Mac without it allows."""
    head = {"PayloadVersion": 1, "PayloadDisplayName": "Kextrel conformance"}
    payload = {
        **head,
        "PayloadType": "com.apple.system-extension-policy",
        "PayloadIdentifier": f"{identifier}.policy",
        "PayloadUUID": str(uuid.uuid4()).upper(),
        "AllowUserOverrides": True,
    }
    top = {"PayloadType": "Configuration", "PayloadIdentifier": identifier, "PayloadUUID": str(uuid.uuid4()).upper()}
    content = {**head, **top, "PayloadScope": "System", "PayloadContent": [payload]}
    return {"RequestType": "InstallProfile", "Payload": plistlib.dumps(content)}
