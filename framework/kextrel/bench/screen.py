"""The screen wire: PiKVM's HTTP API (kvmd 4). A JPEG of what the Mac shows, and the text that its OCR reads in it.

`GET /api/streamer/snapshot` is the picture, with `?ocr=1` its text; 503 with UnavailableError is a screen without a
signal, which is an answer, not a failure. Credentials travel in X-KVMD-User and X-KVMD-Passwd.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from kextrel.bench.retry import Transient, retried
from kextrel.bench.web import trusted, whole
from kextrel.errors import BenchError, DeadlineExceeded
from kextrel.evidence import EvidenceLog, Sink
from kextrel.timing import Deadline

__all__ = ["PikvmScreen"]

SNAPSHOT = "/api/streamer/snapshot"
PATIENCE = 5.0  # wall seconds that one look may take, with retries
LIMIT = 16 << 20  # bytes of a picture


class PikvmScreen:
    """protocols.Screen over PiKVM. `poll` is the wall seconds between two looks of `wait`: OCR has no way to tell us.

    `certificate` is a PEM file that the server must present (PiKVM's own is self-signed); without it the system's
    authorities are asked.
    """

    def __init__(
        self,
        name: str,
        url: str,
        user: str,
        password: str,
        sink: Sink,
        *,
        poll: float = 0.5,
        certificate: Path | None = None,
        wire: str = "screen",
    ) -> None:
        self._name, self._sink, self._wire, self._poll = name, sink, wire, poll
        sink.hide(password)
        headers = {"X-KVMD-User": user, "X-KVMD-Passwd": password}
        verify = trusted(certificate, name, pinned=True)
        self._client = httpx.Client(base_url=url, headers=headers, verify=verify, trust_env=False)
        self._private = 0
        self._last = ""
        self._illustrated: str | None = None  # the text of the last screen whose picture was kept for it

    @property
    def name(self) -> str:
        return self._name

    def text(self, *, deadline: Deadline) -> str:
        answer = self._look(deadline, ocr=True)
        text = answer.text.replace("\r\n", "\n").strip("\n") if answer is not None else ""
        if not self._private and text != self._last:
            self._last = text
            self._sink.record(self._wire, "text", text=text, signal=answer is not None)
        return text

    def picture(self, *, deadline: Deadline) -> bytes | None:
        answer = self._look(deadline, ocr=False)
        if answer is None:
            return None
        if not self._private:
            self._keep(answer.content)
        return answer.content

    def wait(self, seen: Callable[[str], bool], *, deadline: Deadline, what: str) -> str:
        shown: str | None = None
        trouble = "there was no time to look"
        while deadline.remaining > 0:
            try:
                shown, trouble = self.text(deadline=deadline), ""
            except (Transient, DeadlineExceeded) as error:  # unless it is only our own time that cut it off
                trouble = "" if deadline.expired and shown is not None else error.what
            else:
                if seen(shown):
                    self._illustrate(deadline)
                    return shown
            time.sleep(min(self._poll, deadline.remaining))
        raise self._never_seen(what, shown or "", trouble)

    @contextmanager
    def private(self) -> Iterator[None]:
        self._private += 1
        try:
            yield
        finally:
            self._private -= 1

    def check(self, *, deadline: Deadline) -> str:
        """For health: asks for one picture."""
        found = self.picture(deadline=deadline)
        return f"a picture of {len(found)} bytes" if found else "answers, no signal from the Mac"

    def close(self) -> None:
        self._client.close()

    def _look(self, deadline: Deadline, *, ocr: bool) -> httpx.Response | None:
        """One look; None without a signal. A server that stumbles is asked again for PATIENCE."""
        deadline.check(self._name)
        if self._client.is_closed:
            raise BenchError("the screen wire is closed", wire=self._name)
        return retried(lambda: self._get(deadline, ocr), deadline.within(PATIENCE))

    def _get(self, deadline: Deadline, ocr: bool) -> httpx.Response | None:
        try:
            seconds = max(min(deadline.remaining, PATIENCE), 0.01)
            asked = {"ocr": "1"} if ocr else {}
            with self._client.stream("GET", SNAPSHOT, params=asked, timeout=seconds) as begun:
                limit = deadline.within(seconds)
                answer = whole(begun, most=LIMIT, limit=limit, who="PiKVM", wire=self._name)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            why = str(error) or type(error).__name__
            raise Transient(f"PiKVM does not answer: {why}", wire=self._name, hint="look at its url") from error
        return self._read(answer)

    def _read(self, answer: httpx.Response) -> httpx.Response | None:
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and "UnavailableError" in answer.text:
            return None
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            hint = "look at user and password of the screen in the profile"
            raise BenchError(f"PiKVM refuses us ({answer.status_code})", wire=self._name, hint=hint)
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise Transient(f"PiKVM answers {answer.status_code}", wire=self._name)
        if answer.status_code != httpx.codes.OK:
            raise BenchError(f"PiKVM answers {answer.status_code}, {len(answer.content)} bytes", wire=self._name)
        return answer

    def _illustrate(self, deadline: Deadline) -> None:
        """The picture to a text that was awaited, where pictures are kept and this one is not known. It is evidence
        only: without it the text was seen all the same."""
        if self._folder() is None or self._private or deadline.expired or self._last == self._illustrated:
            return
        try:
            self.picture(deadline=deadline)
        except (Transient, DeadlineExceeded) as error:
            self._sink.record(self._wire, "no picture", why=error.what)
            return
        self._illustrated = self._last

    def _keep(self, picture: bytes) -> None:
        digest = hashlib.sha256(picture).hexdigest()
        folder = self._folder()
        file = None
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            file = folder / f"{re.sub(r'[^A-Za-z0-9.-]+', '-', self._name)}-{digest[:16]}.jpg"
            file.write_bytes(picture)
        self._sink.record(self._wire, "picture", sha256=digest, size=len(picture), file=str(file) if file else None)

    def _folder(self) -> Path | None:
        path = self._sink.path if isinstance(self._sink, EvidenceLog) else None
        return path.parent / "pictures" if path is not None else None

    def _never_seen(self, what: str, shown: str, trouble: str) -> DeadlineExceeded:
        if trouble:
            last = trouble
        elif self._private:
            last = "what it showed is not kept: a secret's field was on it"
        else:
            last = f"it showed {shown[:300]!r}" if shown else "it stayed dark or empty"
        return DeadlineExceeded(f"{what} was not seen in time; {last}", wire=self._name)
