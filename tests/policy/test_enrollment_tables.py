"""The two tables of "System and kernel extensions in macOS" (S2): each cell of each, cited, with what it says happens.

First table: "Adding kexts on an Intel-based or Apple silicon Mac with macOS 11 or later", rows by enrollment. Second:
"Additional steps for adding kexts on a Mac with Apple silicon".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kextrel.vocabulary import (
    Architecture,
    Credential,
    Enrollment,
    Environment,
    KernelPolicy,
    KextManagement,
    Profile,
    SecurityMode,
    Version,
)
from kextrel.vocabulary.actions import (
    Approve,
    Boot,
    Install,
    InstallProfile,
    Load,
    RemoveProfile,
    Restart,
    SetSecurity,
)

WALK = Callable[..., Any]
NONE, USER, DEVICE, ADE = Enrollment
HERE = frozenset({"com.example.kextrel.driver"})
INSTALL, LOAD, APPROVE = Install("driver"), Load("driver"), Approve("driver")
BY_USER, BY_MDM = Restart(), Restart("mdm", rebuild_kernel_cache=True)
IN_1TR, IN_MACOS = Boot(Environment.ONE_TRUE_RECOVERY), Boot(Environment.MACOS)
USERS, REMOTE = frozenset({KextManagement.USER}), frozenset({KextManagement.REMOTE})
LIST = Profile("list", KernelPolicy(frozenset({"KXTRL00001"})))

INTEL = {"architecture": Architecture.INTEL, "security_mode": None}
T2 = {"architecture": Architecture.INTEL_T2}
READY = {"security_mode": SecurityMode.REDUCED, "kext_management": frozenset(KextManagement)}
MACS = [
    pytest.param({**mac, "macos": Version.parse(macos)}, id=f"{name} {macos}")
    for name, mac in (("intel", INTEL), ("intel-t2", T2), ("apple-silicon", READY))
    for macos in ("11.0", "11.3", "12.7", "15.1", "26.0")
]


# First table, "Not enrolled / User Enrolment": a new kext is installed, there is an attempt to load it, and "a restart
# must be initiated by the user from the warning dialogue"; "this restart initiates the rebuild of the AuxKC".


@pytest.mark.parametrize("enrollment", [NONE, USER])
@pytest.mark.parametrize("mac", MACS)
def test_s2_table_1_without_an_mdm_the_user_approves_and_restarts(
    walk: WALK, mac: dict[str, Any], enrollment: Enrollment
) -> None:
    on = walk(mac={**mac, "enrollment": enrollment}).do(INSTALL, LOAD)
    assert (on.answers(), "MDM-01" in on.last.rules) == (["approval-required"], True)
    on.do(APPROVE)
    assert on.situation.state.aux_kc == frozenset()
    on.do(BY_USER)
    assert on.situation.state.aux_kc == on.situation.state.loaded_kexts == HERE


@pytest.mark.parametrize("enrollment", [NONE, USER])
@pytest.mark.parametrize("mac", MACS)
def test_s2_table_1_without_an_mdm_none_restarts_and_none_installs_a_list(
    walk: WALK, mac: dict[str, Any], enrollment: Enrollment
) -> None:
    on = walk(mac={**mac, "enrollment": enrollment}).do(INSTALL, LOAD, BY_MDM)
    assert on.answers() == ["enrollment"]
    assert on.last.rules == (("MDM-06",) if enrollment is USER else ("MDM-01",))
    assert on.do(InstallProfile(LIST)).answers() == ["enrollment"]


# First table, "Device Enrolment / Automated Device Enrolment": every time a new kext is installed and there is an
# attempt to load it, the restart is initiated by the MDM or by the user; "a kext allow list profile must first be
# installed by the MDM solution specifying the kext".


@pytest.mark.parametrize("restart", [BY_USER, BY_MDM], ids=["user", "mdm"])
@pytest.mark.parametrize("enrollment", [DEVICE, ADE])
@pytest.mark.parametrize("mac", MACS)
def test_s2_table_1_with_an_mdm_and_a_list_either_restarts(
    walk: WALK, mac: dict[str, Any], enrollment: Enrollment, restart: Restart
) -> None:
    on = walk(mac={**mac, "enrollment": enrollment}, path="/opt").do(InstallProfile(LIST), INSTALL, LOAD)
    assert (on.answers(), "MDM-02" in on.last.rules) == (["restart-required"], True)
    on.do(restart)
    assert on.situation.state.aux_kc == on.situation.state.loaded_kexts == HERE


@pytest.mark.parametrize("enrollment", [DEVICE, ADE])
@pytest.mark.parametrize("mac", MACS)
def test_s2_table_1_with_an_mdm_and_no_list_its_restart_adds_nothing(
    walk: WALK, mac: dict[str, Any], enrollment: Enrollment
) -> None:
    on = walk(mac={**mac, "enrollment": enrollment}, path="/opt").do(INSTALL, LOAD, BY_MDM)
    assert (on.answers(), on.situation.state.aux_kc, "MDM-03" in on.last.rules) == (["restarted"], frozenset(), True)


# First table, the note: "macOS 11.3 or later optionally allows MDM to notify the user to complete the restart at their
# convenience".


@pytest.mark.parametrize("enrollment", [DEVICE, ADE])
@pytest.mark.parametrize("mac", MACS)
def test_s2_table_1_the_user_may_be_notified_from_11_3_on(
    walk: WALK, mac: dict[str, Any], enrollment: Enrollment
) -> None:
    told = Restart("mdm", rebuild_kernel_cache=True, notify_user=True)
    on = walk(mac={**mac, "enrollment": enrollment}, profiles=[LIST], path="/opt").do(INSTALL, LOAD, told)
    waits = mac["macos"] >= Version.parse("11.3")
    assert (on.answers(), "MDM-05" in on.last.rules) == (["deferred" if waits else "restarted"], True)
    assert on.do(BY_USER).situation.state.loaded_kexts == HERE


# Second table, "Not enrolled" and "User Enrolment": recoveryOS entered by the power button, authentication as an
# administrator (a local one, for User Enrolment), Reduced Security with "Allow user management of kernel extensions
# from identified developers", restart. "Only when recoveryOS is entered using the power button press will the Secure
# Enclave accept the change of policy."

SILICON = [pytest.param({"macos": Version.parse(one)}, id=one) for one in ("11.0", "12.7", "15.1", "26.0")]


@pytest.mark.parametrize("enrollment", [NONE, USER])
@pytest.mark.parametrize("mac", SILICON)
def test_s2_table_2_without_an_mdm_the_user_lowers_with_user_management(
    walk: WALK, mac: dict[str, Any], enrollment: Enrollment
) -> None:
    on = walk(mac={**mac, "enrollment": enrollment}).do(INSTALL, LOAD)
    assert on.answers() == ["security-mode"]
    on.do(IN_1TR, SetSecurity(SecurityMode.REDUCED, USERS))
    assert (on.answers(), "MDM-08" in on.last.rules) == (["changed"], True)
    assert on.do(IN_MACOS, LOAD).answers() == ["approval-required"]
    assert on.do(APPROVE, BY_USER).situation.state.loaded_kexts == HERE


@pytest.mark.parametrize("enrollment", [NONE, USER])
@pytest.mark.parametrize("mac", SILICON)
def test_s2_table_2_without_an_mdm_remote_management_allows_the_user_nothing(
    walk: WALK, mac: dict[str, Any], enrollment: Enrollment
) -> None:
    lowered = {"security_mode": SecurityMode.REDUCED, "kext_management": REMOTE, "enrollment": enrollment}
    on = walk(mac={**mac, **lowered}).do(INSTALL, LOAD)
    assert (on.answers(), on.last.open) == (["kexts-not-allowed"], False)
    assert {"KEXT-06", "MDM-08"} <= set(on.last.rules)


@pytest.mark.parametrize("enrollment", list(Enrollment))
@pytest.mark.parametrize("recovery", [IN_MACOS, Boot(Environment.RECOVERYOS), Boot(Environment.FALLBACK_RECOVERYOS)])
@pytest.mark.parametrize("allow", [USERS, REMOTE], ids=["user", "remote"])
def test_s2_table_2_only_the_power_button_leads_there(
    walk: WALK, enrollment: Enrollment, recovery: Boot, allow: frozenset[KextManagement]
) -> None:
    on = walk(mac={"enrollment": enrollment}).do(recovery, SetSecurity(SecurityMode.REDUCED, allow))
    assert (on.answers(), "BOOT-02" in on.last.rules) == (["wrong-environment"], True)


@pytest.mark.parametrize("enrollment", list(Enrollment))
@pytest.mark.parametrize("who", [Credential.STANDARD, Credential.WRONG_PASSWORD])
def test_s2_table_2_only_an_administrator(walk: WALK, enrollment: Enrollment, who: Credential) -> None:
    on = walk(mac={"enrollment": enrollment}).do(IN_1TR, SetSecurity(SecurityMode.REDUCED, USERS, as_=who))
    assert on.answers() == ["not-admin" if who is Credential.STANDARD else "authentication"]


# Second table, "Device Enrolment": the same walk by the user, with "Allow remote management of kernel extensions and
# automatic software updates".


@pytest.mark.parametrize("mac", SILICON)
def test_s2_table_2_device_enrollment_the_user_lowers_with_remote_management(walk: WALK, mac: dict[str, Any]) -> None:
    on = walk(mac={**mac, "enrollment": DEVICE}, profiles=[LIST]).do(INSTALL, LOAD)
    assert on.answers() == ["security-mode"]
    on.do(IN_1TR, SetSecurity(SecurityMode.REDUCED, REMOTE))
    assert (on.answers(), "MDM-09" in on.last.rules) == (["changed"], True)
    assert on.do(IN_MACOS, LOAD).answers() == ["restart-required"]
    assert on.do(BY_MDM).situation.state.loaded_kexts == HERE


# Second table, "Automated Device Enrolment": "MDM solutions can manage this automatically".


@pytest.mark.parametrize("mac", SILICON)
def test_s2_table_2_automated_enrollment_needs_no_person(walk: WALK, mac: dict[str, Any]) -> None:
    on = walk(mac={**mac, "enrollment": ADE}, profiles=[LIST]).do(INSTALL, LOAD, BY_MDM)
    state = on.situation.state
    assert (state.security_mode, state.kext_management) == (SecurityMode.REDUCED, REMOTE)
    assert (state.loaded_kexts, "MDM-10" in on.last.rules) == (HERE, True)


@pytest.mark.parametrize("mac", SILICON)
def test_s2_table_2_automated_enrollment_without_the_token_is_as_device_enrollment(
    walk: WALK, mac: dict[str, Any]
) -> None:
    on = walk(mac={**mac, "enrollment": ADE, "bootstrap_token": False}, profiles=[LIST]).do(INSTALL, LOAD)
    assert on.answers() == ["security-mode"]
    on.do(BY_MDM)
    assert (on.situation.state.security_mode, on.situation.state.aux_kc) == (SecurityMode.FULL, frozenset())
    on.do(IN_1TR, SetSecurity(SecurityMode.REDUCED, REMOTE), IN_MACOS, LOAD, BY_MDM)
    assert on.situation.state.loaded_kexts == HERE


# Beside the tables: "Every time a new kext is installed". What an approval was given for does not cover what comes.


@pytest.mark.parametrize("enrollment", [DEVICE, ADE])
def test_s2_table_1_every_time_a_new_kext_is_installed(walk: WALK, enrollment: Enrollment) -> None:
    mac = {**INTEL, "macos": Version.parse("12.7"), "enrollment": enrollment}
    on = walk(mac=mac, profiles=[LIST], path="/opt").do(INSTALL, LOAD, BY_USER, RemoveProfile("list"), BY_USER, LOAD)
    assert on.answers() == ["approval-required"]
