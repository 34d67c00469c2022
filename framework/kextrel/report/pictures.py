"""Pictures of a Mac's screen, made small enough for the page. What a capture wrote is decoded and drawn anew: the page
holds nothing that came from a wire as it was."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from markupsafe import Markup
from PIL import Image, UnidentifiedImageError

__all__ = ["FOLDER", "Picture", "small"]

FOLDER = "pictures"
_WIDTH, _QUALITY = 640, 55  # half of what a capture has for the most part: so it is decoded, and no more


@dataclass(frozen=True)
class Picture:
    """One picture: its number on the page, the small one as a data URI (ours, so markup), and its size in pixels."""

    number: int
    uri: Markup
    width: int
    height: int


def small(folder: Path, names: Iterable[str], most: int) -> Mapping[str, Picture]:
    """The first `most` of the named files in `folder`/pictures that can be read, by name."""
    found: dict[str, Picture] = {}
    left = iter(dict.fromkeys(names))
    with warnings.catch_warnings(), ThreadPoolExecutor() as drawing:  # the decoder lets other threads run
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        while tried := list(islice(left, most - len(found))):
            drawn = drawing.map(lambda name: _small(folder / FOLDER / name), tried)
            good = [(name, one) for name, one in zip(tried, drawn, strict=True) if one is not None]
            found |= {name: Picture(number, *one) for number, (name, one) in enumerate(good, len(found) + 1)}
    return found


def _small(path: Path) -> tuple[Markup, int, int] | None:
    """A data URI, width and height; None for a file that is missing, or is no picture: the page then links to it
    without showing it."""
    try:
        with Image.open(path, formats=("JPEG", "PNG")) as image:
            image.draft("RGB", (_WIDTH, 1))  # a JPEG is decoded at half its size where that is wide enough
            drawn = image.convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning, ValueError):
        return None
    drawn.thumbnail((_WIDTH, _WIDTH * 4), Image.Resampling.BILINEAR)
    kept = io.BytesIO()
    drawn.save(kept, "JPEG", quality=_QUALITY, optimize=True)
    uri = Markup("data:image/jpeg;base64,") + base64.b64encode(kept.getvalue()).decode()
    return uri, drawn.width, drawn.height
