"""Apple's list, word for word: each name and each version is copied here once more."""

from __future__ import annotations

import pytest

from kextrel.vocabulary import Version, kpi

SOCKET = """
sock_accept sock_bind sock_close sock_connect sock_getpeername sock_getsockname sock_getsockopt sock_gettype sock_ioctl
sock_isconnected sock_isnonblocking sock_listen sock_receive sock_receivembuf sock_release sock_retain sock_send
sock_sendmbuf sock_setsockopt sock_shutdown sock_socket
"""
FILTER = """
ipf_addv4 ipf_addv6 ipf_inject_input ipf_inject_output ipf_remove sflt_attach sflt_detach sflt_register sflt_unregister
sock_inject_data_in sock_inject_data_out sock_setpriv sockopt_copyin sockopt_copyout sockopt_direction sockopt_level
sockopt_name sockopt_valsize
"""


@pytest.mark.parametrize(
    ("symbols", "names", "count"),
    [
        (kpi.SOCKET_SYMBOLS, SOCKET, 21),
        (kpi.FILTER_SYMBOLS, FILTER, 18),
        (kpi.KAUTH_SYMBOLS, "kauth_listen_scope kauth_unlisten_scope", 2),
    ],
    ids=["socket", "filter", "kauth"],
)
def test_the_symbols_are_those_of_the_list(symbols: frozenset[str], names: str, count: int) -> None:
    assert symbols == set(names.split())
    assert len(symbols) == count


@pytest.mark.parametrize(
    ("rule", "deprecated", "unsupported"),
    [
        ("KPI-02", "10.15", "11.0"),
        ("KPI-03", "10.15", None),
        ("KPI-04", "10.15", "11.0"),
        ("KPI-05", "10.15", "11.0"),
        ("KPI-06", "10.11", "11.0"),
        ("KPI-07", "10.15", "11.0"),
        ("KPI-08", "10.15", "11.0"),
        ("KPI-09", "10.15", "11.0"),
        ("KPI-10", "10.15", None),
    ],
)
def test_since_when_an_entry_is_deprecated_and_unsupported(rule: str, deprecated: str, unsupported: str | None) -> None:
    (entry,) = [one for one in kpi.KPI_LIST if one.rule == rule]
    assert entry.deprecated == Version.parse(deprecated)
    assert entry.unsupported == (None if unsupported is None else Version.parse(unsupported))


def test_the_list_has_nine_entries_and_names_what_takes_their_place() -> None:
    assert len(kpi.KPI_LIST) == 9
    assert [one.rule for one in kpi.KPI_LIST if not one.replacement] == ["KPI-04"]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("kauth_listen_scope", "kauth_listen_scope"),
        ("_kauth_listen_scope", "kauth_listen_scope"),
        ("_ZN12IOUserClient4stopEv", "_ZN12IOUserClient4stopEv"),
        ("__ZN12IOUserClient4stopEv", "_ZN12IOUserClient4stopEv"),
        ("__hidden", "_hidden"),
    ],
)
def test_a_symbol_is_one_whether_it_is_written_as_in_c_or_as_nm_shows_it(written: str, name: str) -> None:
    assert kpi.c_name(written) == name
