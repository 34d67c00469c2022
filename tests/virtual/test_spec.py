from __future__ import annotations

import json

import pytest

from kextrel.errors import UsageError
from kextrel.virtual.faults import Fault
from kextrel.virtual.spec import Account, Endpoints, MacSpec


def test_a_mac_is_unprepared_until_it_says_so():
    assert not MacSpec("mini").has("PREP-01")
    prepared = MacSpec("mini", prepared=True, missing=frozenset({"PREP-03"}))
    assert prepared.has("PREP-01")
    assert not prepared.has("PREP-03")


def test_passwords_are_made_for_the_run():
    first, second = MacSpec("a"), MacSpec("a")
    assert first.administrator.password != second.administrator.password
    assert len(first.administrator.password) >= 12
    assert first.administrator.password not in repr(first)


def test_accounts_are_found_by_either_name():
    spec = MacSpec("mini")
    assert spec.account("Lab Student") is spec.account("student") is not None
    assert spec.account("nobody") is None


def test_owners_have_a_secure_token_and_a_prepared_mac():
    accounts = (Account("a", "A", admin=True), Account("b", "B", secure_token=False))
    assert [owner.name for owner in MacSpec("m", prepared=True, accounts=accounts).owners] == ["a"]
    assert MacSpec("m", accounts=accounts).owners == ()


def test_words_that_nobody_knows_are_refused():
    with pytest.raises(UsageError, match="did you mean 'KEXT-06'"):
        MacSpec("m", defects=frozenset({"KEXT-6"}))
    with pytest.raises(UsageError, match="did you mean 'PREP-"):
        MacSpec("m", missing=frozenset({"PREP-3"}))
    with pytest.raises(UsageError, match="did you mean 'intel-t2'"):
        MacSpec("m", architecture="intel-t3")
    with pytest.raises(UsageError, match=r"release '14\.6'"):
        MacSpec("m", macos="14.6")


@pytest.mark.parametrize(
    ("architecture", "macos", "build", "model"),
    [
        ("intel", "12.7", "21G816", "Macmini7,1"),
        ("intel-t2", "13.6", "22G120", "MacBookPro16,1"),
        ("apple-silicon", "14.5", "23F79", "Macmini9,1"),
        ("apple-silicon", "15.1", "24B83", "Macmini9,1"),
    ],
)
def test_what_is_left_out_follows_from_architecture_and_release(architecture, macos, build, model):
    spec = MacSpec("m", architecture=architecture, macos=macos)
    assert (spec.build, spec.model) == (build, model)


def test_what_is_said_stays():
    spec = MacSpec("m", macos="14.6", build="23G80", model="Mac13,1", serial="C02")
    assert (spec.build, spec.model, spec.serial) == ("23G80", "Mac13,1", "C02")


def test_macs_of_one_lab_differ_in_their_serial():
    assert MacSpec("a").serial != MacSpec("b").serial
    assert MacSpec("a").serial == MacSpec("a").serial


def test_the_build_in_its_long_form():
    assert MacSpec("m").build_version == "23.6.79"


def test_faults_add_up():
    spec = MacSpec("m", faults=(Fault("ssh-drop", 3),)).with_faults((Fault("screen-dark", 1),))
    assert [fault.name for fault in spec.faults] == ["ssh-drop", "screen-dark"]


def test_endpoints_are_json_and_hide_passwords_from_repr():
    endpoints = Endpoints(
        name="mini", architecture="apple-silicon", macos="14.5", ssh={"password": "pw-ssh"}, console="/dev/pts/1",
        relay="/dev/pts/2", keyboard="/dev/pts/3", screen={"password": "pw-screen"},
    )  # fmt: skip
    data = json.loads(json.dumps(endpoints.as_dict()))
    assert list(data)[:9] == ["name", "architecture", "macos", "ssh", "console", "relay", "keyboard", "screen", "mdm"]
    assert data["mdm"] is None
    assert "pw-" not in repr(endpoints)
