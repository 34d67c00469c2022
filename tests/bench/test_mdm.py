"""NanoMdm against a hand-written server with NanoMDM's API, and its webhook against strangers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import plistlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

import pytest

from kextrel.bench.answers import WAITING, Webhook
from kextrel.bench.mdm import NanoMdm, Server
from kextrel.bench.protocols import Mdm
from kextrel.errors import BenchError, DeadlineExceeded, UsageError
from kextrel.evidence import EvidenceLog
from kextrel.timing import Deadline
from loopback import free_port, serving
from until import until

UDID = "5B1A3C0E-1111-2222-3333-444455556666"
KEY = "an-api-key-of-tests"


def soon(seconds: float = 30) -> Deadline:
    return Deadline.after(seconds, "the command")


class Nano:
    """The server and the Mac behind it: a push makes the Mac answer everything queued as `answers` says in turn."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.queue: list[dict[str, Any]] = []
        self.done: list[dict[str, Any]] = []
        self.webhook = ""
        self.webhooks: list[str] = []
        self.answers: list[dict[str, Any]] = [{"Status": "Acknowledged"}]
        self.replies: dict[str, tuple[int, Any]] = {}
        self.hmac_key = b""
        self.spoil: Any = lambda event: event
        nano = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                status, said = nano.reply(self.command, self.path, body, self.headers.get("Authorization", ""))
                raw = said if isinstance(said, bytes) else json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw) if status != 204 else 0))
                self.end_headers()
                self.wfile.write(raw if status != 204 else b"")

            def do_GET(self) -> None:
                self.handle_one()

            def do_PUT(self) -> None:
                self.handle_one()

            def do_DELETE(self) -> None:
                self.handle_one()

            def log_message(self, format: str, *args: object) -> None:
                return

        self.server, self.url = serving(Handler)

    def reply(self, method: str, path: str, body: bytes, authorization: str) -> tuple[int, Any]:
        self.asked.append(f"{method} {path}")
        wanted = "Basic " + base64.b64encode(f"nanomdm:{KEY}".encode()).decode()
        if path != "/version" and authorization != wanted:
            return 401, b"Unauthorized\n"
        for known, answer in self.replies.items():
            if path.startswith(known):
                return answer
        if path == "/version":
            return 200, {"version": "v0.8.0"}
        if path == "/v1/webhook":
            self.webhooks = [json.loads(body)["url"]] if method == "PUT" else []
            self.webhook = json.loads(body)["url"]
            return 200, {}
        if path == f"/v1/enqueue/{UDID}?nopush=1":
            self.queue.append(plistlib.loads(body))
            return 200, {"no_push": True, "command_uuid": self.queue[-1]["CommandUUID"], "status": {}}
        if path == f"/v1/push/{UDID}":
            threading.Thread(target=self.poll, daemon=True).start()
            return 200, {"status": {UDID: {"push_result": "8D1A"}}}
        if path == f"/v1/queue/{UDID}":
            if method == "DELETE":
                self.queue.clear()
            return (204, b"") if method == "DELETE" else (200, {"commands": []})
        return 404, b"404 page not found\n"

    def poll(self) -> None:
        """The Mac asks for its commands and answers each; NotNow keeps it in the queue for the next answer."""
        while self.queue and self.answers:
            answer = {"UDID": UDID, "CommandUUID": self.queue[0]["CommandUUID"], **self.answers.pop(0)}
            if answer["Status"] != "NotNow":
                self.done.append(self.queue.pop(0))
            self.post(answer)

    def post(self, answer: dict[str, Any]) -> int:
        event = {"udid": UDID, "status": answer["Status"], "command_uuid": answer["CommandUUID"]}
        event["raw_payload"] = base64.b64encode(plistlib.dumps(answer)).decode()
        event = self.spoil(event)
        return self.post_raw(json.dumps({"topic": "mdm.Connect", "event_id": "1", "acknowledge_event": event}).encode())

    def post_raw(self, body: bytes, headers: dict[str, str] | None = None) -> int:
        signed = base64.b64encode(hmac.new(self.hmac_key, body, hashlib.sha256).digest()).decode()
        return post(self.webhook, body, headers or ({"X-Hmac-Signature": signed} if self.hmac_key else {}))


