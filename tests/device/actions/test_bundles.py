"""Bundles on the disk: kexts and apps are copied to their place, and taken away from it."""

from __future__ import annotations

from typing import Any

import pytest

from kextrel.device.actions import perform
from kextrel.device.observe import observe
from kextrel.device.rig import Rig
from kextrel.errors import BenchError, NotPossible
from kextrel.timing import Deadline
from kextrel.vocabulary import Extension, ExtensionKind, Outcome
from kextrel.vocabulary.actions import Activate, Approve, Install, Remove, Replace, Unload

AGENT = "com.example.kextrel.agent"


@pytest.fixture
def driven(world: Any, rig: Rig) -> Rig:
    rig.catalog.learn(
        {
            "driver": Extension("driver", ExtensionKind.KEXT, "com.example.kextrel.driver"),
            "agent": Extension("agent", ExtensionKind.SYSTEM_EXTENSION, AGENT),
            "stray": Extension("stray", ExtensionKind.SYSTEM_EXTENSION, AGENT, app_in_applications=False),
            "given": Extension("given", ExtensionKind.SYSTEM_EXTENSION, AGENT, bundle="/here/Agent.app"),
        }
    )
    world.shell_up, world.screen = True, "Finder File Edit View Go Window Help"
    return rig


def test_install_uploads_and_gives_to_root(world: Any, driven: Rig, deadline: Deadline) -> None:
    world.commands["mktemp"] = "/private/tmp/kextrel.AbCdEf\n"
    done = perform(driven, Install("driver"), deadline=deadline)
    assert done.outcome is Outcome.DONE
    local, remote = world.uploads[0]
    assert local.is_dir()
    assert remote == "/private/tmp/kextrel.AbCdEf/com.example.kextrel.driver.kext"
    assert any(
        "chown -R root:wheel" in line and "/Library/Extensions/com.example.kextrel.driver.kext" in line
        for line in world.log
    )


@pytest.mark.parametrize(
    "action", [Install("driver"), Remove("driver"), Unload("driver"), Approve("driver"), Activate("agent")]
)
def test_what_no_rule_tells_of_safe_mode_is_not_done_there(
    world: Any, driven: Rig, deadline: Deadline, action: Any
) -> None:
    world.policy.safe = True
    observe(driven, deadline=deadline)
    looked = len(world.log)
    with pytest.raises(NotPossible, match="and the Mac is in safe mode"):
        perform(driven, action, deadline=deadline)
    assert world.log[looked:] == []


def test_what_was_copied_is_taken_away_when_the_copy_fails(
    world: Any, driven: Rig, deadline: Deadline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: Any, **__: Any) -> None:
        raise BenchError("the connection ended in a copy", wire="mini.shell")

    world.commands["mktemp"] = "/private/tmp/kextrel.AbCdEf\n"
    monkeypatch.setattr(driven.shell, "upload", dies)
    with pytest.raises(BenchError, match="ended in a copy"):
        perform(driven, Install("driver"), deadline=deadline)
    assert world.log[-1] == "run rm -rf /private/tmp/kextrel.AbCdEf"


def test_a_wire_that_stays_dead_is_named_for_what_it_broke_first(
    world: Any, driven: Rig, deadline: Deadline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: Any, **__: Any) -> None:
        world.shell_up = False
        raise BenchError("the connection ended in a copy", wire="mini.shell")

    world.commands["mktemp"] = "/private/tmp/kextrel.AbCdEf\n"
    monkeypatch.setattr(driven.shell, "upload", dies)
    with pytest.raises(BenchError, match="ended in a copy"):
        perform(driven, Install("driver"), deadline=deadline)


def test_install_without_a_place_to_copy_to_is_said(world: Any, driven: Rig, deadline: Deadline) -> None:
    world.commands["mktemp"] = (1, "", "mktemp: No space left on device")
    with pytest.raises(NotPossible, match="no place"):
        perform(driven, Install("driver"), deadline=deadline)
    assert world.uploads == []


def test_remove_takes_the_bundle_only(world: Any, driven: Rig, deadline: Deadline) -> None:
    assert perform(driven, Remove("driver"), deadline=deadline).outcome is Outcome.DONE
    assert world.log == ["run sudo -n rm -rf /Library/Extensions/com.example.kextrel.driver.kext"]


def test_an_app_is_put_among_the_applications(world: Any, driven: Rig, deadline: Deadline) -> None:
    world.commands["mktemp"] = "/private/tmp/kextrel.AbCdEf\n"
    assert perform(driven, Install("agent"), deadline=deadline).outcome is Outcome.DONE
    local, remote = world.uploads[0]
    assert (local / "Contents/Library/SystemExtensions" / f"{AGENT}.systemextension").is_dir()
    assert remote == f"/private/tmp/kextrel.AbCdEf/Kextrel-{AGENT}.app"
    assert any(f"mv {remote} /Applications/Kextrel-{AGENT}.app" in line for line in world.log)


def test_an_app_outside_the_applications_lies_in_the_administrators_home(
    world: Any, driven: Rig, deadline: Deadline
) -> None:
    world.commands["mktemp"] = "/private/tmp/kextrel.AbCdEf\n"
    perform(driven, Install("stray"), deadline=deadline)
    assert any(f" /Users/admin/Kextrel-{AGENT}.app" in line for line in world.log)


def test_replace_puts_the_other_version_in_its_place(world: Any, driven: Rig, deadline: Deadline) -> None:
    world.commands["mktemp"] = "/private/tmp/kextrel.AbCdEf\n"
    perform(driven, Install("agent"), deadline=deadline)
    perform(driven, Replace("agent", "2.0"), deadline=deadline)
    before, after = ((one[0] / "Contents/Info.plist").read_text() for one in world.uploads)
    assert "<string>1.0</string>" in before
    assert "<string>2.0</string>" in after


def test_a_given_bundle_has_the_version_that_it_has(driven: Rig, deadline: Deadline) -> None:
    with pytest.raises(NotPossible, match="another version"):
        perform(driven, Replace("given", "2.0"), deadline=deadline)


def test_remove_of_an_app_takes_the_app(world: Any, driven: Rig, deadline: Deadline) -> None:
    assert perform(driven, Remove("given"), deadline=deadline).outcome is Outcome.DONE
    assert world.log == ["run sudo -n rm -rf /Applications/Agent.app"]
