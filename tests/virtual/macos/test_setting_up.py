"""What a Mac that nobody has prepared says of itself, and what its tools can set: pmset, defaults, sysadminctl."""

from __future__ import annotations

from typing import Any

import pytest

from kextrel.virtual.spec import lab_accounts

ACCOUNTS = lab_accounts()
ROWS = {"missing": frozenset({"PREP-02", "PREP-06", "PREP-07"}), "accounts": ACCOUNTS}


async def said(mac: Any, line: str, given: str = "") -> str:
    """Both streams of a line that `admin` types, without times and process numbers."""
    done = await mac.run("sh", "-c", line, user="admin", input=given.encode())
    return (done.out + done.err).partition("] ")[2] or done.out + done.err


LOCK, OFF = "sysadminctl -screenLock status", "sysadminctl -screenLock off -password -"
AT_ONCE = "screenLock delay is immediate"
MODE, DISPLAY, MAINS = (
    "defaults read -g AppleKeyboardUIMode 2>&1 || echo no",
    "pmset -g | grep -w displaysleep | tr -s ' '",
    "pmset -g | grep -w autorestart | tr -s ' '",
)
POWER = "pmset -a displaysleep 0 sleep 0 autorestart 0"


@pytest.mark.parametrize(
    ("asked", "before", "done", "given", "after"),
    [
        (MODE, "no", "defaults write -g AppleKeyboardUIMode -int 3", "", "3"),
        (LOCK, AT_ONCE, OFF, "PASSWORD\n", "screenLock is off"),
        (LOCK, AT_ONCE, OFF, "wrong\n", AT_ONCE),
        (DISPLAY, " displaysleep 10", POWER, "", " displaysleep 10"),
        (DISPLAY, " displaysleep 10", f"sudo -k -S {POWER}", "PASSWORD\n", " displaysleep 0"),
        (MAINS, " autorestart 1", f"sudo -k -S {POWER}", "PASSWORD\n", " autorestart 0"),
    ],
)
def test_what_is_set_is_said(lab: Any, play: Any, asked: str, before: str, done: str, given: str, after: str) -> None:
    async def story() -> None:
        mac = lab(**ROWS)
        await mac.macos()
        assert (await said(mac, asked)).endswith(f"{before}\n")
        await said(mac, done, given.replace("PASSWORD", ACCOUNTS[0].password))
        assert (await said(mac, asked)).endswith(f"{after}\n")

    play(story())


@pytest.mark.parametrize("line", ["pmset -a displaysleep -1", "pmset -a sleep", "pmset -a sleep 9999999"])
def test_pmset_takes_times(lab: Any, play: Any, line: str) -> None:
    async def story() -> None:
        mac = lab()
        await mac.macos()
        assert (await said(mac, f"sudo {line}; echo $?")).startswith("64\n")

    play(story())


def test_a_users_defaults_are_his_own(lab: Any, play: Any) -> None:
    async def story() -> None:
        mac = lab(**ROWS)
        await mac.macos()
        await said(mac, "defaults write -g AppleKeyboardUIMode -int 2; defaults write -g Nonsense -bool yes")
        assert mac.machine.settings.keyboard_navigation("admin")
        assert not mac.machine.settings.keyboard_navigation("student")
        assert await said(mac, "defaults read -g Nonsense") == "1\n"

    play(story())
