"""fdesetup(8) of a Mac with FileVault, and of one without."""

from __future__ import annotations

import asyncio
import plistlib
from typing import Any


async def with_filevault(lab: Any) -> Any:
    """A Mac that somebody has switched on and unlocked."""
    mac = lab(filevault=True)
    mac.machine.switch_on()
    await mac.until("macos")
    return mac


WRONG = plistlib.dumps({"Username": "admin", "Password": "wrong"})
ANSWERS: tuple[tuple[str, tuple[str, ...], bytes, int, str], ...] = (
    ("admin", ("status",), b"", 0, "FileVault is On.\n"),
    ("admin", ("isactive",), b"", 0, "true\n"),
    ("admin", ("supportsauthrestart",), b"", 0, "true\n"),
    ("admin", ("list",), b"", 12, "you must be root to list the users of FileVault\n"),
    ("admin", ("authrestart",), b"", 12, "you must be root to restart\n"),
    ("root", ("authrestart",), b"admin\nwrong\n", 11, "Error: Unable to unlock or authenticate to FileVault.\n"),
    ("root", ("authrestart",), b"", 1, "unable to read from standard input\n"),
    ("root", ("authrestart", "-inputplist"), WRONG, 11, "Unable to unlock or authenticate to FileVault.\n"),
    ("root", ("authrestart", "-inputplist"), b"<plist", 15, "property list from standard input.\n"),
    ("root", ("authrestart", "-inputplist"), plistlib.dumps(["admin"]), 15, "from standard input.\n"),
    ("root", ("authrestart", "-delayminutes", "5"), b"", 12, "a restart without delay can be asked for here\n"),
    ("root", ("enable",), b"", 1, "usage: fdesetup verb [options]\n"),
)
"""Who asks what, with which input; the exit code, and how the answer ends."""


def test_what_it_answers(lab: Any, play: Any) -> None:
    async def story() -> None:
        mac = await with_filevault(lab)
        for user, argv, given, status, output in ANSWERS:
            done = await mac.run("fdesetup", *argv, user=user, input=given)
            said = done.out + done.err
            assert (argv, done.status, said[-len(output) :]) == (argv, status, output)
            assert not mac.machine.going_down

    play(story())


def test_fdesetup_lists_who_may_unlock_and_restarts_once_without_asking(lab: Any, play: Any) -> None:
    async def story() -> None:
        mac = await with_filevault(lab)
        listed = (await mac.run("fdesetup", "list")).out.splitlines()
        assert [line.partition(",")[0] for line in listed] == ["admin", "student"]
        assert "FileVault:                 Yes (Unlocked)" in (await mac.run("diskutil", "apfs", "list")).out
        password = mac.machine.spec.administrator.password
        entered: list[str] = []
        mac.machine.watch(entered.append)
        given = plistlib.dumps({"Username": "admin", "Password": password})
        done = await mac.run("fdesetup", "authrestart", "-inputplist", input=given)
        assert (done.status, password in done.out + done.err) == (0, False)
        async with asyncio.timeout(60):
            while "macos" not in entered:
                await asyncio.sleep(0.01)
        assert "locked" not in entered
        assert mac.machine.console_user is None
        mac.machine.request_restart()
        async with asyncio.timeout(60):
            while "locked" not in entered:
                await asyncio.sleep(0.01)

    play(story())


def test_without_filevault_there_is_no_key_to_keep(lab: Any, play: Any) -> None:
    async def story() -> None:
        mac = lab()
        await mac.macos()
        done = await mac.run("fdesetup", "authrestart", input=b"admin\n")
        assert (done.status, done.err, mac.machine.going_down) == (1, "FileVault is Off.\n", False)
        assert (await mac.run("fdesetup", "list")).out == ""

    play(story())