def post(url: str, body: bytes, headers: dict[str, str] | None = None) -> int:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), int(parts.port or 0), timeout=30)
    connection.request("POST", parts.path, body, headers or {})
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.fixture
def nano() -> Iterator[Nano]:
    made = Nano()
    yield made
    made.server.shutdown()
    made.server.server_close()


def wire_of(nano: Nano, log: EvidenceLog, key: str = KEY, webhook: Webhook | None = None) -> NanoMdm:
    return NanoMdm("studio.mdm", Server(nano.url, key, register=True), UDID, webhook or Webhook(), log)


@pytest.fixture
def mdm(nano: Nano, log: EvidenceLog) -> Iterator[NanoMdm]:
    made = wire_of(nano, log)
    yield made
    made.close()


def test_a_command_goes_out_and_its_answer_comes_back(mdm: Mdm, nano: Nano) -> None:
    nano.answers = [{"Status": "Acknowledged", "ProfileList": [{"PayloadIdentifier": "a"}]}]
    command = mdm.send({"RequestType": "ProfileList", "ManagedOnly": True}, deadline=soon())
    answer = mdm.receive(command, deadline=soon())
    assert (answer.status, answer.body["ProfileList"]) == ("Acknowledged", [{"PayloadIdentifier": "a"}])
    assert [(one["CommandUUID"], one["Command"]) for one in nano.done] == [
        (command.uuid, {"RequestType": "ProfileList", "ManagedOnly": True})
    ]
    assert nano.asked == ["PUT /v1/webhook", f"PUT /v1/enqueue/{UDID}?nopush=1", f"PUT /v1/push/{UDID}"]


def test_a_server_that_cannot_push_is_not_asked_to(nano: Nano, log: EvidenceLog) -> None:
    wire = NanoMdm("studio.mdm", Server(nano.url, KEY, register=True, push=False), UDID, Webhook(), log)
    command = wire.send({"RequestType": "ProfileList"}, deadline=soon())
    assert nano.asked == ["PUT /v1/webhook", f"PUT /v1/enqueue/{UDID}?nopush=1"]
    nano.poll()
    assert wire.receive(command, deadline=soon()).status == "Acknowledged"
    wire.close()


def test_not_now_is_followed_by_another_answer(mdm: Mdm, nano: Nano) -> None:
    nano.answers = [{"Status": "NotNow"}, {"Status": "Error", "ErrorChain": [{"ErrorCode": 12021}]}]
    command = mdm.send({"RequestType": "RestartDevice"}, deadline=soon())
    assert mdm.receive(command, deadline=soon()).status == "NotNow"
    answer = mdm.receive(command, deadline=soon())
    assert (answer.status, answer.body["ErrorChain"][0]["ErrorCode"]) == ("Error", 12021)
    with pytest.raises(UsageError, match="withdrawn"):
        mdm.receive(command, deadline=soon())


def test_answers_of_two_commands_are_told_apart(mdm: Mdm, nano: Nano) -> None:
    nano.answers = []
    first = mdm.send({"RequestType": "ProfileList"}, deadline=soon())
    nano.answers = [{"Status": "Acknowledged", "n": 1}, {"Status": "Acknowledged", "n": 2}]
    second = mdm.send({"RequestType": "ProfileList"}, deadline=soon())
    assert mdm.receive(second, deadline=soon()).body["n"] == 2
    assert mdm.receive(first, deadline=soon()).body["n"] == 1


def test_silence_ends_with_the_deadline_and_the_command_is_taken_back(mdm: Mdm, nano: Nano) -> None:
    nano.answers = []
    command = mdm.send({"RequestType": "RestartDevice"}, deadline=soon())
    with pytest.raises(DeadlineExceeded, match=r"studio\.mdm: the command: .* did not answer RestartDevice in time"):
        mdm.receive(command, deadline=soon(0.05))
    assert nano.asked[-1] == f"DELETE /v1/queue/{UDID}"
    assert nano.queue == []


