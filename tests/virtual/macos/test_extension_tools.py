"""System extensions on a whole Mac: the application runs, people answer at the screen, systemextensionsctl tells."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from extensionapps import files
from kextrel.macos import sysext as list_reader
from kextrel.virtual.machine import Machine
from kextrel.virtual.spec import MacSpec
from kextrel.virtual.unix.system import Finished
from kextrel.vocabulary import Category
from offline import Offline, Person

AGENT, NAME = "com.example.kextrel.agent", "Kextrel-com.example.kextrel.agent"
APP = f"/Applications/{NAME}.app"
PROGRAMME = f"{APP}/Contents/MacOS/{NAME}"
IN_SESSION = ["launchctl", "asuser", "501", "sudo", "-u", "admin"]
SHEETS = (
    "x-apple.systempreferences:com.apple.ExtensionsPreferences?extensionPointIdentifier=com.apple.system_extension."
)
TAB, RETURN, ESCAPE, SPACE = 0x2B, 0x28, 0x29, 0x2C


class Bench(Person):
    """A Mac with somebody before its screen, who also has a shell on it."""

    def install(self, app: str = APP, *, version: str = "1.0", category: Category = Category.ENDPOINT_SECURITY) -> None:
        disk = self.machine.disk
        if disk.exists(app):
            disk.remove_tree(app)
        for name, content in files("agent", AGENT, version, category).items():
            disk.mkdir(f"{app}/{name}".rpartition("/")[0], parents=True)
            disk.write_bytes(f"{app}/{name}", content, mode=0o755)

    async def run(self, *argv: str, user: str = "root") -> Finished:
        assert self.machine.system is not None
        return await self.machine.system.run(list(argv), user=user)

    async def ask(self, verb: str) -> str:
        return (await self.run(*IN_SESSION, PROGRAMME, verb, AGENT)).out

    def begin(self, *argv: str) -> asyncio.Task[Finished]:
        """Starts a command that will wait for somebody at the screen."""
        return asyncio.ensure_future(self.run(*argv))

    async def states(self) -> list[str]:
        shown = await self.run("systemextensionsctl", "list", user="admin")
        return [row.state for row in list_reader.read(shown.out).extensions]

    async def confirm(self, words: str) -> None:
        """Waits for a sheet and gives it the administrator's password."""
        await self.sees(words)
        await self.type(self.password)
        await self.press(RETURN)

    async def restart(self) -> None:
        self.machine.request_restart()
        async with asyncio.timeout(30):
            while self.machine.environment == "macos":
                await asyncio.sleep(0)
        await self.up()

    async def up(self) -> None:
        async with asyncio.timeout(30):
            while self.machine.environment != "macos":
                await asyncio.sleep(0)


def walk(steps: Callable[[Bench], Awaitable[None]], **spec: Any) -> None:
    async def run() -> None:
        machine = Machine(MacSpec(**{"name": "mini", "prepared": True, **spec}), Offline())
        machine.on_failure = failures.append
        machine.switch_on()
        bench = Bench(machine)
        await bench.up()
        bench.install()
        await steps(bench)
        machine.force_off()

    failures: list[BaseException] = []
    asyncio.run(run())
    assert failures == []


def test_the_whole_way_up_to_fourteen() -> None:
    async def steps(bench: Bench) -> None:
        assert await bench.ask("activate") == f"request: activate {AGENT}\nneeds user approval\n"
        assert await bench.states() == ["activated waiting for user"]
        await bench.sees(f"The application “{NAME}” tried")
        await bench.press(RETURN)
        await bench.run("open", "x-apple.systempreferences:com.apple.settings.PrivacySecurity.extension?Security")
        await bench.sees(f"System software from application “{NAME}” was blocked from loading.")
        await bench.press(TAB, TAB, TAB, SPACE)
        await bench.confirm("Enter your password to allow this.")
        assert await bench.states() == ["activated enabled"]
        assert await bench.ask("activate") == f"request: activate {AGENT}\nfinished: completed\n"
        bench.install(version="1.1")
        said = await bench.ask("activate")
        assert said == f"request: activate {AGENT}\nreplacing 1.0 with 1.1\nfinished: completed\n"
        assert await bench.states() == ["terminated waiting to uninstall on reboot", "activated enabled"]
        await bench.restart()
        assert await bench.states() == ["activated enabled"]

    walk(steps)


