"""bputil: absent, false and not said apart; several policies; wrapped hashes; errors; JSON."""

from __future__ import annotations

import json

import pytest

from kextrel.errors import UnreadableAnswer
from kextrel.macos import bputil

HASH = "0123456789ABCDEF" * 6


def policy(*rows: str) -> bputil.Policy:
    return bputil.read("Local policy:\n" + "\n".join(rows) + "\n").policies[0]


def test_absent_false_and_not_said_are_three_things():
    one = policy(
        "3rd Party Kexts Status:      Disabled   (smb2): absent", "User-allowed MDM Control: Disabled (smb3): 0"
    )
    assert (one.flag("smb2"), one.present("smb2")) == ("absent", False)
    assert (one.flag("smb3"), one.present("smb3")) == (0, False)
    assert (one.flag("smb4"), one.present("smb4")) == (None, None)


def test_a_row_whose_value_was_cut_is_not_said():
    one = policy(
        "Kext Receipt Hash                       (auxr): absent", "3rd Party Kexts Status:      Enabled   (smb2):"
    )
    assert one.present("smb2") is None
    assert one.switched("smb2") is True


def test_two_tags_in_one_row_are_both_set():
    one = policy("Security Mode:               Permissive (smb0 && smb1): 1")
    assert (one.flag("smb0"), one.flag("smb1"), one.security_mode) == (1, 1, "Permissive")


def test_the_mode_of_the_boot_chain_is_not_the_security_mode():
    one = policy(
        "Security Mode                           (CSEC): 1", "Security Mode:               Full       (smb0): absent"
    )
    assert one.security_mode == "Full"


def test_nonces_of_the_environment_and_of_the_policy_stay_apart():
    text = (
        "OS environment:\nOS Type : macOS\nLocal Policy Nonce Hash (lpnh): AA\n\nLocal policy:\n"
        "Local Policy Nonce Hash (lpnh): BB\n"
    )
    one = bputil.read(text).policies[0]
    assert (one.environment["lpnh"], one.fields["lpnh"]) == ("AA", "BB")


def test_a_hash_that_a_terminal_wrapped_is_whole_again():
    row = f"User Authorized Kext List Hash          (auxp): {HASH}"
    one = policy(row[:80], row[80:], "Kext Receipt Hash                       (auxr): absent")
    assert (one.fields["auxp"], one.fields["auxr"]) == (HASH, "absent")


def test_several_policies_stay_apart():
    text = "".join(
        f"Local policy for volume group {group}:\nOS environment:\nOS Type : macOS\nLocal policy:\n"
        f"Security Mode:               {mode}       (smb0): {value}\n"
        for group, mode, value in (("AAAA-1", "Full", "absent"), ("BBBB-2", "Reduced", "1"))
    )
    found = bputil.read(text).policies
    assert [(one.volume_group, one.security_mode) for one in found] == [("AAAA-1", "Full"), ("BBBB-2", "Reduced")]


def test_prompts_are_seen_and_are_not_an_error():
    answer = bputil.read("Use at your own risk!\n\nEnter username: Enter password: \n")
    assert answer.prompt
    assert (answer.error, answer.policies) == (None, ())


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('Error Domain=BYErrorDomain Code=401 "x" {Domain=com.apple.bootpolicy Code=17 "pairing (17)"}', "pairing"),
        ('failed: Error Domain=BYErrorDomain Code=102 "not connected to the Internet"', "network_required"),
        ('failed: Error Domain=BYErrorDomain Code=401 "Failed to authenticate user"', "authentication"),
        ("bputil must be run as root", "not_root"),
        ('failed: Error Domain=BYErrorDomain Code=999 "news"', "failed"),
    ],
)
def test_errors_have_one_word(text, error):
    assert bputil.read(text).error == error


def test_json_of_any_nesting_is_read_by_tags():
    text = json.dumps({"policies": [{"local": {"smb0": 1, "3rd Party Kexts Status (smb2)": True, "auxp": None}}]})
    one = bputil.read(text).policies[0]
    assert (one.flag("smb0"), one.present("smb2"), one.fields["auxp"]) == (1, True, "absent")


@pytest.mark.parametrize("text", ["{}", '{"a": 1}', "{broken", "[" * 5000, "{" + '"a":{' * 3000])
def test_json_that_is_not_a_policy_is_refused(text):
    with pytest.raises(UnreadableAnswer):
        bputil.read(text)
