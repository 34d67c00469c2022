"""Tools about the machine and who uses it: id, whoami, uname, hostname, date, sleep, env, which, tty, stty."""

from __future__ import annotations

import re
import time

from kextrel.virtual.hardware.models import model_of
from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.programs import NotFound, look_up
from kextrel.virtual.unix.registry import tool
from kextrel.virtual.unix.signals import SIGHUP
from kextrel.virtual.unix.system import DEFAULT_PATH
from kextrel.virtual.unix.tools.options import getopt

__all__: list[str] = []


@tool("/usr/bin/true")
async def _true(_: Proc) -> int:
    return 0


@tool("/usr/bin/false")
async def _false(_: Proc) -> int:
    return 1


@tool("/bin/pwd")
async def _pwd(proc: Proc) -> int:
    proc.out(proc.fs.real(".") + "\n")
    return 0


@tool("/bin/sync")
async def _sync(_: Proc) -> int:
    return 0


@tool("/bin/sleep")
async def _sleep(proc: Proc) -> int:
    """Seconds, with fractions and the units s m h d; several are added."""
    total = 0.0
    for word in proc.args:
        match = re.fullmatch(r"(\d+\.?\d*|\.\d+)([smhd]?)", word)
        if match is None:
            raise Exit(
                1,
                "usage: sleep number[unit] ...",
            )
        total += float(match.group(1)) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[match.group(2)]
    if not proc.args:
        raise Exit(1, "usage: sleep number[unit] ...")
    await proc.sleep(total)
    return 0


# -- who


@tool("/usr/bin/id")
async def _id(proc: Proc) -> int:
    options, names = getopt(proc, "ugGnrpF")
    users = proc.system.users
    user = users.get(names[0]) if names else proc.user
    if user is None:
        raise Exit(1, f"id: {names[0]}: no such user")
    if "F" in options:
        proc.out(user.full_name + "\n")
    elif "u" in options:
        proc.out((user.name if "n" in options else str(user.uid)) + "\n")
    elif options.keys() & {"g", "G"}:
        groups = user.groups if "G" in options else (user.gid,)
        proc.out(" ".join(users.group_name(gid) if "n" in options else str(gid) for gid in groups) + "\n")
    else:
        groups_text = ",".join(f"{gid}({users.group_name(gid)})" for gid in user.groups)
        proc.out(f"uid={user.uid}({user.name}) gid={user.gid}({users.group_name(user.gid)}) groups={groups_text}\n")
    return 0


@tool("/usr/bin/whoami")
async def _whoami(proc: Proc) -> int:
    proc.out(proc.user.name + "\n")
    return 0


@tool("/usr/bin/groups")
async def _groups(proc: Proc) -> int:
    user = proc.system.users.get(proc.args[0]) if proc.args else proc.user
    if user is None:
        raise Exit(1, f"id: {proc.args[0]}: no such user")
    proc.out(" ".join(proc.system.users.group_name(gid) for gid in user.groups) + "\n")
    return 0


# -- the machine


_XNU = {"21.6.0": "8020.240.18~9", "22.6.0": "8796.141.3~6", "23.5.0": "10063.121.3~5", "24.1.0": "11215.41.3~2"}


@tool("/usr/bin/uname")
async def _uname(proc: Proc) -> int:
    options, _ = getopt(proc, "amnoprsv")
    spec = proc.system.host.spec
    release, silicon = spec.darwin, spec.architecture == "apple-silicon"
    kernel = model_of(spec.model, spec.architecture).kernel
    known = {
        "s": "Darwin",
        "n": proc.system.hostname,
        "r": release,
        "v": f"Darwin Kernel Version {release}: root:xnu-{_XNU.get(release, _XNU['23.5.0'])}/{kernel}",
        "m": "arm64" if silicon else "x86_64",
        "p": "arm" if silicon else "i386",
    }
    shown = "snrvm" if "a" in options else [letter for letter in "snrvmp" if letter in options] or "s"
    proc.out(" ".join(known[letter] for letter in shown) + "\n")
    return 0


@tool("/bin/hostname")
async def _hostname(proc: Proc) -> int:
    options, _ = getopt(proc, "fsd")
    name = proc.system.hostname
    proc.out((name.partition(".")[0] if "s" in options else name) + "\n")
    return 0