def test_before_10_15_there_is_no_framework_for_it() -> None:
    async def steps(bench: Bench) -> None:
        done = await bench.run(*IN_SESSION, PROGRAMME, "activate", AGENT)
        assert (done.status, done.out) == (134, "")
        assert "Library not loaded" in done.err

    walk(steps, architecture="intel", macos="10.14.6")


def test_the_list_in_full() -> None:
    async def steps(bench: Bench) -> None:
        assert (await bench.run("systemextensionsctl", "list")).out == "0 extension(s)\n"
        await bench.ask("activate")
        shown = await bench.run("systemextensionsctl", "list")
        assert shown.out == (
            "1 extension(s)\n"
            "--- com.apple.system_extension.network_extension\n"
            "enabled\tactive\tteamID\tbundleID (version)\tname\t[state]\n"
            f"\t*\tKXTRL00001\t{AGENT} (1.0/1.0)\tagent\t[activated waiting for user]\n"
        )
        log = await bench.run("log", "show", "--predicate", 'process == "sysextd"')
        assert "advancing state from realizing to staging" in log.out

    async def with_a_filter(bench: Bench) -> None:
        bench.install(category=Category.NETWORK)
        await steps(bench)

    walk(with_a_filter)


@pytest.mark.parametrize("architecture", ["intel", "intel-t2"])
def test_intel_runs_the_same_application(architecture: str) -> None:
    async def steps(bench: Bench) -> None:
        assert "needs user approval" in await bench.ask("activate")
        assert await bench.states() == ["activated waiting for user"]

    walk(steps, architecture=architecture, macos="13.6")


def test_fifteen_has_switches_and_says_where() -> None:
    async def steps(bench: Bench) -> None:
        await bench.ask("activate")
        await bench.press(RETURN)
        shown = await bench.run("systemextensionsctl", "list")
        assert "(Go to 'System Settings > General > Login Items & Extensions > Endpoint Security Ext" in shown.out
        await bench.run("open", f"{SHEETS}endpoint_security.extension-point")
        await bench.sees("Endpoint Security Extensions")
        for state in ("activated enabled", "activated disabled", "activated enabled"):
            await bench.press(SPACE)
            await bench.confirm("Login Items & Extensions is trying to modify your system settings.")
            assert await bench.states() == [state]

    walk(steps, macos="15.1")


def test_it_must_run_in_the_login_session() -> None:
    async def steps(bench: Bench) -> None:
        refused = await bench.run(PROGRAMME, "activate", AGENT, user="admin")
        assert (refused.status, refused.out) == (
            1,
            f"request: activate {AGENT}\nfailed: OSSystemExtensionErrorDomain 1\n",
        )
        other = await bench.run("launchctl", "asuser", "502", "sudo", "-u", "student", PROGRAMME, "activate", AGENT)
        assert other.status == 1
        assert (await bench.run("launchctl", "asuser", "501", "true", user="admin")).status == 1
        assert (await bench.run(PROGRAMME, "frobnicate", user="admin")).status == 64
        assert await bench.states() == []

    walk(steps)


def test_at_the_login_window_nothing_is_activated() -> None:
    async def steps(bench: Bench) -> None:
        assert (await bench.run(*IN_SESSION, PROGRAMME, "activate", AGENT)).out.endswith("Domain 1\n")
        assert (await bench.run("open", "-n", "-a", APP, "--args", "activate", AGENT)).status == 1

    walk(steps, missing=frozenset({"PREP-05"}))


