"""The daemons' log in every style of `log`: what changed when, and nothing that the lines do not say."""

from __future__ import annotations

import json

import pytest

from kextrel.errors import UnreadableAnswer
from kextrel.macos import logs

CHANGE = "extension KXTRL00001 com.example.filter (1.0/7) advancing state from {} to {}"
WHEN = "2025-02-19 08:56:35.549579-0800"
STYLES = {
    "default": f"{WHEN} 0xaeed     Default     0x0       283    0    sysextd: [com.apple.sx:StateChanges] ",
    "with a sender": f"{WHEN} 0xaeed     Default     0x0    283    0    sysextd: (SystemExtensions) [com.apple.sx:x] ",
    "syslog": f"{WHEN}  mini sysextd[283]: [com.apple.sx:StateChanges] ",
    "syslog with a level": f"{WHEN}  mini sysextd[283] <Notice>: ",
    "compact": f"{WHEN} Df sysextd[283:aeed] [com.apple.sx:StateChanges] ",
    "Console": "default\t08:56:35.549579-0800\tsysextd\t",
}


def line(before: str, after: str, style: str = "default") -> str:
    return STYLES[style] + CHANGE.format(before, after) + "\n"


@pytest.mark.parametrize("style", STYLES)
def test_a_change_has_its_time_and_its_extension_in_every_style(style):
    (change,) = logs.read(line("validating_by_category", "activated_waiting_for_user", style)).changes
    assert (change.before, change.after) == ("validating_by_category", "activated_waiting_for_user")
    assert (change.team_id, change.bundle_id, change.version, change.build) == (
        *("KXTRL00001", "com.example.filter", "1.0", "7"),
    )
    assert change.time is not None
    assert change.time.endswith("08:56:35.549579-0800")


@pytest.mark.parametrize("whole", [True, False], ids=["json", "ndjson"])
def test_json_is_read_too(whole):
    item = {
        "timestamp": WHEN,
        "processImagePath": "/usr/libexec/sysextd",
        "eventMessage": CHANGE.format("staging", "validating"),
    }
    text = json.dumps([item, {"finished": 1}]) if whole else f"{json.dumps(item)}\n" + '{"count": 1, "finished": 1}\n'
    (change,) = logs.read(text).changes
    assert (change.before, change.after, change.time) == ("staging", "validating", WHEN)


def test_a_log_has_its_titles_and_sums():
    text = (
        'Filtering the log data using "process == \\"sysextd\\""\nSkipping info and debug messages, pass --info\n'
        "Timestamp                       Thread     Type        Activity             PID    TTL  \n"
        + line("realizing", "staging")
        + "--------------------\nLog      - Default:          1, Info:                0\n"
    )
    answer = logs.read(text)
    assert (len(answer.changes), answer.unparsed) == (1, ())


@pytest.mark.parametrize("width", range(60, 220, 4))
def test_broken_lines_keep_the_states_or_lose_them(width):
    text = line("activated_enabled", "terminating_for_uninstall_but_still_running") + line("realizing", "staging")
    broken = "\n".join(one[at : at + width] for one in text.splitlines() for at in range(0, len(one), width)) + "\n"
    found = {(change.before, change.after, change.bundle_id) for change in logs.read(broken).changes}
    assert {pair[:2] for pair in found} <= {
        ("activated_enabled", "terminating_for_uninstall_but_still_running"),
        ("realizing", "staging"),
    }
    assert {pair[2] for pair in found} <= {"com.example.filter", None}


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_cut_state_is_none(cut):
    text = line("activated_enabled", "terminating_for_uninstall_but_still_running")
    for change in logs.read(text[: -1 - cut]).changes:
        assert change.after == "terminating_for_uninstall_but_still_running"


def test_a_state_that_no_mac_has_is_kept_as_unread():
    answer = logs.read(line("realizing", "paradise"))
    assert (answer.changes, len(answer.unparsed)) == ((), 1)


def test_a_message_of_another_process_is_kept_as_unread_and_is_no_error():
    other = f"{WHEN} 0x1    Default     0x0                  99    0    runningboardd: Acquiring assertion\n"
    answer = logs.read(other)
    assert (answer.changes, answer.unparsed) == ((), (other.rstrip("\n"),))


def test_a_log_without_lines_is_an_answer():
    titles = "Timestamp                       Thread     Type        Activity             PID    TTL  \n"
    assert logs.read(titles) == logs.LogAnswer()


def test_two_records_of_one_identifier():
    head = STYLES["default"]
    answer = logs.read(
        f"{head}activateDecision found two entries for com.example.filter\n"
        f"{head}request failed: Error Domain=OSSystemExtensionErrorDomain Code=4\n"
    )
    assert ([event.event for event in answer.events], answer.code) == (["two-entries"], 4)


def test_the_gate_of_the_boot_policy():
    text = f"{WHEN} 0x1  Default  0x0  1  0  kernelmanagerd: auxiliary extensions not allowed - skipping\n"
    assert [event.event for event in logs.read(text).events] == ["kexts-not-allowed"]


def test_syspolicyd_speaks_too():
    text = f"{WHEN} 0x1  Default  0x0  1  0  syspolicyd: [com.apple.syspolicy.kext:kext] Kernel Extension ALLOWED\n"
    (event,) = logs.read(text).events
    assert (event.event, event.process, event.time) == ("kext-allowed", "syspolicyd", WHEN)


@pytest.mark.parametrize("text", ["", "hello\n", "2025 was a year\n", '{"a": 1}', "[1, 2]"])
def test_what_is_no_log_is_refused(text):
    with pytest.raises(UnreadableAnswer):
        logs.read(text)