def test_an_old_server_that_takes_nothing_back_is_said(mdm: Mdm, nano: Nano) -> None:
    nano.answers = []
    nano.replies["/v1/queue/"] = (404, b"404 page not found")
    command = mdm.send({"RequestType": "RestartDevice"}, deadline=soon())
    with pytest.raises(DeadlineExceeded, match="it stays in the server's queue, and the Mac may yet carry it out"):
        mdm.receive(command, deadline=soon(0.05))
    other = mdm.send({"RequestType": "RestartDevice"}, deadline=soon())
    assert mdm.withdraw(other, deadline=soon()) is False


@pytest.mark.parametrize(
    ("path", "reply", "said"),
    [
        (
            "/v1/enqueue",
            (500, {"status": {UDID: {"command_error": "no such id"}}}),
            "does not take the command: no such",
        ),
        ("/v1/enqueue", (200, {"command_error": "bad plist"}), "does not take the command: bad plist; is this Mac"),
        ("/v1/enqueue", (200, b"<html>hello"), "answers 200: <html>hello"),
        ("/v1/enqueue", (200, b"[" * 100_000), "answers 200"),
        ("/v1/enqueue", (502, b"Bad Gateway"), "answers 502: Bad Gateway"),
        ("/v1/enqueue", (500, {"status": {}}), "answers 500"),
        ("/v1/push", (500, {"status": {UDID: {"push_error": "Unregistered"}}}), "cannot push to the Mac: Unregistered"),
        ("/v1/push", (207, {"status": {UDID: {"push_error": "cert"}}}), r"cannot push .*push certificate .*PREP-14"),
        ("/v1/push", (500, {"push_error": "no certificate"}), "cannot push to the Mac: no certificate; look at"),
        ("/v1/enqueue", (500, {"command_error": "no such"}), "does not take the command: no such; is this Mac"),
        ("/v1/enqueue", (200, b"x" * (1 << 20) + b"x"), "answers 200 with more than 1048576 bytes"),
        ("/v1/webhook", (404, b"404"), "cannot be told where its webhook is; start it with -webhook-url http://127"),
        ("/v1/webhook", (500, b"oops"), "answers 500: oops"),
    ],
)
def test_a_server_that_refuses_is_one_sentence(mdm: Mdm, nano: Nano, path: str, reply: Any, said: str) -> None:
    nano.replies[path] = reply
    with pytest.raises(BenchError, match=said) as raised:
        mdm.send({"RequestType": "RestartDevice"}, deadline=soon())
    assert str(raised.value).startswith("studio.mdm: ")
    assert "\n" not in str(raised.value)
    assert nano.queue == []


def test_an_answer_that_our_own_time_cut_off_has_its_command_taken_back(mdm: Mdm, nano: Nano) -> None:
    nano.replies["/v1/enqueue"] = (200, b" " * 900_000)
    with pytest.raises(BenchError, match="the MDM server's answer does not end"):
        mdm.send({"RequestType": "RestartDevice"}, deadline=until(lambda: "/v1/enqueue" in "".join(nano.asked)))
    assert nano.asked[-2:] == [f"PUT /v1/enqueue/{UDID}?nopush=1", f"DELETE /v1/queue/{UDID}"]


def test_a_wrong_key_is_said_and_never_shown(nano: Nano, log: EvidenceLog) -> None:
    wire = wire_of(nano, log, key="a-wrong-key-of-tests")
    with pytest.raises(BenchError, match=r"refuses our key \(401\); look at mdm.api_key"):
        wire.send({"RequestType": "ProfileList"}, deadline=soon())
    with pytest.raises(BenchError, match="refuses our key"):
        wire.check(deadline=soon())
    wire.close()
    assert not any("a-wrong-key" in record.to_json() for record in log.records)


