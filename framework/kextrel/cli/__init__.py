"""The `kextrel` command. `main` is the entry point; each group of commands is a module that imports what it needs."""

from __future__ import annotations

import os
import sys

__all__ = ["main"]


def main() -> None:
    """Runs the command and ends the process: 2 wrong usage or bad input, 1 a rule was violated, 3 the bench failed,
    4 nothing held, 0 else. An error is one sentence on stderr."""
    sys.exit(_guarded())


def _guarded() -> int:
    from kextrel.errors import KextrelError

    try:
        from kextrel.cli.app import app

        app(prog_name="kextrel")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KextrelError as error:
        return _say(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _say("interrupted; what it had started was ended", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the interpreter complains at its end
        return 141
    except Exception as error:  # noqa: BLE001 - a traceback for the user would be a second bug
        return _bug(error)
    return 0


def _say(sentence: str, code: int) -> int:
    sys.stderr.write(f"kextrel: {sentence}\n")
    return code


def _bug(error: Exception) -> int:
    if os.environ.get("KEXTREL_DEBUG"):
        raise error
    kind = type(error).__name__
    return _say(f"this is a bug in kextrel: {kind}: {error}; run it again with KEXTREL_DEBUG=1 and report that", 3)
