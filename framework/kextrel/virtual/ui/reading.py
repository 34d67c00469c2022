"""The text road: what OCR makes of a screen, lines from top to bottom, with no word of focus or colour."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from kextrel.virtual.ui.marks import Layer, Text

__all__ = ["read"]

_APART = 40  # points between two texts that OCR still takes for words of one phrase


def read(layers: Sequence[Layer]) -> str:
    """The text of `layers`, of which the later hide what is under them; empty where no text can be seen."""
    rows: list[list[Text]] = []
    for text in sorted(_visible(layers), key=lambda text: text.y):
        if rows and text.y - rows[-1][0].y <= min(text.size, rows[-1][0].size) // 2:
            rows[-1].append(text)
        else:
            rows.append([text])
    return "\n".join(_line(row) for row in rows)


def _visible(layers: Sequence[Layer]) -> list[Text]:
    covers = [layer.cover for layer in layers]
    return [
        mark
        for number, layer in enumerate(layers)
        for mark in layer.marks
        if isinstance(mark, Text) and mark.text.strip()
        if not any(cover.meets(mark.bounds) for cover in covers[number + 1 :])
    ]


def _line(row: list[Text]) -> str:
    row.sort(key=lambda text: text.bounds.x)
    line = row[0].text
    for left, right in pairwise(row):
        gap = right.bounds.x - left.bounds.x - left.bounds.w
        line += ("    " if gap > _APART else "  ") + right.text
    return line.rstrip()
