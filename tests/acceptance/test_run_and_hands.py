"""`kextrel run`, `observe`, `lab` and `mac`: one Mac in the hand, and what is left of it when the hand is cut off."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

Process = Callable[..., "subprocess.CompletedProcess[str]"]

WALK = """\
schema: kextrel/scenario/v1
name: full security refuses
mac: {architecture: apple-silicon, macos: ">=13"}
extensions:
  driver: {kind: kext, bundle_id: com.example.kextrel.driver}
steps:
  - install: driver
  - load: driver
    expect: {outcome: refused, reason: security-mode}
"""
ELSEWHERE = """\
schema: kextrel/scenario/v1
name: another time
mac: {architecture: apple-silicon, macos: "12.6"}
steps:
  - restart:
"""
LOWERED = """\
schema: kextrel/scenario/v1
name: lowered, and never finished
mac: {architecture: apple-silicon, macos: ">=13", security_mode: reduced, kext_management: [user]}
extensions:
  driver: {kind: kext, bundle_id: com.example.kextrel.driver}
steps:
  - install: driver
"""
TIMEOUTS = ("boot", "shutdown", "recovery", "button", "screen", "settle", "command", "observe", "login", "transfer")
STATE = {"boot", "security_mode", "sip", "kext_management", "uakl", "aux_kc", "receipt", "loaded_kexts"}


@pytest.fixture
def walk(tmp_path: Path) -> Path:
    path = tmp_path / "walk.mac.yaml"
    path.write_text(WALK)
    return path


def test_a_run_that_is_killed_leaves_no_mac_behind_and_the_next_one_works(
    kextrel: Process, settings: dict[str, str], tmp_path: Path, walk: Path
) -> None:
    killed, evidence = run_until_a_step_begins(walk, tmp_path, settings)
    children = [os.pidfd_open(child) for child in children_of(killed.pid)]
    assert children, "the virtual lab is a child of the run"
    killed.kill()
    assert killed.wait(30) == -signal.SIGKILL
    for child in children:
        readable, _, _ = select.select([child], [], [], 60)  # a process that ended makes its descriptor readable
        assert readable, "a virtual Mac has outlived its run"
        os.close(child)
    again = kextrel("run", walk, "--json", "--evidence", evidence)
    told_as_the_contract_has_it(again)


def test_a_run_that_is_killed_in_recovery_leaves_the_mac_to_the_next_one(
    kextrel: Process, served: Any, settings: dict[str, str], tmp_path: Path, walk: Path
) -> None:
    """It held the Mac's lease, its policy lowered, its keys in its hand: the next run takes it from there."""
    lowered = tmp_path / "lowered.mac.yaml"
    lowered.write_text(LOWERED)
    typed = '"event":"type-secret"'  # the owner's password, on the way into the Terminal of recovery
    killed, evidence = run_until_a_step_begins(lowered, tmp_path, settings, "--lab", str(served.lab), seen=typed)
    killed.kill()
    assert killed.wait(30) == -signal.SIGKILL
    assert '"event":"step begins"' not in evidence.read_text()
    told_as_the_contract_has_it(kextrel("run", walk, "--lab", served.lab, "--json"))
    listed = json.loads(kextrel("lab", "list", "--lab", served.lab, "--json").stdout)
    assert listed["quarantine"] is None
    facts = json.loads(kextrel("observe", "--lab", served.lab, "--json").stdout)["facts"]
    assert (facts["security_mode"], facts["aux_kc"], facts["environment"]) == ("full", [], "macos")


@pytest.mark.night
@pytest.mark.parametrize("shared", [(), ("-n", "2")], ids=["alone", "by two"])
def test_a_certification_that_is_killed_leaves_its_macs_to_the_next_one(
    kextrel: Process, served: Any, settings: dict[str, str], tmp_path: Path, shared: tuple[str, ...]
) -> None:
    """What it has started is killed with it: the next one takes the Mac as it is."""
    line = ["certify", "--lab", str(served.lab), "--rule", "KEXT-06", "--json", *shared]
    evidence = tmp_path / "killed" / "evidence.jsonl"
    command = [sys.executable, "-m", "kextrel.cli", *line, "--report", str(evidence.parent)]
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    until_a_step_begins(subprocess.Popen(command, cwd=tmp_path, env=settings, **streams), evidence).kill()
    again = kextrel(*line)
    *_, counts = map(json.loads, again.stdout.splitlines())
    assert (again.returncode, counts["violated"], counts["bench-failed"]) == (0, 0, 0), again.stderr
    assert counts["held"] > 0
    assert json.loads(kextrel("lab", "list", "--lab", served.lab, "--json").stdout)["quarantine"] is None


