"""The page: whole, readable, and nothing on it that a terminal obeys."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kextrel.macos import observation, page
from kextrel.macos.fields import Field
from kextrel.macos.text import plain
from kextrel.vocabulary import UNKNOWN


def test_the_page_of_a_mac(fake_mac):
    lines = page.render(fake_mac.observe()).split("\n")
    assert "  Security mode             reduced" in lines
    assert "  Kexts may be managed by   user" in lines
    assert "  Kexts loaded              com.example.driver" in lines
    assert "  System extensions         com.example.filter 1.0/7 [activated enabled]" in lines
    assert "  Booted                    2026-09-12 06:59:51 UTC" in lines
    assert "Unknown, and why" not in lines


def test_what_is_unknown_has_its_reason(fake_mac):
    fake_mac.lacks("fdesetup")
    text = page.render(fake_mac.observe())
    assert "  FileVault                 unknown\n" in text
    assert "FileVault: fdesetup status: this Mac does not have the tool" in text


def test_a_mac_that_said_nothing(fake_mac):
    text = page.render(observation.read(b"Connection closed\n"))
    assert "the Mac did not answer the script" in text


@pytest.mark.parametrize(
    "evil", ["\x1b[2J\x1b]0;x\x07", "a\rb", "\x9b31m", "\u202egnp.exe", "\u200b\ufeff", "\x00\x08\x7f"]
)
def test_nothing_on_it_moves_a_cursor(fake_mac, evil):
    seen = fake_mac.observe()
    spoilt = replace(
        seen,
        model=Field(evil, "", evil, (evil,)),
        build=Field(UNKNOWN, evil),
        contradictions=(evil,),
        problem=evil,
    )
    for text in (page.render(spoilt), "\n".join(observation.diff(seen, spoilt))):
        assert all(char == "\n" or char.isprintable() for char in text)


def test_no_line_is_wider_than_asked(fake_mac):
    long = replace(fake_mac.observe(), model=Field("x" * 5000))
    assert max(len(line) for line in page.render(long, width=60).split("\n")) <= 60


def test_plain_keeps_names_in_any_language():
    assert plain("Löwe 獅子 💬") == "Löwe 獅子 💬"
    assert plain("a\x1bb\u202ec") == "a\\x1bb\\u202ec"
