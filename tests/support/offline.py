"""A whole virtual Mac without its network, and somebody before its screen."""

from __future__ import annotations

import asyncio

from kextrel.virtual.assembly import Parts
from kextrel.virtual.fittings import Sshd
from kextrel.virtual.machine import Machine
from kextrel.virtual.ui.keys import usage_of

__all__ = ["NoNetwork", "Offline", "Person"]


class NoNetwork:
    """In place of Remote Login."""

    host, port, host_key = "127.0.0.1", 22, "ssh-ed25519 AAAA"

    async def prepare(self) -> None: ...
    async def open(self) -> None: ...
    async def open_before_boot(self) -> None: ...
    async def close(self, *, orderly: bool) -> None: ...


class Offline(Parts):
    """All of a Mac but Remote Login."""

    def sshd(self, machine: Machine) -> Sshd:
        return NoNetwork()


class Person:
    """Somebody before the screen, who looks and presses keys."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    @property
    def text(self) -> str:
        return self.machine.display.text()

    @property
    def password(self) -> str:
        return self.machine.spec.administrator.password

    async def sees(self, words: str) -> None:
        async with asyncio.timeout(20):
            while words not in self.text:
                await asyncio.sleep(0)

    async def press(self, *usages: int, modifiers: int = 0) -> None:
        for usage in usages:
            self.machine.display.key(True, usage, modifiers)
            self.machine.display.key(False, usage, 0)
            await asyncio.sleep(0)

    async def type(self, text: str) -> None:
        for character in text:
            found = usage_of(character)
            assert found is not None
            await self.press(found[0], modifiers=found[1])
