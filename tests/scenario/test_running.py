"""Running: what is done in which order, and what each kind of trouble becomes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from kextrel import certification, policy
from kextrel.device.rig import Facts
from kextrel.errors import BenchError, InputError, NotPossible, UnreadableAnswer
from kextrel.evidence import EvidenceLog
from kextrel.scenario import Patience, Scenario, Stay, StepReport, foresee, foreseen_rules, load, predict, run, run_on
from kextrel.timing import Deadline
from kextrel.vocabulary import UNKNOWN, Architecture, Enrollment, Outcome, Verdict, Version

WALK = """  - install: driver
  - load: driver
  - boot: {into: 1tr}
  - set-security: {allow: [user]}
  - boot: {into: macos}
  - load: driver
  - approve: driver
  - load: driver
  - restart:
  - load: driver
"""
DEAD = BenchError("no answer", wire="paper.shell")


def verdicts(report: Any) -> list[str]:
    return [step.judgement.verdict.value for step in report.steps]


def test_a_walk_that_is_right_is_held_step_by_step(one: Callable[..., Scenario], paper_mac: Any) -> None:
    mac, seen, log = paper_mac(), [], EvidenceLog()
    report = run(one(WALK), mac, sink=log, on_step=seen.append)
    assert report.verdict is Verdict.HELD
    assert verdicts(report) == ["held"] * 10
    assert tuple(seen) == report.steps
    assert mac.log[0] == "prepare"
    first, last = report.steps[3].evidence
    events = [record.event for record in log.records if first <= record.n <= last]
    assert events == ["step begins", "step ends"]


def test_the_json_is_that_of_predict_with_two_more(one: Callable[..., Scenario], paper_mac: Any) -> None:
    scenario = one(WALK)
    said, foreseen = run(scenario, paper_mac()).to_json(), predict(scenario)
    assert json.loads(json.dumps(said)) == said
    assert said["verdict"] == {"verdict": "held", "rule": None, "reason": "as expected: done"}
    for step, predicted in zip(said["steps"], foreseen["steps"], strict=True):
        assert list(step) == [*predicted, "observed", "verdict"]
        assert {key: step[key] for key in predicted} == predicted
    assert said["steps"][1]["observed"] == {
        "outcome": "refused",
        "reason": "security-mode",
        "state": foreseen["steps"][1]["state"],
    }
    assert said["steps"][0]["observed"]["reason"] is None


def test_unknown_fields_are_null_and_filled_from_the_prediction(one: Callable[..., Scenario], paper_mac: Any) -> None:
    mac = paper_mac(sees=lambda _n, state: replace(state, receipt=UNKNOWN, uakl=UNKNOWN))
    report = run(one(WALK), mac)
    assert report.verdict is Verdict.NOT_CHECKED  # approve changes nothing but the uakl
    assert verdicts(report) == ["held"] * 6 + ["not-checked"] + ["held"] * 3
    assert report.to_json()["steps"][7]["observed"]["state"]["uakl"] is None


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"architecture": Architecture.INTEL}, "it needs architecture apple-silicon, this Mac is intel"),
        ({"macos": Version(13)}, "it needs macOS 14.5, this Mac has 13.0"),
        ({"enrollment": Enrollment.USER}, "it needs enrollment none, this Mac has user"),
    ],
)
def test_a_mac_that_does_not_fit_is_not_touched(
    one: Callable[..., Scenario], paper_mac: Any, facts: dict[str, Any], said: str
) -> None:
    mac = paper_mac(facts=replace(Facts(Architecture.APPLE_SILICON, Version(14, 5)), **facts))
    report = run(one(WALK), mac)
    assert verdicts(report) == ["not-checked"] * 10
    assert report.judgement.reason == said
    assert mac.log == []


def test_what_the_model_does_not_know_is_not_begun(
    one: Callable[..., Scenario], paper_mac: Any, silent_model: Any
) -> None:
    mac = paper_mac()
    report = run(one("  - panic-medic:\n  - install: driver\n"), mac, model=silent_model)
    assert verdicts(report) == ["not-checked"] * 2
    assert report.judgement.reason.startswith("not implemented: ")
    assert mac.log == []


def test_what_the_model_does_not_know_ends_the_checking(
    one: Callable[..., Scenario], paper_mac: Any, silent_model: Any
) -> None:
    mac = paper_mac()
    report = run(one("  - install: driver\n  - panic-medic:\n  - load: driver\n"), mac, model=silent_model)
    assert verdicts(report) == ["held", "not-checked", "not-checked"]
    assert all(step.judgement.reason.startswith("not implemented: ") for step in report.steps[1:])
    assert mac.log == ["prepare", "install"]


def test_a_pin_that_the_model_contradicts_is_refused_untouched(one: Callable[..., Scenario], paper_mac: Any) -> None:
    mac = paper_mac()
    with pytest.raises(InputError, match=r"s\.mac\.yaml:8"):
        run(one("  - install: driver\n  - load: driver\n    expect: {outcome: loaded}\n"), mac)
    assert mac.log == []


@pytest.mark.parametrize(
    ("error", "verdict", "said"),
    [
        (DEAD, "bench-failed", "on the way to the starting state: paper.shell: no answer"),
        (NotPossible("it will not"), "not-checked", "the starting state cannot be reached: it will not"),
    ],
)
def test_trouble_on_the_way_to_the_start(
    one: Callable[..., Scenario], paper_mac: Any, error: Any, verdict: str, said: str
) -> None:
    report = run(one(WALK), paper_mac(fails={"prepare": error}))
    assert verdicts(report) == [verdict] + ["not-checked"] * 9 if verdict == "bench-failed" else ["not-checked"] * 10
    assert (report.verdict, report.judgement.reason) == (verdict, said)
    assert report.steps[0].seen is None


def test_the_way_to_the_start_may_take_as_long_as_an_upgrade_where_one_is_on_it(
    one: Callable[..., Scenario], paper_mac: Any
) -> None:
    spent, patience = [], Patience(prepare=1000.0, upgrade=9000.0)
    for driver in ("", 'installed_before: "10.12"'):
        mac = paper_mac()
        begin = mac.prepare
        mac.prepare = lambda start, *, deadline, begin=begin: (
            spent.append(deadline.remaining > 1000.0),
            begin(start, deadline=deadline),
        )
        head = f'schema: kextrel/scenario/v1\nmac: {{macos: "14.5"}}\nextensions: {{driver: {{{driver}}}}}\n'
        assert run(one("  - load: driver\n", head), mac, patience=patience).steps[0].seen is not None
    assert spent == [False, True]


def test_a_start_that_was_not_reached_is_not_checked(one: Callable[..., Scenario], paper_mac: Any) -> None:
    report = run(one(WALK), paper_mac(sees=lambda _n, state: replace(state, sip=False)))
    assert verdicts(report) == ["not-checked"] * 10
    assert report.judgement.reason == "the Mac is not in the starting state: sip is false, not true"


@pytest.mark.parametrize("error", [DEAD, UnreadableAnswer("kmutil load", "garbage")])
def test_a_wire_that_fails_is_never_a_verdict_on_the_mac(
    one: Callable[..., Scenario], paper_mac: Any, error: Any
) -> None:
    report = run(one(WALK), paper_mac(fails={"approve": error}))
    assert verdicts(report) == ["held"] * 6 + ["bench-failed"] + ["not-checked"] * 3
    assert (report.judgement.rule, report.judgement.reason) == (None, str(error))
    assert report.steps[7].judgement.reason == "the bench failed in step 7"


def test_what_the_mac_cannot_be_asked_ends_the_checking(one: Callable[..., Scenario], paper_mac: Any) -> None:
    report = run(one(WALK), paper_mac(fails={"approve": NotPossible("no keyboard")}))
    assert verdicts(report) == ["held"] * 6 + ["not-checked"] * 4
    assert report.steps[7].judgement.reason == "step 7 was not done: no keyboard"


def test_after_a_violation_the_rest_is_not_checked(one: Callable[..., Scenario], paper_mac: Any) -> None:
    wrong = lambda n, came: replace(came, outcome=Outcome.LOADED) if n == 6 else came  # noqa: E731
    report = run(one(WALK), paper_mac(turn=wrong))
    assert verdicts(report) == ["held"] * 5 + ["violated"] + ["not-checked"] * 4
    assert report.verdict is Verdict.VIOLATED
    assert report.steps[6].judgement.reason == "step 6 was violated"


@pytest.mark.parametrize("fault", [None, BenchError("lost", wire="mini.shell"), NotPossible("in recovery")])
def test_a_violation_asks_what_the_daemons_logged_once_and_nothing_comes_of_it(
    one: Callable[..., Scenario], paper_mac: Any, fault: Exception | None
) -> None:
    wrong = lambda n, came: replace(came, outcome=Outcome.LOADED) if n == 6 else came  # noqa: E731
    mac = paper_mac(turn=wrong)
    silent = run(one(WALK), mac)
    asked: list[int] = []

    def recall(*, deadline: Deadline) -> None:
        asked.append(mac.steps)
        if fault is not None:
            raise fault

    mac.recall = recall
    assert run(one(WALK), mac).to_json() == silent.to_json()
    assert asked == [6]


def test_kexts_of_others_take_no_part(one: Callable[..., Scenario], paper_mac: Any) -> None:
    theirs = frozenset({"com.vendor.other"})
    mac = paper_mac(
        sees=lambda _n, state: replace(
            state,
            aux_kc=state.aux_kc | theirs,
            loaded_kexts=state.loaded_kexts | theirs,
            system_extensions={"com.vendor.agent": "activated enabled"},
        )
    )
    assert run(one(WALK), mac).verdict is Verdict.HELD


SUITE = [scenario for path in certification.paths() for scenario in load(path)]


@cache
def _shown() -> list[frozenset[str]]:
    """The rules that each scenario of the suite shows, on a Mac that fits it."""
    return [frozenset(foreseen_rules(foresee(one, _fitting(one).macos))) for one in SUITE]


def _fitting(scenario: Scenario) -> Facts:
    """A Mac that meets the requirements, with a macOS as new as they allow."""
    mac = scenario.mac.template
    known = map(Version.parse, ("15.3", "14.5", "12.7", "11.2", "10.15.7", "10.14.6", "10.13.6", "10.13.1", "10.12.6"))
    macos = next(one for one in known if scenario.mac.macos.met_by(one))
    return Facts(mac.architecture, macos, enrollment=mac.enrollment)


# The model allows nothing more without these alone.
SILENT = {
    "BOOT-01",
    "BOOT-11",
    "SIG-03",
    "KEXT-09",
    "KEXT-13",
    "KEXT-14",
    "KEXT-23",
    "UAK-12",
    "MDM-01",
    "MDM-08",
    "MDM-09",
    "MDM-16",
    "SYS-16",
    "SYS-18",
}
# Where two rules say the same of a step, the one that comes first is blamed.
AS_WELL = {
    "KEXT-04": {"MDM-02"},
    "KPI-01": {f"KPI-{number:02}" for number in range(2, 10)},
    "KPI-11": {"MDM-11"},
    "UAK-07": {"UAK-06"},
    "MDM-10": {"MDM-02"},
    "MDM-11": {"MDM-02", "UAK-05"},
    "MDM-13": {"SYS-06"},
    "SYS-05": {"SYS-04", "SYS-07"},
}


@pytest.mark.parametrize("rule", sorted(set(policy.RULES) - SILENT))
def test_a_mac_that_breaks_one_rule_is_caught_and_no_other_rule_is_blamed(paper_mac: Any, rule: str) -> None:
    shown = [one for one, rules in zip(SUITE, _shown(), strict=True) if rule in rules]
    reports = [run(one, paper_mac(facts=_fitting(one), broken=frozenset({rule}))) for one in shown]
    blamed = {report.judgement.rule for report in reports if report.verdict is Verdict.VIOLATED}
    assert blamed - AS_WELL.get(rule, set()) == {rule}


def test_a_mac_that_obeys_is_held_throughout(paper_mac: Any) -> None:
    reports = [run(one, paper_mac(facts=_fitting(one))) for one in SUITE]
    assert [report.verdict for report in reports] == [Verdict.HELD] * len(reports)


def test_scenarios_are_grouped_and_priced_before_anything_is_touched(
    one: Callable[..., Scenario], paper_mac: Any
) -> None:
    mac, plans = paper_mac(), []
    walk, refused = one(WALK), one("  - install: driver\n  - load: driver\n")

    def planned(visits: Any) -> None:
        assert mac.log == []
        plans.extend(visits)

    reports = run_on(mac, [walk, refused], quarantine=pytest.fail, on_plan=planned)
    assert [(visit.scenario, visit.level) for visit in plans] == [(refused, "clean"), (walk, "forgotten")]
    assert plans[1].minutes > plans[0].minutes > 0
    assert [report.scenario for report in reports] == [refused, walk]
    assert [entry for entry in mac.log if entry.startswith("baseline")] == ["baseline forgotten", "baseline clean"]


def test_a_mac_that_cannot_go_back_is_quarantined_and_used_no_more(
    one: Callable[..., Scenario], paper_mac: Any
) -> None:
    mac, why = paper_mac(fails={"baseline clean": DEAD}), []
    steps = "  - install: driver\n"
    reports = run_on(mac, [one(steps), one(steps)], quarantine=why.append)
    assert why == ["it could not be taken back to clean: paper.shell: no answer"]
    assert [report.verdict for report in reports] == [Verdict.HELD, Verdict.BENCH_FAILED]
    assert reports[0].quarantined == why[0]
    assert reports[1].judgement.reason == f"paper is quarantined: {why[0]}"
    assert mac.log.count("prepare") == 1


UPGRADE = '  - upgrade: {macos: "15.1"}\n'


def test_only_an_erase_leads_back_from_an_upgrade_and_none_is_needed_before(
    one: Callable[..., Scenario], paper_mac: Any
) -> None:
    erase, why = NotPossible("a person erases it"), []
    mac = paper_mac(fails={"baseline erased": erase})
    reports = run_on(mac, [one(UPGRADE), one("  - install: driver\n")], quarantine=why.append)
    assert [report.verdict for report in reports] == [Verdict.HELD] * 2
    assert [entry for entry in mac.log if entry.startswith("baseline")] == ["baseline forgotten", "baseline erased"]
    assert why == ["it cannot be taken back to erased: a person erases it"]


@pytest.mark.parametrize("older", [True, False])
def test_nothing_is_erased_for_an_upgrade_that_was_not_done(
    one: Callable[..., Scenario], paper_mac: Any, older: bool
) -> None:
    steps = UPGRADE.replace("15.1", "13.0") if older else UPGRADE
    mac = paper_mac(fails={} if older else {"upgrade": NotPossible("its profile does not allow it")})
    run_on(mac, [one(steps)], quarantine=pytest.fail)
    assert mac.log[-1] == "baseline clean"


def test_the_mac_goes_back_whatever_happened(one: Callable[..., Scenario], paper_mac: Any) -> None:
    def burst(_report: StepReport) -> None:
        raise RuntimeError("a bug in a listener")

    mac = paper_mac(fails={"install": DEAD})
    stay = Stay(mac, quarantine=pytest.fail)
    assert stay.run(one(WALK)).verdict is Verdict.BENCH_FAILED
    with pytest.raises(RuntimeError):
        stay.run(one(WALK), on_step=burst)
    assert mac.log == ["prepare", "install", "baseline clean"] * 2


def test_an_interrupted_mac_is_quarantined(one: Callable[..., Scenario], paper_mac: Any) -> None:
    def stop(_n: int, _came: Any) -> Any:
        raise KeyboardInterrupt

    why: list[str] = []
    stay = Stay(paper_mac(turn=stop), quarantine=why.append)
    with pytest.raises(KeyboardInterrupt):
        stay.run(one(WALK))
    assert why == ["interrupted by KeyboardInterrupt in 'sample'"]


def test_a_bundle_that_is_not_there_is_bad_input_before_anything_is_touched(
    one: Callable[..., Scenario], paper_mac: Any
) -> None:
    mac = paper_mac()
    head = 'schema: kextrel/scenario/v1\nmac: {macos: "14.5"}\nextensions: {driver: {bundle: absent/Real.kext}}\n'
    for attempt in (Stay(mac, quarantine=pytest.fail).run, lambda bad: run_on(mac, [bad], quarantine=pytest.fail)):
        with pytest.raises(InputError, match=r"s.mac.yaml: extension 'driver' is to be the bundle absent/Real.kext"):
            attempt(one(WALK, head))
    assert mac.log == []


def test_a_mac_that_is_interrupted_on_its_way_back_is_quarantined_too(
    one: Callable[..., Scenario], paper_mac: Any
) -> None:
    why: list[str] = []
    stay = Stay(paper_mac(fails={"baseline clean": KeyboardInterrupt()}), quarantine=why.append)
    with pytest.raises(KeyboardInterrupt) as raised:
        stay.run(one(WALK))
    assert why == ["interrupted by KeyboardInterrupt on its way back to clean"]
    assert raised.value.__notes__ == ["paper was interrupted on its way back to clean"]


def test_a_scenario_that_did_not_touch_the_mac_sends_it_nowhere(
    one: Callable[..., Scenario], paper_mac: Any, silent_model: Any
) -> None:
    mac = paper_mac()
    Stay(mac, quarantine=pytest.fail, model=silent_model).run(one("  - panic-medic:\n"))
    assert mac.log == []


def test_the_model_is_the_policy(one: Callable[..., Scenario]) -> None:
    assert set(predict(one(WALK))["steps"][1]["rules"]) <= set(policy.RULES)


@pytest.mark.parametrize(
    ("wanted", "nearest"),
    [("architecture: intel\n  macos: '10.15'", "intel"), ("macos: '13.1'", "none"), ("macos: '15.1'", "managed")],
)
def test_where_no_mac_fits_the_nearest_one_says_why(one: Callable[..., Scenario], wanted: str, nearest: str) -> None:
    none = Facts(Architecture.APPLE_SILICON, Version(14, 5))
    managed = Facts(Architecture.APPLE_SILICON, Version(15, 1), enrollment=Enrollment.AUTOMATED_DEVICE)
    macs = {"none": none, "managed": managed, "intel": Facts(Architecture.INTEL, Version(12, 7))}
    head = f"schema: kextrel/scenario/v1\nname: elsewhere\nmac:\n  {wanted}\n"
    for on in ("any", "each"):
        assert one("  - restart:\n", f"{head}  on: {on}\n").mac.chosen(list(macs), macs.__getitem__) == [nearest]


def test_a_scenario_that_is_offline_gets_the_mac_that_is(one: Callable[..., Scenario]) -> None:
    here = Facts(Architecture.APPLE_SILICON, Version(14, 5))
    macs = {"here": here, "away": replace(here, online=False)}
    head = "schema: kextrel/scenario/v1\nname: away\nmac:\n  architecture: apple-silicon\n  macos: '14.5'\n"
    mac = one("  - restart:\n", f"{head}  online: false\n").mac
    assert mac.chosen(list(macs), macs.__getitem__) == ["away"]
    assert "kept from Apple's servers" in mac.unmet(here)
    assert one("  - restart:\n", head).mac.chosen(list(macs), macs.__getitem__) == ["here"]
