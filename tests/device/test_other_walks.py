"""Intel, T2 and 15.1 over real wires: keys held at the start, both Startup Security Utilities, both Settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from driving import ONE_STEP, Driver
from kextrel.device import Level
from kextrel.evidence import EvidenceLog
from kextrel.lab import Lab, load_profile, served
from kextrel.timing import Deadline
from kextrel.vocabulary import (
    Architecture,
    Credential,
    Environment,
    Extension,
    ExtensionKind,
    KextManagement,
    Mac,
    Outcome,
    Reason,
    SecurityMode,
    Start,
)
from kextrel.vocabulary.actions import (
    Approve,
    Boot,
    Install,
    Load,
    PowerCut,
    Restart,
    SetSecurity,
    SetSip,
    Unload,
    Wait,
)

pytestmark = pytest.mark.night

ID = "com.example.kextrel.driver"
UTILITY = "startup-security-utility"
USER = frozenset({KextManagement.USER})
LAB = """\
schema: kextrel/lab/v1
name: three virtual Macs
macs:
"""
ONE = """\
  NAME:
    architecture: ARCHITECTURE
    macos: "RELEASE"
    time_scale: 50
    virtual: {prepared: true}
    timeouts: {boot: 20, shutdown: 10, recovery: 20, button: 5, screen: 8, settle: 2, command: 10, login: 6}
