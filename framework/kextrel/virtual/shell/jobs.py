"""Processes that a shell started, how it waits for them and which are jobs."""

from __future__ import annotations

from kextrel.virtual.shell.state import Job, Shell
from kextrel.virtual.unix.process import Proc
from kextrel.virtual.unix.signals import SIGINT, SIGPIPE, said_at_death

__all__ = ["find", "foreground", "job_of", "wait_for"]


async def foreground(shell: Shell, children: list[Proc]) -> list[int]:
    """Waits for the processes of one foreground job, which has the terminal meanwhile; their statuses."""
    tty = shell.proc.tty if shell.interactive else None
    if tty is not None:
        tty.foreground = children[0].group
    try:
        statuses = [await shell.proc.wait_for(child) for child in children]
    finally:
        if tty is not None:
            tty.foreground = shell.proc.group
    _tell_death(shell, children[-1])
    return statuses


def _tell_death(shell: Shell, child: Proc) -> None:
    number = child.died_of
    if number == SIGINT and shell.interactive:
        shell.proc.put(2, "\n")
    elif number and number not in (SIGINT, SIGPIPE) and 2 in shell.proc.fds:
        text = f"{said_at_death(number)}: {number}"
        shell.proc.put(
            2, f"{text}\n" if shell.interactive else f"{shell.name}: line {shell.line}: {child.pid} {text}\n"
        )


def job_of(shell: Shell, child: Proc) -> Job:
    """Notes a background process; its number is one more than the highest."""
    job = Job(1 + max((job.number for job in shell.jobs.values()), default=0), child, " ".join(child.argv))
    shell.jobs[child.pid] = job
    if shell.interactive:
        shell.proc.put(2, f"[{job.number}] {child.pid}\n")
    return job


def find(shell: Shell, word: str) -> Job | None:
    """The job that `%1`, `%%`, `%+` or a process number means."""
    if not word.startswith("%"):
        return shell.jobs.get(int(word)) if word.isdigit() else None
    if word[1:] in ("", "%", "+"):
        return max(shell.jobs.values(), key=lambda job: job.number, default=None)
    return next((job for job in shell.jobs.values() if str(job.number) == word[1:]), None)


async def wait_for(shell: Shell, jobs: list[Job]) -> int:
    """`wait`: until these have ended; the last one's status. A trapped signal ends the wait with 128 + its number."""
    status = 0
    for job in jobs:
        while job.proc.status is None:
            if shell.proc.pending:
                return 128 + shell.proc.pending[0]
            await shell.proc.block(job.proc.exited)
        status = job.proc.status
        shell.jobs.pop(job.proc.pid, None)
        shell.proc.children.pop(job.proc.pid, None)
    return status