def test_a_server_that_is_down_is_asked_again_until_it_is_there(nano: Nano, log: EvidenceLog) -> None:
    wire = NanoMdm("studio.mdm", Server(f"http://127.0.0.1:{free_port()}", KEY), UDID, Webhook(), log)
    with pytest.raises(BenchError, match=r"the MDM server is not there: .*is the MDM server up"):
        wire.send({"RequestType": "ProfileList"}, deadline=soon(1))
    wire.close()


def test_a_server_that_is_silent_is_not_asked_twice(log: EvidenceLog) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        wire = NanoMdm("studio.mdm", Server(url, KEY), UDID, Webhook(), log)
        with pytest.raises(BenchError, match=r"the MDM server does not answer: .*timed out"):
            wire.check(deadline=soon(1))
        wire.close()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda event: {**event, "raw_payload": "%%%"}, "answer to ProfileList cannot be read"),
        (lambda event: {**event, "raw_payload": base64.b64encode(b"<plist>").decode()}, "it is no property list"),
        (lambda event: {**event, "raw_payload": None}, "it is no property list"),
        (lambda event: {**event, "status": "Error"}, "has the status 'Acknowledged', its event 'Error'"),
        (lambda event: {**event, "status": "Hello"}, "its event 'Hello'"),
    ],
)
def test_an_answer_that_cannot_be_read_is_the_wires_failure(mdm: Mdm, nano: Nano, spoil: Any, said: str) -> None:
    nano.spoil = spoil
    command = mdm.send({"RequestType": "ProfileList"}, deadline=soon())
    with pytest.raises(BenchError, match=said):
        mdm.receive(command, deadline=soon())


def test_an_answer_to_another_command_in_our_event_is_refused(mdm: Mdm, nano: Nano) -> None:
    nano.answers = [{"Status": "Acknowledged", "CommandUUID": "ANOTHER"}]
    nano.spoil = lambda event: {**event, "command_uuid": command.uuid}
    release = threading.Event()
    poll = nano.poll
    nano.poll = lambda: release.wait(30) and poll()  # type: ignore[method-assign,assignment,func-returns-value]
    command = mdm.send({"RequestType": "ProfileList"}, deadline=soon())
    release.set()
    with pytest.raises(BenchError, match="is another command's"):
        mdm.receive(command, deadline=soon())


def test_what_is_not_ours_is_dropped(mdm: Mdm, nano: Nano) -> None:
    nano.answers = []
    command = mdm.send({"RequestType": "ProfileList"}, deadline=soon())
    nano.spoil = lambda event: {**event, "udid": "ANOTHER-MAC"}
    assert nano.post({"Status": "Acknowledged", "CommandUUID": command.uuid}) == 200
    nano.spoil = lambda event: event
    assert nano.post({"Status": "Acknowledged", "CommandUUID": "NO-COMMAND"}) == 200
    for noise in (b"", b"[]", b"{", b"[" * 100_000, b'{"topic": 3, "acknowledge_event": []}', b"\xff\xfe"):
        assert nano.post_raw(noise) == 200
    assert post(nano.webhook + "x", b"{}") == 404
    with pytest.raises(DeadlineExceeded, match="5 came to the webhook that cannot be read; it was taken back"):
        mdm.receive(command, deadline=soon(0.05))


def test_a_user_enrollment_answers_under_its_own_name(mdm: Mdm, nano: Nano) -> None:
    nano.spoil = lambda event: {**{k: v for k, v in event.items() if k != "udid"}, "enrollment_id": UDID}
    command = mdm.send({"RequestType": "ProfileList"}, deadline=soon())
    assert mdm.receive(command, deadline=soon()).status == "Acknowledged"


def test_a_server_that_went_away_does_not_keep_the_wire_open(mdm: Mdm, nano: Nano, log: EvidenceLog) -> None:
    mdm.send({"RequestType": "ProfileList"}, deadline=soon())
    nano.replies["/v1/webhook"] = (401, b"Unauthorized")
    mdm.close()
    assert any("still has our webhook" in record.to_json() for record in log.records)  # a request may be told after it


