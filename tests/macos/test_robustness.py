"""Any input: no error but the documented one, no time but linear, no frame that damage can turn into a fact."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kextrel.errors import UnreadableAnswer
from kextrel.macos import load, observation, page, sysext, system, text
from kextrel.macos.registry import COMMANDS, reader
from kextrel.macos.text import clean

READERS = [*(reader(command) for command in COMMANDS), system.read_console_user]

# Pieces of every tool's language, so that random text comes close to what readers look for.
PIECES = st.sampled_from(
    [
        *(
            "\n",
            "\t",
            "  ",
            ": ",
            "(",
            ")",
            "[",
            "]",
            "|",
            "<",
            ">",
            "*",
            "0x",
            "-",
            ".kext",
            ".kext/",
            " at /",
            "in '/",
        ),
        *("(smb0", " && smb1): 1", "(auxp): ", "OS Type", "Local policy:", "absent", "Error Domain=", "Code=27", "1|"),
        *("Index Refs", "com.example.a", " (1.0)", " (1.0/2)", "[activated enabled]", "extension(s)", "CREATE TABLE "),
        *("kern.boottime: { sec = 1, usec = 2 }", "identifiers ", " not approved to load", "Kext ", " v1", "FROM "),
        *("\x1b[31m", "\x1b]", "\r\n", "\x00", "é", "\u202e", "Model Identifier: ", "MDM enrollment: Yes (", "Darwin "),
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=8), max_size=60).map("".join)


@given(TEXTS)
@settings(max_examples=80, deadline=None)
def test_readers_raise_nothing_but_the_documented_error(text):
    for read in READERS:
        try:
            reading = read(text)
        except UnreadableAnswer as refused:
            assert "\x1b" not in str(refused)  # noqa: PT017 - the other good end
        else:
            assert reading is None or isinstance(reading, str) or isinstance(reading.facts(), dict)


@given(st.binary(max_size=400))
@settings(max_examples=100, deadline=None)
def test_readers_take_any_bytes(raw):
    for read in READERS:
        try:
            read(raw)
        except UnreadableAnswer as refused:
            assert refused.command  # noqa: PT017


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=40), st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_answer_is_read_without_an_error(answer, where, bytes_, insert):
    at = where % len(answer)
    damaged = answer[:at] + bytes_ + answer[at if insert else at + len(bytes_) :]
    seen = observation.read(damaged)
    assert page.render(seen)
    assert all(field.known or field.why for field in seen.fields().values())


@pytest.fixture
def answer(fake_mac):
    return fake_mac.run(observation.script(fake_mac.token), "sh").stdout


HOSTILE = {
    "one long word": "a" * 1_000_000,
    "one long line of blanks": " " * 1_000_000,
    "open brackets": "(" * 1_000_000,
    "names without versions": "a.b (" * 200_000,
    "names that wrap": "1 0 0x1 a\n" + "<1>\n" * 250_000,
    "escapes without an end": "\x1b[" * 500_000,
    "titles without an end": "\x1b]x" * 300_000,
    "tags": "(smb0 && smb1)" * 70_000,
    "phrases without an end": "identifiers extension(s): Kext v1 " * 30_000,
    "kexts": "Kext a v1 .kext/ in '/ at / " * 30_000,
    "rows": "1 0 0x1 0x1 0x1 com.example.a (1.0) <1 2 3>\n" * 20_000,
    "half rows": "* * KXTRL00001 com.example.a (1.0/1) a\n" * 20_000,
    "bars": "|" * 1_000_000,
    "hexadecimal": "Label (auxp): A\n" + "0123456789ABCDEF\n" * 50_000,
    "colons": "a:" * 500_000,
    "a broken line among a tree's bars": '"IOUserClass" = "a\n' + "| " * 500_000 + "x",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_long_answer_of_anything_is_read_in_linear_time(text):
    text = text[:100_000]
    # Quadratic reading of this takes minutes; two seconds allow for a busy machine.
    for read in READERS:
        started = time.process_time()
        try:
            read(text)
        except UnreadableAnswer as refused:
            assert len(str(refused)) < 1000  # noqa: PT017
        assert time.process_time() - started < 2, read


def test_clean_leaves_no_control_character():
    text = clean(bytes(range(256)) * 3)
    assert all(char in "\t\n" or not (ord(char) < 32 or 127 <= ord(char) < 160) for char in text)


def test_text_alone_is_read_as_on_either_stream():
    text = 'Error Domain=KMErrorDomain Code=28 "Loading extension(s): com.example.a requires a reboot"'
    assert load.read_text(text) == load.read(None, text, "") == load.read(None, "", text)


def test_a_list_of_ten_thousand_extensions():
    rows = "".join(f"*\t*\tKXTRL00001\tcom.example.x{n} (1.0/{n})\tX\t[activated enabled]\n" for n in range(10_000))
    assert len(sysext.read(rows).extensions) == 10_000


@given(st.text(alphabet="ab \t\n\u00a0", max_size=60))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_long_line_is_flattened_in_pieces_as_a_short_one_is(monkeypatch, words):
    expected = " ".join(words.split())
    monkeypatch.setattr(text, "_LONG", 7)
    assert text.flat(words) == expected
