"""KPI: deprecated kernel programming interfaces."""

from __future__ import annotations

from kextrel.policy.rule import BIG_SUR, CATALINA, Rule
from kextrel.vocabulary import Version

__all__ = [
    "KPI_01",
    "KPI_02",
    "KPI_03",
    "KPI_04",
    "KPI_05",
    "KPI_06",
    "KPI_07",
    "KPI_08",
    "KPI_09",
    "KPI_10",
    "KPI_11",
    "RULES",
]

KPI_01 = Rule(
    "KPI-01",
    "macOS 11 and later: a kext using an unsupported KPI does not load.",
    ("S1",),
    since=BIG_SUR,
)
KPI_02 = Rule(
    "KPI-02",
    "Unsupported from 11.0, deprecated from 10.15: KAUTH, kauth_listen_scope and kauth_unlisten_scope (use "
    "EndpointSecurity).",
    ("S1",),
    since=CATALINA,
)
KPI_03 = Rule(
    "KPI-03",
    "Deprecated from 10.15, still loads: the socket KPI (sock_accept to sock_socket, the 21 names in S1; use "
    "NetworkExtension).",
    ("S1",),
    since=CATALINA,
)
KPI_04 = Rule(
    "KPI-04",
    "Unsupported from 11.0, deprecated from 10.15: the network filter KPI, the 18 names in S1 (ipf_addv4 to "
    "sockopt_valsize).",
    ("S1",),
    since=CATALINA,
)
KPI_05 = Rule(
    "KPI-05",
    "Unsupported from 11.0: all of IOHIDFamily (use HIDDriverKit).",
    ("S1",),
    since=CATALINA,
)
KPI_06 = Rule(
    "KPI-06",
    "Unsupported from 11.0, deprecated from 10.11: all of IOUSBFamily (use IOUSBHostFamily or USBDriverKit).",
    ("S1",),
    since=Version(10, 11),
)
KPI_07 = Rule(
    "KPI-07",
    "Unsupported from 11.0, deprecated from 10.15: IONetworkingFamily together with any USB KPI (IOUSBHostFamily or "
    "IOUSBFamily).",
    ("S1",),
    since=CATALINA,
)
KPI_08 = Rule(
    "KPI-08",
    "Unsupported from 11.0, deprecated from 10.15: IOSerialFamily together with any USB KPI.",
    ("S1",),
    since=CATALINA,
)
KPI_09 = Rule(
    "KPI-09",
    "Unsupported from 11.0, deprecated from 10.15: any USB KPI without an I/O family, using IOUserClient or a "
    "subclass for IPC (symbols of IOUserClient, or user_client: true in a scenario).",
    ("S1",),
    since=CATALINA,
)
KPI_10 = Rule(
    "KPI-10",
    "Deprecated only: IONetworkingFamily together with IOPCIFamily (use NetworkingDriverKit).",
    ("S1",),
    since=CATALINA,
)
KPI_11 = Rule(
    "KPI-11",
    "None of it is enforced when SIP is disabled, or when the kext is approved through an MDM profile.",
    ("S1",),
    since=BIG_SUR,
)

RULES = (KPI_01, KPI_02, KPI_03, KPI_04, KPI_05, KPI_06, KPI_07, KPI_08, KPI_09, KPI_10, KPI_11)
