"""Drivers in user space: what is started for whom, what goes on after it was replaced, and what ioreg shows of it."""

from __future__ import annotations

import plistlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from extensionapps import files
from kextrel.macos import ioreg, observation
from kextrel.virtual.macos.extensionrules import Refused
from kextrel.virtual.macos.sysextd import Request
from kextrel.virtual.unix.system import Finished
from kextrel.vocabulary import Category

DRIVER, APP = "com.example.kextrel.dext", "/Applications/Kextrel-com.example.kextrel.dext.app"
TOKEN = "abcdefgh12345678ABCD"
LEAVING, GONE, ENABLED = (
    "terminating for upgrade via delegate",
    "terminated waiting to uninstall on reboot",
    "activated enabled",
)
IN_USE = {"drivers_in_use": frozenset({DRIVER})}


class Bench:
    """A Mac, and who installs drivers on it."""

    def __init__(self, lab: Any) -> None:
        self.lab, self.machine, self.drivers = lab, lab.machine, lab.machine.extensions.drivers

    async def activate(self, version: str, category: Category = Category.DRIVER) -> str:
        disk = self.machine.disk
        if disk.exists(APP):
            disk.remove_tree(APP)
        for name, content in files("dext", DRIVER, version, category).items():
            disk.mkdir(f"{APP}/{name}".rpartition("/")[0], parents=True)
            disk.write_bytes(f"{APP}/{name}", content, mode=0o755)
        try:
            return await self.machine.extensions.submit(Request("activate", DRIVER, APP, True, lambda *_: None))
        except Refused as refusal:
            return refusal.code.name

    async def enable(self, version: str = "1.0") -> None:
        assert await self.activate(version) == "waiting"
        self.machine.extensions.allow(self.machine.extensions.pending()[0], "admin")

    async def run(self, *argv: str, user: str = "admin", input: bytes = b"") -> Finished:
        return await self.lab.run(*argv, user=user, input=input)

    async def seen(self) -> observation.Observation:
        done = await self.run("/bin/sh", "-s", input=observation.script(TOKEN).encode())
        return observation.read(done.stdout, token=TOKEN)

    async def registry(self) -> ioreg.IoregAnswer:
        return ioreg.read((await self.run("ioreg", "-rlw0", "-d1", "-k", "IOUserServerName")).stdout)

    async def restart(self) -> None:
        self.machine.request_restart()
        await self.lab.wait(lambda: self.machine.environment != "macos")
        await self.lab.until("macos")

    @property
    def states(self) -> dict[str, str]:
        return {record.version: record.state.words for record in self.machine.extensions.records()}

    @property
    def running(self) -> list[str]:
        return [service.personality.record.version for service in self.drivers.services]


@pytest.fixture
def walk(play: Any, lab: Any) -> Callable[..., None]:
    """`walk(steps, **spec)`: plays `steps(Bench)` on a Mac that runs macOS."""

    def begin(steps: Callable[[Bench], Awaitable[None]], **spec: Any) -> None:
        async def run() -> None:
            mac = lab(**spec)
            await mac.macos()
            try:
                await steps(Bench(mac))
            finally:
                await mac.machine.close()

        play(run())

    return begin


def test_an_enabled_driver_runs_until_it_is_switched_off(walk: Any) -> None:
    async def steps(bench: Bench) -> None:
        assert await bench.activate("1.0") == "waiting"
        assert bench.running == []
        extensions = bench.machine.extensions
        extensions.allow(extensions.pending()[0], "admin")
        assert bench.running == ["1.0"]
        extensions.disable(extensions.records()[0], "admin")
        assert (bench.running, bench.states) == ([], {"1.0": "activated disabled"})
        extensions.enable(extensions.records()[0], "admin")
        assert bench.running == ["1.0"]
        await bench.restart()
        assert bench.running == ["1.0"]

    walk(steps)


