"""Several commands in one paste: each is answered by what stands below it."""

from __future__ import annotations

import pytest

from kextrel.macos.pasted import tolerant
from kextrel.macos.registry import reader
from kextrel.macos.transcript import answer_to

LINES = {
    "sw_vers": "ProductName:\t\tmacOS\nProductVersion:\t\t14.5\nBuildVersion:\t\t23F79\n",
    "csrutil status": "System Integrity Protection status: disabled.\n",
    "systemextensionsctl reset": "At this time, this tool cannot be used if System Integrity Protection is enabled.\n",
    "nvram boot-args": "boot-args\t-v keepsyms=1\n",
    "date": "Tue Jul  9 10:00:00 CEST 2024\n",
}
FACTS = {
    "sw_vers": {"version": "14.5", "build": "23F79"},
    "csrutil status": {"sip": "disabled", "error": None},
    "systemextensionsctl reset": {"error": "sip_enabled"},
    "nvram boot-args": {"name": "boot-args", "value": "-v keepsyms=1"},
}
PROMPTS = ["user@mac ~ % ", "mac:~ user$ ", "sh-3.2# ", "-bash-3.2# ", "$ ", "% ", "❯ ", "➜  ~ ", "> mac:Desktop me$ "]


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("command", FACTS)
def test_the_answer_is_what_stands_below_the_command(command, prompt):
    quote = "> " if prompt.startswith("> ") else ""
    session = "".join(
        f"{prompt}{typed}\n" + "".join(f"{quote}{line}\n" for line in told.splitlines())
        for typed, told in LINES.items()
    )
    answer, others = answer_to(command, session.encode())
    facts = tolerant(reader(command))(answer).facts()
    assert {name: facts[name] for name in FACTS[command]} == FACTS[command]
    assert others


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("csrutil status", LINES["csrutil status"]),
        ("csrutil status", f"$ csrutil status\n{LINES['csrutil status']}$ date\n{LINES['date']}"),
        ("csrutil status", f"% sw_vers\n{LINES['csrutil status']}"),
        ("kmutil load", f"$ sudo kextload x.kext\n$ kextutil 'x.kext\n{LINES['date']}"),
    ],
)
def test_text_in_which_no_other_tool_was_called_is_left_as_it_is(command, text):
    assert answer_to(command, text.encode()) == (text.encode(), ())


def test_two_calls_of_one_tool_are_both_its_answers():
    text = "$ sysctl -n hw.model\nMac14,3\n$ sw_vers\nProductVersion: 14.5\n$ sysctl hw.ncpu\nhw.ncpu: 8\n"
    answer, others = answer_to("sysctl hw.ncpu", text.encode())
    assert answer == "$ sysctl -n hw.model\nMac14,3\n$ sysctl hw.ncpu\nhw.ncpu: 8\n"
    assert others == ("$ sw_vers", "ProductVersion: 14.5")


def test_binary_property_lists_are_left_alone():
    assert answer_to("cat a.mobileconfig", b"bplist00\n$ sw_vers\n") == (b"bplist00\n$ sw_vers\n", ())
