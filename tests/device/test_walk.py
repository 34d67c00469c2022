"""The flows over real wires: SSH, relay board, keyboard, PiKVM and beacon, to a virtual Mac in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from driving import ONE_STEP, Driver
from kextrel.device import Level
from kextrel.errors import BenchError, NotPossible
from kextrel.evidence import EvidenceLog
from kextrel.lab import Lab, load_profile, served
from kextrel.timing import Deadline
from kextrel.vocabulary import (
    Action,
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
    Signature,
    Start,
    Version,
)
from kextrel.vocabulary.actions import Approve, Boot, Install, Load, PowerCut, Restart, SetSecurity, SetSip

ID = "com.example.kextrel.driver"
USER = frozenset({KextManagement.USER})
BY_USER = SetSecurity(allow=USER)


class Walker(Driver):
    """With a start of its own."""

    def start(self, **changes: object) -> None:
        signature = changes.pop("signature", Signature.DEVELOPER_ID)
        kext = Extension("driver", ExtensionKind.KEXT, ID, signature=signature)  # type: ignore[arg-type]
        mac = Mac(Architecture.APPLE_SILICON, Version(14, 5), **changes)  # type: ignore[arg-type]
        self.mac.prepare(Start(mac, extensions={"driver": kext}), deadline=Deadline.after(2 * ONE_STEP))

    def walk(self, *more: Action) -> None:
        """All wires are used by it."""
        self.start()
        for action in (
            Install("driver"),
            Load("driver"),
            Boot(Environment.ONE_TRUE_RECOVERY),
            BY_USER,
            Restart(),
            *more,
        ):
            self.do(action)


LAB = """\
schema: kextrel/lab/v1
name: one virtual Mac
macs:
  mini:
    architecture: apple-silicon
    macos: "14.5"
    time_scale: 50
    virtual: {prepared: true, missing: MISSING}
    timeouts: {boot: 20, shutdown: 10, recovery: 20, button: 5, screen: 8, settle: 2, command: 10, login: 6}
