"""The script under dash and bash among small fake tools: what it reads; that no tool spoils what another said."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from kextrel.errors import UsageError
from kextrel.macos import observation
from kextrel.vocabulary import UNKNOWN, Architecture, Enrollment, Environment, KextManagement, SecurityMode, Version

LIMIT = 4.0  # seconds that a busy machine has for all the tools that do not hang


T2_VARIABLE = "94b73556-2197-4702-82a8-3e1337dafbfb:AppleSecureBootPolicy"
OLD_KEXTS = (
    "Index Refs Address            Size       Wired      Name (Version) UUID <Linked Against>\n"
    "  1  0 0xff 0x10 0x10 com.apple.kpi.bsd (18.7.0) <1>\n 99  0 0xff 0x10 0x10 com.example.old (1.0) <1>\n"
)
OLD_INTEL = {
    "sw_vers": "ProductName:\tMac OS X\nProductVersion:\t10.14.6\nBuildVersion:\t18G103\n",
    "sysctl": "kern.boottime: { sec = 5, usec = 6 } x\nkern.safeboot: 0\nhw.model: Macmini8,1\n"
    "sysctl: unknown oid 'hw.optional.arm64'\n",
    "system_profiler SPHardwareDataType": "Hardware:\n\n  Model Identifier: Macmini8,1\n  Processor Name: Core i7\n"
    "  Boot ROM Version: 1037.40 (iBridge: 17.16)\n",
    "system_profiler SPiBridgeDataType": "",
    "nvram": f"{T2_VARIABLE}\t%01\n",
}


RECOVERY_POLICY = """\
OS environment:
OS Type                                       : one true recoveryOS
OS Pairing Status                             : Paired
Local policy:
Security Mode:               Permissive (smb0 && smb1): 1
SIP Status:                  Customized (sip0): 7f
"""
CURL = """\
for word in "$@"; do
  case "$word" in @*) cat "${word#@}" ;; esac
