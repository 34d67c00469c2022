"""The two roads from one model: what tesseract reads in the picture is what the text says."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Callable
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from kextrel.virtual.ui import painting

PRIVACY = "x-apple.systempreferences:com.apple.settings.PrivacySecurity.extension?Security"
needs_tesseract = pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed here")


def show_picker(mac: Any) -> None:
    mac.display.entered("recovery")


def show_terminal(mac: Any) -> None:
    show_picker(mac)
    mac.press("return")
    mac.type("swordfish")
    mac.press("return", "command-shift-t")
    mac.system.shells[0].tty.write(b"csrutil status\nSystem Integrity Protection status: enabled.\n")
    mac.system.shells[0].tty.write(b"Security Mode:               Full       (smb0): absent\n-bash-3.2# ")


def show_login(mac: Any) -> None:
    mac.console_user = None
    mac.display.entered("macos")


def show_blocked(mac: Any) -> None:
    mac.display.entered("macos")
    mac.display.extension_blocked("Kextrel Sample")


def show_settings(mac: Any) -> None:
    mac.display.entered("macos")
    mac.kernel.ask()
    mac.display.open_settings(PRIVACY)


def show_sheet(mac: Any) -> None:
    show_settings(mac)
    mac.press("tab", "tab", "tab", "space")


SCREENS: dict[Callable[[Any], None], list[str]] = {
    lambda mac: mac.display.firmware("Continue holding for startup options…"): ["Continue holding for startup options"],
    lambda mac: mac.display.entered("startup-options"): ["Macintosh HD", "Shut Down"],
    show_picker: ["macOS Recovery", "Select a user you know the password for.", "Lab Admin"],
    show_terminal: ["System Integrity Protection status: enabled.", "-bash-3.2#"],
    show_login: ["Lab Admin", "Enter Password"],
    show_blocked: ["System Extension Blocked", "Open System Settings"],
    show_settings: ["Allow applications downloaded from", "System software from developer"],
    show_sheet: ["Enter your password to allow this."],
}


def near(wanted: str, text: str) -> float:
    """How much of `wanted` is found in one line of `text`, spaces and case aside, 0 to 1."""
    plain = "".join(wanted.lower().split())
    lines = ["".join(line.lower().split()) for line in text.splitlines()]
    return max((_found(plain, line) for line in lines), default=0.0)


def _found(plain: str, line: str) -> float:
    windows = range(max(1, len(line) - len(plain) + 1))
    return max(SequenceMatcher(None, plain, line[at : at + len(plain)], autojunk=False).ratio() for at in windows)


@pytest.mark.night
@needs_tesseract
@pytest.mark.parametrize(("show", "sentences"), SCREENS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_tesseract_reads_in_the_picture_what_the_text_says(
    mac: Any, tmp_path: Path, show: Callable[[Any], None], sentences: list[str]
) -> None:
    show(mac)
    picture = tmp_path / "screen.png"
    image = Image.open(io.BytesIO(mac.display.jpeg()))
    image.resize((image.width * 2, image.height * 2), Image.Resampling.LANCZOS).save(picture)
    read = subprocess.run(["tesseract", picture, "-", "--psm", "11"], capture_output=True, text=True, check=True).stdout
    for sentence in sentences:
        assert sentence in mac.text
        assert near(sentence, read) >= 0.85, read


def test_the_picture_is_a_jpeg_of_the_screens_size(mac: Any) -> None:
    show_settings(mac)
    with Image.open(io.BytesIO(mac.display.jpeg())) as image:
        assert (image.format, image.size) == ("JPEG", (1280, 800))


def test_the_focus_is_seen_in_the_picture_and_not_in_the_text(mac: Any) -> None:
    show_settings(mac)
    text, picture = mac.text, mac.display.jpeg()
    mac.press("tab", "tab", "tab")
    assert mac.text == text
    assert mac.display.jpeg() != picture


def test_the_mouse_moves_the_arrow_and_no_more(mac: Any) -> None:
    show_login(mac)
    text, picture = mac.text, mac.display.jpeg()
    mac.display.pointer(2048, 2048, 1)
    assert mac.text == text
    with Image.open(io.BytesIO(mac.display.jpeg())) as moved, Image.open(io.BytesIO(picture)) as before:
        box = (
            ImageChops.difference(moved.convert("L"), before.convert("L"))
            .point(lambda value: 255 * (value > 60))
            .getbbox()
        )
    assert box is not None
    assert 636 <= box[0] < box[2] <= 660
    assert 396 <= box[1] < box[3] <= 424


def test_a_screen_that_did_not_change_is_painted_once(mac: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    show_login(mac)
    first = mac.display.jpeg()
    monkeypatch.setattr(painting, "_encoded", lambda _image: pytest.fail("painted again"))
    assert mac.display.jpeg() is first


def test_no_password_is_in_the_picture(mac: Any) -> None:
    show_login(mac)
    mac.type("swordfish")
    one = mac.display.jpeg()
    mac.press(*["backspace"] * 9)
    mac.type("goldfishx")
    assert mac.display.jpeg() == one


def test_black_is_black() -> None:
    with Image.open(io.BytesIO(painting.black())) as image:
        assert image.convert("L").getextrema() == (0, 0)
