"""kill, killall and ps."""

from __future__ import annotations

from collections.abc import Callable

from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.registry import tool
from kextrel.virtual.unix.signals import NUMBERS, SIGTERM, name_of, number_of
from kextrel.virtual.unix.tools.options import getopt

__all__ = ["kill"]

Complain = Callable[[str, str], None]


def kill(proc: Proc, args: list[str], complain: Complain) -> int:
    """kill(1): `complain(subject, reason)` says what is wrong. A negative number is a process group."""
    if args[:1] == ["-l"]:
        return _names(proc, args[1:])
    number, targets = _signal(args)
    if number is None or not targets:
        complain(
            args[0] if args else "", "unknown signal" if number is None else "usage: kill [-s signal_name] pid ..."
        )
        return 1 if number is None else 2
    results = [_send(proc, target, number, complain) for target in targets]
    return 0 if all(results) else 1


def _names(proc: Proc, args: list[str]) -> int:
    if args:
        number = int(args[0]) if args[0].isdigit() else 0
        proc.out(name_of(number - 128 if number > 128 else number) + "\n")
    else:
        proc.out(" ".join(name.lower() for name in NUMBERS) + "\n")
    return 0


def _signal(args: list[str]) -> tuple[int | None, list[str]]:
    """The signal (None: unknown) and the processes."""
    if args[:1] == ["-s"] or args[:1] == ["-n"]:
        number, rest = number_of(args[1]) if len(args) > 1 else None, args[2:]
    elif args and args[0].startswith("-") and args[0] != "--":
        number, rest = number_of(args[0][1:]), args[1:]
    else:
        number, rest = SIGTERM, args
    return number, rest[1:] if rest[:1] == ["--"] else rest


def _send(proc: Proc, target: str, number: int, complain: Complain) -> bool:
    if not target.lstrip("-").isdigit():
        complain(target, "arguments must be process or job IDs")
        return False
    pid = int(target)
    system = proc.system
    group = -pid if pid < 0 else proc.group
    members = system.members(group=group) if pid <= 0 else [p for p in (system.processes.get(pid),) if p]
    allowed = [member for member in members if proc.user.uid in (0, member.user.uid)]
    for member in allowed:
        member.signal(number)
    if not allowed:
        complain(f"({target})", "Operation not permitted" if members else "No such process")
    return bool(allowed)


@tool("/bin/kill")
async def _kill(proc: Proc) -> int:
    return kill(proc, proc.args, lambda subject, reason: proc.err(f"kill: {subject}: {reason}\n"))


@tool("/usr/bin/killall")
async def _killall(proc: Proc) -> int:
    number = SIGTERM
    names = proc.args
    if names and names[0].startswith("-"):
        known = number_of(names[0][1:])
        if known is None:
            raise Exit(1, f"killall: unknown signal {names[0][1:]}")
        number, names = known, names[1:]
    status = 0
    for name in names:
        found = [p for p in proc.system.members() if p.name == name and proc.user.uid in (0, p.user.uid)]
        for member in found:
            member.signal(number)
        if not found:
            proc.err("No matching processes belonging to you were found\n")
            status = 1
    return status


def _elapsed(seconds: float) -> str:
    return f"{int(seconds) // 60:8}:{int(seconds) % 60:02}"


_COLUMNS: dict[str, tuple[str, Callable[[Proc, Proc], str]]] = {
    "pid": ("  PID", lambda _, p: f"{p.pid:5}"),
    "ppid": (" PPID", lambda _, p: f"{p.parent.pid if p.parent else 1:5}"),
    "pgid": (" PGID", lambda _, p: f"{p.group:5}"),
    "uid": ("  UID", lambda _, p: f"{p.user.uid:5}"),
    "user": ("USER            ", lambda _, p: f"{p.user.name:<16}"),
    "tty": ("TTY     ", lambda _, p: f"{p.tty.name if p.tty else '??':<8}"),
    "stat": ("STAT", lambda me, p: "R+  " if p is me else "S   "),
    "etime": ("    ELAPSED", lambda me, p: _elapsed(me.system.clock.now() - p.started)),
    "time": ("     TIME", lambda *_: "  0:00.00"),
    "comm": ("COMM", lambda _, p: p.argv[0]),
    "command": ("COMMAND", lambda _, p: " ".join(p.argv)),
}  # fmt: skip
_ALIASES = {"args": "command", "ucomm": "comm", "pgrp": "pgid", "state": "stat", "tt": "tty"}


@tool("/bin/ps")
async def _ps(proc: Proc) -> int:
    """Processes of this session; -a -A -e -x all; -p PID; -u USER; -o columns (`=` after one: no heading)."""
    if proc.argv[1:2] and not proc.argv[1].startswith("-"):
        proc.argv[1] = "-" + proc.argv[1]
    options, _ = getopt(proc, "Aaceflmp:o:ru:vwxj")
    chosen = _chosen(proc, options)
    words = options.get("o", "user,pid,stat,time,command" if "u" in options else "pid,tty,time,command").split(",")
    names = [_ALIASES.get(word.partition("=")[0], word.partition("=")[0]) for word in words]
    for name in names:
        if name not in _COLUMNS:
            raise Exit(1, f"ps: {name}: keyword not found")
    headings = ["" if "=" in word else _COLUMNS[name][0] for word, name in zip(words, names, strict=True)]
    if any(headings):
        proc.out(" ".join(headings) + "\n")
    for one in chosen:
        proc.out(" ".join(_COLUMNS[name][1](proc, one) for name in names).rstrip() + "\n")
    return 0 if chosen else 1


def _chosen(proc: Proc, options: dict[str, str]) -> list[Proc]:
    living = proc.system.members()
    if "p" in options:
        wanted = {int(word) for word in options["p"].replace(",", " ").split() if word.isdigit()}
        return [one for one in living if one.pid in wanted]
    if options.get("u"):
        return [one for one in living if one.user.name == options["u"]]
    if options.keys() & set("Aaex"):
        return living
    return [one for one in living if one.session == proc.session]