def test_root_ends_the_session_at_the_screen_and_nobody_else_does() -> None:
    async def steps(bench: Bench) -> None:
        assert (await bench.run("launchctl", "bootout", "gui/501", user="admin")).status == 1
        assert (await bench.run("launchctl", "bootout", "gui/502")).status == 125
        assert (await bench.run("stat", "-f", "%Su", "/dev/console")).out == "admin\n"
        assert (await bench.run("launchctl", "bootout", "gui/501")).status == 0
        await bench.sees("Enter Password")
        assert (await bench.run("stat", "-f", "%Su", "/dev/console")).out == "root\n"
        assert (await bench.run("launchctl", "bootout", "gui/501")).status == 125

    walk(steps)


def test_open_launches_it_without_its_output() -> None:
    async def steps(bench: Bench) -> None:
        opened = await bench.run("open", "-n", "-a", NAME, "--args", "activate", AGENT)
        assert (opened.status, opened.out) == (0, "")
        await bench.sees("System Extension Blocked")
        assert await bench.states() == ["activated waiting for user"]
        assert (await bench.run("open", "-a", "Nothing")).err == "Unable to find application named 'Nothing'\n"

    walk(steps)


def test_other_machine_code_does_not_run() -> None:
    async def steps(bench: Bench) -> None:
        inside = f"{APP}/Contents/Library/SystemExtensions/{AGENT}.systemextension/Contents/MacOS/{AGENT}"
        refused = await bench.run(inside)
        assert refused.status == 126
        assert "Bad CPU type in executable" in refused.err
        await bench.run("cp", PROGRAMME, "/Users/admin/alone")
        assert (await bench.run("/Users/admin/alone")).status == 126

    walk(steps)


def test_an_administrator_lets_the_application_remove_it() -> None:
    async def steps(bench: Bench) -> None:
        await _enabled(bench)
        waiting = bench.begin(*IN_SESSION, PROGRAMME, "deactivate", AGENT)
        await bench.sees(f"{NAME} is trying to remove a system extension.")
        await bench.type("wrong")
        await bench.press(RETURN)
        assert not waiting.done()
        await bench.confirm("is trying to remove a system extension.")
        assert (await waiting).out == f"request: deactivate {AGENT}\nfinished: will complete after reboot\n"
        assert await bench.states() == ["terminated waiting to uninstall on reboot"]
        await bench.restart()
        assert (await bench.run("systemextensionsctl", "list")).out == "0 extension(s)\n"

    walk(steps)


@pytest.mark.parametrize(("over_ssh", "code"), [(False, 11), (True, 13)])
def test_cancelled_or_nobody_there(over_ssh: bool, code: int) -> None:
    async def steps(bench: Bench) -> None:
        await _enabled(bench)
        words = [] if over_ssh else IN_SESSION
        waiting = bench.begin(*words, PROGRAMME, "deactivate", AGENT)
        if not over_ssh:
            await bench.sees("is trying to remove a system extension.")
            await bench.press(ESCAPE)
        assert (await waiting).out.endswith(f"failed: OSSystemExtensionErrorDomain {code}\n")
        assert await bench.states() == ["activated enabled"]

    walk(steps)


async def _enabled(bench: Bench) -> None:
    """The short way: allowed by whom Settings would have asked."""
    await bench.ask("activate")
    await bench.press(RETURN)
    extensions = bench.machine.extensions
    extensions.allow(extensions.pending()[0], "admin")


def _finder(path: str) -> list[str]:
    return [*IN_SESSION, "osascript", "-e", f'tell application "Finder" to delete (POSIX file "{path}" as alias)']


