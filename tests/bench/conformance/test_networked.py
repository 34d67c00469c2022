"""Mains on devices with HTTP, each as its documentation has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from kextrel.bench.netpower import Access, NetworkPower, Outlet
from kextrel.bench.outlets import NetioOutlet, PdudaemonOutlet, ShellyOutlet, TasmotaOutlet
from kextrel.evidence import EvidenceLog
from kextrel.testing import PowerConformance, PowerPeer
from plugs import NetioPlug, PdudaemonPlug, Plug, ShellyPlug, TasmotaPlug


@dataclass
class Networked:
    plug: Plug
    outlet: Callable[[], Outlet]
    access: Access

    def power(self) -> NetworkPower:
        return NetworkPower("mini.power", self.outlet(), self.access, EvidenceLog())

    def mains(self) -> list[bool]:
        return list(self.plug.told)


class Served(PowerConformance):
    __test__ = False

    def made(self) -> tuple[Plug, Callable[[], Outlet]]:
        raise NotImplementedError

    def access(self, url: str) -> Access:
        return Access(url)

    @pytest.fixture
    def peer(self) -> Iterator[PowerPeer]:
        plug, outlet = self.made()
        yield Networked(plug, outlet, self.access(plug.url))
        plug.close()


class TestTasmota(Served):
    __test__ = True

    def made(self) -> tuple[Plug, Callable[[], Outlet]]:
        return TasmotaPlug(password="plug-of-tests"), lambda: TasmotaOutlet(1)

    def access(self, url: str) -> Access:
        return Access(url, user="admin", password="plug-of-tests", in_query=True)


class TestTasmotaWithRelays(Served):
    __test__ = True

    def made(self) -> tuple[Plug, Callable[[], Outlet]]:
        return TasmotaPlug(relays=4), lambda: TasmotaOutlet(3)


class TestShellyOfGeneration1(Served):
    __test__ = True

    def made(self) -> tuple[Plug, Callable[[], Outlet]]:
        return ShellyPlug(1), lambda: ShellyOutlet(0)


class TestShellyOfGeneration3(Served):
    __test__ = True

    def made(self) -> tuple[Plug, Callable[[], Outlet]]:
        return ShellyPlug(3), lambda: ShellyOutlet(0)


class TestShellyOfGeneration1WithAPassword(Served):
    __test__ = True

    def made(self) -> tuple[Plug, Callable[[], Outlet]]:
        return ShellyPlug(1, "plug-of-tests"), lambda: ShellyOutlet(0)

    def access(self, url: str) -> Access:
        return Access(url, user="admin", password="plug-of-tests")


class TestShellyOfGeneration3WithAPassword(TestShellyOfGeneration1WithAPassword):
    def made(self) -> tuple[Plug, Callable[[], Outlet]]:
        return ShellyPlug(3, "plug-of-tests"), lambda: ShellyOutlet(0)


class TestNetio(Served):
    __test__ = True

    def made(self) -> tuple[Plug, Callable[[], Outlet]]:
        return NetioPlug(), lambda: NetioOutlet(2)

    def access(self, url: str) -> Access:
        return Access(url, user="netio", password="netio-of-tests")


class TestPdudaemon(Served):
    __test__ = True

    def made(self) -> tuple[Plug, Callable[[], Outlet]]:
        return PdudaemonPlug(), lambda: PdudaemonOutlet("pdu03", "2")