@tool("/bin/date")
async def _date(proc: Proc) -> int:
    """-u, -r SECONDS, +FORMAT. This Mac's clock is set to UTC."""
    options, operands = getopt(proc, "ujnRr:v:f:I:")
    moment = proc.system.clock.now()
    if options.get("r", "").isdigit():
        moment = float(options["r"])
    form = operands[0][1:] if operands and operands[0].startswith("+") else "%a %b %e %H:%M:%S UTC %Y"
    if operands and not operands[0].startswith("+"):
        raise Exit(1, "date: settimeofday (timeval): Operation not permitted")
    text = form.replace("%s", str(int(moment))).replace("%N", "N")
    proc.out(time.strftime(text, time.gmtime(moment)) + "\n")
    return 0


# -- the environment


@tool("/usr/bin/env")
async def _env(proc: Proc) -> int:
    """-i, -u NAME, NAME=VALUE and a program."""
    args = list(proc.args)
    while args and args[0].startswith("-"):
        word = args.pop(0)
        if word in ("-i", "-"):
            proc.env = {}
        elif word == "-u" and args:
            proc.env.pop(args.pop(0), None)
        else:
            raise Exit(
                1,
                f"env: illegal option -- {word[1:]}\nusage: env [-i] [-u name] [name=value ...] [utility]",
            )
    while args and "=" in args[0]:
        name, _, value = args.pop(0).partition("=")
        proc.env[name] = value
    if not args:
        proc.out("".join(f"{name}={value}\n" for name, value in proc.env.items()))
        return 0
    return await replaced(proc, args)


async def replaced(proc: Proc, argv: list[str]) -> int:
    """The tool's process becomes another program: `NAME: PROGRAM: why` and 127 or 126 when there is none."""
    try:
        look_up(argv[0], proc.fs, proc.env.get("PATH", DEFAULT_PATH))
    except NotFound as fault:
        reason = "No such file or directory" if fault.text == "command not found" else fault.text
        raise Exit(fault.code, f"{proc.name}: {argv[0]}: {reason}") from None
    proc.argv = list(argv)
    return await proc.system.program(proc)


@tool("/usr/bin/printenv")
async def _printenv(proc: Proc) -> int:
    if not proc.args:
        proc.out("".join(f"{name}={value}\n" for name, value in proc.env.items()))
        return 0
    if proc.args[0] not in proc.env:
        return 1
    proc.out(proc.env[proc.args[0]] + "\n")
    return 0


@tool("/usr/bin/nohup")
async def _nohup(proc: Proc) -> int:
    if not proc.args:
        raise Exit(127, "usage: nohup [--] utility [arguments]")
    proc.dispositions[SIGHUP] = "ignore"
    return await replaced(proc, proc.args)


@tool("/usr/bin/which")
async def _which(proc: Proc) -> int:
    options, names = getopt(proc, "as")
    status = 0
    for name in names:
        try:
            found = look_up(name, proc.fs, proc.env.get("PATH", DEFAULT_PATH))
        except NotFound:
            status = 1
            continue
        if "s" not in options:
            proc.out(found + "\n")
    return status


# -- the terminal


@tool("/usr/bin/tty")
async def _tty(proc: Proc) -> int:
    if not proc.file(0).is_tty or proc.tty is None:
        proc.out("not a tty\n")
        return 1
    proc.out(f"/dev/{proc.tty.name}\n")
    return 0


@tool("/bin/stty")
async def _stty(proc: Proc) -> int:
    """size, echo, -echo, raw, -raw, sane, icanon, isig, rows N, columns N."""
    if not proc.file(0).is_tty or proc.tty is None:
        raise Exit(1, "stty: stdin isn't a terminal")
    tty, args = proc.tty, list(proc.args)
    if args == ["size"]:
        proc.out(f"{tty.rows} {tty.columns}\n")
    elif not args or args == ["-a"]:
        proc.out(f"speed 9600 baud; {tty.rows} rows; {tty.columns} columns;\n")
    while args and args != ["size"] and args != ["-a"]:
        word = args.pop(0)
        off = word.startswith("-")
        if word in ("rows", "columns", "cols") and args and args[0].isdigit():
            rows, columns = (int(args[0]), tty.columns) if word == "rows" else (tty.rows, int(args[0]))
            tty.resize(rows, columns)
            args.pop(0)
        elif word.lstrip("-") in ("raw", "cooked", "sane"):
            raw = word in ("raw", "-cooked")
            tty.canonical = tty.signals = not raw
            tty.echo = not raw if word != "sane" else True
        elif word.lstrip("-") in ("echo", "icanon", "isig"):
            setattr(tty, {"echo": "echo", "icanon": "canonical", "isig": "signals"}[word.lstrip("-")], not off)
        else:
            raise Exit(1, f"stty: illegal option -- {word}")
    return 0
