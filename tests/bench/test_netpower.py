"""NetworkPower: what had no effect, what cannot be meant, what a device answers that it should not; and no secret."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kextrel.bench import netpower
from kextrel.bench.netpower import Access, Answer, NetworkPower, Outlet
from kextrel.bench.outlets import NetioOutlet, PdudaemonOutlet, ShellyOutlet, TasmotaOutlet
from kextrel.bench.retry import Transient
from kextrel.errors import BenchError
from kextrel.evidence import EvidenceLog
from kextrel.timing import Deadline
from loopback import free_port
from plugs import NetioPlug, PdudaemonPlug, Plug, ShellyPlug, TasmotaPlug, digest_of

SECRET = "pl&g of #tests"
Opens = Callable[..., NetworkPower]


def soon(seconds: float = 30) -> Deadline:
    return Deadline.after(seconds, "switching")


@pytest.fixture
def opens(log: EvidenceLog, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opens]:
    """Opens a wire to an outlet of a plug, and closes both."""
    monkeypatch.setattr(netpower, "PAUSE", 0.0)
    plugs, wires = list[Plug](), list[NetworkPower]()

    def opened(plug: Plug, outlet: Outlet, **access: object) -> NetworkPower:
        plugs.append(plug)
        wires.append(NetworkPower("mini.power", outlet, Access(plug.url, **access), log))  # type: ignore[arg-type]
        return wires[-1]

    yield opened
    for one in [*wires, *plugs]:
        one.close()


MADE: dict[str, tuple[Callable[[], Plug], Outlet]] = {
    "tasmota": (TasmotaPlug, TasmotaOutlet(1)),
    "shelly 1": (lambda: ShellyPlug(1), ShellyOutlet(0)),
    "shelly 2": (lambda: ShellyPlug(2), ShellyOutlet(0)),
    "netio": (NetioPlug, NetioOutlet(1)),
}
NETIO = {"user": "netio", "password": "netio-of-tests"}


@pytest.mark.parametrize("kind", MADE)
def test_a_switch_without_effect_is_an_error(kind: str, opens: Opens) -> None:
    make, outlet = MADE[kind]
    plug = make()
    power = opens(plug, outlet, **(NETIO if kind == "netio" else {}))
    power.off(deadline=soon())
    plug.stuck = True
    with pytest.raises(BenchError, match=r"mini\.power: \w+ was told on, answered, and its outlet is still off"):
        power.on(deadline=soon())
    power.off(deadline=soon())


@pytest.mark.parametrize(
    ("make", "outlet", "said"),
    [
        (TasmotaPlug, TasmotaOutlet(3), "Tasmota has no relay 3 for us"),
        (lambda: ShellyPlug(1), ShellyOutlet(2), "Shelly has no relay 2 for us"),
        (lambda: ShellyPlug(3), ShellyOutlet(2), "Shelly does not take Switch.GetStatus for switch 2"),
        (NetioPlug, NetioOutlet(4), "NETIO has no output 4 for us"),
    ],
    ids=["tasmota", "shelly 1", "shelly 3", "netio"],
)
def test_an_outlet_that_is_not_there_is_known_before_anything_is_switched(
    make: Callable[[], Plug], outlet: Outlet, said: str, opens: Opens
) -> None:
    plug = make()
    power = opens(plug, outlet, **NETIO if isinstance(plug, NetioPlug) else {})
    for does in (power.on, power.check):
        with pytest.raises(BenchError, match=said):
            does(deadline=soon())
    assert plug.told == []


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"[" * 60_000),
        (200, b"null"),
        (200, b'{"POWER": {}, "ison": "true", "gen": [2], "Outputs": [[], 7, {"ID": 1, "State": true}]}'),
        (200, b'{"POWER": "on", "type": "SHSW-1", "Outputs": {"ID": 1}, "result": 1}'),
        (200, b'{"gen": 2, "result": {"output": 1}, "Outputs": [{"ID": 1, "State": 1}, {"ID": 1, "State": 0}]}'),
        (200, b'{"POWER": 9' + b"9" * 5000 + b"}"),
        (200, b"\xff\xfe\x00"),
        (302, b'{"POWER": "ON", "ison": true, "type": "S", "gen": 2, "Outputs": [{"ID": 1, "State": 1}]}'),
        (404, b"<html>\n" * 100),
        (500, b"busy"),
    ],
    ids=["empty", "deep", "null", "shapes", "types", "twice", "long", "bytes", "moved", "missing", "busy"],
)
def test_an_answer_that_is_none_is_one_sentence(kind: str, status: int, body: bytes, opens: Opens) -> None:
    make, outlet = MADE[kind]
    fresh = ShellyOutlet(0) if kind.startswith("shelly") else outlet  # it remembers a generation that it was told
    plug = make()
    plug.spoiled = (status, body)
    power = opens(plug, fresh, **(NETIO if kind == "netio" else {}))
    with pytest.raises(BenchError) as said:
        power.on(deadline=soon())
    assert "\n" not in str(said.value)
    assert len(str(said.value)) < 400
    assert plug.told == []


@pytest.mark.parametrize("kind", MADE)
def test_nobody_is_followed_to_elsewhere(kind: str, opens: Opens) -> None:
    make, outlet = MADE[kind]
    plug, elsewhere = make(), make()
    plug.spoiled, plug.moved = (307, b""), f"{elsewhere.url}/cm?cmnd=Power1"
    power = opens(plug, outlet, user="netio", password="netio-of-tests", in_query=kind == "tasmota")
    opens(elsewhere, outlet)
    with pytest.raises(BenchError, match="it answers 307, 'nothing'"):
        power.on(deadline=soon())
    assert elsewhere.asked == []


def test_mains_that_were_taken_are_worth_the_whole_deadline(opens: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    plug, limits, whole = TasmotaPlug(), list[Deadline](), soon(3600)

    def once(does: Callable[[], Answer], limit: Deadline) -> Answer:
        limits.append(limit)
        return does()

    monkeypatch.setattr(netpower, "retried", once)
    power = opens(plug, TasmotaOutlet(1))
    power.on(deadline=whole)
    power.off(deadline=whole)
    assert whole not in limits
    limits.clear()
    plug.spoiled = (500, b"busy")
    with pytest.raises(BenchError, match="'busy'"):
        power.on(deadline=whole)
    plug.spoiled = None
    power.on(deadline=whole)
    assert limits == [whole] * 4
    power.on(deadline=whole)
    assert limits[4:].count(whole) == 0


def test_an_answer_without_an_end_is_cut_off(opens: Opens) -> None:
    plug = TasmotaPlug()
    plug.spoiled = (200, b" " * (netpower.LIMIT + 1))
    with pytest.raises(BenchError, match="more than 65536 bytes"):
        opens(plug, TasmotaOutlet(1)).on(deadline=soon())


def test_tasmotas_password_is_in_no_record_no_error_and_no_log(
    opens: Opens, log: EvidenceLog, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    plug = TasmotaPlug(password=SECRET)
    power = opens(plug, TasmotaOutlet(1), user="admin", password=SECRET, in_query=True)
    power.on(deadline=soon())
    plug.spoiled = (200, b'{"WARNING": "not ' + SECRET.encode() + b'"}')
    with pytest.raises(BenchError, match="Tasmota refuses us") as refused:
        power.off(deadline=soon())
    plug.close()
    power.close()
    assert "password=pl%26g" in plug.asked[0]
    assert "GET /cm?cmnd=Power1%20on" in [one.data["request"] for one in log.records if "request" in one.data]
    for shown in (repr(refused.value), caplog.text, *(one.to_json() for one in log.records)):
        assert "pl&g" not in shown
        assert "pl%26g" not in shown
    assert "/cm?cmnd=Power1%20on" in caplog.text


def test_a_password_that_is_a_word_of_the_answers_spoils_none(opens: Opens) -> None:
    power = opens(TasmotaPlug(password="ON"), TasmotaOutlet(1), user="admin", password="ON", in_query=True)
    power.on(deadline=soon())
    assert power.check(deadline=soon()) == "Tasmota answers, relay 1 is on"


@pytest.mark.parametrize("url", ["https://plug.lab", "HTTPS://plug.lab"])
def test_https_is_never_unverified(url: str, log: EvidenceLog, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"mini\.power: cannot use the certificate"):
        NetworkPower("mini.power", TasmotaOutlet(1), Access(url, tmp_path / "none.pem"), log)


def test_a_password_that_is_refused_is_said(opens: Opens) -> None:
    plug = TasmotaPlug(password=SECRET)
    with pytest.raises(BenchError, match="look at 'password'"):
        opens(plug, TasmotaOutlet(1)).on(deadline=soon())
    with pytest.raises(BenchError, match=r"NETIO refuses us \(401\); look at 'user' and 'password'"):
        opens(NetioPlug(), NetioOutlet(1), user="netio", password="wrong").check(deadline=soon())
    with pytest.raises(BenchError, match=r"Shelly refuses us \(401\); look at 'password' of the power wire"):
        opens(ShellyPlug(2, SECRET), ShellyOutlet(0)).on(deadline=soon())


ADMIN = {"user": "admin", "password": SECRET}


@pytest.mark.parametrize(("generation", "uses"), [(1, 1), (2, 1), (4, 30_000)], ids=["basic", "once", "digest"])
def test_a_shelly_with_a_password_is_switched(
    generation: int, uses: int, opens: Opens, log: EvidenceLog, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    plug = ShellyPlug(generation, SECRET, uses)
    power = opens(plug, ShellyOutlet(0), **ADMIN)
    power.on(deadline=soon())
    power.off(deadline=soon())
    assert plug.told == [True, False]
    assert plug.asked[0] == "GET /shelly"
    for shown in (caplog.text, *(one.to_json() for one in log.records), *plug.logins, *plug.asked):
        assert "pl&g" not in shown
    if generation > 1:
        assert len(plug.asked) == 1 + 6 + (1 if uses > 1 else 6)
        assert all(login.startswith('Digest username="admin"') for login in plug.logins)


@pytest.mark.parametrize("generation", [1, 2])
def test_a_password_that_a_shelly_refuses_is_given_once(generation: int, opens: Opens) -> None:
    plug = ShellyPlug(generation, SECRET)
    power = opens(plug, ShellyOutlet(0), user="admin", password="wrong-of-tests")
    with pytest.raises(BenchError, match=r"mini\.power: Shelly refuses us \(401\); look at 'password'") as first:
        power.on(deadline=soon())
    for does in (power.on, power.off, power.check):
        with pytest.raises(BenchError, match=r"refuses us \(401\), and is not asked again with that password; look"):
            does(deadline=soon())
    assert len(plug.logins) == 1
    assert plug.told == []
    assert "wrong-of-tests" not in repr(first.value)


def test_a_shelly_that_wants_no_password_is_not_given_one(opens: Opens) -> None:
    plug = ShellyPlug(2)
    opens(plug, ShellyOutlet(0), **ADMIN).on(deadline=soon())
    assert (plug.told, plug.logins) == ([True], [])


@pytest.mark.parametrize(
    "challenge",
    [
        "",
        "Digest",
        "Basic realm=shelly",
        'Digest realm="r", nonce="n", qop="auth", algorithm=MD5',
        'Digest realm="r", nonce="n", qop="auth"',
        'Digest realm="r", nonce="n", qop="auth-int", algorithm=SHA-256',
        'Digest realm="r", qop="auth", algorithm=SHA-256',
        'Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256, opaque',
        'Digest realm="\xe9", nonce="n", qop="auth", algorithm=SHA-256',
        "Digest " + "," * 5000,
    ],
    ids=["none", "bare", "basic", "md5", "default", "int", "nonce", "part", "latin", "commas"],
)
def test_a_challenge_of_another_kind_is_not_answered(challenge: str, opens: Opens) -> None:
    plug = ShellyPlug(2)
    power = opens(plug, ShellyOutlet(0), **ADMIN)
    power.check(deadline=soon())
    plug.spoiled, plug.challenge = (401, b"no"), challenge
    for _ in range(2):
        with pytest.raises(BenchError, match=r"Shelly refuses us \(401\); it asks for no digest with SHA-256"):
            power.on(deadline=soon())
    assert (plug.told, plug.logins) == ([], [])


def test_a_password_that_is_refused_without_another_challenge_was_given(opens: Opens) -> None:
    plug = ShellyPlug(2, SECRET)
    asks = plug.reply

    def reply(method: str, path: str, body: bytes, login: str) -> tuple[int, Any]:
        answer = asks(method, path, body, login)
        plug.challenge = "" if login else plug.challenge
        return answer

    plug.reply = reply  # type: ignore[method-assign]
    power = opens(plug, ShellyOutlet(0), user="admin", password="wrong-of-tests")
    with pytest.raises(BenchError, match=r"Shelly refuses us \(401\); look at 'password'"):
        power.on(deadline=soon())
    with pytest.raises(BenchError, match="is not asked again with that password"):
        power.on(deadline=soon())
    assert len(plug.logins) == 1


def test_a_nonce_that_is_over_is_no_wrong_password(opens: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    plug, failed = ShellyPlug(2, SECRET), list[str]()

    def again(does: Callable[[], Answer], limit: Deadline) -> Answer:
        try:
            return does()
        except Transient as error:
            failed.append(str(error))
            plug.spoiled = None
            return does()

    monkeypatch.setattr(netpower, "retried", again)
    power = opens(plug, ShellyOutlet(0), **ADMIN)
    power.check(deadline=soon())
    plug.challenge = 'Digest realm="r", nonce="n", qop="auth", algorithm="SHA-256", stale=TRUE'
    plug.spoiled = (401, b"")
    power.on(deadline=soon())
    assert failed == ["mini.power: Shelly refuses us (401) for a nonce that is over"]
    assert plug.told == [True]


def test_a_refusal_without_an_end_is_cut_off(opens: Opens) -> None:
    plug = ShellyPlug(2, SECRET)
    power = opens(plug, ShellyOutlet(0), **ADMIN)
    power.check(deadline=soon())
    plug.spoiled = (401, b" " * (netpower.LIMIT + 1))
    with pytest.raises(BenchError, match="answers 401 with more than 65536 bytes"):
        power.on(deadline=soon())


def test_the_plug_of_these_tests_reckons_as_rfc_7616_does() -> None:
    example = {
        "username": "Mufasa",
        "realm": "http-auth@example.org",
        "uri": "/dir/index.html",
        "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "nc": "00000001",
        "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        "qop": "auth",
    }
    found = digest_of("GET", "Circle of Life", example)
    assert found == "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"


def test_health_says_what_is_known(opens: Opens) -> None:
    found = [
        opens(TasmotaPlug(), TasmotaOutlet(1)).check(deadline=soon()),
        opens(ShellyPlug(1), ShellyOutlet(0)).check(deadline=soon()),
        opens(ShellyPlug(4), ShellyOutlet(0)).check(deadline=soon()),
        opens(NetioPlug(), NetioOutlet(2), **NETIO).check(deadline=soon()),
        opens(PdudaemonPlug(), PdudaemonOutlet("pdu03", "2")).check(deadline=soon()),
    ]
    assert found == [
        "Tasmota answers, relay 1 is off",
        "Shelly of generation 1 answers, switch 0 is off",
        "Shelly of generation 4 answers, switch 0 is off",
        "NETIO answers, output 2 is off",
        "it answers; it has no state to tell, so neither port 2 of pdu03 nor its effect is proved",
    ]


def test_pdudaemon_says_when_it_does_not_know_the_device(opens: Opens) -> None:
    power = opens(PdudaemonPlug(), PdudaemonOutlet("pdu 3&port=2", "2"))
    with pytest.raises(BenchError, match="pdudaemon does not switch port 2 of pdu 3&port=2: it answers 500, 'Invalid"):
        power.off(deadline=soon())


def test_a_url_that_cannot_be_used_is_said(log: EvidenceLog) -> None:
    with pytest.raises(BenchError, match=r"mini\.power: its url cannot be used: "):
        NetworkPower("mini.power", TasmotaOutlet(1), Access("http://pl\x00ug"), log)


@pytest.mark.parametrize("host", ["plug..lab", "p" * 64 + ".lab"], ids=["empty", "long"])
def test_a_name_that_no_resolver_takes_is_said(host: str, log: EvidenceLog) -> None:
    power = NetworkPower("mini.power", TasmotaOutlet(1), Access(f"http://{host}"), log)
    with pytest.raises(BenchError, match=r"mini\.power: its url cannot be used: "):
        power.check(deadline=soon())
    power.close()


def test_nobody_there_is_a_dead_wire(log: EvidenceLog) -> None:
    outlet = TasmotaOutlet(1)
    outlet.patience = 0.3
    power = NetworkPower("mini.power", outlet, Access(f"http://127.0.0.1:{free_port()}"), log)
    with pytest.raises(BenchError, match=r"mini\.power: Tasmota does not answer: .*; look at its url"):
        power.on(deadline=soon())
    power.close()
