"""The MDM wire: one Mac as NanoMDM reaches it. Commands go in over its API, answers come out through its webhook.

`PUT /v1/enqueue/ID?nopush=1` takes the command's property list, `PUT /v1/push/ID` tells the Mac to poll, both with HTTP
Basic `nanomdm:APIKEY`; ID is the Mac's UDID. What the Mac answers is POSTed to the webhook as JSON, with the property
list in base64, signed in X-Hmac-Signature where the server was given a key.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from kextrel import propertylist
from kextrel.bench.answers import Answers, Webhook
from kextrel.bench.protocols import MdmAnswer, MdmCommand
from kextrel.bench.retry import Transient, retried
from kextrel.bench.web import trusted, whole
from kextrel.errors import BenchError, DeadlineExceeded
from kextrel.evidence import Sink
from kextrel.timing import Deadline

__all__ = ["NanoMdm", "Server"]

USER = "nanomdm"
PATIENCE = 10.0  # wall seconds that one request may take, with retries
CLEARING = 5.0  # wall seconds for taking a command back, whatever else has run out of time
LIMIT = 1 << 20  # bytes of an answer of the API
_TAKEN = (200, 207, 500)  # with JSON in which each Mac has its own result
_NO_SUCH = (404, 405, 501)  # a server that does not know this request


@dataclass(frozen=True)
class Server:
    """Where the API is. `register`: this server takes its webhook from us, as Kextrel's own does. `push`: False for a
    server without a push certificate, whose Macs ask by themselves, as virtual ones do.

    `certificate`: a PEM file of the authority that signed the server's; without it the system's are asked.
    """

    url: str
    api_key: str = field(repr=False)
    certificate: Path | None = None
    register: bool = False
    push: bool = True


class NanoMdm:
    """protocols.Mdm over NanoMDM's API, for the Mac with this UDID."""

    def __init__(
        self, name: str, server: Server, udid: str, webhook: Webhook, sink: Sink, *, wire: str = "mdm"
    ) -> None:
        self._name, self._sink, self._wire, self._udid, self._server = name, sink, wire, udid, server
        sink.hide(server.api_key)
        verify = trusted(server.certificate, name, pinned=False)
        self._answers = Answers(name, udid, webhook, sink, wire)
        key = (USER, server.api_key)
        self._client = httpx.Client(base_url=server.url, auth=key, verify=verify, trust_env=False)
        self._told = False

    @property
    def name(self) -> str:
        return self._name

    def send(self, request: Mapping[str, Any], *, deadline: Deadline) -> MdmCommand:
        self._tell_webhook(deadline)
        command = MdmCommand(str(uuid.uuid4()).upper(), str(request["RequestType"]))
        body = propertylist.write({"CommandUUID": command.uuid, "Command": dict(request)})
        self._sink.record(self._wire, "command", uuid=command.uuid, request=body)
        self._answers.expect(command)
        try:
            self._each("PUT", f"/v1/enqueue/{self._id}", deadline, content=body, params={"nopush": "1"})
            if self._server.push:
                self._each("PUT", f"/v1/push/{self._id}", deadline)
        except Transient:  # nothing listens there, so nothing can be taken back
            self._answers.forget(command)
            raise
        except BenchError:
            self._take_back(command)
            raise
        return command

    def receive(self, command: MdmCommand, *, deadline: Deadline) -> MdmAnswer:
        answer = self._answers.next(command, deadline)
        if answer is not None:
            return answer
        what = f"{deadline.what}: {self._udid} did not answer {command.request_type} in time"
        left = self._take_back(command)
        raise DeadlineExceeded(what, wire=self._name, hint="; ".join([*self._answers.troubles(), left]))

    def withdraw(self, command: MdmCommand, *, deadline: Deadline) -> bool:
        """Takes it back by clearing the Mac's whole queue, the only way there is; older servers have none."""
        self._answers.forget(command)
        answer = self._asked("DELETE", f"/v1/queue/{self._id}", deadline)
        taken = answer.status_code not in _NO_SUCH
        if taken and not answer.is_success:
            raise self._wrong(answer)
        self._sink.record(self._wire, "withdrawn" if taken else "still queued", uuid=command.uuid)
        return taken

    def check(self, *, deadline: Deadline) -> str:
        """For health: the server's version, whether it takes our key, whether we listen. The Mac is not asked."""
        self._answers.check(deadline=deadline)
        answer = self._asked("GET", "/version", deadline)
        if not answer.is_success:
            raise self._wrong(answer)
        version = _json(answer).get("version", "of an unknown version")
        asked = self._asked("GET", f"/v1/queue/{self._id}", deadline)
        key = "the key was not asked for" if asked.status_code in _NO_SUCH else "it takes our key"
        return f"NanoMDM {str(version)[:40]} answers, {key}; its webhook is {self._answers.url}"

    def close(self) -> None:
        if self._told:
            self._told = False
            self._untell_webhook()
        self._answers.close()
        self._client.close()

    @property
    def _id(self) -> str:
        return quote(self._udid, safe="")

    def _tell_webhook(self, deadline: Deadline) -> None:
        if self._told or not self._server.register:
            return
        answer = self._asked("PUT", "/v1/webhook", deadline, json={"url": self._answers.url})
        if answer.status_code in _NO_SUCH:
            hint = f"start it with -webhook-url {self._answers.url} and take 'register' out of the profile"
            raise BenchError("the server cannot be told where its webhook is", wire=self._name, hint=hint)
        if not answer.is_success:
            raise self._wrong(answer)
        self._told = True

    def _untell_webhook(self) -> None:
        """The server need not call where nobody listens any more; one that is gone has forgotten it."""
        try:
            gone = Deadline.after(CLEARING, "taking the webhook back")
            self._once("DELETE", "/v1/webhook", gone, json={"url": self._answers.url})
        except BenchError as error:
            self._sink.record(self._wire, "note", text=f"the server still has our webhook: {error.what}")

    def _take_back(self, command: MdmCommand) -> str:
        """Withdraws what is not waited for any more; in words what became of it."""
        try:
            taken = self.withdraw(command, deadline=Deadline.after(CLEARING, "taking the command back"))
        except BenchError as error:
            return f"it may still be in the server's queue: {error.what}"
        return "it was taken back" if taken else "it stays in the server's queue, and the Mac may yet carry it out"

    def _each(self, method: str, path: str, deadline: Deadline, **more: Any) -> None:
        """A request whose answer says what became of it for our Mac. BenchError for push_error and command_error."""
        answer = self._asked(method, path, deadline, **more)
        if answer.status_code not in _TAKEN:
            raise self._wrong(answer)
        said = _json(answer)
        self._refuse(said)
        status = said.get("status")
        ours = status.get(self._udid) if isinstance(status, dict) else None
        if not said or not (isinstance(ours, dict) or answer.status_code == httpx.codes.OK):
            raise self._wrong(answer)
        self._refuse(ours if isinstance(ours, dict) else {})

    def _refuse(self, said: Mapping[str, Any]) -> None:
        if error := said.get("command_error"):
            hint = "is this Mac enrolled with this server, and is 'udid' its UDID?"
            raise BenchError(f"the server does not take the command: {str(error)[:160]}", wire=self._name, hint=hint)
        if error := said.get("push_error"):
            hint = "look at the server's push certificate and at the Mac's enrollment (PREP-14)"
            raise BenchError(f"the server cannot push to the Mac: {str(error)[:160]}", wire=self._name, hint=hint)

    def _asked(self, method: str, path: str, deadline: Deadline, **more: Any) -> httpx.Response:
        """One answer. A server that is not there is asked again for PATIENCE; one that was asked is not asked twice."""
        deadline.check(self._name)
        if self._client.is_closed:
            raise BenchError("the MDM wire is closed", wire=self._name)
        limit = deadline.within(PATIENCE)
        return retried(lambda: self._once(method, path, limit, **more), limit)

    def _once(self, method: str, path: str, limit: Deadline, **more: Any) -> httpx.Response:
        hint = "is the MDM server up, and is 'url' its address?"
        try:
            with self._client.stream(method, path, timeout=max(limit.remaining, 0.01), **more) as begun:
                answer = whole(begun, most=LIMIT, limit=limit, who="the MDM server", wire=self._name)
        except httpx.ConnectError as error:
            raise Transient(f"the MDM server is not there: {error}", wire=self._name, hint=hint) from error
        except Transient as error:  # it was asked, and may have done it: not to be asked again, but to be taken back
            raise BenchError(error.what, wire=self._name, hint=hint) from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            why = str(error) or type(error).__name__
            raise BenchError(f"the MDM server does not answer: {why}", wire=self._name, hint=hint) from error
        self._sink.record(self._wire, "asked", request=f"{method} {path}", status=answer.status_code, body=answer.text)
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            refused = f"the MDM server refuses our key ({answer.status_code})"
            raise BenchError(refused, wire=self._name, hint="look at mdm.api_key in the profile")
        return answer

    def _wrong(self, answer: httpx.Response) -> BenchError:
        said = answer.text.strip().splitlines()
        return BenchError(
            f"the MDM server answers {answer.status_code}: {said[0][:160] if said else 'nothing'}", wire=self._name
        )


def _json(answer: httpx.Response) -> dict[str, Any]:
    """The object of an answer; an empty one for anything else, which then says nothing."""
    try:
        found = json.loads(answer.text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
