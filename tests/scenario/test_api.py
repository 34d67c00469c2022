"""The `mac` of the Python API."""

from __future__ import annotations

import inspect
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from kextrel.device.rig import Facts
from kextrel.errors import BenchError, InputError, NotPossible, UsageError
from kextrel.scenario import BenchFailed, Mac, NotChecked, PolicyViolated, start_on
from kextrel.vocabulary import ACTIONS, Architecture, Outcome, SecurityMode, Signature, Version


def test_every_verb_of_the_language_is_a_method() -> None:
    for verb in ACTIONS:
        method = getattr(Mac, verb.replace("-", "_"))
        assert inspect.signature(method).return_annotation == "Step"


def test_the_example_of_the_design(paper_mac: Any) -> None:
    device = paper_mac()
    mac = Mac(device)
    driver = mac.extension("driver")
    assert mac.install(driver).verdict == "held"
    step = mac.load(driver)
    assert step.refused
    assert step.reason == "security-mode"
    assert "KEXT-06" in step.rules
    assert step.state.loaded_kexts == frozenset()
    with mac.unjudged():
        assert mac.restart().verdict is None
    assert device.log == ["prepare", "install", "load", "restart"]
    assert [report.action for report in mac.steps] == [{"install": "driver"}, {"load": "driver"}]


@pytest.mark.parametrize(("allowed", "level"), [(True, "erased"), (False, "clean")])
def test_only_a_mac_that_may_be_upgraded_is_erased_for_it(paper_mac: Any, allowed: bool, level: str) -> None:
    facts = Facts(Architecture.APPLE_SILICON, Version(14, 5), upgrades=allowed)
    mac = Mac(paper_mac(facts=facts, fails={} if allowed else {"upgrade": NotPossible("the profile forbids it")}))
    with nullcontext() if allowed else pytest.raises(NotChecked):
        mac.upgrade("15.1")
    assert mac.level == level


def test_the_whole_walk(paper_mac: Any) -> None:
    mac = Mac(paper_mac())
    driver = mac.extension("driver", bundle_id="com.example.d")
    mac.install(driver)
    mac.boot("1tr")
    assert mac.set_security(allow=["user"]).state.security_mode is SecurityMode.REDUCED
    mac.boot(into="macos")
    assert mac.load("driver").outcome == "approval-required"
    mac.approve(driver, as_="admin")
    assert mac.load(driver).outcome is Outcome.RESTART_REQUIRED
    assert mac.restart(by="user", kext_paths=[driver]).state.loaded_kexts == {"com.example.d"}
    assert mac.load(driver).outcome is Outcome.LOADED
    assert mac.level == "forgotten"
    assert mac.steps[5].action == {"approve": {"extension": "driver", "as": "admin"}}


def test_a_violation_is_an_assertion_and_ends_the_judging(paper_mac: Any) -> None:
    mac = Mac(paper_mac(broken=frozenset({"KEXT-06"})))
    driver = mac.extension("driver")
    mac.install(driver)
    with pytest.raises(PolicyViolated, match=r"step 2 \(load\): violated KEXT-06: expected refused") as caught:
        mac.load(driver)
    assert isinstance(caught.value, AssertionError)
    assert caught.value.step.judgement.rule == "KEXT-06"
    with pytest.raises(NotChecked, match="step 2 ended as violated"):
        mac.restart()
    with mac.unjudged():
        assert mac.restart().outcome is Outcome.RESTARTED


def test_a_wire_that_fails_is_a_bench_failure(paper_mac: Any) -> None:
    mac = Mac(paper_mac(fails={"restart": BenchError("gone", wire="paper.shell")}))
    with pytest.raises(BenchFailed, match=r"step 1 \(restart\): bench failed: paper\.shell: gone"):
        mac.restart()
    with mac.unjudged(), pytest.raises(BenchFailed):
        mac.restart()