def test_a_driver_that_nobody_uses_makes_room_at_once(walk: Any) -> None:
    async def steps(bench: Bench) -> None:
        await bench.enable()
        assert await bench.activate("2.0") == "completed"
        assert (bench.running, bench.states) == (["2.0"], {"1.0": GONE, "2.0": ENABLED})

    walk(steps)


def test_a_driver_in_use_runs_on_until_a_restart(walk: Any) -> None:
    async def steps(bench: Bench) -> None:
        await bench.enable()
        assert await bench.activate("2.0") == "completed"
        assert (bench.running, bench.states) == (["1.0"], {"1.0": LEAVING, "2.0": ENABLED})
        assert await bench.activate("3.0") == "NOT_FOUND"  # sysextd finds two entries
        await bench.restart()
        assert (bench.running, bench.states) == (["2.0"], {"2.0": ENABLED})

    walk(steps, **IN_USE)


def test_a_power_cut_ends_what_was_in_use(walk: Any) -> None:
    async def steps(bench: Bench) -> None:
        await bench.enable()
        await bench.activate("2.0")
        bench.machine.rail.switch(False)
        await bench.lab.wait(lambda: bench.machine.environment == "off")
        assert (bench.running, bench.states) == ([], {"1.0": LEAVING, "2.0": ENABLED})
        await bench.lab.macos()
        assert (bench.running, bench.states) == (["2.0"], {"2.0": ENABLED})

    walk(steps, **IN_USE)


def test_a_driver_in_use_makes_room_when_its_device_is_free(walk: Any) -> None:
    async def steps(bench: Bench) -> None:
        await bench.enable()
        await bench.activate("2.0")
        bench.drivers.release(DRIVER)
        assert (bench.running, bench.states) == (["2.0"], {"1.0": GONE, "2.0": ENABLED})
        bench.drivers.release(DRIVER)
        assert bench.running == ["2.0"]

    walk(steps, **IN_USE)


def test_whoever_kills_its_process_makes_room_too(walk: Any) -> None:
    async def steps(bench: Bench) -> None:
        await bench.enable()
        await bench.activate("2.0")
        (server,) = (await bench.registry()).servers
        assert (await bench.run("kill", "-9", str(server.pid))).status == 1  # it is not the user's
        assert (await bench.run("kill", "-9", str(server.pid), user="root")).status == 0
        assert (bench.running, bench.states) == (["2.0"], {"1.0": GONE, "2.0": ENABLED})
        (again,) = (await bench.registry()).servers
        await bench.run("kill", "-9", str(again.pid), user="root")
        assert bench.running == ["2.0"]
        assert (await bench.registry()).servers[0].pid not in (server.pid, again.pid)

    walk(steps, **IN_USE)


def test_what_is_in_use_does_not_end_when_it_is_switched_off_or_removed(walk: Any) -> None:
    async def steps(bench: Bench) -> None:
        extensions = bench.machine.extensions
        await bench.enable()
        extensions.disable(extensions.records()[0], "admin")
        assert (bench.running, bench.states) == (["1.0"], {"1.0": "terminating for disable"})
        bench.drivers.release(DRIVER)
        assert (bench.running, bench.states) == ([], {"1.0": "activated disabled"})
        bench.drivers.in_use.add(DRIVER)
        extensions.enable(extensions.records()[0], "admin")
        extensions.uninstall("KXTRL00001", DRIVER)
        assert (bench.running, bench.states) == (["1.0"], {"1.0": "terminating for uninstall via delegate"})
        extensions.reset()
        assert (bench.running, bench.states) == (["1.0"], {})
        assert (await bench.seen()).contradictions == (
            f"ioreg says that {DRIVER} runs, and systemextensionsctl does not list it",
        )
        bench.drivers.release(DRIVER)
        assert (bench.running, bench.states) == ([], {})

    walk(steps, **IN_USE)


