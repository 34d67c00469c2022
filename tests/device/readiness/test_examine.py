"""What is made of answers that no virtual Mac gives: restricted rights, FileVault, another release's words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kextrel.bench.retry import Transient
from kextrel.bench.sshlink import Locked
from kextrel.device.readiness import ROWS, Finding, Remedied, Standing, by_hand, examine, make_ready, unlock
from kextrel.device.rig import Rig, Wires
from kextrel.errors import BenchError
from kextrel.timing import Deadline
from kextrel.vocabulary import Enrollment

WELL = {
    "sudo -n -l": "User admin may run the following commands on mini:\n    (ALL) NOPASSWD: ALL\n",
    "sysadminctl -secureTokenStatus": "Secure token is ENABLED for user Lab Admin\n",
    "dscl": "GeneratedUID: 5E4B1A2C-0B1D-4E2F-8A3B-4C5D6E7F8091\n",
    "diskutil apfs listUsers": "Cryptographic users for disk3s1s1 (1 found)\n|\n"
    "+-- 5E4B1A2C-0B1D-4E2F-8A3B-4C5D6E7F8091\n    Type: Local Open Directory User\n    Volume Owner: Yes\n",
    "diskutil apfs list": "APFS Volume Disk (Role):   disk3s1 (System)\nName:   Macintosh HD (Case-insensitive)\n",
    "sw_vers": "ProductName:\t\tmacOS\nProductVersion:\t\t14.5\nBuildVersion:\t\t23F79\n",
    "stat -f": "admin\n",
    "fdesetup": "FileVault is Off.\n",
    "-screenLock status": "screenLock is off\n",
    "pmset -g": " sleep 0\n displaysleep 0\n autorestart 1\n",
    "defaults read": "3\n",
    "networksetup": "\nHardware Port: Ethernet\nDevice: en0\n",
    "curl": "200",
    "mktemp": "/private/tmp/kextrel.AbCdEf\n",
    "sqlite3": "end\n",
}


@pytest.fixture
def well(world: Any, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """A Mac that answers well; nothing is typed on it."""
    world.shell_up = True
    world.commands |= WELL
    shell = rig.wires.shell
    monkeypatch.setattr(type(shell), "check", lambda self, *, deadline: "admin logged in", raising=False)
    rig.wires = replace(rig.wires, keyboard=None)
    return rig


def look(rig: Rig, deadline: Deadline, *bundles: Path) -> dict[str, Finding]:
    return {finding.row: finding for finding in examine(rig, bundles=bundles, deadline=deadline)}


def test_a_mac_that_answers_well_is_well(well: Rig, deadline: Deadline) -> None:
    found = look(well, deadline)
    assert list(found) == list(ROWS)
    bad = {row: one.said for row, one in found.items() if one.standing not in (Standing.OK, Standing.NOT_APPLICABLE)}
    assert not bad
    assert {row for row, one in found.items() if one.standing is Standing.NOT_APPLICABLE} == {"PREP-08", "PREP-14"}


@pytest.mark.parametrize(
    ("row", "command", "answer", "standing", "said"),
    [
        ("PREP-02", "sudo -n -l", WELL["sudo -n -l"].replace(": ALL", ": /usr/bin/kmutil"), "missing", "kmutil"),
        ("PREP-02", "sudo -n -l", "sudo: Befehl nicht gefunden\n", "unknown", "cannot read its answer"),
        ("PREP-03", "head -c 16", (1, "", "head: Operation not permitted\n"), "missing", "Full Disk Access"),
        ("PREP-03", "head -c 16", (1, "", "head: KextPolicy: No such file or directory\n"), "unknown", "No such file"),
        ("PREP-04", "dseditgroup", (67, "", ""), "missing", "admin is no administrator"),
        ("PREP-04", "diskutil apfs listUsers", "Cryptographic users (0 found)\n", "missing", "own the volume"),
        ("PREP-04", "dscl", (56, "", "eDSRecordNotFound"), "unknown", "eDSRecordNotFound"),
        ("PREP-05", "fdesetup", "FileVault is On.\n", "missing", "FileVault is on"),
        ("PREP-06", "-screenLock status", (64, "Usage: sysadminctl\n", ""), "unknown", "cannot read its answer"),
        ("PREP-06", "pmset -g", " sleep 5\n displaysleep 0\n autorestart 1\n", "missing", "the Mac sleeps after 5 min"),
        ("PREP-07", "defaults read", "0\n", "missing", "keyboard navigation is off"),
        ("PREP-09", "ioreg", '"BatteryInstalled" = Yes\n', "missing", "battery"),
        ("PREP-11", "curl", (28, "000", "curl: (28) Operation timed out\n"), "missing", "Operation timed out"),
        ("PREP-12", "networksetup", "\nHardware Port: Wi-Fi\nDevice: en0\n", "missing", "no Ethernet port"),
        ("PREP-13", "codesign", (3, "", "test-requirement: code failed\n"), "missing", "test-requirement: code failed"),
        ("PREP-13", "spctl", (3, "", "x.kext: rejected\n"), "missing", "x.kext: rejected"),
        ("PREP-13", "mktemp", (1, "", "mktemp: no space\n"), "unknown", "gives no place"),
        ("PREP-15", "sqlite3", "KXTRL00001|com.example.x|1|Kextrel|0\nend\n", "missing", "KXTRL00001/com.example.x"),
        ("PREP-15", "sqlite3", "KXTRL00001|com.example.x|0|Kextrel|0\nend\n", "ok", "nobody has allowed"),
        ("PREP-15", "sqlite3", "", "unknown", "not read to its end"),
    ],
)  # fmt: skip
def test_one_answer_is_one_row(
    world: Any, well: Rig, deadline: Deadline, row: str, command: str, answer: Any, standing: str, said: str
) -> None:
    world.commands = {command: answer, **{known: was for known, was in world.commands.items() if known != command}}
    found = look(well, deadline)
    assert (found[row].standing.value, said in found[row].said) == (standing, True), found[row].said
    others = {name for name, one in found.items() if one.standing is Standing.MISSING and name != row}
    assert others <= ({"PREP-12"} if command == "curl" else set())


USERS = "admin,5E4B1A2C-0B1D-4E2F-8A3B-4C5D6E7F8091\n"


@pytest.mark.parametrize(
    ("stated", "answers", "keyboard", "over_ssh", "standing", "said"),
    [
        (False, {}, True, False, "missing", "no SSH comes back after a restart; say filevault: true in the profile"),
        (True, {}, True, False, "ok", "admin is logged in at the console, and FileVault is unlocked by the keyboard"),
        (True, {}, False, True, "ok", "FileVault is unlocked over the SSH before the boot after a restart"),
        (True, {}, False, False, "missing", "nothing here types its password after a restart; add keyboard and screen"),
        (True, {"fdesetup list": USERS.replace("admin", "o")}, True, False, "missing", "fdesetup add -usertoadd admin"),
        (True, {"fdesetup list": "no list at all\n"}, True, False, "unknown", "cannot read its answer"),
        (True, {"fdesetup list": (12, "", "not for you\n")}, True, False, "unknown", "not for you"),
        (True, {"fdesetup status": "FileVault is Off.\n"}, True, False, "missing", "take filevault: true out"),
        (True, {"stat -f": "root\n"}, True, False, "ok", "nobody is logged in, Kextrel does that by the keyboard"),
        (True, {"stat -f": "root\n"}, False, True, "missing", "nobody is logged in at the console"),
    ],
)  # fmt: skip
def test_filevault_that_is_on_is_for_the_bench_to_unlock(
    world: Any,
    well: Rig,
    wires: Wires,
    deadline: Deadline,
    stated: bool,
    answers: dict[str, Any],
    keyboard: bool,
    over_ssh: bool,
    standing: str,
    said: str,
) -> None:
    on = {"fdesetup status": "FileVault is On.\n", "fdesetup list": USERS}
    world.commands = {**on, **answers, **{name: one for name, one in WELL.items() if name not in answers}}
    well.facts = replace(well.facts, filevault=stated)
    unlock: Any = object() if over_ssh else None
    well.wires = replace(well.wires, keyboard=wires.keyboard if keyboard else None, unlock=unlock)
    (found,) = [one for one in examine(well, deadline=deadline) if one.row == "PREP-05"]
    assert (found.standing.value, said in found.said) == (standing, True), found.said


def test_a_mac_that_waits_for_its_unlock_is_not_called_switched_off(
    world: Any, well: Rig, deadline: Deadline, monkeypatch: pytest.MonkeyPatch, screens: dict[str, str]
) -> None:
    def refuse(self: object, *, deadline: Deadline) -> str:
        raise Transient("no SSH connection: Connection refused", wire="mini.shell")

    monkeypatch.setattr(type(well.wires.shell), "check", refuse)
    well.facts, world.shell_up, world.screen = replace(well.facts, filevault=True), False, screens["login"]
    assert look(well, deadline)["PREP-01"].said.startswith("macOS waits for FileVault's password before it starts;")
    assert "kextrel lab prepare" in look(well, deadline)["PREP-01"].said
    well.filevault_takes = False
    assert look(well, deadline)["PREP-01"].said.endswith("; type it at the Mac")
    world.screen = screens["picker"]
    assert look(well, deadline)["PREP-01"].said.startswith("nobody answers:")


def test_a_screen_that_fails_as_well_ends_no_examination(
    world: Any, well: Rig, deadline: Deadline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: object, *, deadline: Deadline) -> str:
        raise Transient("is not there", wire="mini.wire")

    monkeypatch.setattr(type(well.wires.shell), "check", fail)
    monkeypatch.setattr(type(well.wires.screen), "text", fail)
    well.facts, world.shell_up = replace(well.facts, filevault=True), False
    found = look(well, deadline)
    assert found["PREP-01"].said.startswith("nobody answers: is not there;")
    assert list(found) == list(ROWS)


def test_of_a_locked_mac_whose_profile_does_not_say_filevault_that_is_said(
    well: Rig, deadline: Deadline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: object, *, deadline: Deadline) -> str:
        raise Locked(wire="mini.shell")

    monkeypatch.setattr(type(well.wires.shell), "check", refuse)
    said = look(well, deadline)["PREP-01"].said
    assert "the profile says filevault: true" in said
    assert "start macOS" not in said


def test_it_is_unlocked_before_anything_else_is_put_right(
    world: Any, well: Rig, wires: Wires, deadline: Deadline, screens: dict[str, str]
) -> None:
    def key(pressed: str) -> None:
        if pressed == "return":
            world.shell_up, world.screen = True, screens["desktop"]

    well.facts, well.wires = replace(well.facts, filevault=True), wires
    world.shell_up, world.screen, world.on_key = False, screens["login"], key
    did: list[Remedied] = []
    unlock(well, done=did.append, deadline=deadline)
    unlock(well, done=did.append, deadline=deadline)
    assert [(one.row, one.failed) for one in did] == [("PREP-01", "")]
    assert world.log.count("type a secret") == 1


def test_an_unlock_that_fails_is_said(
    world: Any, well: Rig, wires: Wires, deadline: Deadline, screens: dict[str, str]
) -> None:
    well.facts, well.wires = replace(well.facts, filevault=True), wires
    world.shell_up, world.screen = False, screens["login"]
    did: list[Remedied] = []
    unlock(well, done=did.append, deadline=deadline)
    assert "typed FileVault's password 2 times" in did[0].failed


def test_without_a_shell_nothing_else_is_asked(
    world: Any, well: Rig, deadline: Deadline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: object, *, deadline: Deadline) -> str:
        raise BenchError("its host key is another one", wire="mini.shell", hint="pin it")

    monkeypatch.setattr(type(well.wires.shell), "check", refuse)
    found = look(well, deadline)
    assert found["PREP-01"].said == "its host key is another one; pin it"
    assert {one.standing for row, one in found.items() if row != "PREP-01"} == {Standing.UNKNOWN}
    assert world.log == []


def test_no_shell_wire_is_missing(well: Rig, deadline: Deadline) -> None:
    well.wires = replace(well.wires, shell=None)
    assert look(well, deadline)["PREP-01"].standing is Standing.MISSING


def test_root_is_asked_by_password_where_sudo_wants_one(world: Any, well: Rig, deadline: Deadline) -> None:
    world.commands = {"sudo -n": (1, "", "sudo: a password is required\n"), **world.commands}
    found = look(well, deadline)
    assert {row for row, one in found.items() if one.standing is Standing.MISSING} == {"PREP-02"}
    asked = [line for line in world.log if "sudo -k -S" in line]
    assert asked
    assert not [line for line in world.log if well.accounts.admin.password in line]
    assert f"{well.accounts.admin.password}\n".encode() in world.inputs


def test_another_macos_than_the_profile_says_is_named(world: Any, well: Rig, deadline: Deadline) -> None:
    world.commands["sw_vers"] = "ProductName:\t\tmacOS\nProductVersion:\t\t14.6.1\nBuildVersion:\t\t23G93\n"
    found = look(well, deadline)["PREP-10"]
    assert found.standing is Standing.MISSING
    assert found.said.startswith("it runs macOS 14.6.1, and its profile says 14.5; ")


def test_who_is_refused_even_then_leaves_rows_unknown(world: Any, well: Rig, deadline: Deadline) -> None:
    world.commands = {
        "sudo -n": (1, "", "sudo: a password is required\n"),
        "sudo -k -S": (1, "", "admin is not in the sudoers file.\n"),
        **world.commands,
    }
    found = look(well, deadline)
    unknown = {row: one.said for row, one in found.items() if one.standing is Standing.UNKNOWN}
    assert unknown == dict.fromkeys(
        ("PREP-03", "PREP-15"), "root could not be asked: admin is not in the sudoers file."
    )


def test_a_profile_may_have_the_bench_log_in(world: Any, well: Rig, wires: Wires, deadline: Deadline) -> None:
    world.commands["stat -f"] = "root\n"
    well.facts = replace(well.facts, automatic_login=False)
    assert look(well, deadline)["PREP-05"].standing is Standing.MISSING  # there is no keyboard
    well.wires = replace(well.wires, keyboard=wires.keyboard)
    assert look(well, deadline)["PREP-05"].standing is Standing.OK


def test_what_the_profile_names_is_asked_about(world: Any, well: Rig, deadline: Deadline, tmp_path: Path) -> None:
    bundles = [tmp_path / "Vendor.kext", tmp_path / "Agent.app"]
    world.commands["Agent.app"] = (1, "", "Agent.app: code object is not signed at all\n")
    found = look(well, deadline, *bundles)["PREP-13"]
    assert (found.standing, found.said.split()[0]) == (Standing.MISSING, "Agent.app")
    assert [local for local, _ in world.uploads] == bundles
    assert not [line for line in world.log if "spctl" in line and "Agent.app" in line]


def test_a_remedy_that_fails_is_told_and_the_others_are_tried(world: Any, well: Rig, deadline: Deadline) -> None:
    world.commands = {
        "pmset -a": (1, "", "pmset: not today\n"),
        "defaults read": (1, "", "does not exist\n"),
        "pmset -g": " displaysleep 10\n autorestart 1\n",
        **{name: was for name, was in world.commands.items() if name not in ("pmset -g", "defaults read")},
    }
    told: list[tuple[str, str]] = []
    found = make_ready(well, done=lambda one: told.append((one.row, one.failed)), deadline=deadline)
    assert told == [("PREP-06", "pmset: not today"), ("PREP-07", "")]
    assert [sentence[:8] for sentence in by_hand(found)] == ["PREP-06:", "PREP-07:"]


@pytest.mark.parametrize(
    "end", [BenchError("the server is gone", wire="mini.mdm"), KeyboardInterrupt()], ids=["wire", "interrupt"]
)
def test_a_question_that_nobody_answered_is_taken_back(
    world: Any, well: Rig, mdm: Any, deadline: Deadline, monkeypatch: pytest.MonkeyPatch, end: BaseException
) -> None:
    def receive(command: Any, *, deadline: Deadline) -> None:
        raise end

    def withdraw(command: Any, *, deadline: Deadline) -> bool:
        taken.append(command.request_type)
        return True

    taken: list[str] = []
    escrowed = "profiles: Bootstrap Token supported on server: YES\nprofiles: Bootstrap Token escrowed to server: YES\n"
    status = "Enrolled via DEP: Yes\nMDM enrollment: Yes (User Approved)\nMDM server: https://mdm.example.org/mdm\n"
    world.commands = {"-type bootstraptoken": escrowed, "profiles status": status} | world.commands
    well.facts = replace(well.facts, enrollment=Enrollment.AUTOMATED_DEVICE)
    well.wires = replace(well.wires, mdm=mdm)
    monkeypatch.setattr(mdm, "receive", receive)
    monkeypatch.setattr(mdm, "withdraw", withdraw)
    if isinstance(end, BenchError):
        assert "the server is gone" in look(well, deadline)["PREP-14"].said
    else:
        with pytest.raises(KeyboardInterrupt):
            look(well, deadline)
    assert taken == ["ProfileList"]
