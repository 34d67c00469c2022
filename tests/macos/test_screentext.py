"""Text that was read from a screen: known words are put right, hashes and numbers never."""

from __future__ import annotations

import pytest

from kextrel.errors import UnreadableAnswer
from kextrel.macos import bputil, csrutil, screentext
from kextrel.macos.registry import reader

HASH = "0123456789ABCDEF" * 6


@pytest.mark.parametrize(
    ("text", "sip"),
    [
        ("System lntegrity Protection status: enab1ed.\n", "enabled"),
        ("SystemIntegrityProtectionstatus:disabled.\n", "disabled"),
        ("System  Integrity Pr0tection status : disab|ed\n", "disabled"),
        ("System Integrity Protection status: unknown (Cust0m Configuration).\n", "custom"),
        ("System Integrity Protection is 0ff.\n", "disabled"),
    ],
)
def test_the_status_with_look_alikes(text, sip):
    assert reader("csrutil status")(text).facts()["sip"] == sip


def test_protections_with_look_alikes():
    text = "C0nfiguration:\n Kext S1gning: disab1ed\n Debugging Restricti0ns:enabled\n NVRAMProtections: enabled\n"
    reading = reader("csrutil status")(text)
    assert (reading.facts()["kext_signing"], reading.facts()["debugging"], reading.unparsed) == (False, True, ())


def test_a_boot_policy_from_a_screen_has_its_words_and_no_hashes():
    text = (
        "Current 1ocal policy:\nOS envir0nment:\nOS Type : one true rec0veryOS\nOS Pairing Status :Paired\n"
        "\nLocal p0licy:\n"
        f"User Authorized Kext List Hash (auxp): {HASH}\nKext Receipt Hash (auxr): absent\n"
        "Security M0de: Reduced (smb0): l\n3rd Party Kexts Status: Enab1ed (smb2): 1\n"
        "User-a1lowed MDM Contro1: Disabled (smb3): absent\n"
    )
    facts = reader("bputil -d")(text).facts()
    assert (facts["security_mode"], facts["smb0"], facts["smb2"], facts["smb3"]) == ("Reduced", 1, 1, "absent")
    assert facts["os_type"] == "one true recoveryOS"
    assert (facts["auxp"], facts["auxr"]) == (None, "absent")


def test_one_wrong_letter_in_a_value_is_put_right_although_its_row_was_understood():
    text = "OS environment:\nOS Type : one true rec0veryOS\nLocal policy:\nSecurity Mode: Full (smb0): absent\n"
    assert reader("bputil -d")(text).facts()["os_type"] == "one true recoveryOS"


def test_clean_text_keeps_its_hashes():
    text = f"Local policy:\nUser Authorized Kext List Hash (auxp): {HASH}\nsomething new\n"
    assert reader("bputil -d")(text).facts()["auxp"] == HASH


def test_a_customised_sip_is_never_guessed():
    text = "Local policy:\nSIP Status: Cust0mized (sip0): 7F\nSecurity M0de: Full (smb0): absent\n"
    assert reader("bputil -d")(text).facts()["security_mode"] == "Full"


@pytest.mark.parametrize("command", ["csrutil status", "bputil -d"])
def test_foreign_text_is_refused_as_it_came(command):
    with pytest.raises(UnreadableAnswer) as refused:
        reader(command)("zsh: c0mmand not f0und\n")
    assert refused.value.line == "zsh: c0mmand not f0und"


@pytest.mark.parametrize("known", [screentext.CSRUTIL, screentext.BPUTIL], ids=["csrutil", "bputil"])
def test_every_known_line_is_itself(known):
    for phrase in known.values():
        assert screentext.restored(phrase, known) == phrase


def test_no_two_known_lines_look_alike():
    """Enabled and Disabled, 0 and 1, absent: a screen may not turn one into another."""
    assert "3rd Party Kexts Status: Enabled (smb2): 0" in screentext.BPUTIL.values()
    assert len(set(screentext.BPUTIL.values())) == len(screentext.BPUTIL)


@pytest.mark.parametrize("read", [csrutil.read, bputil.read])
def test_the_readers_of_machines_text_forgive_nothing(read):
    with pytest.raises(UnreadableAnswer):
        read("Systern lntegrity Pr0tection status: enab1ed.\nSecurity M0de: Fu1l\n")
