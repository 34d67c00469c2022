"""`lab prepare`: what SSH can do is done, once; the rest is told; and no password is where it could be read."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from kextrel.bench.protocols import Completed
from kextrel.cli import readying as commands
from kextrel.device.readiness import ROWS, Remedied, Standing
from kextrel.evidence import EvidenceLog
from kextrel.lab import Lab
from kextrel.lab.readying import examined, made_ready
from kextrel.timing import Deadline

Evidence = Callable[[str], EvidenceLog]
BY_SSH = ["PREP-02", "PREP-06", "PREP-07", "PREP-09"]


def ready(macs: Lab, name: str, log: EvidenceLog) -> tuple[list[Remedied], dict[Standing, list[str]]]:
    did: list[Remedied] = []
    found = made_ready(macs, name, log, done=did.append, deadline=Deadline.after(120, "the preparation"))
    return did, {kind: [one.row for one in found if one.standing is kind] for kind in Standing}


def on(macs: Lab, name: str, log: EvidenceLog, line: str) -> Completed:
    with macs.open(name, log) as mac:
        assert mac.wires.shell is not None
        return mac.wires.shell.run(line, deadline=Deadline.after(10))


def test_what_ssh_can_do_is_done_once(macs: Lab, evidence: Evidence) -> None:
    log = evidence("bare")
    did, found = ready(macs, "bare", log)
    assert [(one.row, one.failed) for one in did] == [(row, "") for row in BY_SSH]
    assert not found[Standing.MISSING]
    assert not found[Standing.UNKNOWN]
    entry = on(
        macs,
        "bare",
        log,
        "sudo -n ls -lA /etc/sudoers.d/kextrel; sudo -n cat /etc/sudoers.d/kextrel; ls -A /etc/sudoers.d",
    )
    assert entry.out.startswith("-r--r-----")
    assert entry.out.endswith("admin ALL = (ALL) NOPASSWD: ALL\nkextrel\n")
    assert ready(macs, "bare", log)[0] == []


def test_the_rest_is_a_technicians(lab_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        commands.prepare("shop", lab=str(lab_file))
    assert ended.value.exit_code == 3
    lines = capsys.readouterr().out.splitlines()
    assert [line[:7] for line in lines[:4]] == BY_SSH
    head = lines.index("For a technician at shop:")
    told = lines[head + 1 : -len(ROWS)]
    assert [line.partition(". ")[0] for line in told] == [str(number) for number in range(1, len(told) + 1)]
    assert [line.split()[1] for line in told] == [f"PREP-{row}:" for row in ("03", "04", "05", "10", "11", "12", "13")]
    assert all(line.endswith(".") for line in told)
    assert [line.split("PREP-")[1][:2] for line in lines[-len(ROWS) :]] == [row[-2:] for row in ROWS]


def test_no_password_is_told(macs: Lab, evidence: Evidence, tmp_path: Path) -> None:
    """Not in the evidence, and so on no command line, which the evidence has."""
    log = evidence("locking")
    did, found = ready(macs, "locking", log)
    assert [one.row for one in did] == ["PREP-06"]
    assert found[Standing.MISSING] == []
    text = (tmp_path / "locking.jsonl").read_text()
    accounts = macs.profile.macs["locking"].accounts
    assert accounts is not None
    secret = Path(str(accounts.admin.password).removeprefix("file:")).read_text().strip()
    assert "sysadminctl -screenLock off -password -" in text
    assert secret not in text


def test_a_mistake_never_comes_into_sudoers(macs: Lab, evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    from kextrel.device.readiness import remedies

    log = evidence("asking")
    before = on(macs, "asking", log, "ls -A /etc/sudoers.d").out
    script = remedies._PLACE_ENTRY.replace('"$1" >', '"$1 and nonsense" >')
    assert script != remedies._PLACE_ENTRY
    monkeypatch.setattr(remedies, "_PLACE_ENTRY", script)
    did, found = ready(macs, "asking", log)
    assert "syntax error" in did[0].failed or "parse error" in did[0].failed
    assert found[Standing.MISSING] == ["PREP-02"]
    assert on(macs, "asking", log, "ls -A /etc/sudoers.d").out == before


def test_our_key_is_installed_beside_those_of_others(
    macs: Lab, evidence: Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "keyless"
    key = tmp_path / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    log = evidence(name)
    on(macs, name, log, "mkdir -p .ssh; printf 'ssh-ed25519 AAAAsomebody else' > .ssh/authorized_keys")
    mac = macs.profile.macs[name]
    assert mac.wires is not None
    assert mac.wires.shell is not None
    shell = mac.wires.shell.model_copy(update={"key": str(key)})
    keyed = macs.wired({name: mac.model_copy(update={"wires": mac.wires.model_copy(update={"shell": shell})})})
    refused = examined(keyed, name, log, deadline=Deadline.after(60))[0]
    assert refused.standing is Standing.MISSING
    assert "cannot log in with the key" in refused.said
    for expected in (["PREP-01"], []):
        did, found = ready(keyed, name, log)
        assert [(one.row, one.failed) for one in did] == [(row, "") for row in expected]
        assert found[Standing.MISSING] == []
    lines = on(keyed, name, log, "cat .ssh/authorized_keys; stat -f %Lp .ssh .ssh/authorized_keys").out.splitlines()
    assert lines[0] == "ssh-ed25519 AAAAsomebody else"
    assert lines[1].split()[:2] == key.with_suffix(".pub").read_text().split()[:2]
    assert lines[2:] == ["700", "600"]
