"""Bundles under a scenario's names: what gives way to them, what must agree, what is then not checked."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kextrel import bundles
from kextrel.device.rig import Facts
from kextrel.errors import InputError, UsageError
from kextrel.scenario import Mac, Scenario, load, parse, predict
from kextrel.scenario.fitness import unmet
from kextrel.scenario.given import named
from kextrel.vocabulary import Architecture, Category, Enrollment, Extension, ExtensionKind, Signature, Version

STORAGE = Extension("storage", ExtensionKind.KEXT, "com.acme.storage", "ACME123456", "3.2.1")
GUARD = Extension(
    "guard", ExtensionKind.SYSTEM_EXTENSION, "com.acme.guard", "ACME123456", "7.0", category=Category.NETWORK
)
FACTS = Facts(Architecture.APPLE_SILICON, Version.parse("14.5"), enrollment=Enrollment.AUTOMATED_DEVICE)
KEXTS = """\
schema: kextrel/scenario/v1
name: two kexts of com.example.kextrel.driver
mac: {macos: ">=11", enrollment: automated-device}
profiles:
  - id: allow
    kernel_extensions:
      AllowedTeamIdentifiers: [KXTRL00001, KXTRL00002]
      AllowedKernelExtensions: {KXTRL00001: [com.example.kextrel.driver, com.example.kextrel.other]}
extensions:
  driver: {kind: kext, bundle_id: com.example.kextrel.driver}
  other: {kind: kext, bundle_id: com.example.kextrel.other}
steps:
  - install: driver
  - restart: {by: mdm, rebuild_kernel_cache: true, kext_paths: [driver]}
    expect: {state: {loaded_kexts: [com.example.kextrel.driver]}}
  - install-profile: {id: more, kernel_extensions: {AllowedTeamIdentifiers: [KXTRL00001]}}
"""
AGENT = """\
schema: kextrel/scenario/v1
mac: {macos: ">=11", enrollment: automated-device}
profiles:
  - id: agents
    system_extensions:
      AllowedTeamIdentifiers: [KXTRL00001]
      AllowUserOverrides: false
extensions:
  agent: {kind: system-extension, category: endpoint-security, bundle_id: com.example.kextrel.agent}
steps:
  - install: agent
  - activate: agent
    expect: {outcome: enabled, state: {system_extensions: {com.example.kextrel.agent: activated enabled}}}