def test_finder_asks_and_takes_the_extensions_along() -> None:
    async def steps(bench: Bench) -> None:
        await _enabled(bench)
        waiting = bench.begin(*_finder(APP))
        await bench.sees("contains system extensions that")
        await bench.press(RETURN)
        await bench.confirm("Finder wants to make changes.")
        assert (await waiting).status == 0
        assert (await bench.run("ls", "/Users/admin/.Trash")).out == f"{NAME}.app\n"
        assert await bench.states() == ["terminated waiting to uninstall on reboot"]
        bench.install()
        assert (await bench.run(*_finder(APP))).status == 0
        assert (await bench.run("ls", "/Users/admin/.Trash")).out == f"{NAME} 2.app\n{NAME}.app\n"
        await bench.restart()
        assert await bench.states() == []

    walk(steps)


def test_finder_is_told_to_leave_it() -> None:
    async def steps(bench: Bench) -> None:
        await _enabled(bench)
        waiting = bench.begin(*_finder(APP))
        await bench.sees("contains system extensions that")
        await bench.press(ESCAPE)
        assert "User canceled. (-128)" in (await waiting).err
        assert await bench.states() == ["activated enabled"]
        assert "(-43)" in (await bench.run(*_finder("/Applications/Nothing.app"))).err

    walk(steps)


@pytest.mark.parametrize("words", ["reset", "developer", "developer on", f"uninstall KXTRL00001 {AGENT}", "gc"])
def test_with_sip_on_systemextensionsctl_changes_nothing(words: str) -> None:
    async def steps(bench: Bench) -> None:
        await _enabled(bench)
        refused = await bench.run("systemextensionsctl", *shlex.split(words))
        assert refused.status == 1
        assert refused.out.startswith("At this time, this tool cannot be used if System Integrity Protection is ena")
        assert await bench.states() == ["activated enabled"]

    walk(steps)


def test_with_sip_off_it_does_what_it_is_told() -> None:
    async def steps(bench: Bench) -> None:
        bench.machine.nvram.set("csr-active-config", bytes([0x7F, 8, 0, 0]))
        await bench.restart()
        assert (await bench.run("systemextensionsctl", "developer")).out == "Developer mode is off\n"
        assert (await bench.run("systemextensionsctl", "developer", "on")).out == "Developer mode is on\n"
        bench.install("/Users/admin/Elsewhere.app")
        elsewhere = f"/Users/admin/Elsewhere.app/Contents/MacOS/{NAME}"
        assert "needs user approval" in (await bench.run(*IN_SESSION, elsewhere, "activate", AGENT)).out
        assert (await bench.run("systemextensionsctl", "uninstall", "KXTRL00001", AGENT)).status == 0
        assert await bench.states() == ["terminated waiting to uninstall on reboot"]
        assert (await bench.run("systemextensionsctl", "uninstall", "KXTRL00001", AGENT)).status == 1
        assert (await bench.run("systemextensionsctl", "reset")).status == 0
        assert await bench.states() == []
        assert (await bench.run("systemextensionsctl", "frobnicate")).status == 64

    walk(steps, architecture="intel", macos="12.7")


def test_a_power_cut_in_the_middle_leaves_nothing() -> None:
    async def steps(bench: Bench) -> None:
        waiting = bench.begin(*IN_SESSION, PROGRAMME, "activate", AGENT)
        async with asyncio.timeout(20):
            while not bench.machine.extensions.records():
                await asyncio.sleep(0)
        bench.machine.rail.switch(False)
        await waiting
        bench.machine.switch_on()
        await bench.up()
        assert await bench.states() == []
        assert (await bench.run("ls", "/Library/SystemExtensions")).out == "db.plist\n"

    walk(steps)


def test_two_macs_share_nothing() -> None:
    async def both() -> None:
        one, two = (Machine(MacSpec(name, prepared=True), Offline()) for name in ("one", "two"))
        for machine in (one, two):
            machine.switch_on()
            await Bench(machine).up()
        bench = Bench(one)
        bench.install()
        await bench.ask("activate")
        assert len(one.extensions.records()) == 1
        assert two.extensions.records() == []
        assert "Blocked" not in two.display.text()
        for machine in (one, two):
            machine.force_off()

    asyncio.run(both())
