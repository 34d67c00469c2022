"""The power wire over HTTP: smart plugs and power distribution units. On is mains present.

An outlet (bench/outlets.py) knows its device's requests and what their answers say; NetworkPower bounds, records and
verifies them. A device that tells its state is asked before it is told, so that an outlet that is not there is known
before anything is switched, and after it: a switch that was answered and had no effect is a BenchError.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

import httpx

from kextrel.bench.digest import Digest, stale
from kextrel.bench.mains import Mains
from kextrel.bench.retry import Transient, retried
from kextrel.bench.web import trusted, whole
from kextrel.errors import BenchError
from kextrel.evidence import Redactor, Sink
from kextrel.timing import Deadline

__all__ = ["Access", "Answer", "Asks", "Login", "NetworkPower", "Outlet", "Question"]

LIMIT = 64 << 10  # bytes of an answer
LOOKS = 3  # at the state after a switch: some devices tell the old one for a moment
PAUSE = 0.2  # wall seconds between two of them
_SHOWN = 160  # characters of an answer that an error quotes


class Login(Enum):
    """How a request takes user and password along; in the query the whole access does."""

    NONE = "none"
    BASIC = "basic"
    DIGEST = "digest"


@dataclass(frozen=True)
class Access:
    """Where a device is. `certificate`: a PEM file that it must present, for https; without it the system's authorities
    are asked. User and password go as each question says, or with `in_query` in the query of each request; without a
    password neither goes."""

    url: str
    certificate: Path | None = None
    user: str = ""
    password: str | None = field(default=None, repr=False)
    in_query: bool = False


@dataclass(frozen=True)
class Question:
    """One request: its path with the query, and a form or JSON as its body, where it has one."""

    method: str
    path: str
    form: Mapping[str, str] | None = None
    body: Any = None
    login: Login = Login.BASIC


@dataclass(frozen=True)
class Answer:
    """What the device said. `said` is its JSON object, or an empty one where it is anything else."""

    status: int
    text: str
    said: Mapping[str, Any]
    wire: str

    def wrong(self, what: str, hint: str = "") -> BenchError:
        """The error for an answer that cannot be used: `what`, and the beginning of the answer."""
        line = " ".join(self.text.split())[:_SHOWN] or "nothing"
        return BenchError(f"{what}: it answers {self.status}, {line!r}", wire=self.wire, hint=hint)


class Asks(Protocol):
    """One question to the device, within the deadline that it was made for."""

    def __call__(self, question: Question, /) -> Answer: ...


class Outlet(Protocol):
    """One outlet of one kind of device.

    `kind` is what people call the device, `patience` the wall seconds that it may take for one answer, `locked` what to
    do where it refuses us. Errors are made by `Answer.wrong`.
    """

    kind: str
    patience: float
    locked: str

    def switch(self, asks: Asks, on: bool) -> None:
        """Tells the device. Raises BenchError for an answer that is no yes."""
        ...

    def state(self, asks: Asks) -> bool | None:
        """Whether the outlet is on, asked afresh; None where the device never tells. Raises BenchError for an answer
        that should say and does not."""
        ...

    def check(self, asks: Asks) -> str:
        """For health: what it says of itself and the outlet. Nothing is switched."""
        ...


class NetworkPower(Mains):
    """protocols.Power on an outlet of a device with HTTP. `close` leaves the mains as they are."""

    def __init__(self, name: str, outlet: Outlet, access: Access, sink: Sink, *, wire: str = "power") -> None:
        super().__init__(name)
        self._outlet, self._sink, self._wire = outlet, sink, wire
        self._redactor, self._cut, self._refused = Redactor(), False, ""
        for hides in (sink.hide, self._redactor.hide):
            hides(access.password or "")
        login = (access.user, access.password) if access.password is not None else None
        query = dict(zip(("user", "password"), login, strict=True)) if login and access.in_query else {}
        # Without TLS nobody need be known: the system's authorities take long to load.
        plain = access.url.lower().startswith("http:")
        verify = False if plain else trusted(access.certificate, name, pinned=True)
        transport = _Unlogged(httpx.HTTPTransport(verify=verify, trust_env=False), query)
        header = None if access.in_query else login
        self._basic = httpx.BasicAuth(*header) if header else None
        self._digest = Digest(*header) if header else None
        try:
            self._client = httpx.Client(base_url=access.url, transport=transport, trust_env=False)
        except httpx.InvalidURL as error:
            raise BenchError(f"its url cannot be used: {error}", wire=name) from error

    def check(self, *, deadline: Deadline) -> str:
        """For health: the device answers for this outlet. Nothing is switched."""
        self._usable(deadline)
        return str(self._redactor.clean(self._outlet.check(self._asks(deadline))))

    def close(self) -> None:
        self._client.close()

    def _switch(self, on: bool, deadline: Deadline) -> None:
        self._usable(deadline)
        asks = self._asks(deadline, whole_deadline=on and self._cut)
        before = self._outlet.state(asks)
        self._sink.record(self._wire, "mains", on=on)
        self._cut = self._cut or not on
        self._outlet.switch(asks, on)
        if before is not None:
            self._verify(asks, on, deadline)
        self._cut = not on

    def _verify(self, asks: Asks, on: bool, deadline: Deadline) -> None:
        for look in range(LOOKS):
            if look:
                time.sleep(min(PAUSE, deadline.remaining))
            if self._outlet.state(asks) is on:
                return
        told, still = ("on", "off") if on else ("off", "on")
        hint = "look at the device: a lock, a rule or an overload may keep it"
        what = f"{self._outlet.kind} was told {told}, answered, and its outlet is still {still}"
        raise BenchError(what, wire=self._name, hint=hint)

    def _usable(self, deadline: Deadline) -> None:
        if self._client.is_closed:
            raise BenchError("the power wire is closed", wire=self._name)
        if self._refused:
            what = f"{self._refused}, and is not asked again with that password"
            raise BenchError(what, wire=self._name, hint=self._outlet.locked)
        deadline.check(self._name)

    def _asks(self, deadline: Deadline, *, whole_deadline: bool = False) -> Asks:
        """Each question has the outlet's patience; one that stumbles is asked again, for on is on however often. Mains
        that we took ourselves are worth the whole deadline: a plug may have lost its network for a while."""

        def asked(question: Question) -> Answer:
            deadline.check(self._name)
            limit = deadline if whole_deadline else deadline.within(self._outlet.patience)
            return retried(lambda: self._once(question, limit.within(self._outlet.patience)), limit)

        return asked

    def _once(self, question: Question, limit: Deadline) -> Answer:
        kind = self._outlet.kind
        try:
            request = self._client.build_request(question.method, question.path, data=question.form, json=question.body)
            if question.login is Login.DIGEST and self._digest is not None:
                found = self._digest.sent(request, lambda one: self._sent(one, None, limit))
            else:
                found = self._sent(request, self._basic if question.login is Login.BASIC else None, limit)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            why = self._redactor.clean(str(error) or type(error).__name__)
            raise Transient(f"{kind} does not answer: {why}", wire=self._name, hint="look at its url") from None
        except UnicodeError as error:  # a name such as plug..lab, which only the resolver minds
            raise BenchError(f"its url cannot be used: {error}", wire=self._name) from None
        return self._read(question, found, given="Authorization" in request.headers)

    def _sent(self, request: httpx.Request, auth: httpx.Auth | None, limit: Deadline) -> httpx.Response:
        request.extensions["timeout"] = httpx.Timeout(max(limit.remaining, 0.01)).as_dict()
        begun = self._client.send(request, auth=auth, stream=True)
        try:
            return whole(begun, most=LIMIT, limit=limit, who=self._outlet.kind, wire=self._name)
        finally:
            begun.close()

    def _read(self, question: Question, found: httpx.Response, *, given: bool) -> Answer:
        raw = found.content.decode(errors="replace")  # whatever charset it names
        text = str(self._redactor.clean(raw))
        asked = f"{question.method} {question.path}"
        sent = question.body if question.body is not None else question.form
        self._sink.record(self._wire, "asked", request=asked, sent=sent, status=found.status_code, body=text)
        if found.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise self._locked(question, found, given)
        return Answer(found.status_code, text, _object(raw), self._name)

    def _locked(self, question: Question, found: httpx.Response, given: bool) -> BenchError:
        """The error for a refusal. One of a password that was given is kept: some devices count them."""
        refused, hint = f"{self._outlet.kind} refuses us ({found.status_code})", self._outlet.locked
        if self._digest is None or question.login is Login.NONE:
            return BenchError(refused, wire=self._name, hint=hint)
        if stale(found):
            return Transient(f"{refused} for a nonce that is over", wire=self._name)
        if given:
            self._refused = refused
        else:
            hint = "it asks for no digest with SHA-256, so the password was not given: is its firmware old?"
        return BenchError(refused, wire=self._name, hint=hint)


class _Unlogged(httpx.BaseTransport):
    """Adds to the query what must stay out of the URL that httpx logs and keeps in its exceptions."""

    def __init__(self, below: httpx.BaseTransport, secret: Mapping[str, str]) -> None:
        self._below, self._secret = below, secret

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if not self._secret:
            return self._below.handle_request(request)
        url = request.url.copy_merge_params(dict(self._secret))
        sent = httpx.Request(
            request.method, url, headers=request.headers, stream=request.stream, extensions=request.extensions
        )
        return self._below.handle_request(sent)

    def close(self) -> None:
        self._below.close()


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
