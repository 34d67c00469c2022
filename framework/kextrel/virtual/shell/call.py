"""Simple commands: assignments alone, builtins, functions, programs."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from kextrel.virtual.shell.builtins import BUILTINS, SPECIAL
from kextrel.virtual.shell.execute import expander, run_compound, run_file
from kextrel.virtual.shell.jobs import foreground
from kextrel.virtual.shell.redirects import Prepared, RedirectFault, apply, prepare, redirected
from kextrel.virtual.shell.state import Return, Shell, ShellError, ShellExit
from kextrel.virtual.shell.tree import Assignment, Simple
from kextrel.virtual.unix.process import Proc
from kextrel.virtual.unix.programs import NotFound, load, look_up
from kextrel.virtual.unix.system import DEFAULT_PATH

__all__ = ["call", "simple"]

_MAX_NESTING = 500
_OWN_STACK = 16
"""Of so many functions that call one another the last runs in a task of its own, whose stack is empty."""


async def simple(shell: Shell, node: Simple) -> int:
    """Assignments, words, redirections: whatever their first word turns out to be."""
    shell.line, shell.substituted = node.line, None
    final, shell.final = shell.final, False
    words = expander(shell)
    argv = await words.fields(node.words)
    try:
        redirects = await prepare(words, node.redirects)
        if not argv:
            return await _assign_only(shell, node, redirects)
        _trace(shell, argv)
        return await call(shell, argv, node.assignments, redirects, final=final)
    except RedirectFault as fault:
        shell.complain(fault.subject, fault.reason)
        return 1


def _trace(shell: Shell, argv: list[str]) -> None:
    if "xtrace" in shell.options:
        shell.proc.put(2, (shell.get("PS4") or "+ ") + " ".join(argv) + "\n")


async def _assign_only(shell: Shell, node: Simple, redirects: Sequence[Prepared]) -> int:
    if not redirects:
        await _assign(shell, node.assignments)
        return shell.substituted or 0
    with redirected(shell, redirects):
        await _assign(shell, node.assignments)
    return shell.substituted or 0


async def _assign(shell: Shell, assignments: tuple[Assignment, ...]) -> None:
    for assignment in assignments:
        shell.set(assignment.name, await expander(shell).text(assignment.value, assigned=True))


async def call(
    shell: Shell,
    argv: list[str],
    assignments: tuple[Assignment, ...] = (),
    redirects: Sequence[Prepared] = (),
    *,
    functions: bool = True,
    final: bool = False,
) -> int:
    """What a name means: special builtins come first, then functions, builtins, programs."""
    name = argv[0]
    if name in SPECIAL:
        await _assign(shell, assignments)
        return await _special(shell, argv, redirects)
    function = functions and name in shell.functions
    if not function and name not in BUILTINS:
        return await _external(shell, argv, assignments, redirects, final=final)
    if not redirects and not assignments:
        return await (_function(shell, name, argv[1:]) if function else _builtin(shell, argv))
    with redirected(shell, redirects):
        async with _assigned(shell, assignments):
            return await (_function(shell, name, argv[1:]) if function else _builtin(shell, argv))


@asynccontextmanager
async def _assigned(shell: Shell, assignments: tuple[Assignment, ...]) -> AsyncIterator[None]:
    """`X=1 command`: for the time of that command, and exported to what it starts."""
    if not assignments:
        yield
        return
    shell.scopes.append({})
    try:
        for assignment in assignments:
            value = await expander(shell).text(assignment.value, assigned=True)
            shell.make_local(assignment.name)
            shell.set(assignment.name, value)
            shell.export(assignment.name)
        yield
    finally:
        shell.leave_scope()


async def _special(shell: Shell, argv: list[str], redirects: Sequence[Prepared]) -> int:
    if argv[0] != "exec":
        with redirected(shell, redirects):
            return await _builtin(shell, argv)
    apply(shell.proc, redirects, shell.options)
    return await replace_process(shell, argv[1:]) if argv[1:] else 0


async def _builtin(shell: Shell, argv: list[str]) -> int:
    try:
        status = await BUILTINS[argv[0]](shell, argv[1:])
        if 1 in shell.proc.fds:
            await shell.proc.fds[1].room(shell.proc)
    except OSError as error:
        shell.complain(str(error.filename or "write error"), str(error.strerror), argv[0])
        return 1
    return status


async def _function(shell: Shell, name: str, arguments: list[str]) -> int:
    """Runs a function with its own positional parameters and local variables."""
    if len(shell.scopes) > _MAX_NESTING:
        raise ShellError(f"{name}: maximum function nesting level exceeded ({_MAX_NESTING})")
    before, shell.parameters = shell.parameters, arguments
    loops, shell.loops = shell.loops, 0
    shell.scopes.append({})
    try:
        body = run_compound(shell, shell.functions[name])
        return await (asyncio.ensure_future(body) if len(shell.scopes) % _OWN_STACK == 0 else body)
    except Return as end:
        return end.status
    finally:
        shell.leave_scope()
        shell.parameters, shell.loops = before, loops


# -- programs


async def _external(
    shell: Shell, argv: list[str], assignments: tuple[Assignment, ...], redirects: Sequence[Prepared], *, final: bool
) -> int:
    async with _assigned(shell, assignments):
        environment, path = shell.environment(), shell.get("PATH")
    child = shell.proc if final else shell.proc.fork(argv, group=0 if shell.interactive else None)
    inner = shell if final else shell.copy(child)
    child.env = environment

    async def main(_: Proc) -> int:
        try:
            apply(child, redirects, shell.options)
        except RedirectFault as fault:
            inner.complain(fault.subject, fault.reason)
            return 1
        return await execute(inner, argv, DEFAULT_PATH if path is None else path)

    if final:
        shell.forget()
        raise ShellExit(await main(child), trap=False)
    child.start(main)
    return (await foreground(shell, [child]))[-1]


async def replace_process(shell: Shell, argv: list[str]) -> int:
    """`exec`: this process becomes the program."""
    shell.forget()
    shell.proc.env = shell.environment()
    path = shell.get("PATH")
    raise ShellExit(await execute(shell, argv, DEFAULT_PATH if path is None else path), trap=False)


async def execute(shell: Shell, argv: list[str], path: str) -> int:
    """Turns the shell's process into a program, found on `path`; says what is wrong when there is none."""
    proc = shell.proc
    proc.argv = list(argv)
    try:
        found = look_up(argv[0], proc.fs, path)
        main = load(proc, found)
    except NotFound as fault:
        shell.complain(argv[0], fault.text)
        return fault.code
    except OSError as error:
        if error.errno == errno.ENOEXEC:
            return await run_file(proc, found, argv[1:], shell.dialect)
        shell.complain(argv[0], str(error.strerror))
        return 126
    return await main(proc)
