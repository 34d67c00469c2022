"""`kmutil load`: what the text does not show in captures — streams, exit codes, what must be refused."""

from __future__ import annotations

import pytest

from kextrel.errors import UnreadableAnswer
from kextrel.macos import load
from kextrel.macos.load import LoadReason

APPROVAL = (
    'Error Domain=KMErrorDomain Code=27 "Extension with identifiers com.example.a, com.example.b not approved to load. '
    'Please approve using System Settings." UserInfo={NSLocalizedDescription=Extension with identifiers com.example.a, '
    "com.example.b not approved to load. Please approve using System Settings.}"
)


def test_success_is_silence_and_exit_0():
    answer = load.read(0, b"", b"")
    assert answer.loaded
    assert answer.unparsed == ()


def test_a_complaint_is_never_loaded_whatever_the_exit_code():
    assert not load.read(0, "", APPROVAL).loaded


def test_identifiers_are_named_once_each():
    answer = load.read(27, "", APPROVAL)
    assert answer.identifiers == ("com.example.a", "com.example.b")
    assert (answer.code, answer.reason) == (27, LoadReason.APPROVAL_REQUIRED)


def test_a_culprit_may_be_another_kext_than_the_one_asked_for():
    text = (
        "Error occurred while building a collection: in '/Library/StagedExtensions/a b.kext/Contents/MacOS/x' missing"
    )
    assert load.read(31, "", text).culprit_path == "/Library/StagedExtensions/a b.kext"


UNBOUND = (
    'Error Domain=KMErrorDomain Code=31 "Error occurred while building a collection: \n'
    "    1: One or more binaries has an error which prevented linking.  See other errors.\n"
    "    2: Could not use 'com.example.a' because: Failed to bind '_sflt_attach' in 'com.example.a' (at offset 0x0 in "
    "__DATA_CONST, __got) as could not find a kext which exports this symbolFailed to bind '_ipf_remove' in "
    "'com.example.a' (at offset 0x8 in __DATA_CONST, __got) as could not find a kext which exports this symbol\n"
    "com.example.a specific:\n"
    "    1: Failed to bind '_sflt_attach' in 'com.example.a' (at offset 0x0 in __DATA_CONST, __got) as could not find "
    "a kext which exports this symbol\n"
    "com.example.b specific:\n"
    "    1: Failed to bind '_other' in 'com.example.b' (at offset 0x0 in __DATA_CONST, __got) as could not find a kext "
    'which exports this symbol"\n'
)


def test_symbols_that_nobody_exports_are_those_of_the_first_kext_that_wants_them():
    answer = load.read(31, "", UNBOUND)
    assert (answer.code, answer.reason) == (31, LoadReason.UNDEFINED_SYMBOLS)
    assert (answer.bundle_id, answer.missing) == ("com.example.a", ("_sflt_attach", "_ipf_remove"))
    assert answer.unparsed == ()


def test_a_library_that_is_not_there_is_named():
    answer = load.read(
        71,
        "",
        "Error: Unable to resolve dependencies: 'com.example.a' names a dependency on 'com.apple.iokit.IORDMAFamily', "
        "which was not found.",
    )
    assert (answer.code, answer.reason) == (71, LoadReason.MISSING_DEPENDENCY)
    assert (answer.bundle_id, answer.missing) == ("com.example.a", ("com.apple.iokit.IORDMAFamily",))
    assert answer.unparsed == ()


@pytest.mark.parametrize(
    ("exit_code", "reason"),
    [(27, LoadReason.APPROVAL_REQUIRED), (28, LoadReason.REBOOT_REQUIRED), (31, LoadReason.COLLECTION_BUILD_FAILED)],
)
def test_a_documented_exit_code_stands_for_text_in_another_language(exit_code, reason):
    answer = load.read(exit_code, "", "Die Erweiterung wurde nicht geladen.\n")
    assert (answer.code, answer.reason) == (exit_code, reason)
    assert answer.unparsed == ("Die Erweiterung wurde nicht geladen.",)


def test_code_71_with_unknown_text_has_no_reason():
    answer = load.read(71, "", "Something new happened.\n")
    assert (answer.code, answer.reason) == (71, None)


@pytest.mark.parametrize(
    ("exit_code", "text"),
    [
        (1, "sudo: a password is required"),
        (127, "zsh: command not found: kmutil"),
        (None, "hello"),
        (3, "no such thing"),
    ],
)
def test_what_no_kext_tool_says_is_refused(exit_code, text):
    with pytest.raises(UnreadableAnswer) as refused:
        load.read(exit_code, "", text)
    assert refused.value.line == text


def test_hexadecimal_and_decimal_kernel_returns_are_the_same():
    decimal = load.read(None, "", "Kernel request failed: (libkern/kext) not loadable (-603946989)")
    hexadecimal = load.read(None, "", "Kernel request failed: (libkern/kext) not loadable (0xdc008013)")
    assert decimal.kernel_return == hexadecimal.kernel_return == -603946989


def test_an_ownership_and_a_signature_error_together_are_validation_errors():
    both = load.read(None, "", "Invalid ownership (501:20) should be (0:0)\nAuthenticating failed: Bad code signature")
    assert (both.reason, both.code, both.ownership) == (LoadReason.VALIDATION_ERRORS, 30, "501:20")
    assert load.read(None, "", "Invalid ownership (501:20) should be (0:0)").reason is LoadReason.OWNERSHIP
    assert load.read(None, "", "Authenticating extension failed: Bad code signature").code == 29
