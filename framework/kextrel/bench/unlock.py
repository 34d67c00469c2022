"""FileVault over SSH: from macOS 26 on, a Mac with Apple silicon that waits for its unlock takes the password there.

What answers has the host key of macOS and no shell. It asks one hidden question, `Password:`; the right answer is
acknowledged by a message, then the login fails all the same and the connection ends [apple_ssh_and_filevault(7); a
session of 26.0.1 in github.com/shoon/fv-ssh-unlock]. The password goes to a pinned host key only, as the answer to
that one question, and once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from kextrel.bench.hostkey import HostKey
from kextrel.bench.retry import Transient
from kextrel.bench.sshlibrary import paramiko
from kextrel.bench.sshlink import LoginRefused, SshTransport, met
from kextrel.errors import BenchError
from kextrel.evidence import Sink
from kextrel.timing import Deadline

__all__ = ["SshUnlock"]

_GLANCE = 5.0  # wall seconds for one look whether it waits
_PATIENCE = 30.0  # wall seconds for the answer to the password; one server was seen that then kept the connection open
_METHOD = "keyboard-interactive"
_DONE = "system successfully unlocked"
_UNHEARD = ("transport shut down", "timeout")
"""What paramiko calls a failed login, too, by its words: nobody said no."""


@dataclass
class _Answers:
    """What is said to the questions of one login: the password to the first, if that is the one that is expected.

    `banner` is the last that came; only what came after the password tells anything of it.
    """

    password: str = field(repr=False)
    banner: Callable[[], bytes | None]
    before: bytes | None = None
    given: bool = False
    heard: str = ""
    odd: str = ""
    refused: bool = False

    def __call__(self, title: str, instructions: str, prompts: Sequence[tuple[str, bool]]) -> list[str]:
        self.heard += f"{title}\n{instructions}\n" if self.given else ""
        if not prompts:
            return []
        asked = [(text.strip().casefold(), echo) for text, echo in prompts]
        expected = asked == [("password:", False)]
        if self.given or not expected:
            self.refused = self.given and expected  # it is asked for again, as PAM does after a wrong one
            self.odd = repr([text for text, _ in prompts])[:200]
            return [""] * len(prompts)
        self.given, self.before = True, self.banner()
        return [self.password]

    @property
    def acknowledged(self) -> bool:
        """Whether what came after the password says that it was right."""
        banner = (self.banner() or b"") if self.given and self.banner() != self.before else b""
        said = self.heard + banner.decode(errors="replace")
        return _DONE in " ".join(said.casefold().split())


class SshUnlock:
    """protocols.Unlock. `host_keys` are those of macOS, which this SSH has, too."""

    def __init__(self, name: str, host: str, port: int, user: str, host_keys: Sequence[str], sink: Sink) -> None:
        self._name, self._host, self._port, self._user = name, host, port, user
        self._pins, self._sink = tuple(HostKey.parse(line) for line in host_keys), sink

    @property
    def name(self) -> str:
        return self._name

    def waiting(self, *, deadline: Deadline) -> bool:
        try:
            return self._asks(deadline.within(_GLANCE, "a look whether FileVault waits"))
        except Transient:
            return False

    def unlock(self, user: str, password: str, *, deadline: Deadline) -> bool:
        self._sink.hide(password)
        with closing(self._met(deadline)) as transport:
            answers = _Answers(password, transport.get_banner)
            transport.auth_timeout = max(deadline.within(_PATIENCE).remaining, 0.01)
            try:
                transport.auth_interactive(user, answers)
            except (paramiko.SSHException, EOFError, OSError) as error:
                self._sink.record("unlock", "answered", user=user, heard=answers.heard, ended=str(error))
                return self._judged(user, answers, error)
        self._sink.record("unlock", "logged in", user=user)
        return True  # this was macOS: somebody else has unlocked it

    def check(self, *, deadline: Deadline) -> str:
        """For health: who answers there, with a pinned host key; it is macOS itself, while that runs."""
        asks = self._asks(deadline)
        return "answers with the pinned host key" + (" and takes a password" if asks else ", and takes no password")

    def close(self) -> None:
        """Nothing is kept between two calls."""

    def _met(self, deadline: Deadline) -> SshTransport:
        return met(self._host, self._port, self._pins, wire=self._name, deadline=deadline)

    def _asks(self, deadline: Deadline) -> bool:
        """What can continue after a login without anything, which gives nothing away."""
        with closing(self._met(deadline)) as transport:
            transport.auth_timeout = max(deadline.remaining, 0.01)
            try:
                transport.auth_none(self._user)
            except paramiko.BadAuthenticationType as error:
                return _METHOD in error.allowed_types
            except (paramiko.SSHException, EOFError, OSError) as error:
                raise Transient(f"the connection ended in the login: {error or 'closed'}", wire=self._name) from error
        return False

    def _judged(self, user: str, answers: _Answers, error: Exception) -> bool:
        if answers.acknowledged:
            return True
        if answers.odd and not answers.refused:
            hint = "look at the Mac: an SSH that waits for FileVault asks for one hidden password"
            raise BenchError(f"asked for {answers.odd}, and was given nothing", wire=self._name, hint=hint) from error
        unheard = any(words in str(error) for words in _UNHEARD)
        refused = answers.given and isinstance(error, paramiko.AuthenticationException) and not unheard
        if refused or answers.refused:
            hint = (
                "is accounts.admin.password in the profile theirs, and may they unlock it (`fdesetup list`)? "
                "After some wrong ones macOS takes none for minutes or hours"
            )
            raise LoginRefused(f"refused FileVault's password of '{user}'", wire=self._name, hint=hint) from error
        if not answers.given:
            raise Transient(f"the connection ended before the question: {error}", wire=self._name) from error
        return False
