"""Devices that switch mains over HTTP, written from their documentation: what they take, and what they answer."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from loopback import serving


class Plug:
    """A device on loopback. `told`: each switch of its outlets in order; `stuck`: it answers and does nothing;
    `spoiled`: status and body instead of its answers; `moved`: where they send us to; `asked`: the requests, as they
    came; `challenge`: what it wants of somebody whom it refuses."""

    def __init__(self) -> None:
        self.challenge = ""
        self.told: list[bool] = []
        self.outlets: dict[int, bool] = {}
        self.stuck = False
        self.spoiled: tuple[int, bytes] | None = None
        self.moved = ""
        self.asked: list[str] = []
        plug = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body are two writes

            def handle_one(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                plug.asked.append(f"{self.command} {self.path}")
                login = self.headers.get("Authorization", "")
                status, said = plug.spoiled or plug.reply(self.command, self.path, body, login)
                raw = said if isinstance(said, bytes) else json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                if status == 401 and plug.challenge:
                    self.send_header("WWW-Authenticate", plug.challenge)
                if plug.moved:
                    self.send_header("Location", plug.moved)
                self.end_headers()
                self.wfile.write(raw)

            def do_GET(self) -> None:
                self.handle_one()

            def do_POST(self) -> None:
                self.handle_one()

            def log_message(self, format: str, *args: object) -> None:
                return

        self.server, self.url = serving(Handler)

    def reply(self, method: str, path: str, body: bytes, login: str) -> tuple[int, Any]:
        raise NotImplementedError

    def tell(self, outlet: int, on: bool) -> None:
        self.told.append(on)
        if not self.stuck:
            self.outlets[outlet] = on

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class TasmotaPlug(Plug):
    """`/cm?cmnd=Power2 on`. With one relay the answer's key is POWER, and other numbers mean that one, too."""

    def __init__(self, relays: int = 1, password: str = "") -> None:
        self.password = password
        super().__init__()
        self.outlets = dict.fromkeys(range(1, relays + 1), False)

    def reply(self, method: str, path: str, body: bytes, login: str) -> tuple[int, Any]:
        parts = urlsplit(path)
        query = dict(parse_qsl(parts.query))
        assert (method, parts.path) == ("GET", "/cm")
        if self.password and (query.get("user"), query.get("password")) != ("admin", self.password):
            return 200, {"WARNING": "Need user=<username>&password=<password>"}
        command, _, value = query["cmnd"].partition(" ")
        if not command.lower().startswith("power"):
            return 200, {"Command": "Unknown"}
        relay = int(command[5:] or 1)
        relay = relay if relay in self.outlets else 1
        if value:
            self.tell(relay, value == "on")
        key = "POWER" if len(self.outlets) == 1 else f"POWER{relay}"
        return 200, {key: "ON" if self.outlets[relay] else "OFF"}


def digest_of(method: str, password: str, said: dict[str, str]) -> str:
    """The `response` that somebody with the password gives to `said` (RFC 7616, 3.4.1, with SHA-256 and auth)."""

    def hashed(*parts: str) -> str:
        return hashlib.sha256(":".join(parts).encode()).hexdigest()

    who = hashed(said["username"], said["realm"], password)
    what = hashed(method, said["uri"])
    return hashed(who, said["nonce"], said["nc"], said["cnonce"], said["qop"], what)


