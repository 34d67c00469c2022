"""The smaller readers: states that the captures do not show."""

from __future__ import annotations

import pytest

from kextrel.errors import UnreadableAnswer
from kextrel.macos import csrutil, kextpolicy, kexts, profiler, profiles, sysext, system

HEADER = "Index Refs Address            Size       Wired      Name (Version) UUID <Linked Against>\n"


class TestKexts:
    def test_no_text_at_all_means_not_loaded(self):
        assert kexts.read("").rows == ()

    def test_a_row_has_every_column(self):
        row = kexts.read(
            "  7  3 0xffff 0x4000 0x3000 com.example.x (1.0.0d8) 8AF10CF5-1111-4222-8333-444444444444 <5 3>"
        ).rows[0]
        assert row.facts() == {
            "index": 7,
            "refs": 3,
            "address": "0xffff",
            "size": 0x4000,
            "wired": 0x3000,
            "name": "com.example.x",
            "version": "1.0.0d8",
            "uuid": "8AF10CF5-1111-4222-8333-444444444444",
            "linked": [5, 3],
        }

    def test_rows_that_a_terminal_wrapped_are_whole_again(self):
        start = "  201    0 0xfffffe0007f80000 0x4000     0x4000     "
        row = f"{start}com.example.driver (1.0) 8AF10CF5-1111-4222-8333-444444444444 <7 5>\n"
        other = kexts.read(row.replace("driver", "other")).rows
        for width in range(30, len(row) - 1):
            found = kexts.read(f"{HEADER}{row[:width]}\n{row[width:]}{row.replace('driver', 'other')}")
            assert found.rows[-1:] == other
            assert found.names() <= {"com.example.driver", "com.example.other"}, width
            assert len(found.rows) == 2 or found.unparsed, width

    def test_an_unloaded_row_has_a_dash_for_its_index(self):
        row = kexts.read(HEADER + "    -    0 0                  0          0          com.example.x (1.0) <>\n").rows[
            0
        ]
        assert (row.index, row.size, row.linked) == (None, 0, ())

    def test_prose_with_parentheses_is_no_kext(self):
        with pytest.raises(UnreadableAnswer):
            kexts.read("com.example.x (1.0) is not what you think\n")

    def test_apple_is_told_from_others(self):
        text = "".join(f" 1 0 0x1 0x1 0x1 {name} (1) <>\n" for name in ("com.apple.x", "com.applesauce.y", "org.z"))
        assert kexts.read(text).third_party() == {"com.applesauce.y", "org.z"}


class TestCsrutil:
    def test_the_signed_volume_has_its_own_word(self):
        answer = csrutil.read("Authenticated Root status: disabled\n")
        assert (answer.ssv, answer.sip) == ("disabled", None)

    def test_turned_off_in_recovery(self):
        answer = csrutil.read(
            "System Integrity Protection is off.\nRestart the machine for the changes to take effect.\n"
        )
        assert (answer.sip, answer.unparsed) == ("disabled", ())

    def test_a_status_in_a_word_that_is_not_known_is_not_said(self):
        assert csrutil.read("System Integrity Protection status: perhaps.\n").sip is None

    def test_a_wrong_password(self):
        assert csrutil.read("csrutil: failed to authenticate user\n").error == "authentication"


class TestKextPolicy:
    def test_a_developer_may_have_the_separator_in_the_name(self):
        rows = kextpolicy.read("KXTRL00001|com.example.x|0|A | B Ltd.|8\n").rows
        assert (rows[0]["developer_name"], rows[0]["allowed"], rows[0]["flags"]) == ("A | B Ltd.", False, 8)

    def test_tables_are_told_by_their_width_or_by_the_query(self):
        assert kextpolicy.read("T|com.example.x|1|11111111-2222\n").rows[0]["payload_uuid"] == "11111111-2222"
        assert kextpolicy.read("a|b\n").rows == ({"name": "a", "value": "b"},)
        history = kextpolicy.read("/Library/Extensions/x.kext|T|com.example.x|BOOT|t1|t2|5\n")
        assert (history.rows[0]["path"], history.rows[0]["flags"]) == ("/Library/Extensions/x.kext", 5)
        assert kextpolicy.table_of("SELECT * FROM kext_policy_mdm WHERE 1") == "kext_policy_mdm"

    def test_columns_with_tabs_between(self):
        text = "team_id\tbundle_id\tallowed\tdeveloper_name\tflags\nT\tcom.example.x\t1\tA, Inc.\t1\n"
        assert kextpolicy.read(text).rows[0]["developer_name"] == "A, Inc."
        rows = kextpolicy.read("\tcom.example.x\t0\tA\t8\n").rows
        assert [list(row.values()) for row in rows] == [["", "com.example.x", False, "A", 8]]

    def test_a_row_with_a_flag_that_is_neither_0_nor_1_is_unread(self):
        answer = kextpolicy.read("T|com.example.x|1|D|0\nT|com.example.y|yes|D|0\n")
        assert answer.allowed() == {"com.example.x"}
        assert answer.unparsed == ("T|com.example.y|yes|D|0",)

    def test_an_empty_table_is_an_answer_and_a_locked_file_an_error(self):
        assert kextpolicy.read("").rows == ()
        assert kextpolicy.read("Error: unable to open database file: authorization denied\n").error == "not_permitted"


