"""A script in recovery's Terminal: few characters typed, the script fetched from the beacon, its answer posted back.

Prompts of the tools it runs are answered by the keyboard, each only when it stands at the end of the screen.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from kextrel.bench.protocols import Ticket
from kextrel.device.flows.place import blame_or
from kextrel.device.flows.recovery import open_terminal
from kextrel.device.flows.screens import fold, has
from kextrel.device.flows.typing import type_line
from kextrel.device.rig import Rig
from kextrel.errors import BenchError, DeadlineExceeded, NotPossible, UnreadableAnswer
from kextrel.timing import Deadline

__all__ = ["Answer", "Talk", "converse", "exit_code", "fetch", "run"]

_TRIES = 2
_FILE = "/tmp/k"  # noqa: S108 - recovery's own RAM disk; there is no other user
_LETTERS = "ACDEFHKMNPRTWXY"  # none that OCR takes for another
_POST = "curl -s --data-binary @- @REPORT@"
# A line with a lost key may leave an earlier script where it is and run that: so each takes itself away first.
_ONCE = f"rm -f {_FILE}\n"
_INTERRUPT = 3.0  # wall seconds for the Control-C that ends what was started, whatever else has run out of time


@dataclass(frozen=True)
class Answer:
    """What is typed at a prompt. `prompt` is a regular expression on the folded text (see screens.fold).

    `not_ours` says why nothing can be typed at it: then the command is ended, and NotPossible raised with that.
    """

    prompt: str
    text: str = ""
    secret: bool = False
    not_ours: str = ""


@dataclass(frozen=True)
class Talk:
    """How a command in recovery ended.

    `screen` is what Terminal showed of it; `before` and `after` are what the observing script said on both sides.
    """

    exit_code: int
    screen: str
    before: bytes
    after: bytes


def run(rig: Rig, script: str, *, deadline: Deadline, seconds: float | None = None) -> bytes:
    """Runs a script that asks nothing; what it printed on stdout. `seconds` of wall time, else the command timeout."""
    posting = f"{{\n{script}\n}} </dev/null 2>/dev/null | {_POST} >/dev/null 2>&1\n"
    return fetch(rig, posting, deadline=deadline, seconds=seconds)


def fetch(rig: Rig, script: str, *, deadline: Deadline, seconds: float | None = None) -> bytes:
    """Runs a script that posts its own answer to @REPORT@; the first such answer."""
    open_terminal(rig, deadline=deadline)
    ticket = rig.beacon.offer(_ONCE + script)
    with _ended(rig, [ticket]):
        return _first_report(rig, ticket, rig.timeouts.command if seconds is None else seconds, deadline)


def converse(rig: Rig, command: str, answers: Sequence[Answer], *, observe: str, deadline: Deadline) -> Talk:
    """Runs a command that asks on the terminal; before and after it the script `observe`, which posts its answer.

    Each report has a ticket of its own: one that curl sends twice is not taken for the next.
    """
    open_terminal(rig, deadline=deadline)
    word = "".join(secrets.choice(_LETTERS) for _ in range(6))
    code, last = rig.beacon.offer(""), rig.beacon.offer("")
    ticket = rig.beacon.offer(_script(command, observe, word, code, last))
    with _ended(rig, [ticket, code, last]):
        before = _first_report(rig, ticket, rig.timeouts.observe, deadline)
        screen = _answer_all(rig, word, answers, deadline)
        ended = exit_code(command, _receive(rig, code, deadline))
        return Talk(ended, screen, before, _receive(rig, last, deadline))


def exit_code(command: str, report: bytes) -> int:
    """The exit code that a script posted. UnreadableAnswer for anything else: that is no answer of the command's."""
    text = report.decode(errors="replace").strip()
    if not (text.isascii() and text.isdigit() and int(text) <= 255):
        raise UnreadableAnswer(command, text or "an empty report instead of an exit code")
    return int(text)


@contextmanager
def _ended(rig: Rig, tickets: Sequence[Ticket]) -> Iterator[None]:
    """Withdraws the tickets; whatever goes wrong ends what was started in Terminal, too."""
    try:
        yield
    except BaseException:
        _interrupt(rig)
        raise
    finally:
        for ticket in tickets:
            rig.beacon.withdraw(ticket)


def _interrupt(rig: Rig) -> None:
    """Control-C: no tool is left at its prompt, where the next line would be taken for a password."""
    try:
        rig.keyboard.press("control", "c", deadline=Deadline.after(_INTERRUPT, "the end of a command in recovery"))
    except BenchError as error:
        rig.note(f"what was started in Terminal could not be ended: {error}")


