"""The MDM road over real wires: a virtual Mac in Automated Device Enrollment, and the server that is served with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from driving import ONE_STEP, Driver
from kextrel.device import Level
from kextrel.errors import BenchError
from kextrel.evidence import EvidenceLog
from kextrel.lab import Lab, load_profile, served
from kextrel.timing import Deadline
from kextrel.vocabulary import (
    Architecture,
    Enrollment,
    Extension,
    ExtensionKind,
    KernelPolicy,
    KextManagement,
    Mac,
    Outcome,
    Profile,
    Reason,
    SecurityMode,
    Start,
    SystemPolicy,
    Version,
)
from kextrel.vocabulary.actions import Enroll, Install, InstallProfile, Load, RemoveProfile, Restart, Unenroll

ID, TEAM = "com.example.kextrel.driver", "KXTRL00001"
ALLOW = Profile("allow", KernelPolicy(frozenset({TEAM})))
BOTH = Profile("both", None, SystemPolicy(frozenset({TEAM}), {TEAM: frozenset({"com.example.agent"})}))
AUTOMATED = Enrollment.AUTOMATED_DEVICE
LAB = """\
schema: kextrel/lab/v1
name: one managed virtual Mac
macs:
  studio:
    architecture: apple-silicon
    model: Mac13,1
    macos: "15.1"
    enrollment: automated-device
    time_scale: 50
    virtual: {prepared: true}
    timeouts: {boot: 20, shutdown: 10, recovery: 20, button: 5, screen: 8, settle: 2, command: 10, login: 6, mdm: 8}
"""


@dataclass
class Managed(Driver):
    """Of a managed Mac, and with the lab file that it is in."""

    lab: Path

    def start(self, *profiles: Profile) -> None:
        mac = Mac(Architecture.APPLE_SILICON, Version(15, 1), enrollment=AUTOMATED)
        kext = Extension("driver", ExtensionKind.KEXT, ID, team_id=TEAM)
        self.mac.prepare(Start(mac, profiles, {"driver": kext}), deadline=Deadline.after(2 * ONE_STEP))


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Managed]]:
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("managed")
        patch.setenv("KEXTREL_STATE", str(folder / "state"))
        path = folder / "lab.yaml"
        path.write_text(LAB)

        def begin(*faults: str) -> Managed:
            lab = stack.enter_context(served(path, load_profile(path), faults=faults))
            evidence = stack.enter_context(closing(EvidenceLog("studio", folder / "evidence.jsonl")))
            return Managed(stack.enter_context(Lab(load_profile(lab)).open("studio", evidence)), evidence, lab)

        yield begin


@pytest.fixture(scope="module")
def studio(serve: Callable[..., Managed]) -> Managed:
    return serve()


def test_a_profile_and_a_restart_by_the_mdm_load_a_kext_with_no_person(studio: Managed) -> None:
    studio.start(ALLOW)
    assert studio.state.security_mode is SecurityMode.FULL
    studio.do(Install("driver"))
    assert studio.outcome(Load("driver")) == (Outcome.RESTART_REQUIRED, None)
    assert studio.state.uakl == {ID}
    assert studio.outcome(Restart(by="mdm", rebuild_kernel_cache=True)) == (Outcome.RESTARTED, None)
    state = studio.state
    assert (state.security_mode, state.kext_management) == (SecurityMode.REDUCED, {KextManagement.REMOTE})
    assert (state.aux_kc, state.loaded_kexts) == ({ID}, {ID})
    assert studio.outcome(Load("driver")) == (Outcome.LOADED, None)
    assert studio.outcome(Restart(by="mdm", notify_user=True)) == (Outcome.DEFERRED, None)


def test_the_way_back_is_full_security_without_our_profiles(studio: Managed) -> None:
    studio.mac.baseline(Level.CLEAN, deadline=Deadline.after(2 * ONE_STEP))
    assert studio.outcome(RemoveProfile("allow")) == (Outcome.REFUSED, Reason.NOT_INSTALLED)
    studio.start()
    state = studio.state
    assert (state.security_mode, state.kext_management) == (SecurityMode.FULL, frozenset())
    assert (state.uakl, state.aux_kc) == (frozenset(), frozenset())


def test_a_path_names_a_kext_that_nobody_asked_for(studio: Managed) -> None:
    studio.start(ALLOW)
    studio.do(Install("driver"))
    action = Restart(by="mdm", rebuild_kernel_cache=True, kext_paths=("driver",))
    assert studio.outcome(action) == (Outcome.RESTARTED, None)
    assert studio.state.aux_kc == {ID}


def test_profiles_come_and_go(studio: Managed) -> None:
    assert [studio.outcome(action) for action in (InstallProfile(ALLOW), InstallProfile(ALLOW, from_="hand"))] == [
        (Outcome.INSTALLED, None),
        (Outcome.REFUSED, Reason.NOT_OFFERED),
    ]
    assert studio.outcome(RemoveProfile("allow")) == (Outcome.REMOVED, None)
    assert studio.outcome(RemoveProfile("allow")) == (Outcome.REFUSED, Reason.NOT_INSTALLED)
    assert studio.outcome(InstallProfile(ALLOW, from_="hand")) == (Outcome.REFUSED, Reason.NOT_OFFERED)
    assert studio.outcome(InstallProfile(BOTH)) == (Outcome.REFUSED, Reason.MALFORMED_PROFILE)


def test_an_enrollment_ends_and_begins_again(studio: Managed) -> None:
    assert studio.outcome(Unenroll()) == (Outcome.DONE, None)
    for action in (InstallProfile(ALLOW), Restart(by="mdm")):
        assert studio.outcome(action) == (Outcome.REFUSED, Reason.ENROLLMENT)
    assert studio.outcome(Enroll(AUTOMATED)) == (Outcome.DONE, None)
    assert studio.outcome(InstallProfile(ALLOW)) == (Outcome.INSTALLED, None)


def test_no_key_of_the_server_is_evidence(studio: Managed) -> None:
    key = (Path(f"{studio.lab}.secrets") / "studio-mdm").read_text().strip()
    studio.do(InstallProfile(ALLOW))  # the tests before may have been another worker's
    said = [record.to_json() for record in studio.evidence.records if record.wire == "mdm"]
    assert len(said) > 2
    assert not [line for line in said if key in line]


def test_a_server_that_is_down_is_the_wires_failure(serve: Callable[..., Managed]) -> None:
    studio = serve("mdm-down")
    with pytest.raises(BenchError, match=r"studio\.mdm "):
        studio.do(InstallProfile(ALLOW))
