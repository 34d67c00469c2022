"""The language: every field and action typed, every mistake one sentence with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from kextrel.errors import InputError, UsageError
from kextrel.scenario import load, parse
from kextrel.vocabulary import (
    ACTIONS,
    Architecture,
    Category,
    Credential,
    Enrollment,
    Environment,
    ExtensionKind,
    KextManagement,
    SecurityMode,
    Signature,
    Version,
)
from kextrel.vocabulary import actions as act

WHOLE = """schema: kextrel/scenario/v1
name: everything
mac:
  architecture: intel-t2
  macos: "13.4.1 (c)"
  enrollment: device
  user_approved_mdm: false
  bootstrap_token: false
  sip: false
  security_mode: medium
  kext_management: []
  logged_in: false
  online: false
profiles:
  - id: 0012345670
    kernel_extensions:
      AllowedTeamIdentifiers: [0012345670, on]
      AllowedKernelExtensions: {"": [com.example.old], no: [10.10]}
      AllowUserOverrides: true
      AllowNonAdminUserApprovals: false
  - id: agents
    system_extensions:
      AllowedSystemExtensions: {KXTRL00001: [com.example.kextrel.agent]}
      AllowedSystemExtensionTypes: {KXTRL00001: [NetworkExtension]}
      RemovableSystemExtensions: {KXTRL00001: [a.b]}
      NonRemovableSystemExtensions: {KXTRL00002: [a.b]}
      NonRemovableFromUISystemExtensions: {KXTRL00001: [a.b]}
      AllowUserOverrides: false
extensions:
  driver: {kind: kext, bundle_id: com.example.on, team_id: 0012345670, version: 10.10, signature: broken,
           notarized: false, architectures: [arm64e], libraries: [com.apple.iokit.IOUSBFamily, 1.0], symbols: [_sock],
           user_client: true, banned: true, path: /Library/Application Support/X, installed_before: "10.12"}
  agent: {kind: system-extension, category: network, bundle_id: com.example.agent, signature: ad-hoc,
          entitlements: [a.b.c], early_boot: true, app_in_applications: false, bundle: made/Agent.app}
steps:
  - install: driver
  - remove: driver
  - replace: {extension: driver, version: 1.0}
  - load: driver
  - unload: driver
  - approve: {extension: driver, as: standard, input: synthetic}
  - rebuild:
  - activate: agent
  - allow: {extension: agent, as: standard}
  - disable: agent
  - enable: agent
  - deactivate: {extension: agent, by: finder, as: nobody}
  - reset-extensions:
  - developer-mode: {on: true}
  - restart: {by: mdm, rebuild_kernel_cache: true, kext_paths: [driver], notify_user: true}
  - boot: {into: 1tr}
  - power-cut: {during: rebuild}
  - set-security: {mode: full, allow: [user, remote], using: startup-security-utility, as: wrong-password,
                   paired: false}
  - set-sip: {enabled: false, as: standard}
  - kext-consent: {add: 0012345670}
  - panic-medic:
  - install-profile: {id: p, kernel_extensions: {AllowUserOverrides: true}, from: hand}
  - remove-profile: p
  - enroll: {enrollment: automated-device, user_approved_mdm: false, bootstrap_token: false}
  - unenroll:
  - upgrade: {macos: 15.0}
  - wait: {minutes: 30.5}