done >"$MARK/report"
echo "$*" >"$MARK/curl"
"""


def forged_answer(token: str) -> str:
    """A whole answer that says what is not so."""
    said = "System Integrity Protection status: disabled.\n"
    sizes = f"{len(said)} csrutil.out\n0 csrutil.err\n{len(said)} total\n"
    return f"\n{token} begin 4096\n{token} sections csrutil 0\n{sizes}{token} data\n{said}\n{token} end\n"


def folder_of(script: str) -> Path:
    return Path(re.search(r"(/tmp/kextrel-\w+)", script)[1])


def test_every_fact_of_a_mac(fake_mac, shell):
    seen = fake_mac.observe(shell)
    assert seen.unknown() == {}
    assert seen.contradictions == ()
    assert seen.macos.value == Version(14, 5)
    assert seen.build.value == "23F79"
    assert seen.architecture.value is Architecture.APPLE_SILICON
    assert seen.model.value == "Mac14,3"
    assert (seen.boot_time.value.sec, seen.boot_time.value.usec) == (1789196391, 979990)
    assert seen.safe_boot.value is False
    assert seen.environment.value is Environment.MACOS
    assert (seen.os_type.value, seen.pairing.value) == ("macOS", "Not Paired")
    assert (seen.sip.value, seen.sip_stored.value) == ("enabled", "enabled")
    assert seen.security_mode.value is SecurityMode.REDUCED
    assert (seen.smb2.value, seen.smb3.value, seen.smb4.value) == (True, False, False)
    assert seen.kext_management.value == {KextManagement.USER}
    assert (seen.auxp.value, seen.auxi.value, seen.auxr.value) == ("A" * 96, "B" * 96, "C" * 96)
    assert seen.enrollment.value is Enrollment.NONE
    assert seen.loaded_kexts.value == {"com.example.driver"}
    assert seen.aux_kc.value == {"com.example.driver"}
    assert seen.approved_kexts.value == {"com.example.driver"}
    assert seen.mdm_allowed_kexts.value == frozenset()
    assert [one.state for one in seen.system_extensions.value] == ["activated enabled"]
    assert (seen.console_user.value, seen.filevault.value) == ("admin", False)


def test_each_fact_says_where_it_is_from(fake_mac):
    seen = fake_mac.observe().to_json()
    assert seen["provenance"]["smb2"] == {
        "command": "sudo bputil -d",
        "lines": ["3rd Party Kexts Status:      Enabled    (smb2): 1"],
    }
    assert seen["provenance"]["loaded_kexts"]["command"] == "kmutil showloaded"
    assert all("com.example.driver" in line for line in seen["provenance"]["loaded_kexts"]["lines"])
    assert json.loads(json.dumps(seen)) == seen


def test_without_root_the_policy_comes_from_system_profiler(fake_mac, shell):
    seen = fake_mac.observe(shell, sudo=None)
    assert seen.security_mode.value is SecurityMode.REDUCED
    assert seen.kext_management.value == {KextManagement.USER}
    assert set(seen.unknown()) == {
        "os_type",
        "pairing",
        "sip_stored",
        "auxp",
        "auxi",
        "auxr",
        "approved_kexts",
        "mdm_allowed_kexts",
        "asked_for_kexts",
    }
    assert "needs root" in seen.approved_kexts.why


def test_a_sudo_that_wants_a_password_is_a_reason_not_a_fact(fake_mac, shell):
    fake_mac.program("sudo", "echo 'sudo: a password is required' >&2; exit 1")
    seen = fake_mac.observe(shell)
    assert seen.approved_kexts.value is UNKNOWN
    assert "a password is required" in seen.approved_kexts.why
    assert "a password is required" in seen.auxp.why
    assert seen.security_mode.value is SecurityMode.REDUCED


def test_root_needs_no_sudo(fake_mac, shell):
    fake_mac.program("id", "echo 0")
    fake_mac.program("sudo", "echo 'sudo: not here' >&2; exit 1")
    assert fake_mac.observe(shell).unknown() == {}


def test_full_disk_access_missing_leaves_approvals_unknown(fake_mac):
    fake_mac.says("sqlite3 kext_policy;", "Error: unable to open database: Operation not permitted\n", 1, stream=2)
    seen = fake_mac.observe()
    assert seen.approved_kexts.value is UNKNOWN
    assert "Operation not permitted" in seen.approved_kexts.why


@pytest.mark.parametrize("left", ["", "KXTRL00001|com.example.driver|1|Kextrel|8\n"], ids=["nothing", "a row"])
def test_a_table_without_its_end_is_not_taken_for_whole(fake_mac, left):
    """sqlite3 ends with 0 where what it prints goes to a full disk."""
    fake_mac.says("sqlite3 kext_policy;", left)
    seen = fake_mac.observe()
    assert seen.approved_kexts.value is UNKNOWN
    assert "the line that ends it is missing" in seen.approved_kexts.why


def test_kexts_without_the_titles_of_columns_are_unknown(fake_mac):
    fake_mac.says("kmutil showloaded --collection", "")
    seen = fake_mac.observe()
    assert seen.aux_kc.value is UNKNOWN
    assert "titles" in seen.aux_kc.why


def test_a_tool_that_hangs_is_ended_and_its_facts_are_unknown(fake_mac, lifeline, shell):
    fake_mac.program("bputil", f"{lifeline.hold}\nexec sleep 300")
    fake_mac.program("csrutil", "trap '' TERM HUP INT; while :; do sleep 300; done")
    started = time.monotonic()
    seen = fake_mac.observe(shell, limit_seconds=LIMIT)
    assert time.monotonic() - started < 10 * LIMIT
    assert seen.auxp.value is UNKNOWN
    assert "did not end in time" in seen.auxp.why
    assert seen.security_mode.value is SecurityMode.REDUCED
    assert seen.sip.value == "enabled"
    assert seen.sip.command == "system_profiler SPiBridgeDataType"
    assert seen.macos.value == Version(14, 5)
    assert lifeline.has_started()
    assert lifeline.has_ended()


def test_a_prompt_has_no_stdin_to_wait_on(fake_mac, shell):
    fake_mac.program("csrutil", "echo 'Pick a macOS installation (1..2): '; read answer; echo \"got '$answer'\"")
    started = time.monotonic()
    seen = fake_mac.observe(shell, limit_seconds=60)
    assert time.monotonic() - started < 50
    assert seen.sip.command == "system_profiler SPiBridgeDataType"


def test_no_output_can_forge_a_frame(fake_mac, shell):
    forged = forged_answer(fake_mac.token)
    fake_mac.says("uname", forged * 3)
    fake_mac.says("sw_vers", forged)
    seen = fake_mac.observe(shell)
    assert seen.sip.value == "enabled"
    assert seen.macos.value is UNKNOWN
    assert seen.problem == ""


def test_a_login_banner_that_forges_an_answer_is_passed_over(fake_mac):
    script = observation.script(fake_mac.token)
    honest = fake_mac.run(script, "sh").stdout
    seen = observation.read(forged_answer("x" * 24).encode() + honest, token=fake_mac.token)
    assert (seen.sip.value, seen.problem) == ("enabled", "")


def test_100_mb_on_one_line_are_cut_and_not_believed(fake_mac, shell):
    fake_mac.program("systemextensionsctl", "head -c 100000000 /dev/zero | tr '\\0' x")
    answer = fake_mac.run(observation.script(fake_mac.token, limit_bytes=1 << 16), shell).stdout
    assert len(answer) < 1 << 18
    seen = observation.read(answer, token=fake_mac.token)
    assert seen.system_extensions.value is UNKNOWN
    assert "65536 bytes" in seen.system_extensions.why
    assert seen.loaded_kexts.known


def test_invalid_utf8_and_escape_sequences_spoil_nothing(fake_mac, shell):
    row = b"*\t*\tKXTRL00001\tcom.example.filter (1.0/7)\tLab \xff\xfe\x1b[31m\x1b]0;owned\x07\t[activated enabled]\n"
    title = b"enabled\tactive\tteamID\tbundleID (version)\tname\t[state]\n"
    fake_mac.says(
        "systemextensionsctl", b"1 extension(s)\n--- com.apple.system_extension.driver_extension\n" + title + row
    )
    seen = fake_mac.observe(shell)
    assert seen.system_extensions.value[0].bundle_id == "com.example.filter"
    assert "\x1b" not in json.dumps(seen.to_json())


def test_a_list_with_an_unread_line_is_unknown_not_shorter(fake_mac):
    fake_mac.says("kmutil showloaded --collection", "Index Refs Address\n  201 damaged row\n")
    fake_mac.says("systemextensionsctl", "2 extension(s)\n--- com.apple.system_extension.network_extension\n")
    seen = fake_mac.observe()
    assert seen.aux_kc.value is UNKNOWN
    assert "damaged row" in seen.aux_kc.why
    assert seen.system_extensions.value is UNKNOWN
    assert "2 extension(s)" in seen.system_extensions.why


def test_an_empty_kernel_is_not_believed(fake_mac):
    fake_mac.says("kmutil showloaded", "")
    seen = fake_mac.observe()
    assert seen.loaded_kexts.value is UNKNOWN
    assert seen.aux_kc.known


def test_an_old_intel_mac_is_asked_with_the_tools_it_has(fake_mac, shell):
    fake_mac.lacks("kmutil", "bputil", "systemextensionsctl")
    for words, text in OLD_INTEL.items():
        fake_mac.says(words, text)
    fake_mac.program("kextstat", f"cat <<'X'\n{OLD_KEXTS}X")
    seen = fake_mac.observe(shell)
    assert seen.architecture.value is Architecture.INTEL_T2
    assert seen.security_mode.value is SecurityMode.MEDIUM
    assert seen.kext_management.value == frozenset()
    assert seen.loaded_kexts.value == {"com.example.old"}
    assert (seen.aux_kc.value, seen.system_extensions.value) == (frozenset(), ())
    assert seen.auxp.value is None


def test_the_folder_on_the_mac_is_gone_afterwards(fake_mac, shell):
    script = observation.script(fake_mac.token)
    fake_mac.run(script, shell)
    assert not folder_of(script).exists()


def test_a_folder_that_is_already_there_is_not_used(fake_mac, shell):
    script = observation.script(fake_mac.token)
    folder_of(script).mkdir()
    try:
        seen = observation.read(fake_mac.run(script, shell).stdout, token=fake_mac.token)
    finally:
        folder_of(script).rmdir()
    assert len(seen.unknown()) == len(seen.fields())
    assert "folder" in seen.problem


def test_a_lost_connection_ends_the_tools_and_clears_up(fake_mac, lifeline, shell):
    fake_mac.program("bputil", f"{lifeline.hold}\nexec sleep 300")
    script = observation.script(fake_mac.token, limit_seconds=60)
    with subprocess.Popen([shell, "-s"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=fake_mac.env) as process:
        process.stdin.write(script.encode())
        process.stdin.close()
        assert lifeline.has_started()
        process.send_signal(signal.SIGHUP)
        assert process.wait(timeout=20) != 0
    assert lifeline.has_ended()
    assert not folder_of(script).exists()


def test_an_answer_cut_anywhere_never_gives_a_wrong_fact(fake_mac):
    answer = fake_mac.run(observation.script(fake_mac.token), "sh").stdout
    whole = observation.read(answer, token=fake_mac.token).fields()
    for length in range(0, len(answer), 97):
        seen = observation.read(answer[:length], token=fake_mac.token)
        assert seen.problem
        wrong = [name for name, field in seen.fields().items() if field.known and field.value != whole[name].value]
        assert wrong == []


def test_a_script_that_arrives_cut_does_nothing(fake_mac, shell):
    script = observation.script(fake_mac.token)
    fake_mac.program("sw_vers", 'touch "$MARK/ran"')
    assert fake_mac.run(script[: len(script) - 40], shell).stdout == b""
    assert not (fake_mac.folder / "ran").exists()


def test_in_a_subshell_of_recovery_a_tool_that_hangs_is_ended_all_the_same(fake_mac, lifeline, shell):
    """There `$$` is the shell around it, which must not be the one that is told of the end."""
    fake_mac.program("id", "echo 0")
    fake_mac.program("csrutil", f"{lifeline.hold}\nexec sleep 300")
    fake_mac.says("bputil", RECOVERY_POLICY)
    fake_mac.program("curl", CURL)
    script = observation.recovery_script(fake_mac.token, report="http://10.0.0.1:8000/abc", limit_seconds=LIMIT)
    done = fake_mac.run(f"(\n{script}\n)\necho after\n", shell)
    assert done.stdout == b"after\n"
    seen = observation.read_recovery((fake_mac.folder / "report").read_bytes(), token=fake_mac.token)
    assert seen.security_mode.value is SecurityMode.PERMISSIVE
    assert lifeline.has_started()
    assert lifeline.has_ended()


def test_a_section_whose_bytes_are_missing_is_no_empty_answer():
    token = "t" * 24
    answer = f"{token} begin 4096\n{token} sections kext-policy 0\n0 kext-policy.err\n{token} data\n\n{token} end\n"
    seen = observation.read(answer.encode(), token=token)
    assert seen.approved_kexts.value is UNKNOWN
    assert "damaged" in seen.problem


def test_recovery_reports_by_curl_and_is_read(fake_mac, shell):
    fake_mac.program("id", "echo 0")
    fake_mac.says("bputil", RECOVERY_POLICY)
    fake_mac.program("curl", CURL)
    script = observation.recovery_script(fake_mac.token, report="http://10.0.0.1:8000/abc").replace("@REPORT@", "never")
    assert fake_mac.run(script, shell).stdout == b""
    assert "http://10.0.0.1:8000/abc" in (fake_mac.folder / "curl").read_text()
    seen = observation.read_recovery((fake_mac.folder / "report").read_bytes(), token=fake_mac.token)
    assert seen.environment.value is Environment.ONE_TRUE_RECOVERY
    assert seen.security_mode.value is SecurityMode.PERMISSIVE
    assert (seen.sip_stored.value, seen.pairing.value) == ("disabled", "Paired")
    assert seen.loaded_kexts.value is UNKNOWN


@pytest.mark.parametrize("token", ["", "short", "x" * 65, "a" * 20 + "'; rm -rf /", "a" * 20 + "\n"])
def test_a_token_that_could_break_out_is_refused(token):
    with pytest.raises(UsageError, match="token"):
        observation.script(token)


def test_a_sudo_that_is_more_than_words_is_refused():
    with pytest.raises(UsageError, match="sudo"):
        observation.script("t" * 20, sudo="sudo -n; reboot")


def test_a_diff_says_what_changed(fake_mac):
    before = fake_mac.observe()
    fake_mac.says("csrutil", "System Integrity Protection status: disabled.\n")
    fake_mac.lacks("fdesetup")
    lines = observation.diff(before, fake_mac.observe())
    assert lines[0] == "sip: enabled -> disabled"
    assert lines[1].startswith("filevault: no -> unknown (fdesetup status: this Mac does not have the tool")
    assert lines[2].startswith("contradiction: ")
    assert observation.diff(before, before) == ()


_ASKED = (
    "/Library/Extensions/a.kext|KXTRL00001|com.example.a|B|2026|2026|0\n"
    "/Library/Extensions/b.kext|KXTRL00002|com.example.b|B|2026|2026|0\n"
    "/Library/Extensions/c.kext|KXTRL00003|com.example.c|B|2026|2026|0\nend\n"
)


def test_a_profile_for_a_team_allows_what_was_asked_for_of_it(fake_mac):
    fake_mac.says(
        "sqlite3 kext_policy_mdm;",
        "KXTRL00001||1|U1\nKXTRL00002|com.example.b|1|U1\nKXTRL00002|com.example.never|1|U1\nKXTRL00003||0|U1\nend\n",
    )
    fake_mac.says("sqlite3 kext_load_history_v3;", _ASKED)
    seen = fake_mac.observe()
    assert seen.mdm_allowed_kexts.value == {"com.example.a", "com.example.b"}
    assert seen.asked_for_kexts.value == {"com.example.a", "com.example.b", "com.example.c"}


def test_without_the_history_it_is_unknown_what_a_profile_allows(fake_mac):
    fake_mac.says("sqlite3 kext_policy_mdm;", "KXTRL00001||1|U1\nend\n")
    fake_mac.says("sqlite3 kext_load_history_v3;", "Error: database is locked\n")
    seen = fake_mac.observe()
    assert not seen.mdm_allowed_kexts.known
    assert "locked" in seen.mdm_allowed_kexts.why


GROUP = "A3A3F2E0-1B5C-4C5D-9F6B-0123456789AB"


@pytest.mark.parametrize("script", [observation.script, observation.recovery_script])
def test_of_several_macos_tools_are_told_which_and_who_cannot_be_told_is_not_asked(script):
    told = script("t" * 24, volume_group=GROUP)
    assert f"bputil -d -v {GROUP}" in told
    assert "csrutil" not in told
    assert "csrutil status" in script("t" * 24)
    with pytest.raises(UsageError, match="volume group"):
        script("t" * 24, volume_group="x; reboot")
