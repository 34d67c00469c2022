"""predict, rules, lab list: what needs no Mac. Bad input is one sentence on stderr, exit 2, and nothing was touched."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]

WALK = """\
schema: kextrel/scenario/v1
name: full security refuses
mac: {macos: "14.5"}
extensions:
  driver: {kind: kext, bundle_id: com.example.kextrel.driver}
steps:
  - install: driver
  - load: driver
"""
LAB = """\
schema: kextrel/lab/v1
name: bench
macs:
  mini:
    architecture: apple-silicon
    macos: "14.5"
    accounts: {admin: {user: lab, password: env:LAB_PASSWORD}}
    wires:
      power: {driver: lcus, port: /dev/null, channel: 1}
"""


def one_sentence(done: subprocess.CompletedProcess[str]) -> str:
    assert done.stdout == ""
    assert done.stderr.startswith("kextrel: ")
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_predict_prints_one_object_a_file(kextrel: Run, tmp_path: Path) -> None:
    (tmp_path / "a.mac.yaml").write_text(WALK)
    (tmp_path / "b.mac.yaml").write_text(WALK)
    done = kextrel("predict", "a.mac.yaml", "b.mac.yaml", "--json")
    assert done.returncode == 0, done.stderr
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert (first["file"], second["file"]) == ("a.mac.yaml", "b.mac.yaml")
    assert list(first["steps"][1]) == ["step", "action", "outcomes", "rules", "open", "state"]
    assert first["steps"][1]["outcomes"] == [{"outcome": "refused", "reason": "security-mode"}]
    assert first["steps"][1]["state"] == {
        "boot": "macos",
        "security_mode": "full",
        "sip": True,
        "kext_management": [],
        "uakl": [],
        "aux_kc": [],
        "receipt": [],
        "loaded_kexts": [],
        "system_extensions": {},
    }


def test_predict_reads_like_a_page_too(kextrel: Run, tmp_path: Path) -> None:
    (tmp_path / "a.mac.yaml").write_text(WALK)
    assert "2. load driver  →  refused (security-mode)  [KEXT-06" in kextrel("predict", "a.mac.yaml").stdout


def test_explain_says_why_and_what_helps(kextrel: Run, tmp_path: Path) -> None:
    (tmp_path / "a.mac.yaml").write_text(WALK)
    page = kextrel("explain", "a.mac.yaml").stdout
    assert "KEXT-06 [S0, S1, S2]: " in page
    assert "The shortest way to have it loaded: boot into 1TR (hold the power button); " in page
    said = json.loads(kextrel("explain", "a.mac.yaml", "--json").stdout)
    assert said["steps"][1]["way"]["steps"][0] == {"boot": {"into": "1tr"}}


@pytest.mark.parametrize(
    ("old", "new", "place", "hint"),
    [
        ("load:", "lode:", ":8:", "'load'"),
        ("macos:", "macso:", ":3:", "'macos'"),
        ("- load: driver", "- load: drivr", ":8:", "'driver'"),
        ("kind: kext", "kind: kxt", ":5:", "'kext'"),
    ],
)
def test_a_typo_in_a_scenario(kextrel: Run, tmp_path: Path, old: str, new: str, place: str, hint: str) -> None:
    (tmp_path / "a.mac.yaml").write_text(WALK.replace(old, new))
    for command in ("predict", "run"):
        done = kextrel(command, "a.mac.yaml")
        assert done.returncode == 2
        said = one_sentence(done)
        assert f"a.mac.yaml{place}" in said
        assert hint in said


@pytest.mark.parametrize(
    ("old", "new", "place", "hint"),
    [
        ("architecture:", "architektur:", ":5:", "'architecture'"),
        ("driver: lcus", "driver: lcsu", ":9:", "'lcus'"),
        ("env:LAB_PASSWORD", "hunter2", ":7:", "env:NAME"),
    ],
)
def test_a_typo_or_a_password_in_clear_in_a_profile(
    kextrel: Run, tmp_path: Path, old: str, new: str, place: str, hint: str
) -> None:
    (tmp_path / "lab.yaml").write_text(LAB.replace(old, new))
    for command in (["lab", "list"], ["certify"], ["mac", "mini", "power", "off"]):
        done = kextrel(*command, "--lab", "lab.yaml")
        assert done.returncode == 2, done.stderr
        said = one_sentence(done)
        assert f"lab.yaml{place}" in said
        assert hint in said
        assert "hunter2" not in said


def test_a_secret_that_is_not_there_is_named_before_a_wire_is_opened(kextrel: Run, tmp_path: Path) -> None:
    (tmp_path / "lab.yaml").write_text(LAB)
    done = kextrel("mac", "mini", "power", "off", "--lab", "lab.yaml")
    assert done.returncode == 2
    assert "env:LAB_PASSWORD is not set" in one_sentence(done)


def test_a_wrong_environment_is_refused_before_a_mac_is_started(kextrel: Run) -> None:
    done = kextrel("mac", "mini", "recovery", "--into", "fallbck")
    assert done.returncode == 2
    assert "did you mean 'fallback-recoveryos'?" in one_sentence(done)


def test_rules_as_json(kextrel: Run) -> None:
    [line] = kextrel("rules", "--json").stdout.splitlines()
    rules = json.loads(line)
    assert {tuple(rule) for rule in rules} == {("id", "text", "sources", "open")}
    families = {"BOOT": 14, "KEXT": 23, "SIG": 5, "UAK": 12, "KPI": 11, "MDM": 16, "SYS": 20}
    wanted = [f"{family}-{number:02}" for family, last in families.items() for number in range(1, last + 1)]
    assert [rule["id"] for rule in rules] == wanted
    lines = kextrel("rules").stdout.splitlines()
    assert [line.split()[0] for line in lines] == wanted


def test_the_shipped_lab_is_listed_from_an_empty_folder(kextrel: Run) -> None:
    first, *others = map(json.loads, kextrel("lab", "list", "--json").stdout.splitlines())
    assert (first["name"], first["architecture"], first["virtual"]) == ("mini", "apple-silicon", True)
    assert [other["name"] for other in others] == ["intel", "t2", "studio"]


@pytest.mark.parametrize("command", [["audit"], ["certify", "--defect", "KEXT-06"]], ids=" ".join)
def test_a_hint_names_what_named_the_lab(kextrel: Run, tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "lab.yaml").write_text(LAB)
    for lab in ("lab.yaml", "absent.yaml"):
        by_option = kextrel(*command, "--lab", lab, LAB_PASSWORD="x")
        assert "leave --lab out" in one_sentence(by_option)
        by_environment = kextrel(*command, KEXTREL_LAB=lab, LAB_PASSWORD="x")
        assert "unset KEXTREL_LAB" in one_sentence(by_environment)
        assert "--lab out" not in by_environment.stderr
        assert by_option.returncode == by_environment.returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [["predict", "absent.mac.yaml"], ["lab", "list", "--lab", "absent.yaml"], ["certify", "--rule", "KEXT-66"]],
    ids=" ".join,
)
def test_what_is_not_there_is_one_sentence(kextrel: Run, arguments: list[str]) -> None:
    done = kextrel(*arguments)
    assert done.returncode == 2
    one_sentence(done)


@pytest.mark.parametrize(
    "arguments",
    [["frobnicate"], ["predict"], ["rules", "--bogus"], ["lab", "bogus"], ["mac", "mini", "power", "sideways"]],
    ids=" ".join,
)
def test_wrong_usage_is_exit_2_and_one_sentence(kextrel: Run, arguments: list[str]) -> None:
    done = kextrel(*arguments)
    assert done.returncode == 2
    one_sentence(done)


def test_nothing_at_all_is_answered_with_help(kextrel: Run) -> None:
    done = kextrel()
    assert done.returncode == 2
    assert "Usage: kextrel" in done.stderr
    assert "certify" in done.stderr


@pytest.mark.parametrize(
    "command", ["certify", "run", "predict", "rules", "explain", "observe", "lab", "virtual", "mac"]
)
def test_every_command_explains_itself(kextrel: Run, command: str) -> None:
    done = kextrel(command, "--help")
    assert done.returncode == 0
    assert "Usage: kextrel" in done.stdout


def test_a_name_of_any_bytes_is_read_and_said_in_utf_8(kextrel: Run, tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff caf\xc3\xa9.mac.yaml")
    (tmp_path / name).write_text(WALK)
    done = kextrel("predict", name, "--json")
    assert json.loads(done.stdout)["file"] == "\\udcff caf\u00e9.mac.yaml"


def test_a_name_with_control_characters_does_not_move_the_terminal(kextrel: Run) -> None:
    done = kextrel("predict", "a\nb\x1b[31m.mac.yaml")
    assert done.returncode == 2
    assert one_sentence(done) == "kextrel: a·b·[31m.mac.yaml: cannot read it: No such file or directory\n"