class TestProfiles:
    def test_yes_without_the_mark_is_not_approved(self):
        answer = profiles.read("Enrolled via DEP: No\nMDM enrollment: Yes\n")
        assert (answer.mdm, answer.user_approved, answer.server) == (True, False, None)

    def test_the_old_sentence_says_no_more_than_it_does(self):
        answer = profiles.read("An enrollment profile is currently installed on this system\n")
        assert (answer.mdm, answer.dep, answer.user_approved) == (True, None, None)


class TestSystem:
    def test_a_single_value_of_sw_vers(self):
        assert system.read_sw_vers("26.2\n").version == "26.2"
        assert system.read_sw_vers("25D771280a\n").build == "25D771280a"

    def test_a_rapid_security_response(self):
        text = "ProductName: macOS\nProductVersion: 13.4.1\nProductVersionExtra: (c)\nBuildVersion: 22F770820d\n"
        assert system.read_sw_vers(text).extra == "(c)"

    def test_a_kernel_without_the_name_is_intel(self):
        answer = system.read_sysctl("sysctl: unknown oid 'hw.optional.arm64'\n")
        assert answer.flag("hw.optional.arm64") is False
        assert answer.flag("kern.safeboot") is None

    def test_a_wrapped_uname(self):
        text = "Darwin mini.local 23.5.0 Darwin Kernel Version 23.5.0: Wed; root:xnu-1~5/RELEASE_ARM\n64_T8112 arm64\n"
        assert system.read_uname(text).release == "23.5.0"

    def test_nvram_tells_a_missing_variable_from_a_forbidden_one(self):
        missing = system.read_nvram("nvram: Error getting variable - 'boot-args': (iokit/common) data was not found\n")
        assert (missing.absent, missing.error) == ({"boot-args"}, None)
        assert system.read_nvram("boot-args\t-v keepsyms=1\n").values == {"boot-args": "-v keepsyms=1"}

    @pytest.mark.parametrize(("owner", "user"), [("admin\n", "admin"), ("root\n", None), ("_mbsetupuser\n", None)])
    def test_the_console_belongs_to_who_is_logged_in(self, owner, user):
        assert system.read_console_user(owner) == user

    def test_the_console_of_two_lines_is_refused(self):
        with pytest.raises(UnreadableAnswer):
            system.read_console_user("admin\nroot\n")


class TestProfiler:
    def test_no_controller_is_an_answer(self):
        assert not profiler.read_bridge("").present
        assert not profiler.read_bridge("Controller:\n\n").present

    def test_a_t2_is_told_by_its_name(self):
        assert profiler.read_bridge("Controller:\n\n  Model Name: Apple T2 Security Chip\n").t2

    def test_a_level_alone_may_be_that_of_a_t2(self):
        assert profiler.read_bridge("  Boot Policy:\n    Secure Boot: Full Security\n").t2 is None
        assert profiler.read_bridge("  Secure Boot: Reduced Security\n  Kernel CTRR: Enabled\n").t2 is False
        assert profiler.read_bridge("").t2 is False
        assert profiler.read_bridge('{ "SPiBridgeDataType" : [ ] }\n').present is False

    def test_an_intel_mac_without_a_t2(self):
        text = "Hardware:\n\n  Model Identifier: iMac18,3\n  Processor Name: Core i5\n  Boot ROM Version: 170.0.0\n"
        assert profiler.read_hardware(text).t2 is False


class TestSystemExtensions:
    def test_none_is_an_answer(self):
        answer = sysext.read("0 extension(s)\n")
        assert (answer.count, answer.extensions) == (0, ())

    def test_a_name_may_hold_brackets_and_run_into_the_state(self):
        row = "*\t*\tKXTRL00001\tcom.example.x (1.0/2)\tLab [beta] (new)[activated waiting for user]"
        one = sysext.read(row).extensions[0]
        assert (one.name, one.state) == ("Lab [beta] (new)", "activated waiting for user")

    def test_a_wrapped_row_is_whole_again_and_an_unfinished_one_is_kept(self):
        row = "*\t*\tKXTRL00001\tcom.example.x (1.0/2)\tLab Extension\n[activated enabled]\n"
        assert sysext.read(row).extensions[0].state == "activated enabled"
        cut = sysext.read("1 extension(s)\n*\t*\tKXTRL00001\tcom.example.x (1.0/2)\tLab")
        assert (cut.extensions, len(cut.unparsed)) == ((), 1)
