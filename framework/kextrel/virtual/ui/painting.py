"""The picture road: marks painted by Pillow with the font that it brings along, as a JPEG.

Pillow is imported when the first picture is asked for: most Macs are never looked at, only read.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING

from kextrel.virtual.ui.marks import HEIGHT, WIDTH, Box, Disc, Fade, Layer, Mark, Rect, Shape, Text

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont
    from PIL.ImageFont import ImageFont as BitmapFont

__all__ = ["black", "jpeg"]

_QUALITY = 85
_STAND_INS = str.maketrans({"—": "-", "–": "-", "×": "x", "•": "·"})
"""Characters that the font does not have, and what comes nearest."""


@lru_cache(maxsize=16)
def jpeg(layers: tuple[Layer, ...]) -> bytes:
    """The picture of `layers`, painted in their order. A Mac shows the same few screens over and over."""
    from PIL import ImageDraw

    image = _blank()
    draw = ImageDraw.Draw(image)
    for layer in layers:
        for mark in layer.marks:
            _paint(image, draw, mark)
    return _encoded(image)


@lru_cache(maxsize=1)
def black() -> bytes:
    """A picture on which there is nothing."""
    return _encoded(_blank())


def _blank() -> Image:
    from PIL import Image

    return Image.new("RGB", (WIDTH, HEIGHT), "#000000")


def _encoded(image: Image) -> bytes:
    stream = BytesIO()
    image.save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()


@lru_cache(maxsize=32)
def _font(size: int) -> FreeTypeFont | BitmapFont:
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _corners(rect: Rect) -> tuple[int, int, int, int]:
    return rect.x, rect.y, rect.x + rect.w - 1, rect.y + rect.h - 1


def _paint(image: Image, draw: ImageDraw, mark: Mark) -> None:
    if isinstance(mark, Text):
        if mark.cell:
            _cells(image, mark)
        else:
            _text(draw, mark)
    elif isinstance(mark, Box):
        draw.rounded_rectangle(_corners(mark.rect), mark.radius, mark.fill, mark.outline, mark.width)
    elif isinstance(mark, Disc):
        draw.ellipse(_corners(mark.rect), mark.fill)
    elif isinstance(mark, Shape):
        draw.polygon(mark.points, mark.fill)
    else:
        _fade(image, mark)


def _text(draw: ImageDraw, mark: Text) -> None:
    if not mark.text.strip("•"):
        _bullets(draw, mark)
        return
    mask, (left, top) = _line(mark.text.translate(_STAND_INS), mark.size, mark.anchor)
    for offset in range(2 if mark.bold else 1):  # the font has one weight: bold is struck twice, as on a typewriter
        draw.bitmap((mark.x + left + offset, mark.y + top), mask, mark.colour)


@lru_cache(maxsize=512)
def _line(text: str, size: int, anchor: str) -> tuple[Image, tuple[int, int]]:
    """The mask of a line, and where its upper left corner is from where it is anchored (vertically its middle)."""
    from PIL import Image, ImageDraw

    left, top, right, bottom = _font(size).getbbox(text, anchor=f"{anchor}m")
    mask = Image.new("L", (max(1, math.ceil(right - left)), max(1, math.ceil(bottom - top))))
    ImageDraw.Draw(mask).text((-left, -top), text, 255, _font(size), f"{anchor}m")
    return mask, (math.floor(left), math.floor(top))


def _bullets(draw: ImageDraw, mark: Text) -> None:
    for number in range(len(mark.text)):
        x = mark.x + number * (mark.size * 2 // 3)
        draw.ellipse((x, mark.y - mark.size // 4, x + mark.size // 2, mark.y + mark.size // 4), mark.colour)


def _cells(image: Image, mark: Text) -> None:
    """A row of a terminal: the font is proportional, so each character is centred in its cell."""
    for column, character in enumerate(mark.text.translate(_STAND_INS)):
        if character != " ":
            glyph = _glyph(character, mark.size, mark.cell)
            image.paste(mark.colour, (mark.x + column * mark.cell, mark.y - glyph.height // 2), glyph)


@lru_cache(maxsize=512)
def _glyph(character: str, size: int, width: int) -> Image:
    """The mask of one character in the middle of its cell: a terminal shows the same few over and over."""
    from PIL import Image, ImageDraw

    mask = Image.new("L", (width, 2 * size))
    ImageDraw.Draw(mask).text((width // 2, size), character, 255, _font(size), "mm")
    return mask


def _fade(image: Image, mark: Fade) -> None:
    image.paste(_faded(mark.top, mark.bottom, mark.rect.w, mark.rect.h), (mark.rect.x, mark.rect.y))


@lru_cache(maxsize=8)
def _faded(top: str, bottom: str, width: int, height: int) -> Image:
    """From one colour to the other. Behind everything there is the same one."""
    from PIL import Image

    strip = Image.new("RGB", (1, 2))
    strip.putdata([_rgb(top), _rgb(bottom)])
    return strip.resize((width, height), Image.Resampling.BILINEAR)


_rgb: Callable[[str], tuple[int, ...]] = lru_cache(maxsize=64)(lambda colour: tuple(bytes.fromhex(colour[1:])))
