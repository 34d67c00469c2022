"""The webhook of an MDM server: what Macs answered, told apart from noise, kept for who waits.

NanoMDM POSTs `{topic, acknowledge_event: {udid, status, command_uuid, raw_payload}}` and wants 200;
under User Enrollment `enrollment_id` stands for `udid`. The URL is
unguessable, or at a path that the profile gives; with a key each body must bear its HMAC-SHA256 in X-Hmac-Signature.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import queue
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kextrel import propertylist
from kextrel.bench.listener import Listener
from kextrel.bench.protocols import MdmAnswer, MdmCommand
from kextrel.errors import BenchError, UsageError
from kextrel.evidence import Sink
from kextrel.propertylist import BadPropertyList
from kextrel.timing import Deadline

__all__ = ["Answers", "Webhook"]

WAITING = 16  # answers that wait to be received for one command
STATUSES = frozenset({"Acknowledged", "Error", "CommandFormatError", "NotNow"})
_SIGNATURE = "x-hmac-signature"
_HINT = "look at mdm.webhook in the profile"


@dataclass(frozen=True)
class Webhook:
    """Where to listen. `host` is what the server calls this machine; `path` "" takes an unguessable one."""

    listen: str = "127.0.0.1"
    port: int = 0
    host: str | None = None
    path: str = ""
    hmac_key: str | None = field(default=None, repr=False)


class Answers:
    """Listens for one Mac's answers. A listener's guest."""

    def __init__(self, name: str, udid: str, webhook: Webhook, sink: Sink, wire: str) -> None:
        self._name, self._udid, self._sink, self._wire = name, udid, sink, wire
        self._key = webhook.hmac_key.encode() if webhook.hmac_key is not None else None
        if webhook.hmac_key is not None:
            sink.hide(webhook.hmac_key)
        self._path = webhook.path.strip("/") or secrets.token_urlsafe(16)
        self._waiting: dict[str, queue.Queue[tuple[str, str]]] = {}
        self._unsigned = self._unreadable = 0
        self._listener = Listener(webhook.listen, webhook.port, self, name, taken=200, hint=_HINT)
        self.url = f"{self._listener.url(webhook.host or webhook.listen)}/{self._path}"

    def expect(self, command: MdmCommand) -> None:
        """From now on answers to it are kept."""
        self._waiting[command.uuid] = queue.Queue(WAITING)

    def forget(self, command: MdmCommand) -> None:
        """From now on answers to it are dropped."""
        self._waiting.pop(command.uuid, None)

    def next(self, command: MdmCommand, deadline: Deadline) -> MdmAnswer | None:
        """The next answer, None on the deadline. BenchError for one that cannot be read."""
        waiting = self._waiting.get(command.uuid)
        if waiting is None:
            raise UsageError(f"the command {command.request_type} was withdrawn")
        try:
            status, payload = waiting.get(timeout=deadline.remaining)
        except queue.Empty:
            return None
        if status != "NotNow":
            self.forget(command)
        return MdmAnswer(command, status, self._body(command, status, payload))

    def troubles(self) -> list[str]:
        """In words what came and was not taken: half of a wrong configuration is seen here only."""
        found = {"without a valid signature (hmac_key)": self._unsigned, "that cannot be read": self._unreadable}
        return [f"{count} came to the webhook {what}" for what, count in found.items() if count]

    def check(self, *, deadline: Deadline) -> None:
        self._listener.check(deadline=deadline)

    def close(self) -> None:
        self._listener.close()
        self._waiting.clear()

    def script_of(self, token: str) -> bytes | None:  # noqa: ARG002 - a listener's guest
        """There is nothing to GET."""
        return None

    def expects(self, token: str) -> bool:
        return secrets.compare_digest(token.encode(errors="replace"), self._path.encode())

    def note(self, event: str, what: str) -> None:
        self._sink.record(self._wire, event, text=what)

    def take(self, token: str, body: bytes, headers: Mapping[str, str]) -> bool:  # noqa: ARG002 - a listener's guest
        if not self._is_signed(body, headers.get(_SIGNATURE, "")):
            self._unsigned += 1
            self._sink.record(self._wire, "unsigned event", size=len(body))
            return False
        event = _event(body)
        if event is None:
            self._unreadable += 1
            self._sink.record(self._wire, "unreadable event", size=len(body))
            return True
        return self._file(event)

    def _file(self, event: Mapping[str, Any]) -> bool:
        """An answer to a command of ours is kept, anything else noted: check-ins hold tokens, so only their topic."""
        answer = event.get("acknowledge_event")
        answer = answer if isinstance(answer, dict) else {}
        said = {key: str(answer.get(key, ""))[:200] for key in ("udid", "enrollment_id", "status", "command_uuid")}
        waiting = self._waiting.get(said["command_uuid"].upper())
        names = (said["udid"].casefold(), said["enrollment_id"].casefold())
        ours = self._udid.casefold() in names and waiting is not None
        payload = str(answer.get("raw_payload", "")) if ours else ""
        self._sink.record(self._wire, "event", topic=str(event.get("topic", ""))[:80], **said, payload=_text(payload))
        if waiting is None or not ours:
            return True
        try:
            waiting.put_nowait((said["status"], payload))
        except queue.Full:
            return False
        return True

    def _is_signed(self, body: bytes, signature: str) -> bool:
        """Whether the body bears our key's HMAC, in base64 or in hexadecimal digits; without a key it need not."""
        if self._key is None:
            return True
        digest = hmac.new(self._key, body, hashlib.sha256)
        known = (base64.b64encode(digest.digest()).decode(), digest.hexdigest())
        given = signature.strip().removeprefix("sha256=")
        return any(hmac.compare_digest(given.encode(), one.encode()) for one in known)

    def _body(self, command: MdmCommand, status: str, payload: str) -> dict[str, Any]:
        try:
            body = propertylist.read(base64.b64decode(payload, validate=True))
        except (BadPropertyList, binascii.Error, ValueError) as error:
            raise self._unusable(command, f"cannot be read: {error}") from error
        if status not in STATUSES or body.get("Status") != status:
            raise self._unusable(command, f"has the status {str(body.get('Status'))[:40]!r}, its event {status[:40]!r}")
        if str(body.get("CommandUUID", "")).upper() != command.uuid:
            raise self._unusable(command, "is another command's")
        return body

    def _unusable(self, command: MdmCommand, why: str) -> BenchError:
        hint = "look at the server's webhook and at the evidence"
        return BenchError(f"the Mac's answer to {command.request_type} {why}", wire=self._name, hint=hint)


def _event(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _text(payload: str) -> bytes:
    """A payload as evidence shows it; one that is no base64 as it came."""
    try:
        return base64.b64decode(payload, validate=True)
    except ValueError:
        return payload.encode(errors="replace")
