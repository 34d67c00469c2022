"""Runs what the parser made: lists, pipelines, compound commands, functions, programs.

The commands of one shell process run one after the other in its task; a subshell, a part of a pipeline and a background
list are forked processes with a copy of the shell's state.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial

from kextrel.virtual.shell.expand import Expander
from kextrel.virtual.shell.jobs import foreground, job_of
from kextrel.virtual.shell.lexer import ShellSyntaxError
from kextrel.virtual.shell.parser import Parser, parse
from kextrel.virtual.shell.patterns import matches
from kextrel.virtual.shell.redirects import RedirectFault, prepare, redirected
from kextrel.virtual.shell.state import Break, Continue, Interrupted, Return, Shell, ShellError, ShellExit
from kextrel.virtual.shell.tree import (
    AndOr,
    Case,
    Command,
    Compound,
    For,
    Function,
    Group,
    If,
    Loop,
    Pipeline,
    Sequence,
    Simple,
    Subshell,
)
from kextrel.virtual.unix.files import NullFile, pipe
from kextrel.virtual.unix.process import Main, Proc
from kextrel.virtual.unix.signals import SIGINT, SIGQUIT

__all__ = ["expander", "finish", "in_subshell", "run", "run_compound", "run_file", "run_only", "run_text", "run_traps"]

Body = Callable[[Shell], Awaitable[int]]
SYNTAX_ERROR = 2


def expander(shell: Shell) -> Expander:
    """Who expands words for this shell."""
    return Expander(shell, substitution)


async def run(shell: Shell, sequence: Sequence) -> int:
    """Runs a list of commands; the last one's status is the list's, and `$?`."""
    if not sequence.items:
        shell.status = 0
    for and_or, background in sequence.items:
        if background:
            start_background(shell, and_or)
        else:
            await run_and_or(shell, and_or)
        await run_traps(shell)
    return shell.status


async def run_and_or(shell: Shell, node: AndOr) -> int:
    """`a && b || c`. Only the last pipeline that runs counts for `set -e`."""
    last = len(node.rest)
    await run_pipeline(shell, node.first, tested=bool(last))
    for index, (operator, pipeline) in enumerate(node.rest, start=1):
        if (operator == "&&") == (shell.status == 0):
            await run_pipeline(shell, pipeline, tested=index < last)
    return shell.status


async def _tested(shell: Shell, condition: Sequence) -> bool:
    """Whether a condition holds. While somebody looks at the status, `set -e` does nothing."""
    shell.tested += 1
    try:
        return await run(shell, condition) == 0
    finally:
        shell.tested -= 1


async def run_pipeline(shell: Shell, node: Pipeline, *, tested: bool) -> int:
    """`a | b`, with `!`."""
    looked_at = tested or node.negated
    shell.tested += looked_at
    try:
        if len(node.commands) == 1:
            shell.status = await run_command(shell, node.commands[0])
        else:
            shell.status = await _piped(shell, node.commands)
        may_end = len(node.commands) > 1 or _ends_on_error(node.commands[0])
        if shell.status and may_end and not shell.tested and "errexit" in shell.options:
            raise ShellExit(shell.status)
    finally:
        shell.tested -= looked_at
    if node.negated:
        shell.status = int(shell.status == 0)
    return shell.status


def _ends_on_error(command: Command) -> bool:
    """Whether `set -e` looks at it: in what is in braces, `if` and loops it has looked already."""
    return isinstance(command, Simple) or (isinstance(command, Compound) and isinstance(command.command, Subshell))


async def _piped(shell: Shell, commands: tuple[Command, ...]) -> int:
    group: int | None = 0 if shell.interactive else None
    before, children = None, []
    for index, command in enumerate(commands):
        reading, writing = pipe() if index < len(commands) - 1 else (None, None)
        child = shell.proc.fork(group=group)
        group = child.pid if group == 0 else group
        for fd, file in ((0, before), (1, writing)):
            if file is not None:
                child.set_fd(fd, file)
        child.start(in_subshell(shell.copy(child), partial(_alone, Pipeline((command,)))))
        children.append(child)
        before = reading
    statuses = await foreground(shell, children)
    if "pipefail" in shell.options:
        return next((status for status in reversed(statuses) if status), 0)
    return statuses[-1]


async def _alone(node: Pipeline, shell: Shell) -> int:
    """A pipeline that is all that its process does: a subshell is this process itself, and so is a program."""
    command = node.commands[0]
    if len(node.commands) == 1 and not node.negated:
        shell.final = isinstance(command, Simple)
        if isinstance(command, Compound) and isinstance(command.command, Subshell):
            node = Pipeline((Compound(Group(command.command.body), command.redirects),))
    return await run_pipeline(shell, node, tested=False)


def start_background(shell: Shell, node: AndOr) -> None:
    """`list &`: a subshell that nobody waits for yet."""
    child = shell.proc.fork(group=0 if shell.interactive else None)
    if not shell.interactive:
        child.set_fd(0, NullFile())
        child.dispositions.update({SIGINT: "ignore", SIGQUIT: "ignore"})
    body: Body = (lambda inner: run_and_or(inner, node)) if node.rest else partial(_alone, node.first)
    child.start(in_subshell(shell.copy(child), body))
    job_of(shell, child)
    shell.background, shell.status = child.pid, 0


# -- subshells


def in_subshell(shell: Shell, body: Body) -> Main:
    """What a forked process runs: `body` with that shell, to the end of its process."""

    async def main(_: Proc) -> int:
        return await finish(shell, body)

    return main


async def finish(shell: Shell, body: Body) -> int:
    """Runs `body` as the last thing that this shell does: errors, the EXIT trap, its exit code."""
    trap = True
    try:
        await body(shell)
    except (Break, Return) as end:
        shell.status = getattr(end, "status", 0)
    except ShellExit as end:
        shell.status, trap = end.status, end.trap
    except ShellError as error:
        shell.tell(error)
        shell.status = error.status
    except RecursionError:
        shell.complain("", "too deeply nested")
        shell.status = SYNTAX_ERROR
    action = shell.traps.pop(0, "") if trap else ""
    return await _at_exit(shell, action) if action else shell.status


async def _at_exit(shell: Shell, action: str) -> int:
    status = shell.status
    try:
        await run_text(shell, action)
    except ShellExit as end:
        return end.status
    return status


async def substitution(shell: Shell, body: Sequence) -> str:
    """`$(…)`: the output of a subshell."""
    reading, writing = pipe()
    child = shell.proc.fork()
    child.set_fd(1, writing)
    child.start(in_subshell(shell.copy(child), lambda inner: run(inner, body)))
    output = bytearray()
    try:
        while piece := await reading.read(1 << 16, shell.proc):
            output += piece
            shell.proc.claim(len(output))
    finally:
        reading.close()
    shell.substituted = shell.status = await shell.proc.wait_for(child)
    return output.replace(b"\0", b"").decode(errors="surrogateescape")


# -- commands


async def run_command(shell: Shell, command: Command) -> int:
    """One command of any kind."""
    await shell.proc.breathe()
    await run_traps(shell)
    if "noexec" in shell.options and not shell.interactive:
        return 0
    try:
        return await _command(shell, command)
    except ShellError as error:
        shell.tell(error)
        raise


async def _command(shell: Shell, command: Command) -> int:
    if isinstance(command, Simple):
        from kextrel.virtual.shell.call import simple  # a call runs functions, which are commands again

        return await simple(shell, command)
    if isinstance(command, Function):
        shell.functions[command.name] = command.body
        return 0
    return await run_compound(shell, command)


async def run_compound(shell: Shell, node: Compound) -> int:
    """A compound command with its redirections."""
    if not node.redirects:
        return await _body(shell, node)
    try:
        with redirected(shell, await prepare(expander(shell), node.redirects)):
            return await _body(shell, node)
    except RedirectFault as fault:
        shell.complain(fault.subject, fault.reason)
        return 1


async def _body(shell: Shell, node: Compound) -> int:
    command = node.command
    if isinstance(command, Group):
        return await run(shell, command.body)
    if isinstance(command, Subshell):
        child = shell.proc.fork(group=0 if shell.interactive else None)
        child.start(in_subshell(shell.copy(child), lambda inner: run(inner, command.body)))
        return (await foreground(shell, [child]))[-1]
    if isinstance(command, If):
        return await _if(shell, command)
    if isinstance(command, Loop):
        return await _loop(shell, command)
    return await (_for(shell, command) if isinstance(command, For) else _case(shell, command))


async def _if(shell: Shell, node: If) -> int:
    for condition, then in node.branches:
        if await _tested(shell, condition):
            return await run(shell, then)
    if node.otherwise is None:
        return 0
    return await run(shell, node.otherwise)


async def _loop(shell: Shell, node: Loop) -> int:
    status = 0
    with _in_loop(shell):
        while True:
            shell.tested += 1
            try:
                left = await _once(shell, node.condition)
            finally:
                shell.tested -= 1
            if left or (shell.status == 0) == node.until:
                break
            left = await _once(shell, node.body)
            status = shell.status
            if left:
                break
    shell.status = status
    return status


async def _for(shell: Shell, node: For) -> int:
    words = list(shell.parameters) if node.words is None else await expander(shell).fields(node.words)
    if not words:
        return 0
    with _in_loop(shell):
        for word in words:
            shell.set(node.name, word)
            if await _once(shell, node.body):
                break
    return shell.status


@contextmanager
def _in_loop(shell: Shell) -> Iterator[None]:
    shell.loops += 1
    try:
        yield
    finally:
        shell.loops -= 1


async def _once(shell: Shell, body: Sequence) -> bool:
    """One round of a loop; whether it is to be left. What is for an outer loop goes on outwards."""
    try:
        await run(shell, body)
    except Break as leaving:
        shell.status = 0
        if leaving.levels > 1 and shell.loops > 1:
            leaving.levels -= 1
            raise
        return not isinstance(leaving, Continue)
    return False


async def _case(shell: Shell, node: Case) -> int:
    words = expander(shell)
    subject = await words.text(node.subject)
    for branch in node.branches:
        for pattern in branch.patterns:
            if matches(await words.pattern(pattern), subject):
                return await run(shell, branch.body)
    return 0


# -- texts


async def run_text(shell: Shell, text: str) -> int:
    """Runs commands, line by line: what stands before a syntax error is done."""
    parser = Parser.of(text)
    while True:
        try:
            line = parser.line()
        except ShellSyntaxError as error:
            shell.line = error.line
            shell.complain("", error.text)
            raise ShellExit(SYNTAX_ERROR) from None
        if line is None:
            await run_traps(shell)
            return shell.status
        await run(shell, line)


async def run_only(text: str, shell: Shell) -> int:
    """Runs the text of `-c`; one simple command takes the shell's process over, as in bash and zsh."""
    try:
        lines = parse(text)
    except ShellSyntaxError:
        lines = []
    if len(lines) == 1 and len(lines[0].items) == 1:
        and_or, background = lines[0].items[0]
        commands = and_or.first.commands
        shell.final = not (background or and_or.rest or and_or.first.negated) and isinstance(commands[0], Simple)
        shell.final = shell.final and len(commands) == 1
    return await run_text(shell, text)


async def run_file(proc: Proc, path: str, arguments: list[str], dialect: str) -> int:
    """Runs a script in `proc` with a new shell; `$0` is its path."""
    text = proc.fs.read_bytes(path).decode(errors="surrogateescape")
    shell = Shell.of(proc, path, dialect)
    shell.script, shell.parameters = True, list(arguments)
    return await finish(shell, lambda inner: run_text(inner, text))


async def run_traps(shell: Shell) -> None:
    """Runs the traps of the signals that have come; ^C without one takes an interactive shell back to its prompt."""
    while shell.proc.pending:
        number = shell.proc.pending.pop(0)
        action = shell.traps.get(number)
        if action:
            status = shell.status
            await run_text(shell, action)
            shell.status = status
        elif number == SIGINT and shell.interactive:
            raise Interrupted
