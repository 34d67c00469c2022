"""The display on a whole Mac: its real machine, shell and tools, without the network."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from kextrel.virtual.machine import Machine
from kextrel.virtual.spec import MacSpec
from offline import Offline, Person

RETURN, ESCAPE, RIGHT, LETTER_C, LETTER_T = 0x28, 0x29, 0x4F, 0x06, 0x17
PRIVACY = "x-apple.systempreferences:com.apple.settings.PrivacySecurity.extension?Security"


def walk(steps: Callable[[Person], Awaitable[None]]) -> None:
    async def run() -> None:
        machine = Machine(MacSpec("mini", prepared=True), Offline())
        machine.switch_on()
        person = Person(machine)
        await person.sees("Finder  File")
        await steps(person)
        machine.force_off()

    asyncio.run(run())


async def to_one_true_recovery(person: Person) -> None:
    machine = person.machine
    off = asyncio.Event()
    machine.watch(lambda environment: off.set() if environment == "off" else None)
    machine.request_shutdown()
    await off.wait()
    machine.button.switch(True)
    await person.sees("Continue holding for startup options…")
    await person.sees("Loading startup options…")
    machine.button.switch(False)
    await person.sees("Macintosh HD    Options")
    await person.press(RIGHT, RIGHT, RETURN)
    await person.sees("Select a user you know the password for.")
    await person.press(RETURN)
    await person.type(person.password)
    await person.press(RETURN)
    await person.sees("Reinstall macOS Sonoma")
    await person.press(LETTER_T, modifiers=0x0A)
    await person.sees("-bash-3.2#")


def test_from_off_by_the_button_to_a_root_shell_that_lowers_the_security() -> None:
    async def steps(person: Person) -> None:
        await to_one_true_recovery(person)
        await person.type('bputil -d | while read line; do case $line in *Type*) echo "$line";; esac; done\n')
        await person.sees("one true recoveryOS")
        await person.type("bputil -k\n")
        await person.sees("Enter username:")
        await person.type("admin\n")
        await person.sees("Enter password:")
        await person.type(person.password + "\n")
        await person.sees("Enter password:\n-bash-3.2#")
        assert person.password not in person.text
        assert person.machine.sep.policy().smb2

    walk(steps)


def test_control_c_ends_a_question_and_the_shell_lives_on() -> None:
    async def steps(person: Person) -> None:
        await to_one_true_recovery(person)
        await person.type("bputil -k\n")
        await person.sees("Enter username:")
        await person.press(LETTER_C, modifiers=0x01)
        await person.sees("^C\n-bash-3.2#")
        await person.type("echo still $((40 + 2))\n")
        await person.sees("still 42")

    walk(steps)


def test_settings_is_opened_and_quit_from_a_shell() -> None:
    async def steps(person: Person) -> None:
        system = person.machine.system
        assert system is not None
        assert (await system.run(["open", PRIVACY], user="admin")).status == 0
        await person.sees("Allow applications downloaded from")
        assert (await system.run(["osascript", "-e", 'quit app "System Settings"'], user="admin")).status == 0
        assert person.text.startswith("Finder  File")

    walk(steps)
