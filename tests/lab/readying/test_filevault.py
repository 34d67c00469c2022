"""A Mac with FileVault over real wires: examined, unlocked, restarted; and what is said where nothing unlocks it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from kextrel.device import TestMac
from kextrel.device.readiness import Finding, Remedied, Standing
from kextrel.errors import BenchError
from kextrel.evidence import EvidenceLog
from kextrel.lab import Lab
from kextrel.lab.readying import examined, made_ready
from kextrel.scenario import load, run_on
from kextrel.timing import Deadline
from kextrel.vocabulary import Verdict

Evidence = Callable[[str], EvidenceLog]
WALK = Path(__file__).parents[3] / "framework/kextrel/certification/scenarios/KEXT-04-the-whole-walk.mac.yaml"
BOTH = ("keyboard", "screen")
PATIENCE = 120.0
RESTART = """
schema: kextrel/scenario/v1
name: one restart
mac: {architecture: apple-silicon, macos: ">=14"}
steps:
  - restart:
"""


def soon() -> Deadline:
    return Deadline.after(PATIENCE, "the test")


def otherwise(macs: Lab, name: str, without: tuple[str, ...] = (), **changes: object) -> Lab:
    """The lab with some wires of a Mac taken away, and other facts of it."""
    mac = macs.profile.macs[name]
    assert mac.wires is not None
    wires = mac.wires.model_copy(update=dict.fromkeys(without))
    return macs.wired({name: mac.model_copy(update={"wires": wires, **changes})})


def secret(reference: str) -> str:
    """What is in the file that a profile refers to."""
    return Path(reference.removeprefix("file:")).read_text().strip()


def desktop(macs: Lab, name: str, log: EvidenceLog) -> Finding:
    return next(one for one in examined(macs, name, log, deadline=soon()) if one.row == "PREP-05")


@pytest.mark.night
@pytest.mark.parametrize(
    ("name", "without", "stated", "standing", "said"),
    [
        ("vault", (), True, Standing.OK, "FileVault is unlocked by the keyboard"),
        ("vault", ("keyboard",), True, Standing.MISSING, "nothing here types its password"),
        ("vault", (), False, Standing.MISSING, "say filevault: true"),
        ("newvault", BOTH, True, Standing.OK, "FileVault is unlocked over the SSH before the boot"),
    ],
)
def test_doctor_says_who_unlocks_it(
    macs: Lab, evidence: Evidence, name: str, without: tuple[str, ...], stated: bool, standing: Standing, said: str
) -> None:
    found = desktop(otherwise(macs, name, without, filevault=stated), name, evidence(f"{name}-{stated}-{len(without)}"))
    assert (found.standing, said in found.said) == (standing, True), found.said


def go_down(mac: TestMac) -> None:
    """Somebody restarts it and goes home."""
    assert mac.wires.shell is not None
    with suppress(BenchError):  # the connection may end before the answer has come
        mac.wires.shell.run("sudo -n shutdown -r now", deadline=soon())
    mac.wires.shell.wait_until_gone(deadline=soon())


def test_a_mac_that_waits_is_unlocked_by_prepare(macs: Lab, evidence: Evidence) -> None:
    log, did = evidence("vault-waits"), list[Remedied]()
    with macs.open("vault", log) as mac:
        go_down(mac)
    first, *rest = made_ready(macs, "vault", log, done=did.append, deadline=soon())
    assert [(one.row, one.failed) for one in did] == [("PREP-01", "")]
    assert {one.standing for one in (first, *rest)} <= {Standing.OK, Standing.NOT_APPLICABLE}


def test_ssh_alone_unlocks_one_on_26(macs: Lab, evidence: Evidence) -> None:
    log, did = evidence("newvault-waits"), list[Remedied]()
    bare = otherwise(macs, "newvault", BOTH)
    with bare.open("newvault", log) as mac:
        go_down(mac)
    found = made_ready(bare, "newvault", log, done=did.append, deadline=soon())
    assert [(one.row, one.failed) for one in did] == [("PREP-01", "")]
    assert found[0].standing is Standing.OK
    assert "FileVault was unlocked over SSH" in "".join(record.to_json() for record in log.records)


@pytest.mark.night
@pytest.mark.parametrize("name", ["vault", "newvault"])
def test_the_walk_of_every_kext_is_held_and_no_password_is_kept(
    macs: Lab, evidence: Evidence, tmp_path: Path, name: str
) -> None:
    """Refused, 1TR, approved at the desktop, restarted, loaded: five starts, and each waits for the unlock."""
    log, quarantined = evidence(f"{name}-walk"), list[str]()
    with macs.open(name, log) as mac:
        (report,) = run_on(mac, load(WALK), quarantine=quarantined.append, sink=log)
    assert (report.verdict, quarantined) == (Verdict.HELD, []), report.judgement.reason
    kept = (tmp_path / f"{name}-walk.jsonl").read_text()
    accounts = macs.profile.macs[name].accounts
    assert accounts is not None
    assert kept.count("FileVault was unlocked by the keyboard") >= 3
    assert secret(accounts.admin.password) not in kept
    assert "•••" not in kept  # nor was a screen kept on which it was being typed


def restarted(macs: Lab, name: str, log: EvidenceLog, folder: Path) -> str:
    """The reason of a run that must end bench failed."""
    path = folder / "restart.mac.yaml"
    path.write_text(RESTART)
    with macs.open(name, log) as mac:
        (report,) = run_on(mac, load(path), quarantine=list[str]().append, sink=log)
    assert (report.verdict, report.judgement.rule) == (Verdict.BENCH_FAILED, None), report.judgement.reason
    return report.judgement.reason


@pytest.mark.night
def test_a_bench_that_could_not_unlock_it_takes_nothing_down(macs: Lab, evidence: Evidence, tmp_path: Path) -> None:
    log = evidence("vault-bare")
    said = restarted(otherwise(macs, "vault", BOTH), "vault", log, tmp_path)
    assert "FileVault is on, and nothing here types its password; add keyboard and screen wires" in said
    with macs.open("vault", log) as mac:
        assert mac.wires.shell is not None
        assert mac.wires.shell.reachable(deadline=soon())


@pytest.mark.night
def test_a_profile_that_says_nothing_of_it_is_found_out(macs: Lab, evidence: Evidence, tmp_path: Path) -> None:
    mac = macs.profile.macs["vault"]
    hasty = otherwise(macs, "vault", filevault=False, timeouts=mac.timeouts.model_copy(update={"boot": 5.0}))
    said = restarted(hasty, "vault", evidence("vault-unsaid"), tmp_path)
    assert "say filevault: true in the profile (PREP-05)" in said
    made_ready(macs, "vault", evidence("vault-again"), done=lambda _: None, deadline=soon())


@pytest.mark.night
def test_a_wrong_password_is_the_benchs(macs: Lab, evidence: Evidence, tmp_path: Path) -> None:
    mac = macs.profile.macs["sealed"]
    assert mac.accounts is not None
    assert mac.wires is not None
    assert mac.wires.shell is not None
    wrong = tmp_path / "wrong"
    wrong.write_text("not-the-password-of-it\n")
    wrong.chmod(0o600)
    admin = mac.accounts.admin.model_copy(update={"password": f"file:{wrong}"})
    shell = mac.wires.shell.model_copy(update={"password": mac.accounts.admin.password})
    changes = {
        "accounts": mac.accounts.model_copy(update={"admin": admin}),
        "wires": mac.wires.model_copy(update={"shell": shell}),
        "timeouts": mac.timeouts.model_copy(update={"screen": 4.0}),
    }
    said = restarted(macs.wired({"sealed": mac.model_copy(update=changes)}), "sealed", evidence("sealed"), tmp_path)
    assert "FileVault's password 2 times and its field stayed" in said
    kept = said + (tmp_path / "sealed.jsonl").read_text()
    assert "not-the-password-of-it" not in kept
    assert secret(mac.accounts.admin.password) not in kept
