"""A line typed at a prompt, and Return only once it is seen there: a keyboard may lose a key, and nobody tells."""

from __future__ import annotations

from collections.abc import Callable
from difflib import SequenceMatcher

from kextrel.device.flows.place import blame_or
from kextrel.device.flows.screens import fold
from kextrel.device.rig import Rig
from kextrel.timing import Deadline

__all__ = ["type_line"]

_TRIES = 2
_A_MISTAKE_EVERY = 20  # letters, at most, of what OCR makes of a typed line


def type_line(rig: Rig, line: str, *, deadline: Deadline) -> None:
    """Types `line` at the prompt, looks whether it stands there, and presses Return.

    A line that is not seen is taken back by Control-C and typed once more. OCR that damages a letter of a long line
    cannot be told from a key that was lost twice; it is let pass then, so a line must do no harm with a letter missing.
    BenchError of the keyboard where nothing like the line is seen.
    """
    for attempt in range(_TRIES):
        if attempt:
            rig.note("the typed line is not on the screen; typing it again")
            rig.keyboard.press("control", "c", deadline=deadline)
        shows = _anew(line, rig.screen.text(deadline=deadline))
        rig.keyboard.type(line, deadline=deadline)
        if rig.sees(shows, rig.timeouts.settle, deadline=deadline, what="the typed line"):
            break
    else:
        if not _alike(rig.screen.text(deadline=deadline), line):
            what = "typed a line that Terminal does not show (PREP-08: are keys lost, or is its layout another one?)"
            raise blame_or(rig, rig.keyboard.name, what, deadline=deadline)
    rig.keyboard.press("return", deadline=deadline)


def _anew(line: str, before: str) -> Callable[[str], bool]:
    """A question for the screen: does the line stand there once more than `before`, or at the very end?"""
    typed = fold(line)
    already = fold(before).count(typed)
    return lambda text: fold(text).count(typed) > already or fold(text).endswith(typed)


def _alike(text: str, line: str) -> bool:
    """Whether what stands last differs from the line by a few letters only; by none where the line is short."""
    typed = fold(line)
    seen = fold(text)[-len(typed) :]
    same = sum(block.size for block in SequenceMatcher(None, typed, seen, autojunk=False).get_matching_blocks())
    return len(typed) - same <= len(typed) // _A_MISTAKE_EVERY
