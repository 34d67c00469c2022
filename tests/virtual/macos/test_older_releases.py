"""macOS 10.12 to 10.15 as its tools show it: which there are, and what they print."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kextrel.errors import UsageError
from kextrel.macos import gatekeeper, kexts, load, loglines, observation
from kextrel.virtual.spec import MacSpec
from kextrel.vocabulary import Architecture, Version

DRIVER, TEAM = "com.example.kextrel.driver", "KXTRL00001"
Make = Callable[..., Path]


@pytest.mark.parametrize(
    ("macos", "darwin"),
    [("10.12.6", "16.7.0"), ("10.13.1", "17.2.0"), ("10.13.6", "17.7.0"), ("10.14.6", "18.7.0"), ("10.15.7", "19.6.0")],
)
def test_each_release_has_its_kernel(macos: str, darwin: str) -> None:
    assert MacSpec("m", architecture="intel", macos=macos).darwin == darwin


def test_apple_silicon_begins_with_11() -> None:
    with pytest.raises(UsageError, match="the first that one runs is 11"):
        MacSpec("m", macos="10.15.7")


def test_it_is_observed_and_its_tools_are_those_of_its_time(lab: Any, play: Any) -> None:
    async def story() -> None:
        mac = lab(architecture="intel", macos="10.14.6")
        await mac.macos()
        token = "0123456789abcdef" * 2
        done = await mac.run("/bin/sh", "-s", input=observation.script(token, sudo=None).encode())
        seen = observation.read(done.stdout, token=token)
        assert seen.macos.value == Version(10, 14, 6)
        assert seen.architecture.value is Architecture.INTEL
        assert (seen.loaded_kexts.value, seen.aux_kc.value, seen.approved_kexts.value) == (frozenset(),) * 3
        assert (await mac.run("sw_vers", "-productVersion")).out == "10.14.6\n"
        assert "Mac OS X" in (await mac.run("sw_vers")).out
        assert [(await mac.run("which", tool)).status for tool in ("kmutil", "bputil", "systemextensionsctl")] == [
            1
        ] * 3

    play(story())


def test_kexts_come_and_go_by_the_tools(lab: Any, play: Any, make_kext: Make) -> None:
    async def story() -> None:
        mac = lab(architecture="intel", macos="10.12.6")
        await mac.macos()
        path = mac.install(make_kext())
        assert (await mac.run("kextutil", path)).status == 0
        listed = await mac.run("kextstat", "-b", DRIVER)
        assert kexts.read(listed.stdout).third_party() == {DRIVER}
        assert (await mac.run("kextunload", "-b", DRIVER)).status == 0
        assert (await mac.run("kextunload", path)).status == 3
        assert (await mac.run("kextload", path, user="admin")).status == 1
        assert "KernelCache ID: " in (await mac.run("kextcache", "-i", "/")).err

    play(story())


def test_the_kernels_own_rows_have_a_place_and_no_brackets(lab: Any, play: Any) -> None:
    async def story() -> None:
        mac = lab(architecture="intel", macos="10.13.6")
        await mac.macos()
        listed = kexts.read((await mac.run("kextstat")).stdout)
        assert not listed.unparsed
        first = listed.rows[0]
        assert first.name == "com.apple.kpi.bsd"
        assert first.address
        assert first.linked is None
        assert not {"com.apple.iokit.EndpointSecurity"} & listed.names()

    play(story())


@pytest.mark.parametrize("macos", ["10.13.6", "10.14.6"])
def test_a_kext_without_consent_ends_with_27(lab: Any, play: Any, make_kext: Make, macos: str) -> None:
    async def story() -> None:
        mac = lab(architecture="intel", macos=macos)
        await mac.macos()
        path = mac.install(make_kext())
        for tool in ("kextutil", "kextload"):
            done = await mac.run(tool, path)
            assert done.status == 27
            assert load.read(27, done.stdout, done.stderr).reason is load.LoadReason.APPROVAL_REQUIRED
        assert len(mac.machine.display.blocked) == 1

    play(story())


def test_the_log_has_the_daemon_of_the_release(lab: Any, play: Any, make_kext: Make) -> None:
    async def story() -> None:
        mac = lab(architecture="intel", macos="10.13.6")
        await mac.macos()
        await mac.run("kextutil", mac.install(make_kext()))
        (entry,) = loglines.entries((await mac.run("log", "show")).stdout)
        assert entry.process == "kextd"
        assert entry.message.startswith(f"{DRIVER}: ")
        assert DRIVER not in (await mac.run("log", "show", "--predicate", 'process == "kernelmanagerd"')).out

    play(story())


def test_consent_is_changed_in_recovery_only_and_counts_after_it(lab: Any, play: Any, make_kext: Make) -> None:
    async def story() -> None:
        mac = lab(architecture="intel", macos="10.14.6")
        await mac.macos()
        path = mac.install(make_kext())
        assert (await mac.run("spctl", "kext-consent", "add", TEAM)).status == 1
        await mac.command_r()
        assert (await mac.run("spctl", "kext-consent", "add", TEAM)).status == 0
        assert (await mac.run("spctl", "kext-consent", "disable")).status == 0
        await mac.macos()
        said = (await mac.run("spctl", "kext-consent", "status")).out + (
            await mac.run("spctl", "kext-consent", "list")
        ).out
        answer = gatekeeper.read_consent(said)
        assert (answer.consent, answer.teams) == ("DISABLED", (TEAM,))
        assert (await mac.run("kextutil", path)).status == 0

    play(story())


@pytest.mark.parametrize(("macos", "source"), [("10.13.6", "Developer ID"), ("10.14.6", "Notarized Developer ID")])
def test_who_signed_is_all_that_counted_before_notaries(
    lab: Any, play: Any, make_kext: Make, macos: str, source: str
) -> None:
    async def story() -> None:
        mac = lab(architecture="intel", macos=macos)
        await mac.macos()
        said = (await mac.run("spctl", "--assess", mac.install(make_kext()))).err
        assert f"accepted\nsource={source}\n" in said
        for nothing in ("/etc/shells", "/none.kext"):
            assert (await mac.run("spctl", "--assess", nothing)).status == 3

    play(story())


def test_recovery_can_make_the_mac_forget(lab: Any, play: Any, make_kext: Make) -> None:
    async def story() -> None:
        mac = lab(architecture="intel", macos="10.14.6")
        await mac.macos()
        path = mac.install(make_kext())
        await mac.run("kextutil", path)
        mac.machine.kernel.approve(mac.machine.kernel.pending()[0], "admin")
        database = "/private/var/db/SystemPolicyConfiguration/KextPolicy"
        delete = "DELETE FROM kext_policy; DELETE FROM kext_load_history_v3"
        assert (await mac.run("sqlite3", database, delete)).status == 1
        await mac.command_r()
        disk = "/Volumes/Macintosh HD"
        assert (await mac.run(f"{disk}/usr/bin/sqlite3", f"{disk}{database}", delete)).status == 0
        await mac.macos()
        assert (await mac.run("kextutil", path)).status == 27

    play(story())


def test_the_system_is_protected_before_it_is_read_only(lab: Any, play: Any) -> None:
    async def story() -> None:
        said = {}
        for macos in ("10.14.6", "10.15.7"):
            mac = lab(architecture="intel", macos=macos)
            await mac.macos()
            said[macos] = (await mac.run("touch", "/usr/bin/mine")).err.rpartition(": ")[2].strip()
            assert (await mac.run("touch", "/usr/local/bin/mine")).status == 0
        assert said == {"10.14.6": "Operation not permitted", "10.15.7": "Read-only file system"}

    play(story())


def test_enrollment_in_the_words_of_each_release(lab: Any, play: Any) -> None:
    async def story() -> None:
        lines = {}
        for macos in ("10.13.1", "10.14.6"):
            mac = lab(architecture="intel", macos=macos)
            await mac.macos()
            lines[macos] = (await mac.run("profiles", "status", "-type", "enrollment")).out.splitlines()
        assert lines["10.13.1"] == ["There is no enrollment profile installed on this system"]
        assert lines["10.14.6"] == ["Enrolled via DEP: No", "MDM enrollment: No"]

    play(story())