def run_until_a_step_begins(
    walk: Path, folder: Path, settings: dict[str, str], *options: str, seen: str = '"event":"step begins"'
) -> tuple[subprocess.Popen[bytes], Path]:
    evidence = folder / "evidence.jsonl"
    command = [sys.executable, "-m", "kextrel.cli", "run", str(walk), "--evidence", str(evidence), *options]
    child = subprocess.Popen(command, cwd=folder, env=settings, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return until_a_step_begins(child, evidence, seen=seen), evidence


def until_a_step_begins(
    child: subprocess.Popen[bytes], evidence: Path, *, seen: str = '"event":"step begins"'
) -> subprocess.Popen[bytes]:
    """`child`, as soon as it has written `seen` down."""
    for _ in range(3000):
        with suppress(subprocess.TimeoutExpired):
            raise AssertionError(f"the run ended with {child.wait(0.1)} before a step of it began")
        if evidence.exists() and seen in evidence.read_text():
            return child
    raise AssertionError("no step of the run began within five minutes")


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def told_as_the_contract_has_it(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stderr
    told, counts = map(json.loads, done.stdout.splitlines())
    assert counts == {"held": 1, "violated": 0, "not-checked": 0, "bench-failed": 0}
    assert set(told) >= {"file", "name", "steps", "verdict"}
    install, load = told["steps"]
    for number, step in enumerate((install, load), start=1):
        assert list(step)[:2] == ["step", "action"]
        assert step["step"] == number
        assert {"outcomes", "rules", "open", "state", "observed", "verdict"} <= set(step)
        assert set(step["verdict"]) == {"verdict", "rule", "reason"}
    assert load["action"] == {"load": "driver"}
    assert load["outcomes"] == [{"outcome": "refused", "reason": "security-mode"}]
    assert set(load["observed"]["state"]) >= STATE
    assert (load["observed"]["outcome"], load["verdict"]["verdict"]) == ("refused", "held")
    assert load["verdict"]["rule"] is None


def test_a_scenario_that_no_mac_fits_is_not_checked_and_exit_4(kextrel: Process, served: Any, tmp_path: Path) -> None:
    (tmp_path / "other.mac.yaml").write_text(ELSEWHERE)
    done = kextrel("run", "other.mac.yaml", "--lab", served.lab, "--json")
    told, counts = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 4
    assert counts == {"held": 0, "violated": 0, "not-checked": 1, "bench-failed": 0}
    assert "12.6" in told["verdict"]["reason"]
    assert {step["observed"] for step in told["steps"]} == {None}


def test_a_run_says_for_people_what_it_says_for_machines(kextrel: Process, served: Any, walk: Path) -> None:
    done = kextrel("run", walk, "--lab", served.lab)
    assert "full security refuses  on mini" in done.stdout, done.stderr
    assert "✓ 2. load driver  held" in done.stdout
    assert "refused (security-mode)" in done.stdout


@pytest.fixture
def hand(kextrel: Process, served: Any) -> Process:
    """`hand("shell", "sw_vers")`: `kextrel mac mini` on the served lab."""
    return lambda kind, *rest: kextrel("mac", "mini", kind, "--lab", served.lab, *rest)


def test_observe_finds_everything_and_says_so(kextrel: Process, served: Any) -> None:
    done = kextrel("observe", "--lab", served.lab, "--json")
    seen = json.loads(done.stdout)
    facts = seen["facts"]
    assert done.returncode == 0, done.stderr
    assert (facts["macos"], facts["architecture"], facts["environment"]) == ("14.5", "apple-silicon", "macos")
    assert (facts["security_mode"], facts["sip"], facts["kext_management"]) == ("full", "enabled", [])
    assert (facts["loaded_kexts"], facts["aux_kc"], facts["console_user"]) == ([], [], "admin")


def test_every_wire_is_alive(kextrel: Process, served: Any) -> None:
    done = kextrel("lab", "check", "--lab", served.lab, "--json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert {one["wire"].split(" ")[0].split(".")[1] for one in found} == {
        "shell",
        "console",
        "power",
        "button",
        "keyboard",
        "screen",
        "beacon",
    }
    assert {one["alive"] for one in found} == {True}


def test_the_shell_s_streams_and_exit_code_are_the_command_s(hand: Process) -> None:
    done = hand("shell", "sw_vers -productVersion; echo wrong >&2; exit 7")
    assert (done.stdout, done.stderr, done.returncode) == ("14.5\n", "wrong\n", 7)


def test_the_console_answers(hand: Process) -> None:
    done = hand("console", "--send", "", "--until", "login:")
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("login:")


def test_a_wire_that_says_nothing_in_time_is_exit_3(hand: Process) -> None:
    done = hand("console", "--until", "never to be seen", "--timeout", "0.3")
    assert (done.stdout, done.returncode) == ("", 3)
    assert done.stderr.startswith("kextrel: mini.console (/dev/pts/")
    assert done.stderr.count("\n") == 1


def test_the_screen_shows_what_the_keyboard_does(hand: Process, tmp_path: Path) -> None:
    assert hand("shell", "open x-apple.systempreferences:").returncode == 0
    assert "System Settings" in hand("screen").stdout
    assert hand("keyboard", "--press", "command+q").returncode == 0
    shown = hand("screen").stdout
    assert "System Settings" not in shown
    assert "Finder" in shown
    assert hand("screen", "--picture", "here.jpg").stdout == "here.jpg\n"
    assert (tmp_path / "here.jpg").read_bytes().startswith(b"\xff\xd8")


def test_the_button_held_forces_off_and_pressed_switches_on(hand: Process) -> None:
    assert hand("button", "--seconds", "11").returncode == 0
    assert "no signal" in hand("screen").stdout
    assert hand("button").returncode == 0
    assert hand("shell", "true").returncode == 0


def test_recovery_is_entered_and_left_by_hand(hand: Process) -> None:
    entered = hand("recovery")
    assert (entered.returncode, entered.stdout) == (0, "mini is in 1tr\n"), entered.stderr
    assert "Terminal" in json.loads(hand("screen", "--json").stdout)["screen"]
    left = hand("recovery", "--into", "macos", "--json")
    assert json.loads(left.stdout) == {"mac": "mini", "boot": "macos"}
    told = json.loads(hand("shell", "--json", "sw_vers -productVersion; exit 7").stdout)
    assert told == {"mac": "mini", "exit_code": 7, "stdout": "14.5\n", "stderr": ""}


def test_mains_off_is_off_and_mains_on_boots(hand: Process) -> None:
    assert hand("power", "off").returncode == 0
    assert "no signal" in hand("screen").stdout
    assert hand("power", "on").returncode == 0
    assert hand("shell", "true").returncode == 0


@pytest.fixture
def deaf(serve: Callable[..., Any], end: Callable[..., Any], settings: dict[str, str], tmp_path: Path) -> Iterator[Any]:
    """A served lab whose Mac hangs up SSH for good with the first command, and a profile that waits for it briefly."""
    profile = tmp_path / "deaf.yaml"
    profile.write_text(
        "schema: kextrel/lab/v1\nname: deaf\nmacs:\n  mini:\n    architecture: apple-silicon\n"
        '    macos: "14.5"\n    time_scale: 50\n    virtual: {prepared: true}\n'
        f"    timeouts: {{{', '.join(f'{name}: 2' for name in TIMEOUTS)}}}\n"
    )
    serving = serve(tmp_path, settings, str(profile), "--fault", "ssh-drop@3", "--with-stdin")
    yield serving
    end(serving.child, signal.SIGTERM)


def test_a_mac_that_cannot_go_back_is_put_aside_until_somebody_looked(kextrel: Process, deaf: Any, walk: Path) -> None:
    first = kextrel("run", walk, "--lab", deaf.lab)
    assert first.returncode == 3, first.stdout
    assert "mini.shell (127.0.0.1:" in first.stdout
    second = kextrel("run", walk, "--lab", deaf.lab)
    assert second.returncode == 3
    assert "quarantined" in second.stderr
    assert f"kextrel lab release mini --lab {deaf.lab}" in second.stderr
    assert "could not be taken back" in kextrel("lab", "list", "--lab", deaf.lab).stdout
    assert "it can be used again" in kextrel("lab", "release", "mini", "--lab", deaf.lab).stdout
