"""One boot: environments, restarts, shutdowns, the load that the clock sees, and how a tool is written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from kextrel.virtual.clock import Clock
from kextrel.virtual.unix import registry
from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.registry import TOOLS, tool
from kextrel.virtual.unix.system import System

Boot = Callable[..., System]
Play = Callable[[Coroutine[Any, Any, Any]], Any]


def test_recovery_runs_from_a_ramdisk_with_the_disk_below_volumes(unix_of: Boot) -> None:
    async def story() -> None:
        system = unix_of(environment="recovery")
        line = 'cd /Volumes; ls; cd Mac*; ls Users; touch /x "$PWD/usr/bin/x"; which sh sudo; echo $?'
        done = await system.run(["/bin/bash", "-c", line])
        assert done.out == "Macintosh HD\nShared\nadmin\nstudent\n/bin/sh\n1\n"
        assert done.err == "touch: /Volumes/Macintosh HD/usr/bin/x: Read-only file system\n"

    asyncio.run(story())


def test_the_disk_outlives_a_boot_and_tmp_does_not(unix_of: Boot) -> None:
    async def story() -> None:
        first = unix_of()
        await first.run("echo kept > /var/tmp/a; echo gone > /tmp/b")
        await first.stop(orderly=True)
        second = System(first.host)
        assert (await second.run("cat /var/tmp/a; ls /tmp")).out == "kept\n"

    asyncio.run(story())


def test_an_orderly_stop_gives_notice_and_then_kills(
    unix_of: Boot, play: Play, clock_of_loop: Callable[[], Clock]
) -> None:
    async def story() -> None:
        clock = clock_of_loop()
        system = unix_of(clock)
        system.spawn(["/bin/sh", "-c", "trap 'echo noticed > /var/tmp/a; exit' TERM; while :; do sleep 1000; done"])
        stubborn = system.spawn(["/bin/sh", "-c", "trap '' TERM; while :; do sleep 0.5; done"])
        await clock.sleep(1)
        started = clock.now()
        await system.stop(orderly=True)
        assert not system.processes
        assert not system.load.running
        assert stubborn.died_of == 9
        assert system.fs.read_text("/var/tmp/a") == "noticed\n"
        assert clock.now() - started == pytest.approx(2.0)

    play(story())


def test_a_power_cut_gives_none(unix_of: Boot) -> None:
    async def story() -> None:
        system = unix_of()
        system.spawn(["/bin/sh", "-c", "trap 'echo noticed > /var/tmp/a' TERM EXIT; while :; do :; done"])
        await system.stop(orderly=False)
        assert not system.processes
        assert not system.fs.exists("/var/tmp/a")

    asyncio.run(story())


def test_a_process_that_was_never_started_can_be_killed(unix_of: Boot) -> None:
    async def story() -> None:
        system = unix_of()
        parent = system.spawn(["/bin/sh", "-c", "while :; do :; done"])
        parent.fork(["never"])
        await asyncio.wait_for(system.stop(orderly=False), 30)
        assert not system.processes

    asyncio.run(story())


@pytest.fixture
def try_tool(unix_of: Boot) -> Callable[..., Any]:
    """Runs a function as the program /usr/bin/tried of a fresh Mac."""

    def attempt(main: Callable[[Proc], Coroutine[Any, Any, int]], line: str = "tried", **more: Any) -> Any:
        registry.tool("/usr/bin/tried")(main)
        try:
            return asyncio.run(_story(line, more))
        finally:
            del registry._tools["/usr/bin/tried"]

    async def _story(line: str, more: dict[str, Any]) -> Any:
        return await asyncio.wait_for(unix_of().run(line, **more), 30)

    return attempt


def test_a_tool_ends_with_what_it_returns_or_raises(try_tool: Callable[..., Any]) -> None:
    async def returns(proc: Proc) -> int:
        proc.out("out ")
        proc.err("err")
        return 300

    async def exits(_: Proc) -> int:
        raise Exit(2, "usage: tried")

    async def fails(proc: Proc) -> int:
        proc.fs.read_bytes("/nosuch")
        return 0

    assert (try_tool(returns).out, try_tool(returns).err, try_tool(returns).status) == ("out ", "err", 44)
    assert (try_tool(exits).err, try_tool(exits).status) == ("usage: tried\n", 2)
    assert (try_tool(fails).err, try_tool(fails).status) == ("tried: /nosuch: No such file or directory\n", 1)


def test_a_bug_in_a_tool_is_its_abort_and_is_logged(
    try_tool: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    async def breaks(_: Proc) -> int:
        raise ZeroDivisionError("a bug")

    assert try_tool(breaks, "tried; echo $?").out == "134\n"
    assert "a bug" in caplog.text


def test_a_tool_without_a_terminal_cannot_ask(try_tool: Callable[..., Any]) -> None:
    async def asks(proc: Proc) -> int:
        return len(await proc.ask("Name: "))

    assert try_tool(asks).err == "tried: /dev/tty: Device not configured\n"


def test_a_tool_reads_by_lines_and_leaves_the_rest(try_tool: Callable[..., Any]) -> None:
    async def one(proc: Proc) -> int:
        proc.out(b"[" + (await proc.readline()).strip() + b"]")
        return 0

    assert try_tool(one, "tried; tried; cat", input=b"a\nb\nc\nd\n").out == "[a][b]c\nd\n"


def test_a_path_has_one_program() -> None:
    with pytest.raises(ValueError, match="/bin/ls is registered twice"):
        tool("/bin/ls")(TOOLS["/bin/cat"].main)


def test_the_load_is_exact(unix_of: Boot) -> None:
    async def story() -> None:
        system = unix_of()
        assert system.load.running == 0
        done = await system.run(
            "for i in 1 2 3; do (echo $i | cat | cat > /dev/null) & done; wait; x=$(sleep 1; echo y); echo $x"
        )
        assert done.out == "y\n"
        assert (system.load.running, system.processes) == (0, {})

    asyncio.run(story())
