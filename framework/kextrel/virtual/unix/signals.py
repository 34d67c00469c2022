"""Signal names and numbers as Darwin has them (man 3 signal, /usr/include/sys/signal.h), which are not Linux's."""

from __future__ import annotations

from types import MappingProxyType

__all__ = [
    "NUMBERS",
    "SIGCONT",
    "SIGHUP",
    "SIGINT",
    "SIGKILL",
    "SIGPIPE",
    "SIGQUIT",
    "SIGTERM",
    "SIGWINCH",
    "SIGXFSZ",
    "SignalDeath",
    "name_of",
    "number_of",
    "said_at_death",
]

_ORDER = (
    "HUP INT QUIT ILL TRAP ABRT EMT FPE KILL BUS SEGV SYS PIPE ALRM TERM URG STOP TSTP CONT CHLD TTIN TTOU IO XCPU XFSZ"
    " VTALRM PROF WINCH INFO USR1 USR2"
)
NUMBERS = MappingProxyType({name: number for number, name in enumerate(_ORDER.split(), start=1)})
"""Name without SIG -> number."""

SIGHUP, SIGINT, SIGQUIT, SIGKILL = NUMBERS["HUP"], NUMBERS["INT"], NUMBERS["QUIT"], NUMBERS["KILL"]
SIGPIPE, SIGTERM = NUMBERS["PIPE"], NUMBERS["TERM"]
SIGCONT, SIGWINCH, SIGXFSZ = NUMBERS["CONT"], NUMBERS["WINCH"], NUMBERS["XFSZ"]

IGNORED_BY_DEFAULT = frozenset(NUMBERS[name] for name in ("URG", "CONT", "CHLD", "IO", "WINCH", "INFO"))
"""What these do when nobody handles them is nothing. (Stopping is not modelled: TSTP, TTIN and TTOU do nothing too.)"""

_SAID = {
    "HUP": "Hangup",
    "QUIT": "Quit",
    "ABRT": "Abort trap",
    "KILL": "Killed",
    "SEGV": "Segmentation fault",
    "TERM": "Terminated",
    "XFSZ": "Filesize limit exceeded",
}


class SignalDeath(BaseException):
    """The process that raises it dies of `number`, here and now (SIGPIPE in the middle of a write).

    Not an Exception: no tool shall catch it by accident.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"SIG{name_of(number)}")


def name_of(number: int) -> str:
    """13 -> "PIPE"; a number that Darwin has no name for is itself."""
    return next((name for name, known in NUMBERS.items() if known == number), str(number))


def number_of(word: str) -> int | None:
    """ "TERM", "SIGTERM", "term" or "15" -> 15; None when it is no signal. 0 and EXIT are 0."""
    if word.isdigit():
        return int(word) if int(word) <= len(NUMBERS) else None
    bare = word.upper().removeprefix("SIG")
    return 0 if bare == "EXIT" else NUMBERS.get(bare)


def said_at_death(number: int) -> str:
    """What a shell writes when a foreground child dies of it: "Terminated"."""
    return _SAID.get(name_of(number), f"SIG{name_of(number)}")
