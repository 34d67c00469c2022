"""KPI: every cell of Apple's list (S1, "Deprecated Kernel Extensions and System Extension Alternatives"), by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kextrel import policy
from kextrel.vocabulary import Architecture, Enrollment, KernelPolicy, KextManagement, Profile, SecurityMode, Version
from kextrel.vocabulary.actions import Install, Load

INTEL = {"architecture": Architecture.INTEL, "security_mode": None}
IOKIT = "com.apple.iokit."
HID, USB, USB_HOST = f"{IOKIT}IOHIDFamily", f"{IOKIT}IOUSBFamily", f"{IOKIT}IOUSBHostFamily"
NETWORKING, SERIAL, PCI = f"{IOKIT}IONetworkingFamily", f"{IOKIT}IOSerialFamily", f"{IOKIT}IOPCIFamily"

# "Socket ... Deprecated: macOS Catalina 10.15 ... continue to be deprecated in macOS Big Sur."
SOCKET = (
    *("sock_accept", "sock_bind", "sock_close", "sock_connect", "sock_getpeername", "sock_getsockname"),
    *("sock_getsockopt", "sock_gettype", "sock_ioctl", "sock_isconnected", "sock_isnonblocking", "sock_listen"),
    *("sock_receive", "sock_receivembuf", "sock_release", "sock_retain", "sock_send", "sock_sendmbuf"),
    *("sock_setsockopt", "sock_shutdown", "sock_socket"),
)
# "Network filter. Unsupported: macOS Big Sur 11.0. Deprecated: macOS Catalina 10.15."
FILTER = (
    *("ipf_addv4", "ipf_addv6", "ipf_inject_input", "ipf_inject_output", "ipf_remove", "sflt_attach", "sflt_detach"),
    *("sflt_register", "sflt_unregister", "sock_inject_data_in", "sock_inject_data_out", "sock_setpriv"),
    *("sockopt_copyin", "sockopt_copyout", "sockopt_direction", "sockopt_level", "sockopt_name", "sockopt_valsize"),
)
# "KAUTH. Unsupported: macOS Big Sur 11.0. Deprecated: macOS Catalina 10.15."
KAUTH = ("kauth_listen_scope", "kauth_unlisten_scope")

UNSUPPORTED = [
    *(("KPI-02", {"symbols": {name}}) for name in KAUTH),
    *(("KPI-04", {"symbols": {name}}) for name in FILTER),
    ("KPI-05", {"libraries": {HID}}),  # "All KPIs in IOHIDFamily are unsupported in macOS Big Sur."
    ("KPI-06", {"libraries": {USB}}),  # "All KPIs in IOUSBFamily are unsupported in macOS Big Sur."
    ("KPI-07", {"libraries": {NETWORKING, USB_HOST}}),  # "IONetworkingFamily KPIs as well as any USB KPI"
    ("KPI-07", {"libraries": {NETWORKING, USB}}),
    ("KPI-08", {"libraries": {SERIAL, USB_HOST}}),  # "any IOSerialFamily KPI as well as any USB KPI"
    ("KPI-08", {"libraries": {SERIAL, USB}}),
    # "USB KPI ... that doesn't tie into the IO Family subsystem and uses IOUserClient, or subclasses, for IPC"
    ("KPI-09", {"libraries": {USB_HOST}, "user_client": True}),
    ("KPI-09", {"libraries": {USB_HOST}, "symbols": {"__ZTV12IOUserClient"}}),
    ("KPI-09", {"libraries": {USB_HOST, "com.apple.kpi.iokit"}, "symbols": {"__ZN16IOUserClient20228externalE"}}),
    ("KPI-09", {"libraries": {USB}, "user_client": True}),
]
DEPRECATED = [
    *(("KPI-03", {"symbols": {name}}) for name in SOCKET),
    ("KPI-10", {"libraries": {NETWORKING, PCI}}),  # "IONetworkingFamily KPIs as well as IOPCIFamily KPIs is deprecated"
]
HARMLESS: list[dict[str, Any]] = [
    {"libraries": {NETWORKING}},
    {"libraries": {SERIAL}},
    {"libraries": {PCI}},
    {"libraries": {USB_HOST}},
    {"libraries": {USB_HOST, f"{IOKIT}IOStorageFamily"}, "user_client": True},
    {"user_client": True},
    {"symbols": {"_kauth_cred_get", "_mbuf_len"}},
]
WALK = Callable[..., Any]


def named(uses: dict[str, Any]) -> str:
    words = [*sorted(uses.get("symbols", ())), *sorted(uses.get("libraries", ()))]
    return "+".join(word.removeprefix(IOKIT) for word in words) + (" client" if "user_client" in uses else "")


def asked(walk: WALK, uses: dict[str, Any], macos: str = "11.0", **mac: Any) -> Any:
    frozen = {key: frozenset(value) if isinstance(value, set) else value for key, value in uses.items()}
    profiles = mac.pop("profiles", ())
    on = walk(mac={**INTEL, "macos": Version.parse(macos), **mac}, profiles=profiles, **frozen)
    return on.do(Install("driver"), Load("driver"))


@pytest.mark.parametrize(("rule", "uses"), UNSUPPORTED, ids=[f"{rule} {named(uses)}" for rule, uses in UNSUPPORTED])
@pytest.mark.parametrize("macos", ["11.0", "26.3.1"])
def test_kpi_01_unsupported_in_big_sur_does_not_load(walk: WALK, rule: str, uses: dict[str, Any], macos: str) -> None:
    on = asked(walk, uses, macos)
    assert on.answers() == ["unsupported-kpi"]
    assert {rule, "KPI-01"} <= set(on.last.rules)


@pytest.mark.parametrize(
    ("rule", "uses"),
    [*UNSUPPORTED, *DEPRECATED],
    ids=[f"{rule} {named(uses)}" for rule, uses in [*UNSUPPORTED, *DEPRECATED]],
)
def test_deprecated_in_catalina_and_still_asked_about_like_any_other(
    walk: WALK, rule: str, uses: dict[str, Any]
) -> None:
    on = asked(walk, uses, "10.15.7")
    assert on.answers() == ["approval-required"]
    assert rule in on.last.rules


@pytest.mark.parametrize(("rule", "uses"), DEPRECATED, ids=[f"{rule} {named(uses)}" for rule, uses in DEPRECATED])
@pytest.mark.parametrize("macos", ["11.0", "15"])
def test_deprecated_only_still_loads(walk: WALK, rule: str, uses: dict[str, Any], macos: str) -> None:
    on = asked(walk, uses, macos)
    assert on.answers() == ["approval-required"]
    assert rule in on.last.rules


@pytest.mark.parametrize("uses", HARMLESS, ids=named)
def test_what_the_list_does_not_name_is_not_spoken_of(walk: WALK, uses: dict[str, Any]) -> None:
    on = asked(walk, uses)
    assert on.answers() == ["approval-required"]
    assert not [rule for rule in on.last.rules if rule.startswith("KPI")]


def test_a_symbol_may_have_the_linkers_underscore(walk: WALK) -> None:
    assert asked(walk, {"symbols": {"_kauth_listen_scope"}}).answers() == ["unsupported-kpi"]


@pytest.mark.parametrize(("rule", "macos"), [("KPI-02", "10.14.6"), ("KPI-05", "10.14"), ("KPI-06", "10.12")])
def test_since_when_something_is_deprecated(walk: WALK, rule: str, macos: str) -> None:
    uses = {
        "KPI-02": {"symbols": {"kauth_listen_scope"}},
        "KPI-05": {"libraries": {HID}},
        "KPI-06": {"libraries": {USB}},
    }
    assert (rule in asked(walk, uses[rule], macos).last.rules) is (rule == "KPI-06")


def test_kpi_11_not_enforced_without_sip(walk: WALK) -> None:
    on = asked(walk, {"symbols": {"kauth_listen_scope"}}, sip=False)
    assert on.answers() == ["approval-required"]
    assert {"KPI-02", "KPI-11"} <= set(on.last.rules)


ALLOWED = (Profile("allow", KernelPolicy(frozenset({"KXTRL00001"}))),)


def test_kpi_11_not_enforced_for_a_kext_approved_through_a_profile(walk: WALK) -> None:
    on = asked(walk, {"libraries": {HID}}, enrollment=Enrollment.DEVICE, profiles=ALLOWED)
    assert on.answers() == ["restart-required"]
    assert {"KPI-05", "KPI-11", "MDM-02"} <= set(on.last.rules)


@pytest.mark.parametrize(
    ("management", "answer"),
    [({KextManagement.REMOTE}, "restart-required"), ({KextManagement.USER}, "unsupported-kpi")],
    ids=["enough", "not enough"],
)
def test_kpi_11_a_profile_that_is_not_enough_approves_nothing(walk: WALK, management: set[Any], answer: str) -> None:
    mac = {
        "architecture": Architecture.APPLE_SILICON,
        "security_mode": SecurityMode.REDUCED,
        "kext_management": frozenset(management),
        "enrollment": Enrollment.DEVICE,
    }
    assert asked(walk, {"libraries": {HID}}, "14.5", profiles=ALLOWED, **mac).answers() == [answer]


def test_kpi_11_left_out_the_list_is_enforced_without_sip(walk: WALK) -> None:
    situation = asked(walk, {"symbols": {"kauth_listen_scope"}}, sip=False).situation
    outcomes = policy.predict(situation, Load("driver"), without=frozenset({"KPI-11"})).outcomes
    assert [str(one.reason) for one in outcomes] == ["unsupported-kpi"]


def test_signature_and_notarization_come_first_a_ban_and_the_security_mode_after(walk: WALK) -> None:
    silicon = {"architecture": Architecture.APPLE_SILICON, "security_mode": SecurityMode.FULL}
    uses = {"libraries": {HID}, "notarized": False}
    assert asked(walk, uses, "14.5", **silicon).answers() == ["notarization"]
    assert asked(walk, {"libraries": {HID}}, "14.5", **silicon).answers() == ["unsupported-kpi"]