"""


def test_every_field_and_every_action_is_read() -> None:
    (scenario,) = parse(WHOLE)
    mac = scenario.start().mac
    assert (mac.architecture, mac.macos, mac.enrollment) == (Architecture.INTEL_T2, Version(13, 4, 1, "c"), "device")
    assert mac.security_mode is SecurityMode.MEDIUM
    assert [mac.user_approved_mdm, mac.bootstrap_token, mac.sip, mac.logged_in, mac.online] == [False] * 5
    kernel, system = scenario.profiles[0].kernel_extensions, scenario.profiles[1].system_extensions
    assert kernel is not None
    assert system is not None
    assert scenario.profiles[0].id == "0012345670"
    assert kernel.allowed_team_identifiers == {"0012345670", "on"}
    assert kernel.allowed_kernel_extensions == {"": {"com.example.old"}, "no": {"10.10"}}
    assert (kernel.allow_user_overrides, kernel.allow_non_admin_user_approvals) == (True, False)
    assert system.allowed_system_extension_types == {"KXTRL00001": {"NetworkExtension"}}
    assert [step.action.verb for step in scenario.steps] == list(ACTIONS)
    assert {type(step.action) for step in scenario.steps} == set(ACTIONS.values())


def test_scalars_mean_what_is_written() -> None:
    (scenario,) = parse(WHOLE)
    driver, agent = scenario.extensions["driver"], scenario.extensions["agent"]
    assert (driver.version, driver.team_id, driver.signature) == ("10.10", "0012345670", Signature.BROKEN)
    assert driver.libraries == {"com.apple.iokit.IOUSBFamily", "1.0"}
    assert driver.symbols == {"sock"}
    assert driver.installed_before == Version(10, 12)
    assert (driver.notarized, driver.user_client, driver.banned) == (False, True, True)
    assert (agent.category, agent.entitlements, agent.early_boot) == (Category.NETWORK, {"a.b.c"}, True)
    assert agent.bundle == "made/Agent.app"
    said = {step.action.verb: step.written[step.action.verb] for step in scenario.steps}
    assert said["replace"] == {"extension": "driver", "version": "1.0"}
    assert said["developer-mode"] == {"on": True}
    assert said["kext-consent"] == {"add": "0012345670"}
    assert said["rebuild"] is None
    assert said["set-security"]["allow"] == ["user", "remote"]
    assert said["wait"] == {"minutes": 30.5}
    assert said["install-profile"]["kernel_extensions"] == {"AllowUserOverrides": True}


def test_a_bundle_lies_beside_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.mac.yaml"
    path.write_text(WHOLE)
    assert load(path)[0].extensions["agent"].bundle == str(tmp_path / "made/Agent.app")


SHORT = """schema: kextrel/scenario/v1
mac: {macos: 14}
extensions:
  driver: {}
  agent: {kind: system-extension}
steps:
  - approve: driver
  - restart:
  - power-cut:
  - set-security:
  - deactivate: agent
  - install-profile: {id: x}
  - enroll: {enrollment: user}
  - set-sip: {enabled: true}