def _script(command: str, observe: str, word: str, code: Ticket, last: Ticket) -> str:
    def look(script: str) -> str:
        return f"(\n{script}\n)\n"  # its functions and traps are its own

    post = _POST.replace("@REPORT@", code.url)
    return (
        f"{_ONCE}{look(observe)}echo 'begin {word}'\n{command}\ncode=$?\necho 'end {word}'\n"
        f'printf %s "$code" | {post} >/dev/null 2>&1\n{look(observe.replace("@REPORT@", last.url))}'
    )


def _type(rig: Rig, ticket: Ticket, deadline: Deadline) -> None:
    type_line(rig, f"curl -sSo {_FILE} {ticket.url}; sh {_FILE}", deadline=deadline)


def _first_report(rig: Rig, ticket: Ticket, limit: float, deadline: Deadline) -> bytes:
    """Types the line until the first report comes: before it no command of ours has asked anything."""
    for attempt in range(_TRIES):
        if attempt:
            rig.note("no report came; typing the line again")
            _interrupt(rig)
        _type(rig, ticket, deadline)
        report = _report_within(rig, ticket, limit, deadline)
        if report is not None:
            return report
    raise _silent(rig, ticket, deadline)


def _report_within(rig: Rig, ticket: Ticket, seconds: float, deadline: Deadline) -> bytes | None:
    try:
        return rig.beacon.receive(ticket, deadline=deadline.within(seconds, "the report from recovery"))
    except DeadlineExceeded:
        if deadline.expired:
            raise
        return None


def _receive(rig: Rig, ticket: Ticket, deadline: Deadline) -> bytes:
    return rig.beacon.receive(ticket, deadline=deadline.within(rig.timeouts.observe, "the report from recovery"))


def _silent(rig: Rig, ticket: Ticket, deadline: Deadline) -> BenchError:
    """Who is to blame for a report that did not come: the keyboard when the line is not on the screen."""
    text = rig.screen.text(deadline=deadline)
    if not has(text, ticket.url):
        return blame_or(rig, rig.keyboard.name, "typed a line that Terminal does not show", deadline=deadline)
    hint = f"is its address reachable from recovery (PREP-12)? Terminal ends with {text.strip()[-120:]!r}"
    return BenchError("had no report from recovery", wire=rig.beacon.name, hint=hint)


def _answer_all(rig: Rig, word: str, answers: Sequence[Answer], deadline: Deadline) -> str:
    """Answers prompts until the end mark is on the screen; what Terminal shows of the command then."""
    given = [0] * len(answers)

    def due(text: str) -> int | None:
        return _due(_of_command(text, word), answers, given)

    while True:
        limit = deadline.within(rig.timeouts.command)
        text = rig.screen.wait(
            lambda t: has(t, f"end {word}") or due(t) is not None, deadline=limit, what="the tool's prompt or its end"
        )
        if has(text, f"end {word}"):
            return _of_command(text, word)
        given_now = _give(rig, answers, due, deadline)
        if given_now is not None:
            given[given_now] += 1


def _give(rig: Rig, answers: Sequence[Answer], due: Callable[[str], int | None], deadline: Deadline) -> int | None:
    """Answers the prompt that stands now, looked at once more with nothing of the screen kept; which one it was."""
    with rig.screen.private():
        which = due(rig.screen.text(deadline=deadline))
        if which is None:
            return None
        if answers[which].not_ours:
            raise NotPossible(answers[which].not_ours)
        put = rig.keyboard.type_secret if answers[which].secret else rig.keyboard.type
        put(answers[which].text, deadline=deadline)
        rig.keyboard.press("return", deadline=deadline)
    return which


def _due(text: str, answers: Sequence[Answer], given: Sequence[int]) -> int | None:
    """Which prompt stands at the end, unanswered. One that was answered stays on the screen while the tool works, so
    prompts are counted: a new one is one more than were answered."""
    folded = fold(text)
    for n, answer in enumerate(answers):
        if re.search(f"(?:{answer.prompt})\\Z", folded) and len(re.findall(answer.prompt, folded)) > given[n]:
            return n
    return None


def _of_command(text: str, word: str) -> str:
    """What stands after the begin mark; all of it once the mark has scrolled away."""
    lines = text.splitlines()
    for n, line in enumerate(lines):
        if has(line, f"begin {word}"):
            return "\n".join(lines[n + 1 :])
    return text
