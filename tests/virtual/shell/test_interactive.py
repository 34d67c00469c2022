"""A shell on a terminal: prompts, editing, ^C and ^D, jobs in the foreground."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from kextrel.virtual.unix.files import Actor
from kextrel.virtual.unix.process import Proc
from kextrel.virtual.unix.system import System
from kextrel.virtual.unix.tty import Tty


class Terminal:
    """Somebody at a terminal with a shell on it."""

    def __init__(self, system: System, shell: str, user: str = "root") -> None:
        self.seen = bytearray()
        self._system = system
        self.tty = Tty(self.seen.extend)
        self.proc: Proc = system.spawn([shell], user=user, tty=self.tty)

    async def rest(self) -> str:
        """Waits until no process can run any more; what was shown since the last time."""
        for _ in range(5):
            while self._system.load.running:
                await asyncio.sleep(0)
            await asyncio.sleep(0)
        seen, self.seen[:] = self.seen.decode(), b""
        return seen

    async def type(self, text: str) -> str:
        self.tty.type(text.encode())
        return await self.rest()


def test_bash_as_root_in_recovery(unix_of: Callable[..., System]) -> None:
    async def story() -> None:
        terminal = Terminal(unix_of(environment="recovery"), "-bash")
        assert await terminal.rest() == "-bash-3.2# "
        assert await terminal.type("echo $((6*7))\r") == "echo $((6*7))\r\n42\r\n-bash-3.2# "
        assert await terminal.type("nosuch\r") == "nosuch\r\n-bash: nosuch: command not found\r\n-bash-3.2# "
        assert await terminal.type("for i in 1 2\rdo echo $i\rdone\r") == (
            "for i in 1 2\r\ndo echo $i\r\ndone\r\n> > 1\r\n2\r\n-bash-3.2# "
        )
        assert await terminal.type("fi\r") == "fi\r\n-bash: syntax error near unexpected token `fi'\r\n-bash-3.2# "
        assert await terminal.type("exit 3\r") == "exit 3\r\n"
        assert terminal.proc.status == 3

    asyncio.run(story())


def test_editing_a_line(unix_of: Callable[..., System]) -> None:
    async def story() -> None:
        terminal = Terminal(unix_of(), "-zsh", "admin")
        assert await terminal.rest() == "admin@mini ~ % "
        assert await terminal.type("echo wrong\x7f\x7f\x7f\x7f\x7fright\r") == (
            "echo wrong" + "\b \b" * 5 + "right\r\nright\r\nadmin@mini ~ % "
        )
        assert (await terminal.type("rubbish\x15echo a b\x17c\r")).endswith("a c\r\nadmin@mini ~ % ")
        assert await terminal.type("echo ü\x7f\x7f\r") == "echo ü\b \b\b \b\r\n\r\nadmin@mini ~ % "

    asyncio.run(story())


def test_control_c_and_control_d(unix_of: Callable[..., System]) -> None:
    async def story() -> None:
        system = unix_of()
        terminal = Terminal(system, "-bash")
        await terminal.rest()
        assert await terminal.type("half a line\x03") == "half a line^C\r\n-bash-3.2# "
        await terminal.type("cat\r")
        assert [proc.name for proc in system.processes.values()] == ["bash", "cat"]
        assert await terminal.type("line\r") == "line\r\nline\r\n"
        assert await terminal.type("\x03") == "^C\r\n-bash-3.2# "
        assert await terminal.type("echo $?\r") == "echo $?\r\n130\r\n-bash-3.2# "
        await terminal.type("cat\r")
        assert await terminal.type("\x04") == "-bash-3.2# "
        await terminal.type("\x04")
        assert terminal.proc.status == 0

    asyncio.run(story())


def test_a_question_without_echo(unix_of: Callable[..., System]) -> None:
    async def story() -> None:
        terminal = Terminal(unix_of(), "-bash")
        await terminal.rest()
        assert (await terminal.type("read -s -p 'Word: ' word\r")).endswith("Word: ")
        assert await terminal.type("secret\r") == "-bash-3.2# "
        assert await terminal.type("echo $word\r") == "echo $word\r\nsecret\r\n-bash-3.2# "

    asyncio.run(story())


def test_a_hang_up_ends_all(unix_of: Callable[..., System]) -> None:
    async def story() -> None:
        system = unix_of()
        terminal = Terminal(system, "-bash")
        await terminal.type("sh -c 'cat'\r")
        assert "cat" in [proc.name for proc in system.processes.values()]
        terminal.tty.hang_up()
        await asyncio.wait_for(_until_dead(terminal.proc), 30)
        await terminal.rest()
        assert not system.processes

    asyncio.run(story())


async def _until_dead(proc: Proc) -> None:
    waiter = Actor()
    while proc.status is None:
        await waiter.block(proc.exited)


def test_background_jobs_are_told(unix_of: Callable[..., System]) -> None:
    async def story() -> None:
        terminal = Terminal(unix_of(), "-bash")
        await terminal.rest()
        shown = await terminal.type("sleep 100 &\r")
        assert re.fullmatch(r"sleep 100 &\r\n\[1\] \d+\r\n-bash-3.2# ", shown)

    asyncio.run(story())