"""
MACS = {"intel": ("intel", "12.7"), "t2": ("intel-t2", "13.6"), "silicon": ("apple-silicon", "15.1")}


class Other(Driver):
    """With a start of its own."""

    def start(self, security: SecurityMode | None = SecurityMode.FULL, **changes: bool) -> None:
        facts = self.mac.facts
        mode = None if facts.architecture is Architecture.INTEL else security
        mac = Mac(facts.architecture, facts.macos, security_mode=mode, **changes)  # type: ignore[arg-type]
        kexts = {"driver": Extension("driver", ExtensionKind.KEXT, ID)}
        self.mac.prepare(Start(mac, extensions=kexts), deadline=Deadline.after(2 * ONE_STEP))


def serve(stack: ExitStack, folder: Path, *names: str, defects: tuple[str, ...] = ()) -> dict[str, Other]:
    """Some of the three, by name."""
    path = folder / "lab.yaml"
    entries = (
        ONE.replace("NAME", name).replace("ARCHITECTURE", MACS[name][0]).replace("RELEASE", MACS[name][1])
        for name in names
    )
    path.write_text(LAB + "".join(entries))
    lab = Lab(load_profile(stack.enter_context(served(path, load_profile(path), defects=defects))))
    found = {}
    for name in names:
        evidence = EvidenceLog(name, folder / f"{name}.jsonl")
        stack.callback(evidence.close)
        found[name] = Other(stack.enter_context(lab.open(name, evidence)), evidence)
    return found


@pytest.fixture(scope="module")
def macs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Other]]:
    """The three, for all tests that begin with a start of their own."""
    with ExitStack() as stack:
        yield serve(stack, tmp_path_factory.mktemp("walks"), *MACS)


@pytest.mark.parametrize("name", ["intel", "t2"])
def test_on_intel_approval_and_a_restart_are_enough(macs: dict[str, Other], name: str) -> None:
    driver = macs[name]
    driver.start()
    assert driver.outcome(Install("driver")) == (Outcome.DONE, None)
    assert driver.outcome(Load("driver")) == (Outcome.APPROVAL_REQUIRED, None)
    assert driver.outcome(Approve("driver", Credential.STANDARD)) == (Outcome.REFUSED, Reason.NOT_ADMIN)
    assert driver.outcome(Approve("driver")) == (Outcome.APPROVED, None)
    assert driver.outcome(Load("driver")) == (Outcome.RESTART_REQUIRED, None)
    assert driver.outcome(PowerCut(during="rebuild")) == (Outcome.RESTARTED, None)
    assert driver.outcome(Restart()) == (Outcome.RESTARTED, None)
    assert driver.outcome(Load("driver")) == (Outcome.LOADED, None)
    assert driver.outcome(Unload("driver")) == (Outcome.UNLOADED, None)
    assert driver.state.aux_kc == {ID}
    driver.mac.baseline(Level.FORGOTTEN, deadline=Deadline.after(ONE_STEP))
    assert driver.state.uakl == driver.state.aux_kc == frozenset()


@pytest.mark.parametrize("name", ["intel", "t2"])
def test_sip_on_intel_is_recoverys(macs: dict[str, Other], name: str) -> None:
    driver = macs[name]
    driver.start()
    assert driver.outcome(Boot(Environment.ONE_TRUE_RECOVERY)) == (Outcome.REFUSED, Reason.UNSUPPORTED_HARDWARE)
    assert driver.outcome(SetSip(enabled=False)) == (Outcome.REFUSED, Reason.WRONG_ENVIRONMENT)
    assert driver.outcome(Boot(Environment.RECOVERYOS)) == (Outcome.BOOTED, None)
    assert driver.outcome(SetSip(enabled=False)) == (Outcome.CHANGED, None)
    assert (driver.state.boot, driver.state.sip) == (Environment.RECOVERYOS, False)
    driver.start(sip=True)
    assert (driver.state.boot, driver.state.sip) == (Environment.MACOS, True)


def test_a_t2s_level_is_chosen_in_its_utility(macs: dict[str, Other]) -> None:
    driver = macs["t2"]
    driver.start(SecurityMode.MEDIUM)
    assert driver.state.security_mode is SecurityMode.MEDIUM
    assert driver.outcome(Boot(Environment.RECOVERYOS)) == (Outcome.BOOTED, None)
    for who, reason in (
        (Credential.STANDARD, Reason.NOT_ADMIN),
        (Credential.WRONG_PASSWORD, Reason.AUTHENTICATION),
    ):
        assert driver.outcome(SetSecurity(SecurityMode.NONE, using=UTILITY, as_=who)) == (Outcome.REFUSED, reason)
    assert driver.outcome(SetSecurity(SecurityMode.NONE, using=UTILITY)) == (Outcome.CHANGED, None)
    assert driver.outcome(Restart()) == (Outcome.RESTARTED, None)
    assert driver.state.security_mode is SecurityMode.NONE


def test_apple_silicons_utility_on_15(macs: dict[str, Other]) -> None:
    driver = macs["silicon"]
    driver.start()
    assert driver.outcome(Boot(Environment.ONE_TRUE_RECOVERY)) == (Outcome.BOOTED, None)
    permissive = SetSecurity(SecurityMode.PERMISSIVE, using=UTILITY)
    assert driver.outcome(permissive) == (Outcome.REFUSED, Reason.NOT_OFFERED)
    assert driver.outcome(SetSecurity(None, USER, using=UTILITY)) == (Outcome.CHANGED, None)
    assert (driver.state.security_mode, driver.state.kext_management) == (SecurityMode.REDUCED, USER)
    assert driver.outcome(Restart()) == (Outcome.RESTARTED, None)
    assert driver.outcome(Install("driver")) == (Outcome.DONE, None)
    assert driver.outcome(Load("driver")) == (Outcome.APPROVAL_REQUIRED, None)
    assert driver.outcome(Approve("driver")) == (Outcome.APPROVED, None)


@pytest.mark.parametrize("name", list(MACS))
def test_safe_mode_is_for_one_boot(macs: dict[str, Other], name: str) -> None:
    driver = macs[name]
    driver.start()
    assert driver.outcome(Install("driver")) == (Outcome.DONE, None)
    assert driver.outcome(Boot(Environment.SAFE_MODE)) == (Outcome.BOOTED, None)
    assert driver.state.boot is Environment.SAFE_MODE
    assert driver.outcome(Load("driver")) == (Outcome.REFUSED, Reason.WRONG_ENVIRONMENT)
    assert driver.outcome(Wait(30)) == (Outcome.DONE, None)
    assert driver.outcome(Restart()) == (Outcome.RESTARTED, None)
    assert driver.state.boot is Environment.MACOS


def test_a_mac_that_lets_anybody_change_sip_is_seen_to_do_so(tmp_path: Path) -> None:
    with ExitStack() as stack:
        driver = serve(stack, tmp_path, "t2", defects=("BOOT-10",))["t2"]
        assert driver.outcome(SetSip(enabled=False)) == (Outcome.CHANGED, None)
        assert driver.state.sip is False