"""


def serve(
    stack: ExitStack,
    folder: Path,
    *,
    defects: tuple[str, ...] = (),
    faults: tuple[str, ...] = (),
    missing: tuple[str, ...] = (),
) -> Walker:
    path = folder / "lab.yaml"
    path.write_text(LAB.replace("MISSING", f"[{', '.join(missing)}]"))
    wired = stack.enter_context(served(path, load_profile(path), defects=defects, faults=faults))
    evidence = EvidenceLog("mini", folder / "evidence.jsonl")
    stack.callback(evidence.close)
    return Walker(stack.enter_context(Lab(load_profile(wired)).open("mini", evidence)), evidence)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walker]:
    """One virtual Mac for all tests that leave it whole."""
    with ExitStack() as stack:
        yield serve(stack, tmp_path_factory.mktemp("walk"))


@pytest.fixture
def broken(tmp_path: Path) -> Iterator[Callable[..., Walker]]:
    """Makes a Mac with a defect, or on a bench with a fault."""
    with ExitStack() as stack:
        yield lambda **how: serve(stack, tmp_path, **how)


def test_the_whole_walk(driver: Walker) -> None:
    driver.start()
    assert driver.outcome(Install("driver")) == (Outcome.DONE, None)
    assert driver.outcome(Load("driver")) == (Outcome.REFUSED, Reason.SECURITY_MODE)
    assert driver.outcome(Boot(Environment.ONE_TRUE_RECOVERY)) == (Outcome.BOOTED, None)
    assert driver.outcome(BY_USER) == (Outcome.CHANGED, None)
    lowered = driver.state
    assert (lowered.boot, lowered.security_mode) == (Environment.ONE_TRUE_RECOVERY, SecurityMode.REDUCED)
    assert lowered.kext_management == USER
    assert driver.outcome(Boot(Environment.MACOS)) == (Outcome.BOOTED, None)
    assert driver.outcome(Load("driver")) == (Outcome.APPROVAL_REQUIRED, None)
    assert driver.outcome(Approve("driver")) == (Outcome.APPROVED, None)
    assert driver.outcome(Load("driver")) == (Outcome.RESTART_REQUIRED, None)
    assert driver.state.loaded_kexts == frozenset()
    assert driver.outcome(Restart()) == (Outcome.RESTARTED, None)
    assert driver.outcome(Load("driver")) == (Outcome.LOADED, None)
    loaded = driver.state
    assert loaded.uakl == loaded.aux_kc == loaded.loaded_kexts == {ID}
    driver.baseline(Level.FORGOTTEN)
    forgotten = driver.state
    assert forgotten.uakl == forgotten.aux_kc == forgotten.loaded_kexts == frozenset()


def test_no_password_is_in_the_evidence(driver: Walker) -> None:
    driver.start()
    text = driver.evidence.path.read_text() if driver.evidence.path else ""
    secrets = [driver.mac._rig.accounts.admin.password]
    assert len(text) > 1000
    assert not [secret for secret in secrets if secret in text]


@pytest.mark.parametrize(
    ("credential", "reason"),
    [(Credential.WRONG_PASSWORD, Reason.AUTHENTICATION), (Credential.STANDARD, Reason.NOT_ADMIN)],
)
def test_1tr_refuses_who_may_not(driver: Walker, credential: Credential, reason: Reason) -> None:
    driver.start()
    driver.do(Boot(Environment.ONE_TRUE_RECOVERY))
    assert driver.outcome(SetSecurity(allow=USER, as_=credential)) == (Outcome.REFUSED, reason)
    assert driver.state.security_mode is SecurityMode.FULL


@pytest.mark.parametrize("into", [Environment.RECOVERYOS, Environment.FALLBACK_RECOVERYOS])
def test_other_recoveries_refuse(driver: Walker, into: Environment) -> None:
    driver.start()
    assert driver.outcome(Boot(into)) == (Outcome.BOOTED, None)
    assert driver.outcome(BY_USER) == (Outcome.REFUSED, Reason.WRONG_ENVIRONMENT)
    after = driver.state
    assert (after.boot, after.security_mode) == (into, SecurityMode.FULL)


def test_macos_refuses(driver: Walker) -> None:
    driver.start()
    assert driver.outcome(BY_USER) == (Outcome.REFUSED, Reason.WRONG_ENVIRONMENT)
    assert driver.outcome(SetSip(enabled=False)) == (Outcome.REFUSED, Reason.WRONG_ENVIRONMENT)


@pytest.mark.night
def test_a_standard_user_cannot_approve(driver: Walker) -> None:
    driver.start(security_mode=SecurityMode.REDUCED, kext_management=USER)
    driver.do(Install("driver"))
    assert driver.do(Load("driver")).outcome is Outcome.APPROVAL_REQUIRED
    assert driver.outcome(Approve("driver", Credential.STANDARD)) == (Outcome.REFUSED, Reason.NOT_ADMIN)
    assert driver.state.uakl == frozenset()


def test_nothing_is_offered_under_full(driver: Walker) -> None:
    driver.start()
    driver.do(Install("driver"))
    driver.do(Load("driver"))
    assert driver.outcome(Approve("driver")) == (Outcome.REFUSED, Reason.NOT_OFFERED)


@pytest.mark.night
def test_an_unsigned_kext_and_the_permissive_flow(driver: Walker) -> None:
    driver.start(security_mode=SecurityMode.REDUCED, kext_management=USER, signature=Signature.NONE)
    driver.do(Install("driver"))
    assert driver.outcome(Load("driver")) == (Outcome.REFUSED, Reason.SIGNATURE)
    driver.do(Boot(Environment.ONE_TRUE_RECOVERY))
    assert driver.outcome(SetSip(enabled=False)) == (Outcome.CHANGED, None)
    state = driver.state
    assert (state.sip, state.security_mode, state.kext_management) == (False, SecurityMode.PERMISSIVE, USER)
    driver.do(Restart())
    assert driver.outcome(Load("driver")) == (Outcome.APPROVAL_REQUIRED, None)
    assert driver.outcome(Approve("driver")) == (Outcome.APPROVED, None)
    driver.do(Restart())
    assert driver.outcome(Load("driver")) == (Outcome.LOADED, None)


@pytest.mark.night
def test_back_to_full_takes_the_kext_away(driver: Walker) -> None:
    driver.start(security_mode=SecurityMode.REDUCED, kext_management=USER)
    for action in (Install("driver"), Load("driver"), Approve("driver"), Restart()):
        driver.do(action)
    assert driver.state.loaded_kexts == {ID}
    assert driver.outcome(SetSecurity(SecurityMode.FULL)) == (Outcome.CHANGED, None)
    driver.do(Restart())
    assert driver.state.loaded_kexts == frozenset()


def test_a_power_cut_comes_back(driver: Walker) -> None:
    driver.start()
    assert driver.outcome(PowerCut()) == (Outcome.RESTARTED, None)
    assert driver.state.boot is Environment.MACOS


def test_a_mac_that_is_off_is_started(driver: Walker) -> None:
    driver.start()
    driver.mac.wires.button.press(12, deadline=Deadline.after(ONE_STEP))  # type: ignore[union-attr]
    driver.start()
    assert driver.state.boot is Environment.MACOS


@pytest.mark.night
@pytest.mark.parametrize(
    ("fault", "wire"), [("ssh-drop", "mini.shell"), ("relay-stuck", "mini.button"), ("screen-dark", "mini.screen")]
)
def test_a_fault_is_its_own_wires_failure(broken: Callable[..., Walker], fault: str, wire: str) -> None:
    driver = broken(faults=(fault,))
    with pytest.raises(BenchError) as failed:
        driver.walk()
    assert failed.value.wire.startswith(wire)


@pytest.mark.night
@pytest.mark.parametrize("row", ["PREP-04", "PREP-07"])
def test_what_was_not_prepared_is_named(broken: Callable[..., Walker], row: str) -> None:
    driver = broken(missing=(row,))
    with pytest.raises(NotPossible, match=row):
        driver.walk(Load("driver"), Approve("driver"))


@pytest.mark.night
def test_defects_are_told_as_they_are_seen(broken: Callable[..., Walker]) -> None:
    driver = broken(defects=("KEXT-06", "BOOT-03"))
    driver.start()
    driver.do(Install("driver"))
    assert driver.outcome(Load("driver")) == (Outcome.APPROVAL_REQUIRED, None)
    driver.do(Boot(Environment.ONE_TRUE_RECOVERY))
    assert driver.outcome(SetSecurity(allow=USER, as_=Credential.WRONG_PASSWORD)) == (Outcome.CHANGED, None)