"""


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    return bundles.make(STORAGE, tmp_path)


@pytest.fixture
def guard(tmp_path: Path) -> Path:
    return bundles.make(GUARD, tmp_path)


def one(source: str, **given: Path) -> Scenario:
    (scenario,) = parse(source, given=given)
    return scenario


def test_a_sample_gives_way_with_its_identity_wherever_it_is_named(storage: Path) -> None:
    scenario = one(KEXTS, driver=storage)
    driver = scenario.extensions["driver"]
    assert (driver.bundle_id, driver.team_id, driver.version) == ("com.acme.storage", "ACME123456", "3.2.1")
    assert driver.bundle == str(storage)
    policy = scenario.profiles[0].kernel_extensions
    assert policy is not None
    assert policy.allowed_team_identifiers == {"ACME123456", "KXTRL00002"}
    assert policy.allowed_kernel_extensions == {"ACME123456": {"com.acme.storage", "com.example.kextrel.other"}}
    pin = scenario.steps[1].pin
    assert pin is not None
    assert "com.acme.storage" in str(pin)
    assert "ACME123456" in str(scenario.steps[2].written)
    assert scenario.name == "two kexts of com.example.kextrel.driver"


def test_a_sample_of_the_same_team_goes_with_it(storage: Path) -> None:
    other = one(KEXTS, driver=storage).extensions["other"]
    assert (other.bundle_id, other.team_id, other.bundle) == ("com.example.kextrel.other", "ACME123456", None)


def test_the_model_says_of_it_what_it_says_of_the_sample(storage: Path) -> None:
    said, mine = (predict(each, "14.5") for each in (one(KEXTS), one(KEXTS, driver=storage)))
    renamed = str(said["steps"]).replace("com.example.kextrel.driver", "com.acme.storage")
    assert str(mine["steps"]) == renamed.replace("KXTRL00001", "ACME123456")


def test_a_bundle_of_another_category_takes_its_own(guard: Path) -> None:
    scenario = one(AGENT, agent=guard)
    assert scenario.extensions["agent"].category is Category.NETWORK
    assert unmet(scenario, FACTS) == ""


def test_a_pin_that_then_no_longer_agrees_is_not_checked(guard: Path) -> None:
    types = "AllowedSystemExtensionTypes: {KXTRL00001: [EndpointSecurityExtension]}"
    source = AGENT.replace("AllowUserOverrides: false", f"AllowUserOverrides: false\n      {types}")
    assert unmet(one(source), FACTS) == ""
    why = unmet(one(source, agent=guard), FACTS)
    assert why.startswith(
        f"with {guard.name} it would end otherwise: step 2 (activate) pins outcome enabled, not refused"
    )
    assert "SYS-05" in why


def test_a_pin_that_never_agreed_is_bad_input_all_the_same(guard: Path) -> None:
    source = AGENT.replace("activated enabled", "activated disabled")
    assert "it would end otherwise" in unmet(one(source, agent=guard), FACTS)
    with pytest.raises(InputError, match="correct the pin"):
        predict(one(source), "14.5")


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("signature: none", "it needs 'driver' with signature none, and com.acme.storage.kext has developer-id"),
        ("user_client: true", "it needs 'driver' with user_client true, and com.acme.storage.kext has false"),
        ("libraries: [a.b]", "it needs 'driver' with libraries a.b, and com.acme.storage.kext has com.apple.kpi.bsd"),
        ("symbols: [_f]", "it needs 'driver' with symbols _f, and com.acme.storage.kext has none"),
    ],
)
def test_what_a_scenario_needs_of_its_sample_the_bundle_must_have(storage: Path, written: str, why: str) -> None:
    source = KEXTS.replace("bundle_id: com.example.kextrel.driver}", f"{written}}}")
    scenario = one(source, driver=storage)
    assert unmet(scenario, FACTS) == why
    assert scenario.extensions["driver"].bundle_id == "com.example.kextrel.driver"  # shown as it is written


def test_an_unsigned_bundle_is_no_sample_s_equal(tmp_path: Path) -> None:
    loose = bundles.make(replace(STORAGE, signature=Signature.NONE), tmp_path)
    assert "it needs 'driver' with signature developer-id" in unmet(one(KEXTS, driver=loose), FACTS)


def test_another_version_is_not_made_of_it(storage: Path) -> None:
    source = KEXTS + "  - replace: {extension: driver, version: '9.0'}\n"
    assert unmet(one(source, driver=storage), FACTS) == (
        f"step 4 replaces 'driver' by another version, and there is only {storage}"
    )
    assert unmet(one(source, other=storage), FACTS) == ""


def test_two_developers_stay_two(tmp_path: Path) -> None:
    second = bundles.make(replace(STORAGE, team_id="KXTRL00002"), tmp_path)
    assert unmet(one(KEXTS, driver=second), FACTS) == (
        "it needs KXTRL00001 and KXTRL00002 to be two, and the given bundle is KXTRL00002"
    )


def test_one_developer_stays_one(storage: Path, tmp_path: Path) -> None:
    other = bundles.make(replace(STORAGE, bundle_id="org.else.driver", team_id="ELSE000001"), tmp_path)
    why = unmet(one(KEXTS, driver=storage, other=other), FACTS)
    assert why == "it needs bundles of one team, and those that are given are of ACME123456 and ELSE000001"


def test_two_names_cannot_have_one_bundle(storage: Path) -> None:
    assert "to be two" in unmet(one(KEXTS, driver=storage, other=storage), FACTS)


def test_who_is_no_sample_does_not_give_way(storage: Path) -> None:
    source = KEXTS.replace("bundle_id: com.example.kextrel.driver}", "bundle_id: com.acme.storage, version: '3.2'}")
    with pytest.raises(InputError) as refused:
        one(source, driver=storage)
    assert str(refused.value) == (
        f"scenario.mac.yaml:10: extension 'driver' is to have version 3.2, and {storage} has 3.2.1; "
        "name another bundle, or correct what is written"
    )


def test_a_kext_is_no_system_extension(storage: Path, guard: Path) -> None:
    with pytest.raises(
        InputError, match=r":9: extension 'agent' is to have kind system-extension, and .*kext has kext"
    ):
        one(AGENT, agent=storage)
    with pytest.raises(InputError, match=r":11: extension 'other' is to have kind kext, and"):
        one(KEXTS, other=guard)


def test_what_a_scenario_says_of_its_own_bundle_must_be_so(storage: Path) -> None:
    path = storage.parent / "own.mac.yaml"
    path.write_text(KEXTS.replace("bundle_id: com.example.kextrel.driver}", f"bundle: {storage.name}}}"))
    (scenario,) = load(path)
    assert scenario.extensions["driver"].bundle_id == "com.acme.storage"
    assert scenario.bundles == {"driver": storage}
    path.write_text(
        KEXTS.replace("bundle_id: com.example.kextrel.driver}", f"version: '1.0', bundle: {storage.name}}}")
    )
    with pytest.raises(
        InputError, match=r"own.mac.yaml:10: extension 'driver' is to have version 1.0, and .* has 3.2.1"
    ):
        load(path)
    shutil.rmtree(storage)
    load(path)  # a prediction needs no bundle, and a run says that it is not there


def test_the_command_line_s_bundle_goes_before_the_scenario_s(storage: Path, tmp_path: Path) -> None:
    source = KEXTS.replace("com.example.kextrel.driver}", "com.example.kextrel.driver, bundle: /nowhere/Absent.kext}")
    assert one(source, driver=storage).extensions["driver"].bundle == str(storage)


def test_of_several_in_an_app_one_is_named(tmp_path: Path) -> None:
    watch = replace(GUARD, bundle_id="com.acme.watch", category=Category.ENDPOINT_SECURITY)
    app = bundles.make_app([GUARD, watch], tmp_path)
    assert one(AGENT, agent=app).extensions["agent"].bundle_id == "com.acme.watch"  # the one of that category
    with pytest.raises(InputError, match=r"may be any of com\.acme\.guard, com\.acme\.watch; name one by"):
        one(AGENT.replace("category: endpoint-security", "category: driver"), agent=app)
    inside = app / "Contents/Library/SystemExtensions/com.acme.guard.systemextension"
    agent = one(AGENT, agent=inside).extensions["agent"]
    assert (agent.bundle_id, agent.bundle) == ("com.acme.guard", str(app))


def test_a_real_mac_is_asked_nothing_about_samples(storage: Path) -> None:
    real = replace(FACTS, trusts_samples=False)
    assert "--extension driver=PATH" in unmet(one(KEXTS), real)
    assert "no real Mac trusts" in unmet(one(KEXTS, driver=storage), real)


@pytest.mark.parametrize("said", ["driver", "driver=", "=x", ""])
def test_a_name_without_a_bundle_is_refused(said: str) -> None:
    with pytest.raises(UsageError, match="write the extension's name and its bundle"):
        named([said])


def test_names_and_bundles_are_read_apart(storage: Path) -> None:
    assert named(["driver=com.acme.storage.kext"], storage.parent) == {"driver": storage}
    with pytest.raises(UsageError, match="two bundles for 'driver'"):
        named([f"driver={storage}", f"driver={storage}"])
    with pytest.raises(UsageError, match="which is not there"):
        named(["driver=absent.kext"], storage.parent)
    with pytest.raises(UsageError, match=r"Info\.plist, which is a file, and a bundle is a folder; unpack it"):
        named(["driver=Contents/Info.plist"], storage)


def test_a_python_test_gets_what_is_installed(storage: Path, paper_mac: Any) -> None:
    mac = Mac(paper_mac(), bundles={"driver": storage})
    driver = mac.extension("driver")
    assert (driver.bundle_id, driver.version, driver.bundle) == ("com.acme.storage", "3.2.1", str(storage))
    assert mac.extension("other").bundle is None
    with pytest.raises(UsageError, match="it needs 'driver' with signature none"):
        mac.extension("driver", signature="none")
