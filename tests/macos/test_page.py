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
    assert "  Loaded, not Apple's       com.example.driver" in lines
    assert "  System extensions         com.example.filter 1.0/7 [activated enabled]" in lines
    assert "                              network extension, team KXTRL00001, Lab Filter" in lines
    assert "  FileVault                 off" in lines
    assert "  User approved             there is no enrollment" in lines
    assert "  Booted                    2026-09-12 06:59:51 UTC" in lines
    assert "Unknown, and why" not in lines


def test_what_is_unknown_has_its_reason(fake_mac):
    fake_mac.lacks("fdesetup")
    text = page.render(fake_mac.observe())
    assert "  FileVault                 unknown\n" in text
    assert "FileVault: fdesetup status: this Mac does not have the tool" in text


def test_what_is_unknown_for_one_reason_is_one_line(fake_mac):
    fake_mac.lacks("bputil")
    lines = page.render(fake_mac.observe(), width=300).split("\n")
    (line,) = [line for line in lines if "this Mac does not have the tool" in line]
    assert line.startswith("  OS type, Pairing, SIP from the next boot, Approved kexts (auxp), ")


def test_a_query_is_named_by_its_table(fake_mac):
    fake_mac.says("sqlite3 kext_policy_mdm;", "")
    text = page.render(fake_mac.observe(), width=200)
    assert "Kexts allowed by MDM: sudo sqlite3 KextPolicy (kext_policy_mdm): the line that ends it is missing" in text


def test_an_intel_mac_has_no_rows_of_a_local_policy(fake_mac):
    fake_mac.says("sysctl", "kern.safeboot: 0\nhw.model: Macmini7,1\nsysctl: unknown oid 'hw.optional.arm64'\n")
    fake_mac.says("bputil", "bputil is not yet supported on this platform\n", exit_code=1)
    fake_mac.says("system_profiler SPiBridgeDataType", "")
    text = page.render(fake_mac.observe(), title="mini")
    assert text.startswith("mini\n\nThis Mac\n")
    assert "  Security mode             this Mac has no such policy\n" in text
    assert not any(label in text for label in ("Pairing", "auxp", "bputil", "Kexts may be managed"))


def test_contradictions_stand_before_what_is_unknown(fake_mac):
    fake_mac.says("csrutil", "System Integrity Protection status: disabled.\n")
    fake_mac.lacks("fdesetup")
    text = page.render(fake_mac.observe())
    assert 0 < text.index("Contradictions\n  csrutil says that SIP is disabled") < text.index("Unknown, and why")


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
