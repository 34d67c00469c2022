"""A command line as people type, paste and quote it, taken apart: which programme, with which words.

Pure text: nothing here runs anything. `parts` forgives what a shell would not, since the line may come out of a ticket.
"""

from __future__ import annotations

import re
import shlex
from pathlib import PurePosixPath

from kextrel.errors import UsageError

__all__ = ["name", "parts", "remote"]

_SEPARATORS = frozenset("|&;<>\n")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_PROMPT = re.compile(r"(?:\S{0,60}@\S{1,80} \S{1,80} |\S{0,80})[$%#❯] ")
# Programmes that run another one, and those of their options that take a value.
_RUNNERS = {
    "sudo": frozenset({"-u", "-g", "-p", "-C", "-h", "-U", "-r", "-t", "-D", "-R", "-T"}),
    "env": frozenset({"-u", "-S", "-P", "-C"}),
    "arch": frozenset({"-e", "-d"}),
    "nice": frozenset({"-n"}),
    "timeout": frozenset({"-s", "-k"}),
    "gtimeout": frozenset({"-s", "-k"}),
    "script": frozenset({"-t"}),
    **{
        runner: frozenset[str]()
        for runner in ("command", "exec", "time", "nohup", "xcrun", "doas", "caffeinate", "watch")
    },
}
_SHELLS = frozenset({"sh", "bash", "zsh", "dash", "su"})
_SSH_VALUES = frozenset("-" + letter for letter in "bcDEeFIiJLlmOopQRSWw")
_DEEPEST = 4


def name(word: str) -> str:
    """A programme without its folder."""
    return PurePosixPath(word).name or word


def parts(command: str, depth: int = 0) -> list[list[str]]:
    """The words of each command of a line, without what only runs it. Raises UsageError for quotes without an end."""
    found: list[list[str]] = []
    words: list[str] = []
    for word in [*_words(command), ";"]:
        if set(word) <= _SEPARATORS:
            found += _stripped(words, depth)
            words = []
        else:
            words.append(word)
    return found


def remote(arguments: list[str]) -> list[str]:
    """The words that `ssh` with these arguments runs on the other side; empty where it only logs in."""
    rest = list(arguments)
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option in _SSH_VALUES and rest:
            rest.pop(0)
    inner = parts(shlex.join(rest[1:]) if len(rest) > 2 else rest[1], 1) if len(rest) > 1 else []
    return inner[0] if inner else []


def _words(command: str) -> list[str]:
    prompt = _PROMPT.match(command)
    lexer = shlex.shlex(command[prompt.end() :] if prompt else command, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        return list(lexer)
    except ValueError as error:
        raise UsageError(f"the command line {command!r} cannot be read: {str(error).lower()}") from None


def _stripped(words: list[str], depth: int) -> list[list[str]]:
    rest = _without_runners(words)
    if rest and name(rest[0]) in _SHELLS and "-c" in rest[:-1] and depth < _DEEPEST:
        return parts(rest[rest.index("-c") + 1], depth + 1)
    return [rest] if rest else []


def _without_runners(words: list[str]) -> list[str]:
    rest = list(words)
    while rest:
        runner = name(rest[0])
        if _ASSIGNMENT.match(rest[0]):
            rest.pop(0)
        elif runner == "launchctl" and rest[1:2] == ["asuser"]:
            del rest[:3]
        elif runner in _RUNNERS:
            rest = _without_options(rest[1:], _RUNNERS[runner])
            rest = rest[1:] if runner in ("timeout", "gtimeout") else rest
        else:
            return rest
    return rest


def _without_options(words: list[str], valued: frozenset[str]) -> list[str]:
    rest = list(words)
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option in valued and rest:
            rest.pop(0)
        if option == "--":
            break
    return rest
