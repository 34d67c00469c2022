"""Text from a terminal in which several commands were typed: which part of it is the answer to one of them.

Only what stands below a prompt with another command that has a reader of its own is left out.
"""

from __future__ import annotations

import re
from functools import lru_cache, partial

from kextrel.errors import UsageError
from kextrel.macos.pasted import unmarked
from kextrel.macos.registry import COMMANDS, Reader, reader
from kextrel.macos.text import clean

__all__ = ["answer_to"]

# Of zsh, of bash before Catalina, of a shell without a name, of recovery's, and two that people like.
_PROMPT = re.compile(
    r"(?:\S{1,60}@\S{1,80} [^%$#\n]{0,80}[%$#]|[\w.-]{1,80}:\S{1,80} \S{1,40}[$#]|-?(?:ba|z)?sh-[\d.]{1,8}[$#%]"
    r"|[$%❯]|➜ {1,2}\S{1,60}) +(\S.{0,2000})"
)
# The other tools have no reader, and to look for a nearest name is dear.
_TOOLS = sorted({command.split()[0] for command in COMMANDS} | {"kextload", "kextunload", "kextutil"})
_TOOL = re.compile(
    rf"(?:^|[ /|;&])(?:{'|'.join(map(re.escape, _TOOLS))})(?: |\Z)"
    r"|\.app/|\.sh\b|mount_|ystem_?[Ee]xtensions\b|\.mobileconfig\b"
)
_MARKS = ("% ", "$ ", "# ", "❯ ", "➜ ")  # one of which every prompt has


def answer_to(command: str, raw: bytes) -> tuple[str | bytes, tuple[str, ...]]:
    """What `raw` holds of the answer to `command`, and the lines of it that answer others."""
    if raw.startswith(b"bplist00"):
        return raw, ()
    asked, own = _of(command), True
    mine: list[str] = []
    others: list[str] = []
    found = False
    for line in unmarked(clean(raw)).split("\n"):
        typed = _PROMPT.match(line) if any(mark in line for mark in _MARKS) else None
        if typed is not None:
            other = _of(typed[1]) if _TOOL.search(typed[1]) else None
            found = found or other is asked
            own = other is None or other is asked
        (mine if own else others).append(line)
    return ("\n".join(mine), tuple(filter(str.strip, others))) if found and others else (raw, ())


@lru_cache(maxsize=256)
def _of(command: str) -> Reader | None:
    """The reader of a command, whatever its arguments; None where it has none."""
    try:
        found = reader(command)
    except UsageError:
        return None
    return found.func if isinstance(found, partial) else found
