"""The startup disk of a Mac with two macOS: who may choose it, and whose recovery the held button leads to then."""

from __future__ import annotations

from typing import Any

import pytest

OTHER = "Second HD"


def of_two(lab: Any) -> Any:
    return lab(second_macos=OTHER)


def test_the_recovery_of_the_other_lowers_nothing_here(lab: Any, play: Any) -> None:
    async def story() -> None:
        mac = of_two(lab)
        await mac.one_true_recovery()
        group = mac.machine.startup.volume_group
        assert (await mac.run("bless", "--mount", "/", "--setBoot")).status == 1
        assert (await mac.run("bless", "--mount", f"/Volumes/{OTHER}", "--setBoot")).status == 0
        await mac.one_true_recovery()
        before = mac.machine.sep.stored
        status, said = await mac.typed("bputil", "-k", "-v", group, answers=["admin", mac.password])
        assert (status, "pairing (17)" in said) == (1, True)
        assert mac.machine.sep.stored == before
        shown = await mac.run("bputil", "-d", "-v", group)
        assert "OS Type                                       : one true recoveryOS" in shown.out
        assert "OS Pairing Status                             : Not Paired" in shown.out
        plain, _ = await mac.typed("bputil", "-g", "-v", group, answers=["admin", mac.password])
        assert (plain, mac.machine.sep.policy().smb0) == (0, 1)

    play(story())


def test_macos_asks_an_owner_and_what_was_chosen_starts(lab: Any, play: Any) -> None:
    async def story() -> None:
        mac = of_two(lab)
        await mac.macos()
        chosen = ("bless", "--mount", f"/Volumes/{OTHER}", "--setBoot")
        given = f"{mac.password}\n".encode()
        for words, user, password in (
            (chosen, "root", given),
            ((*chosen, "--user", "admin", "--stdinpass"), "root", b"wrong\n"),
            ((*chosen, "--user", "admin", "--stdinpass"), "admin", given),
            (("bless", "--mount", "/Volumes/None", "--setBoot"), "root", given),
            (chosen[:3], "root", given),
        ):
            assert (await mac.run(*words, user=user, input=password)).status == 1
        assert (await mac.run(*chosen, "--user", "admin", "--stdinpass", input=given)).status == 0
        mac.machine.request_restart()
        await mac.wait(lambda: mac.machine.environment == "other-macos")

    play(story())


@pytest.mark.parametrize(("choice", "safe"), [("macos", False), ("safe-mode", True)])
def test_what_is_chosen_at_the_startup_options_starts_this_once(lab: Any, play: Any, choice: str, safe: bool) -> None:
    """Apple's user guide, "Change your Mac startup disk": for the next start alone, and the startup disk stays."""

    async def story() -> None:
        mac = of_two(lab)
        await mac.one_true_recovery()
        assert (await mac.run("bless", "--mount", f"/Volumes/{OTHER}", "--setBoot")).status == 0
        await mac.startup_options()
        mac.machine.boot_selected(choice)
        await mac.until("macos")
        assert mac.machine.started.safe is safe
        mac.machine.request_restart()
        await mac.wait(lambda: mac.machine.environment == "other-macos")

    play(story())


@pytest.mark.parametrize("architecture", ["intel", "intel-t2"])
def test_an_intel_mac_asks_nobody(lab: Any, play: Any, architecture: str) -> None:
    async def story() -> None:
        mac = lab(architecture=architecture, macos="13.6", second_macos=OTHER)
        await mac.macos()
        assert (await mac.run("bless", "--mount", f"/Volumes/{OTHER}", "--setBoot")).status == 0
        assert (await mac.run("bless", "--mount", "/", "--setBoot")).status == 0
        await mac.macos()

    play(story())
