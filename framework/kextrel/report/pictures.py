"""Pictures of a Mac's screen, made small enough for the page. What a capture wrote is decoded and drawn anew: the page
holds nothing that came from a wire as it was."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup
from PIL import Image, UnidentifiedImageError

__all__ = ["FOLDER", "Picture", "small"]

FOLDER = "pictures"
_WIDTH, _QUALITY = 480, 55


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
    for name in dict.fromkeys(names):
        if len(found) >= most:
            break
        picture = _small(folder / FOLDER / name, len(found) + 1)
        if picture is not None:
            found[name] = picture
    return found


def _small(path: Path, number: int) -> Picture | None:
    """None for a file that is missing, or is no picture: the page then links to it without showing it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=("JPEG", "PNG")) as image:
                image.draft("RGB", (_WIDTH, 1))  # a JPEG is decoded at half its size where that is wide enough
                drawn = image.convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning, ValueError):
        return None
    drawn.thumbnail((_WIDTH, _WIDTH * 4), Image.Resampling.BILINEAR)
    kept = io.BytesIO()
    drawn.save(kept, "JPEG", quality=_QUALITY, optimize=True)
    uri = Markup("data:image/jpeg;base64,") + base64.b64encode(kept.getvalue()).decode()
    return Picture(number, uri, drawn.width, drawn.height)