class ShellyPlug(Plug):
    """Generation 1: /relay/0. From 2 on: /rpc. Either is told by /shelly, and knows nothing of the other's.

    With a password /shelly alone is free; the user is admin. `uses`: how often a nonce counts (firmware before 2.0:
    once). `logins`: the headers that came with a login."""

    realm = "shellyplugsg3-3c610500aa02"

    def __init__(self, generation: int, password: str = "", uses: int = 30_000) -> None:
        self.generation, self.password, self.uses = generation, password, uses
        self.logins: list[str] = []
        self.nonces, self.count = 0, 0
        super().__init__()
        self.outlets = {0: False}

    def reply(self, method: str, path: str, body: bytes, login: str) -> tuple[int, Any]:
        self.logins += [login] if login else []
        if path == "/shelly":
            locked = bool(self.password)
            first = {"type": "SHPLG-S", "mac": "3C610500AA01", "auth": locked, "fw": "20230913-113421/v1.14.0"}
            newer = {"id": self.realm, "gen": self.generation, "app": "PlugSG3", "auth_en": locked}
            return 200, first if self.generation == 1 else newer
        if self.password and not (self._basic if self.generation == 1 else self._digest)(method, path, login):
            return 401, b"401 Unauthorized"
        if self.generation == 1:
            return self._relay(method, path, dict(parse_qsl(body.decode())))
        return self._rpc(json.loads(body)) if (method, path) == ("POST", "/rpc") else (404, b"Not Found")

    def _basic(self, method: str, path: str, login: str) -> bool:
        self.challenge = 'Basic realm="shelly"'
        return login == "Basic " + base64.b64encode(f"admin:{self.password}".encode()).decode()

    def _digest(self, method: str, path: str, login: str) -> bool:
        said = {key: quoted or word for key, quoted, word in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,"]+))', login)}
        if login.startswith("Digest ") and said["nonce"] == str(self.nonces) and self.count < self.uses:
            self.count += 1
            known = (said["username"], said["realm"], said["uri"]) == ("admin", self.realm, path)
            asked = (said["algorithm"], said["qop"], said["nc"]) == ("SHA-256", "auth", f"{self.count:08x}")
            if known and asked and said["response"] == digest_of(method, self.password, said):
                return True
        self.nonces, self.count = self.nonces + 1, 0
        self.challenge = f'Digest qop="auth", realm="{self.realm}", nonce="{self.nonces}", algorithm=SHA-256'
        return False

    def _relay(self, method: str, path: str, form: dict[str, str]) -> tuple[int, Any]:
        if path != "/relay/0":
            return 404, b"Not Found"
        if method == "POST":
            self.tell(0, form["turn"] == "on")
        return 200, {"ison": self.outlets[0], "has_timer": False, "overpower": False, "source": "http"}

    def _rpc(self, call: dict[str, Any]) -> tuple[int, Any]:
        frame = {"id": call["id"], "src": "shellyplugsg3-3c610500aa02"}
        switch = call["params"]["id"]
        if switch not in self.outlets:
            said = f"Argument 'id', value {switch} not found!"
            return 500, {**frame, "error": {"code": -105, "message": said}}
        before = self.outlets[switch]
        if call["method"] == "Switch.Set":
            self.tell(switch, call["params"]["on"])
            return 200, {**frame, "result": {"was_on": before}}
        assert call["method"] == "Switch.GetStatus"
        return 200, {**frame, "result": {"id": switch, "source": "http", "output": before, "apower": 0.0}}


class NetioPlug(Plug):
    """/netio.json with HTTP Basic; its write answers the whole state."""

    login = "Basic " + base64.b64encode(b"netio:netio-of-tests").decode()

    def __init__(self) -> None:
        super().__init__()
        self.outlets = {1: False, 2: False}

    def reply(self, method: str, path: str, body: bytes, login: str) -> tuple[int, Any]:
        assert path == "/netio.json"
        if login != self.login:
            return 401, b"<html>Unauthorized</html>"
        for one in json.loads(body)["Outputs"] if method == "POST" else ():
            self.tell(one["ID"], one["Action"] == 1)
        outputs = [{"ID": number, "Name": "out", "State": int(on)} for number, on in self.outlets.items()]
        return 200, {"Agent": {"Model": "NETIO PowerBOX 4KF", "NumOutputs": 2}, "Outputs": outputs}


class PdudaemonPlug(Plug):
    """/power/control/on?hostname=pdu03&port=2. It answers OK whatever its own command did."""

    def reply(self, method: str, path: str, body: bytes, login: str) -> tuple[int, Any]:
        parts = urlsplit(path)
        if not parts.path.startswith("/power/control/"):
            return 404, b"404: Not Found"
        if dict(parse_qsl(parts.query)) != {"hostname": "pdu03", "port": "2"}:
            return 500, b"Invalid request\n"
        self.tell(2, parts.path.endswith("/on"))
        return 200, b"OK - accepted request\n"
