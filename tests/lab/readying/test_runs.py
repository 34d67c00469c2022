"""A run on a Mac that lacks a row ends not checked or bench failed: what the Mac would have done is not known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kextrel.evidence import EvidenceLog
from kextrel.lab import Lab
from kextrel.scenario import load, run_on
from kextrel.vocabulary import Verdict

DRIVER = """
extensions:
  driver: {kind: kext, bundle_id: com.example.kextrel.driver, team_id: KXTRL00001, version: "1.0"}
steps:
  - install: driver
  - load: driver
"""
AGENT = """
extensions:
  agent: {kind: system-extension, category: endpoint-security, bundle_id: com.example.kextrel.agent,
          team_id: KXTRL00001, version: "1.0"}
steps:
  - install: agent
  - activate: agent
"""
APPROVE = DRIVER + "  - approve: driver\n"
CUT = "steps:\n  - power-cut:\n"
RECOVERY = "steps:\n  - boot: {into: recoveryos}\n"
OPTIONS = "steps:\n  - boot: {into: 1tr}\n"
FULL = "steps:\n  - set-security: {mode: full}\n"
SILICON, INTEL, T2 = ('apple-silicon, macos: "14.5"', 'intel, macos: "12.7"', 'intel-t2, macos: "13.6"')
BY_KEYS = ("keyboard", "screen")

Evidence = Callable[[str], EvidenceLog]


@pytest.mark.night
@pytest.mark.parametrize(
    ("name", "mac", "steps", "without", "verdict", "said"),
    [
        pytest.param("PREP-01", SILICON, FULL, (), Verdict.BENCH_FAILED, "Remote Login", id="PREP-01"),
        pytest.param("PREP-02", SILICON, DRIVER, (), Verdict.NOT_CHECKED, "PREP-02", id="PREP-02"),
        pytest.param("PREP-03", INTEL, APPROVE, (), Verdict.NOT_CHECKED, "uakl", id="PREP-03"),
        pytest.param("PREP-04", SILICON, FULL, (), Verdict.NOT_CHECKED, "PREP-04", id="PREP-04"),
        pytest.param("PREP-04", SILICON, OPTIONS, (), Verdict.NOT_CHECKED, "PREP-04", id="PREP-04 again"),
        pytest.param("PREP-05", INTEL, DRIVER, (), Verdict.NOT_CHECKED, "PREP-05", id="PREP-05"),
        pytest.param("PREP-06", SILICON, DRIVER, (), Verdict.NOT_CHECKED, "PREP-06", id="PREP-06"),
        pytest.param("PREP-07", INTEL, APPROVE, (), Verdict.NOT_CHECKED, "PREP-07", id="PREP-07"),
        pytest.param("PREP-08", INTEL, RECOVERY, (), Verdict.BENCH_FAILED, "PREP-08", id="PREP-08"),
        pytest.param("PREP-09", SILICON, CUT, (), Verdict.NOT_CHECKED, "PREP-09", id="PREP-09"),
        pytest.param("book", T2, CUT, (), Verdict.NOT_CHECKED, "PREP-09", id="book"),
        pytest.param("PREP-10", SILICON, OPTIONS, (), Verdict.NOT_CHECKED, "PREP-10", id="PREP-10"),
        pytest.param("PREP-11", SILICON, FULL, (), Verdict.NOT_CHECKED, "PREP-11", id="PREP-11"),
        pytest.param("PREP-12", INTEL, RECOVERY, (), Verdict.BENCH_FAILED, "PREP-12", id="PREP-12"),
        pytest.param("PREP-13", INTEL, DRIVER, (), Verdict.NOT_CHECKED, "PREP-13", id="PREP-13"),
        pytest.param("PREP-13", INTEL, AGENT, (), Verdict.NOT_CHECKED, "PREP-13", id="PREP-13 again"),
        pytest.param(
            "PREP-14", f"{INTEL}, enrollment: device", DRIVER, (), Verdict.NOT_CHECKED, "PREP-14", id="PREP-14"
        ),
        pytest.param("PREP-15", SILICON, DRIVER, BY_KEYS, Verdict.NOT_CHECKED, "needs one", id="PREP-15"),
    ],
)
def test_it_is_never_the_macs_fault(
    macs: Lab,
    evidence: Evidence,
    tmp_path: Path,
    name: str,
    mac: str,
    steps: str,
    without: tuple[str, ...],
    verdict: Verdict,
    said: str,
) -> None:
    scenario = tmp_path / "it.mac.yaml"
    scenario.write_text(f"schema: kextrel/scenario/v1\nname: it\nmac: {{architecture: {mac}}}\n{steps}")
    log, quarantined = evidence(name), list[str]()
    with lacking(macs, name, without).open(name, log) as device:
        (report,) = run_on(device, load(scenario), quarantine=quarantined.append, sink=log)
    assert (report.verdict, report.judgement.rule) == (verdict, None), report.judgement.reason
    assert not any(step.judgement.verdict is Verdict.VIOLATED for step in report.steps)
    assert said in report.judgement.reason


def lacking(macs: Lab, name: str, wires: tuple[str, ...]) -> Lab:
    """The lab with some wires of a Mac taken away."""
    mac = macs.profile.macs[name]
    assert mac.wires is not None
    return macs.wired({name: mac.model_copy(update={"wires": mac.wires.model_copy(update=dict.fromkeys(wires))})})