def test_what_cannot_be_done_or_is_not_modelled_is_not_checked(paper_mac: Any, silent_model: Any) -> None:
    with pytest.raises(NotChecked, match="not implemented"):
        Mac(paper_mac(), model=silent_model).panic_medic()
    with pytest.raises(NotChecked, match="no button"):
        Mac(paper_mac(fails={"boot": NotPossible("no button")})).boot("1tr")
    with pytest.raises(NotChecked, match="the starting state cannot be reached: no"):
        Mac(paper_mac(fails={"prepare": NotPossible("no")})).restart()


def test_words_are_those_of_the_language(paper_mac: Any) -> None:
    mac = Mac(paper_mac())
    driver = mac.extension("driver", signature="ad-hoc", notarized=False, symbols=["_a"])
    assert (driver.signature, driver.notarized, driver.symbols) == (Signature.AD_HOC, False, {"a"})
    assert mac.extension("driver") is driver
    with pytest.raises(UsageError, match="unknown field 'signatur' in extension 'other'; did you mean 'signature'"):
        mac.extension("other", signatur="none")
    with pytest.raises(UsageError, match=r"'into' of mac\.boot is '1rt'; did you mean '1tr'") as caught:
        mac.boot("1rt")
    assert not isinstance(caught.value, InputError)
    mac.install(driver)
    with pytest.raises(UsageError, match="'driver' is described already"):
        mac.extension("driver", notarized=True)
    with pytest.raises(UsageError, match=r"mac\.load: this test has no extension 'drivr'; make it by .*; did you mean"):
        mac.load("drivr")
    with pytest.raises(UsageError, match=r"no extension 'driver'; make it by mac\.extension\('driver'\)$"):
        Mac(paper_mac()).load("driver")


def test_a_traceback_ends_in_the_line_of_the_test(paper_mac: Any) -> None:
    for fault in (NotPossible("it has none"), BenchError("no answer", wire="shell")):
        with pytest.raises((NotChecked, BenchFailed)) as caught:
            Mac(paper_mac(fails={"restart": fault})).restart()
        assert Path(str(caught.traceback.filter(caught)[-1].path)) == Path(__file__)
    with pytest.raises(UsageError) as wrong:
        Mac(paper_mac()).boot("1rt")
    assert Path(str(wrong.traceback.filter(wrong)[-1].path)) == Path(__file__)
    with pytest.raises(RuntimeError) as bug:  # ours: all of it is shown
        Mac(paper_mac(fails={"restart": RuntimeError("a bug")})).restart()
    assert Path(str(bug.traceback.filter(bug)[-1].path)) != Path(__file__)


def test_an_extension_described_after_the_first_verb_is_as_good_as_one_before(paper_mac: Any) -> None:
    device = paper_mac()
    mac = Mac(device)
    mac.install(mac.extension("driver"))
    late = mac.extension("late", bundle_id="com.example.late")
    assert mac.install(late).verdict == "held"
    assert mac.load(late).refused
    assert mac.load("driver").refused
    assert device.log == ["prepare", "install", "install", "load", "load"]


FACTS = Facts(Architecture.APPLE_SILICON, Version.parse("14.5"))


def test_a_mode_that_this_mac_has_not_is_wrong_usage(paper_mac: Any) -> None:
    with pytest.raises(UsageError, match="'medium'; known are: full, permissive, reduced"):
        Mac(paper_mac()).set_security("medium")


def test_a_start_is_made_of_facts_and_fields() -> None:
    start = start_on(FACTS, security_mode="reduced", kext_management=["user"])
    assert (start.mac.macos, start.mac.security_mode) == (FACTS.macos, SecurityMode.REDUCED)
    intel = start_on(Facts(Architecture.INTEL, Version.parse("13.2")))
    assert intel.mac.security_mode is None
    with pytest.raises(UsageError, match="kext_management cannot be allowed under full security"):
        start_on(FACTS, kext_management=["user"])
