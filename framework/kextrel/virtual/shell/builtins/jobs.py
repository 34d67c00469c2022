"""Builtins on processes."""

from __future__ import annotations

from kextrel.virtual.shell.builtins.registry import builtin
from kextrel.virtual.shell.jobs import find, foreground, wait_for
from kextrel.virtual.shell.state import Shell
from kextrel.virtual.unix.tools.killing import kill

__all__: list[str] = []

_NO_CHILD = 127


@builtin("wait")
async def _wait(shell: Shell, args: list[str]) -> int:
    """Without arguments for all, and then it is 0 unless a signal came; else the last one's status."""
    if not args:
        status = await wait_for(shell, list(shell.jobs.values()))
        return status if shell.proc.pending else 0
    status = 0
    for word in args:
        job = find(shell, word)
        if job is None:
            shell.complain("", f"pid {word} is not a child of this shell", "wait")
            status = _NO_CHILD
        else:
            status = await wait_for(shell, [job])
    return status


@builtin("jobs")
async def _jobs(shell: Shell, args: list[str]) -> int:
    for job in sorted(shell.jobs.values(), key=lambda job: job.number):
        if "-p" in args:
            shell.proc.out(f"{job.proc.pid}\n")
        else:
            state = "Running" if job.proc.status is None else f"Done({job.proc.status})" if job.proc.status else "Done"
            shell.proc.out(f"[{job.number}]  {state:<24}{job.text}\n")
    return 0


@builtin("fg")
async def _fg(shell: Shell, args: list[str]) -> int:
    job = find(shell, args[0] if args else "%%")
    if job is None:
        shell.complain("", "no such job", "fg")
        return 1
    shell.jobs.pop(job.proc.pid, None)
    return (await foreground(shell, [job.proc]))[-1]


@builtin("kill")
async def _kill(shell: Shell, args: list[str]) -> int:
    """As /bin/kill, and `%1` is a job."""
    words = []
    for word in args:
        job = find(shell, word) if word.startswith("%") else None
        if word.startswith("%") and job is None:
            shell.complain(word, "no such job", "kill")
            return 1
        words.append(str(job.proc.pid) if job else word)
    return kill(shell.proc, words, lambda subject, reason: shell.complain(subject, reason, "kill"))


@builtin("times")
async def _times(shell: Shell, _: list[str]) -> int:
    shell.proc.out("0m0.000s 0m0.000s\n0m0.000s 0m0.000s\n")
    return 0
