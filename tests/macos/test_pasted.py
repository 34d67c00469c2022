"""Captures as they stand in mail, tickets, wikis and scripts: what was put before, around and between their lines."""

from __future__ import annotations

import html
from collections.abc import Callable

import pytest

from capturefacts import differences, without_stars
from kextrel.errors import UnreadableAnswer
from kextrel.macos.pasted import bare, tolerant, unmarked
from kextrel.macos.registry import reader


def each(change: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: "\n".join(change(line) if line.strip() else line for line in text.split("\n"))


MARKS: dict[str, Callable[[str], str]] = {
    "quoted": each(lambda line: f"> {line}"),
    "quoted by two": each(lambda line: f">> {line}"),
    "quoted without a blank": each(lambda line: f">{line}"),
    "quoted below a sentence": lambda text: "She wrote:\n\n" + "\n".join(f"> {line}" for line in text.split("\n")),
    "a script's comment": each(lambda line: f"# {line}"),
    "a source's comment": each(lambda line: f"// {line}"),
    "a web page's text": html.escape,
    "fenced": lambda text: f"```shell\n{text.rstrip()}\n```\n",
    "in tags": lambda text: f"<pre><code>{text.rstrip()}\n</code></pre>\n",
    "a code mark around it": lambda text: f"`{text.rstrip()}`\n",
}
# These are the marks of XML itself, too; a name for what cannot be told then.
LINE_BY_LINE: dict[str, Callable[[str], str]] = {
    "code marks": each(lambda line: f"`{line}`"),
    "breaks": lambda text: text.replace("\n", "<br>\n"),
    "hard breaks": each(lambda line: f"{line}\\"),
}


@pytest.mark.parametrize("mark", [*MARKS, *LINE_BY_LINE])
def test_no_mark_costs_or_makes_a_fact(mark, captures):
    for capture in captures:
        if (mark in LINE_BY_LINE and "<plist" in capture.text) or (mark == "hard breaks" and "\n\\" in capture.text):
            continue
        reading = tolerant(reader(capture.command))((MARKS | LINE_BY_LINE)[mark](capture.text))
        wanted = without_stars(capture.facts) if "\t" not in capture.text else capture.facts
        got = without_stars(reading.facts()) if "\t" not in capture.text else reading.facts()
        assert (capture.id, differences(got, wanted)) == (capture.id, {})


@pytest.mark.parametrize(
    "text",
    [
        "enabled\tactive\tteamID\tbundleID (version)\tname\t[state]\n"
        "*\t*\tKXTRL00001\tcom.example.a (1/1)\tA\t[activated enabled]\n",
        "|com.example.probe|1|Unidentified - probe|0\n",
        "    1   83 0xffffff7f80a46000 0x9d30     0x9d30     com.apple.kpi.bsd (16.0.0) <7 6>\n"
        "    2    8 0xffffff7f80db5000 0x3940     0x3940     com.apple.kpi.dsep (16.0.0) <7>\n",
        "**KXTRL00001com.example.a (1/1)A[activated enabled]\n",
        "<?xml version='1.0'?>\n<plist><string>a &amp; b<br></string></plist>\n",
        "sh-3.2# csrutil status\nSystem Integrity Protection status: enabled.\n",
        "# csrutil status\nSystem Integrity Protection status: enabled.\n",
        "sqlite> select 1;\n",
    ],
)
def test_what_a_tool_prints_itself_is_no_mark(text):
    assert unmarked(text) == text


@pytest.mark.parametrize(
    ("text", "plainly"),
    [
        ("- a: 1\n\n- b: 2\n", "a: 1\nb: 2"),
        ("| a: 1\n| b: 2\n", "a: 1\nb: 2"),
        ("  1  a: 1\n  2  b: 2\n", "a: 1\nb: 2"),
        ("7: a\n8: \tb\n10: c\n", "a\n\tb\nc"),
        ("1 a\n7 b\n", "1 a\n7 b\n"),
        ("- a\n* b\n", "- a\n* b\n"),
        ("a\n- b\n", "a\n- b\n"),
    ],
)
def test_bullets_and_numbers_are_taken_off_only_where_every_line_has_one(text, plainly):
    assert bare(text) == plainly


def test_bold_words_and_escaped_marks():
    text = "\tKext Signing: **enabled**\n\\*\t\\*\tKXTRL00001\ta.b (1/1)\tA\t\\[activated enabled\\]\n"
    assert unmarked(text) == "\tKext Signing: enabled\n*\t*\tKXTRL00001\ta.b (1/1)\tA\t[activated enabled]\n"


def test_quotation_marks_that_were_curled():
    text = "Error Domain=KMErrorDomain Code=28 “Loading extension(s): a.b requires a reboot”\n"
    assert unmarked(text) == text.replace("“", '"').replace("”", '"')
    assert unmarked("‘a’ and ‘b’\n") == "'a' and 'b'\n"
    assert unmarked('“A” can\'t be "opened"\n') == '“A” can\'t be "opened"\n'
    assert unmarked("Lab’s Mac\n") == "Lab’s Mac\n"


def test_quotations_of_comments_of_quotations():
    assert unmarked("> # // > a\n> # // > b\n") == "a\nb\n"
    # As many as no mail has are left, and reach no end of the stack.
    assert unmarked(">#" * 5000) == ">#" * 4996


def test_a_list_that_cannot_be_read_with_its_bullets_is_read_without_them():
    assert tolerant(reader("sw_vers"))("- ProductVersion: 14.5\n- BuildVersion: 23F79\n").facts()["version"] == "14.5"


PROBE = {"team_id": "KXTRL00001", "bundle_id": "com.example.a", "allowed": True, "developer_name": "A", "flags": 1}
UNSIGNED = {"team_id": "", "bundle_id": "com.example.b", "allowed": False, "developer_name": "B", "flags": 8}


@pytest.mark.parametrize(
    ("command", "text", "facts"),
    [
        (
            "sqlite3 KextPolicy",
            "- KXTRL00001|com.example.a|1|A|1\n- |com.example.b|0|B|8\n",
            {"rows": [PROBE, UNSIGNED]},
        ),
        ("sqlite3 KextPolicy", "  1  KXTRL00001|com.example.a|1|A|1\n", {"rows": [PROBE]}),
        (
            "csrutil status",
            "1: System Integrity Protection status: enabled.\n2: \tKext Signing: disabled\n",
            {"kext_signing": False, "installations": []},
        ),
        (
            "bputil -d",
            "1: Security Mode: Reduced (smb0): 1\n2: \n3: Kexts: Enabled (smb2): 1\n",
            {"security_mode": "Reduced"},
        ),
        ("uname -a", "1: Darwin mac 25.0.0\n", {"release": "25.0.0"}),
    ],
)
def test_what_can_be_read_in_part_with_its_marks_is_read_whole_without_them(command, text, facts):
    got = tolerant(reader(command))(text).facts()
    assert {name: got[name] for name in facts} == facts


@pytest.mark.parametrize("text", ["> zsh: command not found: bputil\n", "- one\n- two\n", "1: one\n2: two\n"])
def test_foreign_text_is_quoted_with_its_marks(text):
    with pytest.raises(UnreadableAnswer) as refused:
        tolerant(reader("sw_vers"))(text)
    assert refused.value.line == text.partition("\n")[0]


def test_binary_property_lists_are_not_looked_into():
    assert tolerant(bytes.__len__)(b"bplist00 > ") == len(b"bplist00 > ")
