"""SshUnlock against SSH servers that say what macOS 26 was seen to say, and what it should not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

import asyncssh
import pytest

from kextrel.bench.shell import SshShell
from kextrel.bench.sshlink import Locked, Login, LoginRefused
from kextrel.bench.unlock import SshUnlock
from kextrel.errors import BenchError
from kextrel.evidence import EvidenceLog
from kextrel.timing import Deadline
from loopback import free_port

PASSWORD = "tr0ub4dor"
BANNER = "This system is locked. To unlock it, use a local\r\naccount name and password.\r\n"
SAID = "System successfully unlocked.\nYou may now use SSH to authenticate normally.\n"
PATIENCE = 30.0


def soon() -> Deadline:
    return Deadline.after(PATIENCE, "the test")


@dataclass
class Manner:
    """How a server behaves. `ends`: it says no word after the password, and hangs up."""

    banner: str = BANNER
    questions: tuple[tuple[str, bool], ...] = (("Password:", False),)
    said: str = SAID
    by_banner: bool = False
    ends: bool = False
    lets_in: bool = False
    asks_again: bool = False
    next_question: str = "Password:"
    methods: bool = True
    answers: list[tuple[str, ...]] = field(default_factory=list)


class Talk(asyncssh.SSHServer):
    def __init__(self, manner: Manner) -> None:
        self._manner, self._right = manner, False

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._conn = conn

    def begin_auth(self, username: str) -> bool:
        if self._manner.banner:
            self._conn.send_auth_banner(self._manner.banner)
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return False

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return False

    def kbdint_auth_supported(self) -> bool:
        return self._manner.methods

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        return "", "", "", list(self._manner.questions)

    def validate_kbdint_response(self, username: str, responses: Any) -> Any:
        if self._right:
            return False
        self._manner.answers.append(tuple(responses))
        self._right = tuple(responses) == (PASSWORD,)
        if not self._right:
            return False
        return self._after()

    def _after(self) -> Any:
        if self._manner.ends:
            self._conn.abort()
            return False
        if self._manner.by_banner:
            self._conn.send_auth_banner(self._manner.said)
            return False
        if self._manner.asks_again:
            return "", self._manner.said, "", [(self._manner.next_question, False)]
        return True if self._manner.lets_in else ("", self._manner.said, "", [])


class Server:
    """One server on an event loop in a thread of its own."""

    def __init__(self) -> None:
        self.manner, self.port = Manner(), free_port()
        self._key = asyncssh.generate_private_key("ssh-ed25519")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._listener = self._do(self._listen())

    async def _listen(self) -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1", self.port, server_factory=lambda: Talk(self.manner), server_host_keys=[self._key]
        )

    @property
    def host_key(self) -> str:
        return self._key.export_public_key("openssh").decode().strip()

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    async def _leave(self) -> None:
        self._listener.close()

    def stop(self) -> None:
        self._do(self._leave())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def server(shared: Server) -> Server:
    shared.manner = Manner()
    return shared


Made = Callable[..., SshUnlock]


@pytest.fixture
def sink() -> EvidenceLog:
    return EvidenceLog("mini")


@pytest.fixture
def made(server: Server, sink: EvidenceLog) -> Made:
    return lambda key="": SshUnlock("mini.unlock", "127.0.0.1", server.port, "admin", [key or server.host_key], sink)


def test_the_right_password_is_acknowledged(server: Server, made: Made, sink: EvidenceLog) -> None:
    assert made().waiting(deadline=soon())
    assert made().unlock("admin", PASSWORD, deadline=soon()) is True
    assert server.manner.answers == [(PASSWORD,)]
    kept = "".join(record.to_json() for record in sink.records)
    assert "successfully unlocked" in kept
    assert PASSWORD not in kept


def test_without_a_banner_it_is_the_same(server: Server, made: Made) -> None:
    server.manner.banner = ""
    assert made().waiting(deadline=soon())
    assert made().unlock("admin", PASSWORD, deadline=soon()) is True


def test_a_wrong_one_is_refused_in_so_many_words_and_given_once(server: Server, made: Made, sink: EvidenceLog) -> None:
    with pytest.raises(LoginRefused, match=r"refused FileVault's password of 'admin'.*fdesetup list") as failed:
        made().unlock("admin", "another-word", deadline=soon())
    assert server.manner.answers == [("another-word",)]
    assert "another-word" not in str(failed.value) + "".join(record.to_json() for record in sink.records)


def test_the_banner_before_the_password_is_no_acknowledgement(server: Server, made: Made) -> None:
    server.manner.banner = SAID
    with pytest.raises(LoginRefused):
        made().unlock("admin", "another-word", deadline=soon())


def test_the_acknowledgement_may_be_a_banner(server: Server, made: Made) -> None:
    server.manner.by_banner = True
    assert made().unlock("admin", PASSWORD, deadline=soon()) is True


def test_an_end_without_a_word_is_for_the_boot_to_judge(server: Server, made: Made) -> None:
    server.manner.ends = True
    assert made().unlock("admin", PASSWORD, deadline=soon()) is False


def test_macos_itself_lets_in_and_that_is_as_good(server: Server, made: Made) -> None:
    server.manner.lets_in = True
    assert made().unlock("admin", PASSWORD, deadline=soon()) is True


@pytest.mark.parametrize(
    "questions",
    [(("Password:", True),), (("Verification code:", False),), (("Password:", False), ("Recovery key:", False))],
    ids=["shown", "another", "two"],
)
def test_another_question_gets_no_password(server: Server, made: Made, questions: Any) -> None:
    server.manner.questions = questions
    with pytest.raises(BenchError, match="was given nothing"):
        made().unlock("admin", PASSWORD, deadline=soon())
    assert server.manner.answers == [("",) * len(questions)]


def test_who_asks_for_it_again_has_refused_it(server: Server, made: Made) -> None:
    server.manner.asks_again, server.manner.said = True, "Once more."
    with pytest.raises(LoginRefused, match="refused FileVault's password of 'admin'"):
        made().unlock("admin", PASSWORD, deadline=soon())
    assert server.manner.answers == [(PASSWORD,)]


def test_a_second_question_gets_no_password(server: Server, made: Made) -> None:
    server.manner.asks_again, server.manner.said, server.manner.next_question = True, "And now:", "Recovery key:"
    with pytest.raises(BenchError, match=r"asked for \['Recovery key:'\], and was given nothing"):
        made().unlock("admin", PASSWORD, deadline=soon())
    assert server.manner.answers == [(PASSWORD,)]


def test_another_host_gets_nothing(server: Server, made: Made) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key("openssh").decode().strip()
    for does in (
        lambda: made(other).unlock("admin", PASSWORD, deadline=soon()),
        lambda: made(other).check(deadline=soon()),
    ):
        with pytest.raises(BenchError, match="not one of the 1 pinned"):
            does()
    assert server.manner.answers == []


def test_nobody_there_does_not_wait(made: Made, sink: EvidenceLog, server: Server) -> None:
    gone = SshUnlock("mini.unlock", "127.0.0.1", free_port(), "admin", [server.host_key], sink)
    assert not gone.waiting(deadline=soon())
    with pytest.raises(BenchError, match="no SSH connection"):
        gone.check(deadline=soon())


def test_a_server_that_takes_no_password_does_not_wait(server: Server, made: Made) -> None:
    server.manner.methods = False
    assert not made().waiting(deadline=soon())
    assert made().check(deadline=soon()) == "answers with the pinned host key, and takes no password"


def test_health_gives_nothing_away(server: Server, made: Made) -> None:
    assert made().check(deadline=soon()) == "answers with the pinned host key and takes a password"
    assert server.manner.answers == []


# -- the shell wire, while such a server is what answers


def shell(server: Server, sink: EvidenceLog, *, filevault: bool = False) -> SshShell:
    login = Login("admin", password=PASSWORD)
    return SshShell("mini.shell", "127.0.0.1", server.port, login, [server.host_key], sink, filevault=filevault)


def test_the_banner_tells_a_locked_mac_from_a_wrong_password(server: Server, sink: EvidenceLog) -> None:
    assert not shell(server, sink).reachable(deadline=soon())
    with pytest.raises(Locked, match=r"FileVault is locked.*filevault: true"):
        shell(server, sink).check(deadline=soon())
    for other in ("", "This system is locked down: authorized users only.\r\n"):
        server.manner.banner = other
        with pytest.raises(LoginRefused):
            shell(server, sink).check(deadline=soon())


def test_where_filevault_is_known_to_be_on_who_refuses_may_be_locked(server: Server, sink: EvidenceLog) -> None:
    server.manner.banner = ""
    mac = shell(server, sink, filevault=True)
    assert not mac.reachable(deadline=soon())
    with pytest.raises(LoginRefused, match="cannot log in"):
        mac.check(deadline=soon())


def test_a_mac_that_waits_for_its_unlock_has_gone_down(server: Server, sink: EvidenceLog) -> None:
    shell(server, sink).wait_until_gone(deadline=soon())
    assert "FileVault is locked" in sink.records[-1].to_json()