"""


def test_what_is_left_out_has_its_default() -> None:
    (scenario,) = load_text(SHORT, "short.mac.yaml")
    mac, driver = scenario.start().mac, scenario.extensions["driver"]
    assert scenario.name == "short"
    assert (mac.architecture, mac.enrollment, mac.security_mode) == ("apple-silicon", Enrollment.NONE, "full")
    assert mac.sip
    assert mac.logged_in
    assert mac.online
    assert (driver.kind, driver.bundle_id, driver.team_id) == (
        ExtensionKind.KEXT,
        "com.example.kextrel.driver",
        "KXTRL00001",
    )
    assert driver.architectures == {"arm64e", "x86_64"}
    assert scenario.extensions["agent"].category is Category.ENDPOINT_SECURITY
    assert [step.action for step in scenario.steps[:5]] == [
        act.Approve("driver", Credential.ADMIN, "physical"),
        act.Restart("user", False, (), False),
        act.PowerCut("idle"),
        act.SetSecurity(None, frozenset(), "bputil", Credential.ADMIN, True),
        act.Deactivate("agent", "app", Credential.ADMIN),
    ]
    assert scenario.steps[6].action == act.Enroll(Enrollment.USER, True, True)
    assert scenario.steps[7].action == act.SetSip(True, Credential.ADMIN)


def load_text(text: str, path: str = "f"):  # type: ignore[no-untyped-def]
    return parse(text, path)


HEAD = """schema: kextrel/scenario/v1
name: n
mac: {macos: 14.5}
extensions: {driver: {}, agent: {kind: system-extension}}
steps:
"""


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("- instal: driver", "f:6: unknown action 'instal' in step 1; did you mean 'install'?"),
        ("- install: drivr", "f:6: the scenario has no extension 'drivr'; did you mean 'driver'?"),
        ("- install:", "f:6: 'install' needs something after the colon; it takes an extension, or {extension}"),
        ("- rebuild: now", "f:6: 'rebuild' takes nothing; write it as `- rebuild:`"),
        ("- rebuild: {}", "f:6: 'rebuild' takes nothing; write it as `- rebuild:`"),
        ("- rebuild", "f:6: step 1 is not an action; write it as `- rebuild:`, with what it takes after the colon"),
        ("-", "f:6: step 1 is not an action; write it as `- ACTION:`, with what it takes after the colon"),
        ("- {}", "f:6: step 1 has no action; write it as `- install: driver`"),
        ("- expect: {outcome: done}", "f:6: step 1 has no action; write it as `- install: driver`"),
        (
            "- install: driver\n    load: driver",
            "f:7: step 1 has two actions, 'install' and 'load'; make each a step of its own",
        ),
        ("- boot: {into: off}", "f:6: 'into' of step 1 (boot) is 'off'; known are: 1tr, fallback-recoveryos,"),
        ("- boot: {into: recoverios}", "did you mean 'recoveryos'?"),
        ("- boot: 1tr", "f:6: 'boot' takes {into}"),
        ("- wait: 30", "f:6: 'wait' takes {minutes}"),
        ("- wait: {minutes: soon}", "'minutes' of step 1 (wait) is 'soon'; it must be a number such as 30"),
        ("- load: agent", "'extension' of step 1 (load) must be a kext, and 'agent' is a system-extension"),
        ("- activate: driver", "must be a system-extension, and 'driver' is a kext"),
        ("- developer-mode: {on: yes}", "'on' of step 1 (developer-mode) is 'yes'; known are: false, true"),
        ("- set-sip: {}", "f:6: step 1 (set-sip) needs 'enabled'"),
        ("- set-sip: {enabled: true, as: nobody}", "is 'nobody'; known are: admin, standard, wrong-password"),
        ("- set-security: {mod: full}", "f:6: unknown field 'mod' in step 1 (set-security); did you mean 'mode'?"),
        ("- set-security: {allow: user}", "must be a list; write it as [one, two]"),
        ("- set-security: {allow: [user, user]}", "names 'user' twice"),
        ("- kext-consent: {}", "takes exactly one of 'add' and 'enabled'"),
        ("- kext-consent: {add: T, enabled: false}", "takes exactly one of 'add' and 'enabled'"),
        ("- remove-profile: [p]", "'remove-profile' takes the id of a profile, or {id}"),
        ("- restart: {kext_paths: [agent]}", "must be a kext"),
        ("- upgrade: {macos: Sonoma}", "'Sonoma' is not a macOS version"),
        ("- install: driver\n    expect: {}", "says nothing; give it an outcome, a reason or a state"),
        ("- install: driver\n    expect: {outcome: loaded}", "is 'loaded'; known are: done"),
        ("- load: driver\n    expect: {outcome: loadd}", "is 'loadd'; did you mean 'loaded'?"),
        ("- load: driver\n    expect: {reason: signatur}", "is 'signatur'; did you mean 'signature'?"),
        ("- load: driver\n    expect: {outcome: loaded, reason: signature}", "only 'refused' has a reason"),
        ("- load: driver\n    expect: {state: {uakl_: []}}", "f:7: unknown field 'uakl_' in 'state'"),
        ("- load: driver\n    expect: {state: {boot: here}}", "'boot' of 'state' of"),
        ("- load: driver\n    expct: {outcome: loaded}", "unknown action 'expct' in step 1; did you mean 'expect'?"),
    ],
)
def test_a_bad_step_is_one_sentence_with_its_line(step: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        load_text(HEAD + "  " + step + "\n")
    assert said in str(caught.value)
    assert str(caught.value).startswith(("f:6: ", "f:7: "))


GOOD = {
    "schema": "kextrel/scenario/v1",
    "name": "n",
    "mac": '{macos: "14.5"}',
    "extensions": "{driver: {}}",
    "steps": "[{install: driver}]",
}


MANAGED = '{macos: "14.5", enrollment: device}'
TWICE = "{AllowedTeamIdentifiers: [A], AllowedSystemExtensions: {A: [com.example.a]}}"
BOTH = "{RemovableSystemExtensions: {A: [com.example.a]}, NonRemovableSystemExtensions: {A: [com.example.a]}}"


def top(**changed: str | None) -> str:
    return "".join(f"{key}: {value}\n" for key, value in (GOOD | changed).items() if value is not None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (top(schema=None), "f:1: the scenario needs 'schema'"),
        (top(schema="kextrel/scenario/v2"), "f:1: 'schema' of the scenario is 'kextrel/scenario/v2'; did you mean"),
        (top(mac=None), "f:1: the scenario needs 'mac'"),
        (top(mac="{}"), "f:3: mac needs 'macos'"),
        (top(steps=None), "f:1: the scenario needs 'steps'"),
        (top(steps="[]"), "f:5: 'steps' must be a list of actions"),
        (top(stepz="[]"), "f:6: unknown field 'stepz' in the scenario; did you mean 'steps'?"),
        (top(mac="{macos: 14.5, enrolment: none}"), "unknown field 'enrolment' in mac; did you mean 'enrollment'?"),
        (top(mac="{macos: 14.5, sip: on}"), "'sip' of mac is 'on'; known are: false, true"),
        (top(mac="{macos: 14.5, sip: }"), "'sip' of mac is empty"),
        (top(mac="{macos: 14.5, architecture: arm}"), "known are: apple-silicon, intel, intel-t2"),
        (top(mac='{macos: ">=11,12"}'), "mixes a version with comparisons"),
        (top(mac='{macos: ">="}'), "'>=' is not a macOS version"),
        (top(mac="{macos: 14.5, security_mode: medium}"), "'security_mode' of mac is 'medium'; known are: full"),
        (top(extensions="[driver]"), "'extensions' must be a mapping"),
        (top(extensions="{driver: {kind: kex}}"), "did you mean 'kext'?"),
        (top(extensions="{driver: {category: network}}"), "unknown field 'category' in extension 'driver', a kext"),
        (top(extensions="{driver: {team_id: 'a b'}}"), "it must be a team identifier"),
        (top(extensions="{driver: {path: Library}}"), "it must be an absolute path"),
        (
            top(extensions="{driver: {}, other: {bundle_id: com.example.kextrel.driver}}"),
            "has the bundle_id of 'driver'",
        ),
        (top(profiles="[{id: p}, {id: p}]", mac=MANAGED), "'profiles' names 'p' twice"),
        (top(profiles="[{id: p}, {id: p, kernel_extensions: {}}]", mac=MANAGED), "two profiles have the id 'p'"),
        (top(profiles=f"[{{id: p, system_extensions: {TWICE}}}]", mac=MANAGED), "the profile 'p' contradicts itself"),
        (top(profiles=f"[{{id: p, system_extensions: {BOTH}}}]", mac=MANAGED), "the profile 'p' contradicts itself"),
        (top(name="x\nname: y"), "f:3: the key 'name' is here twice"),
        (top(name="&a x"), "f:2: the anchor &a is not read here"),
        (top(name="!!str x"), "f:2: the tag"),
        ("- schema\n", "f:1: the scenario must be a mapping"),
    ],
)
def test_a_bad_head_is_one_sentence_with_its_line(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        load_text(text)
    assert said in str(caught.value)


def test_remove_profile_takes_its_id_alone_or_by_name() -> None:
    (one,) = load_text(HEAD + "  - remove-profile: p\n  - remove-profile: {id: p}\n")
    assert [step.action for step in one.steps] == [act.RemoveProfile("p")] * 2


@pytest.mark.parametrize(
    ("mac", "said"),
    [
        ("{macos: 14.5, sip: false, security_mode: reduced}", "an Apple-silicon Mac with sip: false cannot be reduced"),
        ("{macos: 14.5, sip: false, security_mode: full}", "an Apple-silicon Mac with sip: false cannot be full"),
        ("{macos: 14.5, kext_management: [user]}", "kext_management cannot be allowed under full security"),
        ("{architecture: intel, macos: 14.5, kext_management: [user]}", "an intel Mac has no kext_management"),
        ("{architecture: intel-t2, macos: 14.5, kext_management: [user]}", "an intel-t2 Mac has no kext_management"),
        ("{architecture: intel, macos: 14.5, security_mode: full}", "an intel Mac has no security_mode"),
        ("{macos: 10.15.7}", "there is no Apple-silicon Mac with macOS 10.15.7"),
    ],
)
def test_a_start_that_cannot_be_is_refused(mac: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        load_text(top(mac=mac))
    assert str(caught.value).startswith(f"f:3: {said}")


def test_sip_off_on_apple_silicon_means_permissive() -> None:
    (scenario,) = load_text(top(mac="{macos: 14.5, sip: false, kext_management: [user]}"))
    mac = scenario.start().mac
    assert (mac.security_mode, mac.kext_management) == (SecurityMode.PERMISSIVE, {KextManagement.USER})
    (intel,) = load_text(top(mac="{macos: 14.5, architecture: intel, security_mode: null}"))
    assert intel.start().mac.security_mode is None


@pytest.mark.parametrize(
    ("mac", "possible"),
    [
        ("{macos: 14.5}", False),
        ("{macos: 14.5, enrollment: user}", False),
        ("{macos: 14.5, enrollment: device, user_approved_mdm: false}", True),
        ("{macos: 10.15, architecture: intel, enrollment: device, user_approved_mdm: false}", False),
        ("{macos: 10.15, architecture: intel, enrollment: device}", True),
        ("{macos: 10.15, architecture: intel, enrollment: automated-device, user_approved_mdm: false}", True),
    ],
)
def test_profiles_need_an_enrollment_that_counts(mac: str, possible: bool) -> None:
    text = top(mac=mac, profiles="[{id: p, kernel_extensions: {}}]")
    if possible:
        assert load_text(text)[0].profiles[0].id == "p"
        return
    with pytest.raises(InputError, match=r"f:6: profiles cannot be on a Mac with enrollment"):
        load_text(text)


def test_comparisons_need_a_version_to_begin_with() -> None:
    (scenario,) = load_text(top(mac='{macos: ">=10.15,<12"}'))
    assert scenario.start("11.3").mac.macos == Version(11, 3)
    with pytest.raises(UsageError, match="say which version to predict with --macos"):
        scenario.start()
    with pytest.raises(UsageError, match=r"it is for macOS >=10.15,<12, not for 12"):
        scenario.start("12")
    with pytest.raises(InputError, match=r"f:3: there is no Apple-silicon Mac with macOS 10.15.1"):
        scenario.start("10.15.1")
    with pytest.raises(UsageError, match="is not a macOS version"):
        scenario.start("Big Sur")


def test_environments_are_all_but_off() -> None:
    for place in Environment:
        if place is not Environment.OFF:
            (scenario,) = load_text(top(steps=f"[{{boot: {{into: {place}}}}}]"))
            assert scenario.steps[0].action == act.Boot(place)


@pytest.mark.parametrize(
    ("mac", "mode", "hint"),
    [
        ("{macos: 14.5}", "medium", "known are: full, permissive, reduced"),
        ("{architecture: intel-t2, macos: 14.5}", "permissive", "known are: full, medium, none"),
    ],
)
def test_a_mode_is_one_that_the_architecture_has(mac: str, mode: str, hint: str) -> None:
    text = f"schema: kextrel/scenario/v1\nmac: {mac}\nsteps:\n  - set-security:\n      allow: []\n      mode: {mode}\n"
    with pytest.raises(InputError) as raised:
        parse(text, "f.mac.yaml")
    assert str(raised.value) == f"f.mac.yaml:6: 'mode' of step 1 (set-security) is '{mode}'; {hint}"


def test_an_intel_mac_without_modes_takes_any_for_it_refuses_all() -> None:
    text = (
        "schema: kextrel/scenario/v1\nmac: {architecture: intel, macos: 12.0}\nsteps:\n  - set-security: {mode: %s}\n"
    )
    assert [len(parse(text % mode)[0].steps) for mode in ("full", "medium", "permissive")] == [1, 1, 1]


@pytest.mark.parametrize("name", ["../../etc", "a b", "$(reboot)", "é"])
def test_a_name_that_is_no_identifier_needs_a_bundle_id(name: str) -> None:
    text = "schema: kextrel/scenario/v1\nmac: {macos: 14.5}\nextensions:\n  '%s': {%s}\nsteps:\n  - restart:\n"
    with pytest.raises(InputError, match=r"f.mac.yaml:4: 'bundle_id' .* it must be a bundle identifier"):
        parse(text % (name, ""), "f.mac.yaml")
    assert list(parse(text % (name, "bundle_id: com.example.a"))[0].extensions) == [name]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("bundle_id: com.example.", "it must be a bundle identifier"),
        ("bundle_id: com..example", "it must be a bundle identifier"),
        (f"bundle_id: {'a' * 156}", "it must be a bundle identifier"),
        ("bundle: build/Driver.app", "the bundle of a kext is a .kext, not build/Driver.app"),
        ("architectures: []", "a kext needs at least one architecture"),
    ],
)
def test_a_kext_that_no_bundle_can_be_is_refused_when_it_is_read(written: str, said: str) -> None:
    text = "schema: kextrel/scenario/v1\nmac: {macos: 14.5}\nextensions:\n  driver:\n    %s\nsteps:\n  - restart:\n"
    with pytest.raises(InputError, match=f"f.mac.yaml:5: .*{said}"):
        parse(text % written, "f.mac.yaml")
