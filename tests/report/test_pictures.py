"""Pictures of screens, made small; what is no picture is left out."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from kextrel.report.pictures import small


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (1920, 1200), "navy").save(tmp_path / "pictures" / "a.jpg", "JPEG")
    Image.new("RGB", (320, 200), "red").save(tmp_path / "pictures" / "b.jpg", "JPEG")
    return tmp_path


def test_a_large_one_becomes_small_and_a_small_one_stays(folder: Path) -> None:
    found = small(folder, ["a.jpg", "b.jpg", "a.jpg"], 9)
    assert [(name, one.number, one.width, one.height) for name, one in found.items()] == [
        ("a.jpg", 1, 640, 400),
        ("b.jpg", 2, 320, 200),
    ]
    raw = base64.b64decode(found["a.jpg"].uri.removeprefix("data:image/jpeg;base64,"))
    with Image.open(io.BytesIO(raw)) as drawn:
        assert drawn.size == (640, 400)


def test_there_are_no_more_than_asked_for(folder: Path) -> None:
    assert list(small(folder, ["a.jpg", "b.jpg"], 1)) == ["a.jpg"]


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff\xe0 and then nothing", b"GIF89a\x01\x00\x01\x00", b"<svg/>"])
def test_what_is_no_picture_is_left_out(folder: Path, content: bytes) -> None:
    (folder / "pictures" / "c.jpg").write_bytes(content)
    assert list(small(folder, ["c.jpg", "not-there.jpg", "..", "b.jpg"], 9)) == ["b.jpg"]


def test_a_bomb_is_left_out(folder: Path) -> None:
    Image.new("1", (12000, 12000)).save(folder / "pictures" / "bomb.png")
    (folder / "pictures" / "bomb.png").rename(folder / "pictures" / "bomb.jpg")
    assert small(folder, ["bomb.jpg"], 9) == {}