def test_an_observation_tells_the_old_driver_from_the_new_one(walk: Any) -> None:
    async def steps(bench: Bench) -> None:
        await bench.enable()
        before = await bench.seen()
        assert before.contradictions == ()
        (driver,) = before.running_drivers.value
        assert (driver.bundle_id, driver.full_version, driver.team_id) == (DRIVER, "1.0/1.0", "KXTRL00001")
        await bench.activate("2.0")
        seen = await bench.seen()
        assert seen.running_drivers.value[0].cdhash == driver.cdhash
        assert seen.contradictions == (
            f"systemextensionsctl says that {DRIVER} 2.0/2.0 is enabled, and ioreg that 1.0/1.0 ({LEAVING}, "
            f"cdhash {driver.cdhash}) runs: the new one begins when the old one ends, at the latest at the next "
            "restart",
        )
        assert observation.diff(before, seen)[-1].startswith("contradiction: systemextensionsctl says that")
        await bench.restart()
        assert (await bench.seen()).contradictions == ()

    walk(steps, **IN_USE)


def test_other_extensions_are_no_drivers(walk: Any) -> None:
    async def steps(bench: Bench) -> None:
        await bench.activate("1.0", Category.NETWORK)
        bench.machine.extensions.allow(bench.machine.extensions.pending()[0], "admin")
        assert bench.running == []

    walk(steps)


def test_what_ioreg_prints(walk: Any) -> None:
    async def steps(bench: Bench) -> None:
        await bench.enable()
        (service,) = (await bench.registry()).drivers
        (server,) = (await bench.registry()).servers
        assert (service.io_class, service.user_class, service.name) == ("IOUserService", "dext", "dext")
        assert server.services == (service.entry_id,)
        staged = bench.machine.extensions.records()[0].staged
        shown = (await bench.run("codesign", "-dvvv", staged)).err
        assert f"CDHash={service.cdhash}\n" in shown
        assert f"Executable={staged}/{DRIVER}\n" in shown
        processes = (await bench.run("ps", "-ax", "-o", "pid,user,command")).out
        assert f"{server.pid} _driverkit       {staged}/{DRIVER} {DRIVER} " in processes
        tree = (await bench.run("ioreg")).out.split("\n")
        assert tree[0] == "+-o Root  <class IORegistryEntry, id 0x100000100, retain 8>"
        assert [line.split("  <")[0] for line in tree[2:5]] == [
            "  +-o IOUserResources",
            "  | +-o dext",
            f"  +-o IOUserServer({DRIVER}-{service.entry_id:#x})",
        ]
        (node,) = plistlib.loads((await bench.run("ioreg", "-arlc", "IOUserService")).stdout)
        assert (node["IORegistryEntryName"], node["IOUserServerCDHash"]) == ("dext", service.cdhash)
        hexadecimal = (await bench.run("ioreg", "-rxc", "IOUserServer")).out
        assert f'"IOAssociatedServices" = ({service.entry_id:#x})' in hexadecimal
        clipped = (await bench.run("ioreg", "-rlc", "IOUserService", "-w", "60")).out.split("\n")
        assert max(map(len, clipped)) == 60
        for words, said in ((["-d", "x"], "Invalid depth"), (["-q"], "usage: ioreg")):
            done = await bench.run("ioreg", *words)
            assert (done.status, said in done.err) == (1, True)
        for words in (["-rc", "IOUSBHostDevice"], ["-arn", "Nobody"], ["-p", "IOUSB", "-rk", "IOUserServerName"]):
            assert (await bench.run("ioreg", *words)).stdout == b""

    walk(steps)


@pytest.mark.parametrize(("macos", "there"), [("10.14.6", False), ("10.15.7", True)])
def test_the_registry_has_drivers_since_10_15(walk: Any, macos: str, there: bool) -> None:
    async def steps(bench: Bench) -> None:
        assert ("IOUserResources" in (await bench.run("ioreg")).out) is there
        assert (await bench.seen()).running_drivers.value == ()

    walk(steps, architecture="intel", macos=macos)
