"""`ulimit`: the size that files may reach (man 1 sh, man 2 setrlimit). Other limits are only shown, as Darwin has."""

from __future__ import annotations

from kextrel.virtual.shell.builtins.registry import builtin
from kextrel.virtual.shell.state import Shell

__all__: list[str] = []

_BLOCK = 512
_SHOWN = {"c": "0", "d": "unlimited", "l": "unlimited", "n": "256", "s": "8176", "t": "unlimited", "u": "2666"}
_UNLIMITED = "unlimited"


@builtin("ulimit")
async def _ulimit(shell: Shell, args: list[str]) -> int:
    """`ulimit [-H|-S] [-f [blocks of 512 bytes|unlimited]]`. Only root raises what `-H`, or neither, has set."""
    letters = "".join(arg[1:] for arg in args if arg.startswith("-"))
    words = [arg for arg in args if not arg.startswith("-")]
    what = letters.replace("H", "").replace("S", "") or "f"
    if what != "f":
        return _show_other(shell, what, words)
    if not words:
        limit = shell.proc.file_size_hard if "H" in letters else shell.proc.file_size
        shell.proc.out(f"{_UNLIMITED if limit is None else limit // _BLOCK}\n")
        return 0
    return _set(shell, words[0], soft="S" in letters or "H" not in letters, hard="S" not in letters)


def _show_other(shell: Shell, what: str, words: list[str]) -> int:
    if what not in _SHOWN:
        shell.complain(f"-{what[:1]}", "invalid option", "ulimit")
        return 2
    if words:
        shell.complain(what, "cannot modify limit: Operation not permitted", "ulimit")
        return 1
    shell.proc.out(_SHOWN[what] + "\n")
    return 0


def _set(shell: Shell, word: str, *, soft: bool, hard: bool) -> int:
    proc = shell.proc
    if word != _UNLIMITED and not word.isdigit():
        shell.complain(word, "invalid number", "ulimit")
        return 1
    limit = None if word == _UNLIMITED else int(word) * _BLOCK
    most = proc.file_size_hard
    if most is not None and (limit is None or limit > most) and proc.user.uid:
        shell.complain("file size", "cannot modify limit: Operation not permitted", "ulimit")
        return 1
    if soft:
        proc.file_size = limit
    if hard:
        proc.file_size_hard = limit
    return 0