def test_answers_that_nobody_takes_are_bounded(mdm: Mdm, nano: Nano) -> None:
    nano.answers = []
    command = mdm.send({"RequestType": "ProfileList"}, deadline=soon())
    answer = {"Status": "NotNow", "CommandUUID": command.uuid}
    assert [nano.post(answer) for _ in range(WAITING + 1)] == [200] * WAITING + [429]


def test_only_signed_events_count_where_there_is_a_key(nano: Nano, log: EvidenceLog) -> None:
    wire = wire_of(nano, log, webhook=Webhook(hmac_key="the-hmac-key-of-tests", path="/hook"))
    nano.answers = []
    command = wire.send({"RequestType": "ProfileList"}, deadline=soon())
    assert urlsplit(nano.webhook).path == "/hook"
    nano.hmac_key = b"another"
    assert nano.post({"Status": "Acknowledged", "CommandUUID": command.uuid}) == 429
    nano.hmac_key = b""
    assert nano.post({"Status": "Acknowledged", "CommandUUID": command.uuid}) == 429
    with pytest.raises(DeadlineExceeded, match=r"2 came to the webhook without a valid signature \(hmac_key\)"):
        wire.receive(command, deadline=soon(0.05))
    nano.hmac_key = b"the-hmac-key-of-tests"
    nano.answers = [{"Status": "Acknowledged"}]
    second = wire.send({"RequestType": "ProfileList"}, deadline=soon())
    assert wire.receive(second, deadline=soon()).status == "Acknowledged"
    wire.close()
    assert not any("the-hmac-key" in record.to_json() for record in log.records)


def test_tokens_of_a_check_in_are_no_evidence(mdm: Mdm, nano: Nano, log: EvidenceLog) -> None:
    nano.answers = []
    mdm.send({"RequestType": "ProfileList"}, deadline=soon())
    token = base64.b64encode(b"<plist><dict><key>BootstrapToken</key></dict></plist>").decode()
    event = {"topic": "mdm.SetBootstrapToken", "checkin_event": {"udid": UDID, "raw_payload": token}}
    assert nano.post_raw(json.dumps(event).encode()) == 200
    said = [record.to_json() for record in log.records if record.event == "event"]
    assert len(said) == 1
    assert "mdm.SetBootstrapToken" in said[0]
    assert "BootstrapToken</key>" not in said[0]
    assert token not in said[0]


def test_everything_is_evidence_but_the_key(mdm: Mdm, nano: Nano, log: EvidenceLog) -> None:
    command = mdm.send({"RequestType": "ProfileList"}, deadline=soon())
    mdm.receive(command, deadline=soon())
    text = "\n".join(record.to_json() for record in log.records)
    assert "ProfileList" in text
    assert "Acknowledged" in text
    assert KEY not in text
    assert base64.b64encode(f"nanomdm:{KEY}".encode()).decode() not in text


def test_check_says_what_answers(mdm: Mdm, nano: Nano) -> None:
    assert "NanoMDM v0.8.0 answers, it takes our key; its webhook is http://127" in mdm.check(deadline=soon())
    nano.replies["/v1/queue/"] = (404, b"404")
    assert "the key was not asked for" in mdm.check(deadline=soon())
    nano.replies["/version"] = (500, b"oops")
    with pytest.raises(BenchError, match="answers 500: oops"):
        mdm.check(deadline=soon())
    assert nano.done == []


def test_close_is_idempotent_and_ends_it(mdm: Mdm, nano: Nano) -> None:
    mdm.send({"RequestType": "ProfileList"}, deadline=soon())
    assert nano.webhooks == [nano.webhook]
    mdm.close()
    mdm.close()
    assert nano.webhooks == []
    with pytest.raises(ConnectionRefusedError):
        post(nano.webhook, b"{}")
    with pytest.raises(BenchError, match="closed"):
        mdm.send({"RequestType": "ProfileList"}, deadline=soon())
