"""RackPower with the real snmpd: what has no effect, what is not there, who is refused; and no secret anywhere."""

from __future__ import annotations

import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest

from kextrel.bench import netsnmp, rackpower
from kextrel.bench.netsnmp import Agent, Community, User
from kextrel.bench.pdus import PDUS, SnmpOutlet
from kextrel.bench.rackpower import RackPower
from kextrel.errors import BenchError, DeadlineExceeded
from kextrel.evidence import EvidenceLog
from kextrel.lab.supply import SnmpWire
from kextrel.testing import PowerConformance, PowerPeer
from kextrel.timing import Deadline
from racks import AUTH, COMMUNITY, KINDS, PRIVACY, READER, SNMPD, Listener, Rack, is_here, rack

OUTLET = PDUS["apc"](3)
PERSON = User("kextrel", AUTH, PRIVACY, "SHA-256")


def soon(seconds: float = 60) -> Deadline:
    return Deadline.after(seconds, "the mains")


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer comes however busy this machine is."""
    monkeypatch.setattr(netsnmp, "TIMEOUT", 30)
    monkeypatch.setattr(netsnmp, "PATIENCE", 120.0)


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory, lacks: Callable[[str], None]) -> Iterator[Rack]:
    if not is_here():
        lacks(f"no {SNMPD} and snmpget here")
    with rack(tmp_path_factory.mktemp("rack")) as made:
        yield made


@pytest.fixture
def pdu(agent: Rack, monkeypatch: pytest.MonkeyPatch) -> Rack:
    """With its outlet off, and nothing told."""
    monkeypatch.setattr(rackpower, "PAUSE", 0.01)
    agent.begin()
    return agent


def opened(pdu: Rack, login: Community | User | None = None, outlet: SnmpOutlet = OUTLET) -> RackPower:
    return RackPower("mini.power", outlet, pdu.agent(login), EvidenceLog())


class Peer:
    def __init__(self, pdu: Rack, login: Community | User) -> None:
        self._pdu, self._login = pdu, login

    def power(self) -> RackPower:
        return opened(self._pdu, self._login)

    def mains(self) -> list[bool]:
        return self._pdu.mains()


class TestByCommunity(PowerConformance):
    @pytest.fixture
    def peer(self, pdu: Rack) -> PowerPeer:
        return Peer(pdu, Community(COMMUNITY))


@pytest.mark.night  # each run makes keys of two passphrases
class TestByUser(PowerConformance):
    @pytest.fixture
    def peer(self, pdu: Rack) -> PowerPeer:
        return Peer(pdu, PERSON)


@pytest.mark.parametrize(
    "login", [Community(COMMUNITY, "1"), User("aged", AUTH, PRIVACY, "SHA", "DES")], ids=["1", "des"]
)
def test_old_ways_to_log_in_are_taken(pdu: Rack, login: Community | User) -> None:
    opened(pdu, login).on(deadline=soon())
    assert pdu.mains() == [True]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_pdu_is_switched(pdu: Rack, kind: str) -> None:
    number, objects = KINDS[kind]
    pdu.begin(objects)
    power = opened(pdu, outlet=PDUS[kind](number))
    power.on(deadline=soon())
    assert power.check(deadline=soon()) == "127.0.0.1 answers by SNMP, the outlet is on"
    power.off(deadline=soon())
    assert pdu.mains() == [True, False]
    pdu.between(1)
    assert "the outlet is neither on nor off (" in power.check(deadline=soon())


def test_profiles_know_each_kind() -> None:
    words, _ = get_args(SnmpWire.model_fields["pdu"].annotation)
    assert list(PDUS) == sorted(KINDS) == list(get_args(words))


def test_a_switch_without_effect_is_an_error(pdu: Rack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rackpower, "SETTLING", 0.02)
    (pdu.folder / "stuck").touch()
    with pytest.raises(
        BenchError, match=r"mini\.power: 127\.0\.0\.1 was told to switch on, and its outlet is still off;"
    ):
        opened(pdu).on(deadline=soon())
    assert pdu.mains() == [True]


def test_an_outlet_that_takes_its_time_is_waited_for(pdu: Rack) -> None:
    pdu.between(3)  # the first of them before it is switched
    power = opened(pdu)
    power.on(deadline=soon())
    assert power.check(deadline=soon()).endswith("the outlet is on")
    assert pdu.mains() == [True]


@pytest.mark.parametrize("outlet", [PDUS["apc"](4), PDUS["eaton"](1)], ids=["instance", "object"])
def test_an_outlet_that_is_not_there_is_known_before_anything_is_switched(pdu: Rack, outlet: SnmpOutlet) -> None:
    with pytest.raises(
        BenchError, match=r"127\.0\.0\.1 has no number at 1\.3\S+: 'No Such .*'; is it this kind of PDU"
    ):
        opened(pdu, outlet=outlet).on(deadline=soon())
    assert pdu.mains() == []


def test_a_state_that_is_no_number_is_said(pdu: Rack) -> None:
    (pdu.folder / "text").touch()
    with pytest.raises(BenchError, match=r"has no number at 1\.3\S+: 'STRING: \"2\"'"):
        opened(pdu).on(deadline=soon())


def test_who_may_only_read_is_refused_in_one_sentence(pdu: Rack) -> None:
    power = opened(pdu, Community(READER))
    assert power.check(deadline=soon()).endswith("the outlet is off")
    with pytest.raises(BenchError, match=r"mini\.power: 127\.0\.0\.1 does not take it: noAccess; may we write there"):
        power.on(deadline=soon())
    with pytest.raises(BenchError, match=r"does not take it: notWritable; may we write"):
        opened(pdu, outlet=SnmpOutlet((f"{OUTLET.state}.7", 1), OUTLET.off, OUTLET.state, OUTLET.means)).on(
            deadline=soon()
        )
    with pytest.raises(BenchError, match=r"does not take it: noSuchName; may we write"):
        opened(pdu, Community(COMMUNITY, "1"), PDUS["apc"](9)).check(deadline=soon())
    assert pdu.mains() == []


def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """For those who get no answer whatever they wait."""
    monkeypatch.setattr(netsnmp, "TIMEOUT", 1)
    monkeypatch.setattr(netsnmp, "RETRIES", 0)


def test_a_wrong_community_has_no_answer(pdu: Rack, monkeypatch: pytest.MonkeyPatch) -> None:
    hurried(monkeypatch)
    said = r"mini\.power: 127\.0\.0\.1 does not answer by SNMP; is it up, is SNMP 2c on, and is 'community' right\?"
    with pytest.raises(BenchError, match=said):
        opened(pdu, Community("wrong-of-tests")).on(deadline=soon())
    assert pdu.mains() == []


@pytest.mark.parametrize(
    ("login", "why"),
    [
        (User("nobody", AUTH, PRIVACY, "SHA-256"), "Unknown user name"),
        (User("kextrel", "wrong-of-tests", PRIVACY, "SHA-256"), "Authentication failure"),
        (User("kextrel", AUTH, PRIVACY, "SHA"), "Authentication failure"),
    ],
    ids=["user", "password", "protocol"],
)
def test_who_is_refused_does_not_ask_again(
    pdu: Rack, login: User, why: str, log: EvidenceLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    power = RackPower("mini.power", OUTLET, pdu.agent(login), log)
    with pytest.raises(BenchError, match=rf"127\.0\.0\.1 refuses us: {why}; look at 'user', 'auth'") as refused:
        power.on(deadline=soon())
    monkeypatch.setenv("PATH", str(pdu.folder))
    for does in (power.on, power.check):
        with pytest.raises(BenchError, match=f"refuses us: {why}, and is not asked again with those passwords"):
            does(deadline=soon())
    assert len([one for one in log.records if one.event == "ran"]) == 1
    assert "wrong-of-tests" not in str(refused.value)
    assert pdu.mains() == []


def test_a_protocol_that_net_snmp_does_not_know_is_said(pdu: Rack) -> None:
    with pytest.raises(BenchError, match=r"snmpget says 'Invalid authentication protocol .*SHA-999' \(exit 1\)"):
        opened(pdu, User("kextrel", AUTH, PRIVACY, "SHA-999")).check(deadline=soon())


def test_a_host_that_has_no_address_is_said(pdu: Rack) -> None:
    power = RackPower("mini.power", OUTLET, Agent("256.0.0.1", Community(COMMUNITY)), EvidenceLog())
    with pytest.raises(BenchError, match=r"there is no host 256\.0\.0\.1; look at 'host'"):
        power.check(deadline=soon())


def test_mains_that_were_taken_are_worth_the_whole_deadline(pdu: Rack, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[Deadline]()

    def once(does: Callable[[], None], limit: Deadline) -> None:
        asked.append(limit)
        does()

    monkeypatch.setattr(rackpower, "retried", once)
    power, whole = opened(pdu), soon(3600)
    power.on(deadline=whole)
    power.off(deadline=whole)
    assert asked == []
    power.on(deadline=whole)
    assert asked == [whole]


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.socket.close()


@pytest.mark.usefixtures("agent")
def test_one_that_waits_for_an_answer_is_ended_at_the_deadline(
    listener: Listener, hurried: list[subprocess.Popen[bytes]]
) -> None:
    power = RackPower("mini.power", OUTLET, Agent("127.0.0.1", Community("silent"), listener.port), EvidenceLog())
    said = r"mini\.power: the mains: snmpget did not end in time and was ended; is it up, is SNMP 2c on"
    with pytest.raises(DeadlineExceeded, match=said):
        power.on(deadline=soon())
    assert [process.returncode for process in hurried] == [-signal.SIGKILL]


@pytest.mark.usefixtures("agent")
def test_a_community_arrives_as_it_is(listener: Listener) -> None:
    words = ['"', "\\", '\\"', "'a'", "#x", "[snmp]", " a ", "a\\", "\\n", "grün", "$HOME `id` %s", "x" * 255]
    for word in words:
        answering = threading.Thread(target=listener.answer, daemon=True)
        answering.start()
        power = RackPower("mini.power", OUTLET, Agent("127.0.0.1", Community(word), listener.port), EvidenceLog())
        with pytest.raises(BenchError, match=r"has no number at .*: 'NULL'"):
            power.check(deadline=soon())
        answering.join(60)
    assert [one.decode() for one in listener.communities] == words


@pytest.mark.parametrize(
    ("login", "said"),
    [
        (Community("two\nlines"), "its 'community' has a line break or another control character in it; write another"),
        (Community("nul\0"), "its 'community' has a line break"),
        (Community("x" * 256), "its 'community' is longer than 255 bytes"),
        (Community("ü" * 128), "its 'community' is longer than 255 bytes"),
        (Community("bytes\udcff"), "its 'community' is longer than 255 bytes, or no text"),
        (User("kextrel", "seven-c", PRIVACY), "its 'auth_password' is shorter than the 8 characters"),
        (User("kextrel", AUTH, "privacy\r-word"), "its 'privacy_password' has a line break"),
    ],
    ids=["lines", "nul", "long", "wide", "bytes", "short", "return"],
)
def test_a_secret_that_net_snmp_cannot_be_given_is_said(login: Community | User, said: str) -> None:
    with pytest.raises(BenchError) as refused:
        RackPower("mini.power", OUTLET, Agent("127.0.0.1", login), EvidenceLog())
    assert str(refused.value).startswith(f"mini.power: {said}")
    assert all(secret not in str(refused.value) for _, secret in login.secrets().values())


LOOKING = """\
#!/bin/sh
{ echo "$0" "$@"; env; } >>HERE/seen
ls -la "$SNMPCONFPATH" >>HERE/listed
exec REAL "$@"
"""


@pytest.mark.parametrize("login", [Community(COMMUNITY), PERSON], ids=["2c", "3"])
def test_no_secret_is_an_argument_or_left_anywhere(
    pdu: Rack, login: Community | User, log: EvidenceLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for program in ("snmpget", "snmpset"):
        real = shutil.which(program)
        looking = tmp_path / program
        looking.write_text(LOOKING.replace("HERE", str(tmp_path)).replace("REAL", str(real)))
        looking.chmod(0o755)
    folders = tmp_path / "folders"
    folders.mkdir()
    monkeypatch.setattr(netsnmp.tempfile, "tempdir", str(folders))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("PDU_SECRET", COMMUNITY)
    power = RackPower("mini.power", OUTLET, pdu.agent(login), log)
    power.on(deadline=soon())
    assert pdu.mains() == [True]
    assert list(folders.iterdir()) == []
    listed = [line.split()[0][:10] for line in (tmp_path / "listed").read_text().splitlines() if "snmp.conf" in line]
    assert listed == ["-rw-------"] * 3
    seen = (tmp_path / "seen").read_text()
    assert seen.count("SNMPCONFPATH=") == 3
    for shown in (seen, repr(login), *(one.to_json() for one in log.records)):
        assert all(secret not in shown for secret in (COMMUNITY, AUTH, PRIVACY, "com munity", "[snmp] pass"))


def test_what_every_pdu_comes_with_blacks_nothing_out(log: EvidenceLog) -> None:
    for word in ("private", "a-community-of-tests"):
        RackPower("mini.power", OUTLET, Agent("127.0.0.1", Community(word)), log)
    log.record("shell", "said", text="/private/var has a-community-of-tests")
    assert log.records[-1].data["text"] == "/private/var has ‹secret›"


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netsnmp.tempfile, "tempdir", str(tmp_path / "nowhere"))
    power = RackPower("mini.power", OUTLET, Agent("127.0.0.1", Community(COMMUNITY)), EvidenceLog())
    with pytest.raises(BenchError, match=r"mini\.power: cannot make a folder for net-snmp: No such file or directory"):
        power.check(deadline=soon())


def test_an_address_of_six_parts_has_brackets() -> None:
    assert Agent("2001:db8::7", Community("x")).address == "udp6:[2001:db8::7]:161"
