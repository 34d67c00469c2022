"""Another macOS on a virtual Mac: what is offered, who may start it, what it changes and what it leaves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kextrel.virtual.macos.kernelmanagement import KernelManagement
from kextrel.virtual.macos.kextpolicy import KextPolicy
from kextrel.virtual.macos.tools.softwareupdate import furnish_installers

DRIVER = "com.example.kextrel.driver"
SEQUOIA = "/Applications/Install macOS Sequoia.app/Contents/Resources/startosinstall"
OWNER = ("--agreetolicense", "--user", "admin", "--stdinpass")
Make = Callable[..., Path]


async def fetched(mac: Any, macos: str) -> None:
    done = await mac.run("softwareupdate", "--fetch-full-installer", "--full-installer-version", macos)
    assert (done.status, done.out) == (0, f"Scanning for {macos} installer\nInstall finished successfully\n")


async def another(mac: Any) -> None:
    """Until macOS is up anew."""
    await mac.wait(lambda: mac.machine.environment != "macos")
    while mac.machine.environment != "macos" or mac.machine.system is None:
        await mac.clock.sleep(30)


def test_a_silicon_mac_keeps_its_policy_and_its_kexts(lab: Any, play: Any, make_kext: Make) -> None:
    async def story() -> None:
        mac = lab()
        await mac.one_true_recovery()
        assert (await mac.typed("bputil", "-k", answers=["admin", mac.password]))[0] == 0
        await mac.macos()
        assert (await mac.run("kmutil", "load", "-p", mac.install(make_kext()))).status == 27
        mac.machine.kernel.approve(mac.machine.kernel.pending()[0], "admin")
        await fetched(mac, "15.1")
        before = mac.machine.sep.policy()
        done = await mac.run(SEQUOIA, *OWNER, input=f"{mac.password}\n".encode())
        assert done.status == 0, done.err
        await another(mac)
        after = mac.machine.sep.policy()
        assert (await mac.run("sw_vers", "-productVersion")).out == "15.1\n"
        assert (after.smb0, after.smb2, after.auxp, after.auxi) == (1, 1, before.auxp, before.auxi)
        assert after.love != before.love
        assert after.nsih != before.nsih
        assert [row.name for row in mac.machine.kernel.running.auxiliary()] == [DRIVER]

    play(story())


def test_who_may_start_it_and_what_it_will_not_do(lab: Any, play: Any) -> None:
    async def story() -> None:
        mac = lab()
        await mac.macos()
        unknown = await mac.run("softwareupdate", "--fetch-full-installer", "--full-installer-version", "15.2")
        assert (unknown.status, unknown.err) == (1, "Install failed with error: Update not found\n")
        listed = await mac.run("softwareupdate", "--list-full-installers", user="admin")
        assert "* Title: macOS Sequoia, Version: 15.1, Build: 24B83" in listed.out
        assert "Catalina" not in listed.out
        assert (await mac.run("softwareupdate", "--fetch-full-installer", user="admin")).status == 1
        await fetched(mac, "13.6")
        older = await mac.run(SEQUOIA.replace("Sequoia", "Ventura"), *OWNER, input=b"x\n")
        assert (older.status, "13.6 is older" in older.err) == (1, True)
        await fetched(mac, "15.1")
        for words, user, given in (
            (OWNER, "root", b"wrong\n"),
            (("--agreetolicense",), "root", b""),
            (OWNER[1:], "root", f"{mac.password}\n".encode()),
            (OWNER, "admin", f"{mac.password}\n".encode()),
        ):
            assert (await mac.run(SEQUOIA, *words, user=user, input=given)).status == 1
        assert (mac.machine.environment, mac.machine.spec.macos) == ("macos", "14.5")

    play(story())


def test_offline_there_is_nothing_to_fetch(lab: Any, play: Any) -> None:
    async def story() -> None:
        mac = lab(missing=frozenset({"PREP-11"}))
        await mac.macos()
        assert (await mac.run("softwareupdate", "--fetch-full-installer")).status == 1

    play(story())


def test_power_lost_in_the_installer_leaves_the_mac_as_it_was(lab: Any, play: Any) -> None:
    async def story() -> None:
        mac = lab()
        await mac.macos()
        await fetched(mac, "15.1")
        await mac.run(SEQUOIA, *OWNER, input=f"{mac.password}\n".encode())
        await mac.wait(lambda: mac.machine.environment == "firmware")
        mac.machine.rail.switch(False)
        await mac.wait(lambda: mac.machine.environment == "off")
        mac.machine.rail.switch(True)
        await mac.until("macos")
        assert (await mac.run("sw_vers", "-productVersion")).out == "14.5\n"

    play(story())


def test_consent_of_before_counts_with_the_collections_of_11(lab: Any, play: Any, make_kext: Make) -> None:
    """10.14 has no tool that fetches an installer: one was put there."""

    async def story() -> None:
        mac = lab(architecture="intel", macos="10.14.6")
        furnish_installers(mac.machine.disk, mac.machine.spec)
        await mac.macos()
        path = mac.install(make_kext())
        KextPolicy(mac.machine.disk, hashes=False).allow("KXTRL00001", DRIVER, "Kextrel")
        assert (await mac.run("kextutil", path)).status == 0
        assert (await mac.run("softwareupdate", "--fetch-full-installer")).status == 127
        monterey = SEQUOIA.replace("Sequoia", "Monterey")
        assert (await mac.run(monterey, "--agreetolicense")).status == 0
        await another(mac)
        assert isinstance(mac.machine.kernel, KernelManagement)
        assert (await mac.run("kmutil", "showloaded", "--list-only")).status == 0
        assert mac.machine.kernel.running.auxiliary() == []
        assert mac.machine.kernel.approved() == {("KXTRL00001", DRIVER)}
        assert (await mac.run("kmutil", "load", "-p", path)).status == 28
        await mac.macos()
        assert [row.name for row in mac.machine.kernel.running.auxiliary()] == [DRIVER]

    play(story())


@pytest.mark.parametrize(("macos", "count"), [("10.12.6", 7), ("10.15.7", 0), ("14.5", 0)])
def test_who_prepared_an_old_mac_put_the_newer_installers_there(small_mac: Any, macos: str, count: int) -> None:
    mac = small_mac(architecture="intel", macos=macos)
    furnish_installers(mac.disk, mac.spec)
    found = mac.disk.listdir("/Applications") if mac.disk.is_dir("/Applications") else []
    assert len(found) == count
