"""sudo and visudo (man 8 sudo, 1.9): who may become another user, and how the password is asked.

What a user may do is read from the Mac's sudoers. Where that does not say NOPASSWD the password is asked: on the
terminal, with -S on standard input, with -n not at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from kextrel.virtual.unix import sudoers
from kextrel.virtual.unix.fs import KERNEL
from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.programs import NotFound, look_up
from kextrel.virtual.unix.registry import tool
from kextrel.virtual.unix.sudoers import BadSudoers, Entry
from kextrel.virtual.unix.system import DEFAULT_PATH
from kextrel.virtual.unix.users import User

__all__: list[str] = []

_TRIES = 3
_TICKET = 300.0
"""Mac seconds for which a password holds on the same terminal (timestamp_timeout)."""
_NO_TERMINAL = (
    "sudo: a terminal is required to read the password; either use the -S option to read from standard input"
    " or configure an askpass helper"
)
_USAGE = "usage: sudo -h | -K | -k | -V\nusage: sudo -v [-ABkNnS] [-g group] [-h host] [-p prompt] [-u user]"


@dataclass
class _Call:
    flags: set[str] = field(default_factory=set)
    user: str = "root"
    prompt: str = "Password:"
    env: dict[str, str] = field(default_factory=dict)
    argv: list[str] = field(default_factory=list)


def _arguments(proc: Proc) -> _Call:
    call, args = _Call(), list(proc.args)
    while args and args[0].startswith("-") and len(args[0]) > 1:
        word = args.pop(0)
        if word == "--":
            break
        for place, letter in enumerate(word[1:], start=1):
            if letter not in "ugpnSkKvlEHisbA":
                raise Exit(1, f"sudo: invalid option -- '{letter}'\n{_USAGE}")
            if letter in "ugp":
                value = word[place + 1 :] or (args.pop(0) if args else "")
                call.user, call.prompt = (value, call.prompt) if letter == "u" else (call.user, value)
                break
            call.flags.add(letter)
    while args and "=" in args[0] and not args[0].startswith("="):
        name, _, value = args.pop(0).partition("=")
        call.env[name] = value
    call.argv = args
    return call


@tool("/usr/bin/sudo", where=("macos",))
async def _sudo(proc: Proc) -> int:
    call = _arguments(proc)
    tickets = proc.system.sudo_tickets
    if call.flags & {"k", "K"}:
        tickets.pop(_place(proc), None)
        if not call.argv and not call.flags & {"v", "l"}:
            return 0
    target = proc.system.users.get(call.user)
    if target is None:
        raise Exit(1, f"sudo: unknown user {call.user}\nsudo: error initializing audit plugin sudoers_audit")
    if not call.argv and not call.flags & {"v", "l", "s", "i"}:
        raise Exit(1, _USAGE)
    rights = _rights(proc)
    await _authenticate(proc, call, rights)
    if "l" in call.flags:
        return _show_rights(proc, rights)
    return 0 if "v" in call.flags else await _become(proc, call, target)


def _place(proc: Proc) -> tuple[int, str]:
    """Where a password counts: for this user on this terminal, or in this session."""
    return proc.user.uid, proc.tty.name if proc.tty else f"session {proc.session}"


def _rights(proc: Proc) -> list[Entry]:
    """What sudoers says of the user; sudo does nothing at all while there is a mistake in it."""
    try:
        return sudoers.rights(proc.system.fs.seen_by(KERNEL), proc.user, proc.system.users)
    except BadSudoers as error:
        raise Exit(1, f"{error}\nsudo: no valid sudoers sources found, quitting") from None
    except OSError as error:
        raise Exit(1, f"sudo: unable to open {sudoers.MAIN}: {error.strerror}") from None


async def _authenticate(proc: Proc, call: _Call, rights: list[Entry]) -> None:
    """With -k beside a command the password is asked whatever was given before, and is not remembered either."""
    now = proc.system.clock.now()
    fresh = now - proc.system.sudo_tickets.get(_place(proc), -_TICKET) < _TICKET and "k" not in call.flags
    free = proc.user.uid == 0 or (bool(rights) and rights[-1].free)
    if not free and not fresh:
        await _ask(proc, call)
        if "k" not in call.flags:
            proc.system.sudo_tickets[_place(proc)] = proc.system.clock.now()
    if not rights:
        raise Exit(
            1, f"{proc.user.name} is not in the sudoers file.\nThis incident has been reported to the administrator."
        )


async def _ask(proc: Proc, call: _Call) -> None:
    """Asks up to three times; ends the tool when the password was not given."""
    if "n" in call.flags:
        raise Exit(1, "sudo: a password is required")
    if "S" not in call.flags and proc.tty is None:
        raise Exit(1, f"{_NO_TERMINAL}\nsudo: a password is required")
    for attempt in range(1, _TRIES + 1):
        password = await _password(proc, call)
        if password is None:
            text = "sudo: no password was provided\nsudo: a password is required"
            raise Exit(1, text if attempt == 1 else f"sudo: {_times(attempt - 1)}")
        if proc.system.users.check(proc.user.name, password):
            return
        if attempt < _TRIES:
            proc.err("Sorry, try again.\n")
    raise Exit(1, f"sudo: {_times(_TRIES)}")


def _times(count: int) -> str:
    return f"{count} incorrect password attempt{'s' if count > 1 else ''}"


async def _password(proc: Proc, call: _Call) -> str | None:
    if "S" not in call.flags:
        return await proc.ask(call.prompt, echo=False)
    proc.err(call.prompt)
    line = await proc.readline()
    proc.err("\n")
    return line.decode(errors="replace").rstrip("\n") if line else None


def _show_rights(proc: Proc, rights: list[Entry]) -> int:
    lines = "".join(f"    {entry.words}\n" for entry in rights)
    proc.out(f"User {proc.user.name} may run the following commands on {proc.system.hostname}:\n{lines}")
    return 0


@tool("/usr/sbin/visudo", where=("macos",))
async def _visudo(proc: Proc) -> int:
    """-c [-f FILE], and both letters behind one dash: is that a sudoers? An editor is not here."""
    words = [letter for word in proc.args if word.startswith("-") for letter in word[1:]]
    named = [word for word in proc.args if not word.startswith("-")]
    if "c" not in words or set(words) - set("cfqs"):
        raise Exit(1, "usage: visudo [-chqsV] [[-f] sudoers ]")
    for path in named or [sudoers.MAIN]:
        try:
            sudoers.parse(proc.fs.read_text(path), path)
        except BadSudoers as error:
            raise Exit(1, f"{error}\nparse error in {path} near line {error.number}") from None
        if "q" not in words:
            proc.out(f"{path}: parsed OK\n")
    return 0


async def _become(proc: Proc, call: _Call, target: User) -> int:
    """The process becomes the program, as the other user."""
    before = proc.user
    if call.flags & {"s", "i"}:
        shell = target.shell if "i" in call.flags else proc.env.get("SHELL", target.shell)
        call.argv = [shell, "-c", " ".join(call.argv)] if call.argv else [shell]
    kept = proc.env if "E" in call.flags else {name: proc.env[name] for name in _KEPT if name in proc.env}
    proc.env = {**kept, **_identity(before, call, target), **call.env}
    if call.flags & {"H", "i"}:
        proc.env["HOME"] = target.home
        proc.cwd = target.home if "i" in call.flags else proc.cwd
    proc.user = target
    try:
        look_up(call.argv[0], proc.fs, proc.env.get("PATH", DEFAULT_PATH))
    except NotFound as fault:
        raise Exit(1, f"sudo: {call.argv[0]}: {fault.text}") from None
    proc.argv = call.argv
    return await proc.system.program(proc)


_KEPT = ("PATH", "HOME", "TERM", "LANG", "LC_ALL", "SSH_AUTH_SOCK", "TZ", "TMPDIR", "SHELL")


def _identity(before: User, call: _Call, target: User) -> dict[str, str]:
    return {
        "SUDO_USER": before.name,
        "SUDO_UID": str(before.uid),
        "SUDO_GID": str(before.gid),
        "SUDO_COMMAND": " ".join(call.argv),
        "USER": target.name,
        "LOGNAME": target.name,
    }
