"""The `kextrel` command. `main` is the entry point; each group of commands is a module that imports what it needs."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import signal
import sys
from typing import Any

__all__ = ["main"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NOWHERE_TO_WRITE = (errno.ENOSPC, errno.EDQUOT)


def main() -> None:
    """Runs the command and ends the process: 2 wrong usage or bad input, 1 a rule was violated, 3 the bench failed,
    4 nothing held, 0 else; 128 and the signal's number where one ended it. An error is one sentence on stderr."""
    sys.exit(_guarded())


def _guarded() -> int:
    from kextrel.ending import as_interrupts
    from kextrel.errors import KextrelError

    try:
        with as_interrupts():
            return _run()
    except KextrelError as error:
        return _say(str(error), error.exit_code)
    except KeyboardInterrupt as error:
        return _interrupted(error)
    except BrokenPipeError:
        _silence_stdout()
        return 128 + signal.SIGPIPE
    except OSError as error:
        return _local(error)
    except Exception as error:  # noqa: BLE001 - a traceback for the user would be a second bug
        return _bug(error)


def _run() -> int:
    import typer

    from kextrel.cli.app import app

    command = typer.main.get_command(app)
    wrong_usage: Any = typer.BadParameter.__base__  # typer has no name for the class of all its complaints
    try:
        with command.make_context("kextrel", sys.argv[1:]) as context:
            command.invoke(context)
        code = 0
    except typer.Exit as end:
        code = end.exit_code
    except wrong_usage as error:
        return _misused(error)
    if sys.stdout is not None:
        sys.stdout.flush()
    return code


def _misused(error: BaseException) -> int:
    """Wrong arguments as one sentence; help, where nothing at all was said, as it is."""
    context, said = getattr(error, "ctx", None), str(getattr(error, "message", error)) or str(error)
    if said.startswith("Usage:"):
        print(said, file=sys.stderr or io.StringIO())
        return 2
    where = getattr(context, "command_path", "kextrel").replace("{NAME}", str(getattr(context, "obj", "{NAME}")))
    words = getattr(error, "format_message", lambda: said)().rstrip(".")
    if "No such option" in words and where.endswith(" shell"):
        words += "; what is meant for the Mac goes into quotes, or behind --"
    return _say(f"{words}; see `{where} --help`", 2)


def _interrupted(error: KeyboardInterrupt) -> int:
    number = getattr(error, "number", signal.SIGINT)
    told = "; ".join(getattr(error, "__notes__", ())) or "what it had started was ended"
    return _say(f"ended by {signal.Signals(number).name}; {told}", 128 + number)


def _local(error: OSError) -> int:
    """What this machine does not let us have: a path of the user's, the folder that we run in, room to write."""
    _silence_stdout()
    if error.filename is not None:
        return _say(f"{os.fsdecode(error.filename)}: {error.strerror}; name another path, or make this one usable", 2)
    if isinstance(error, FileNotFoundError):
        return _say("the folder that it was started in is not there any more; start it in another one", 2)
    if error.errno in _NOWHERE_TO_WRITE:
        how = "make room where it writes (output, report, KEXTREL_STATE), or name another place"
        return _say(f"cannot write what it has to say: {error.strerror}; {how}", 2)
    return _bug(error)


def _silence_stdout() -> None:
    """Else the interpreter complains at its end about what it could not write."""
    if sys.stdout is not None:
        with contextlib.suppress(OSError, ValueError):  # already closed: nothing is left to be flushed
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(sentence: str, code: int) -> int:
    """One line, whatever control characters the names of people's files have."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):  # nobody listens: the exit code says it
            sys.stderr.write(f"kextrel: {_CONTROL.sub('·', sentence)}\n")
    return code


def _bug(error: Exception) -> int:
    if os.environ.get("KEXTREL_DEBUG"):
        raise error
    kind = type(error).__name__
    return _say(f"this is a bug in kextrel: {kind}: {error}; run it again with KEXTREL_DEBUG=1 and report that", 3)
