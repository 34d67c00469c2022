"""An upgrade: only where the profile allows it, only upwards, done when the Mac says so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kextrel.device.actions import perform
from kextrel.device.rig import Rig
from kextrel.errors import NotPossible
from kextrel.timing import Deadline
from kextrel.vocabulary import Architecture, Outcome, Reason, Version
from kextrel.vocabulary.actions import Upgrade

APP = "/Applications/Install macOS Sequoia.app"
TO = Upgrade(Version(15, 1))


@pytest.fixture
def upgradable(world: Any, rig: Rig, screens: dict[str, str]) -> Rig:
    """A Mac on 14.5 that gets the installer when it asks for it, and comes up with what that brings."""

    def fetched() -> str:
        world.commands["for app in"] = f"15.1\t{APP}\n"
        return "Install finished successfully\n"

    def started() -> tuple[int, str, str]:
        world.boot, world.commands["sw_vers"] = world.boot + 1, "15.1\n"
        return 255, "", "closed by remote host"

    world.shell_up, world.screen = True, screens["desktop"]
    world.commands |= {"stat -f": "admin\n", "sw_vers": "14.5\n", "for app in": "\t/Applications/Install macOS *.app\n"}
    world.commands |= {"--fetch-full-installer": fetched, "startosinstall": started}
    rig.facts = replace(rig.facts, upgrades=True)
    return rig


def test_it_is_fetched_started_and_seen(world: Any, upgradable: Rig, deadline: Deadline) -> None:
    assert perform(upgradable, TO, deadline=deadline).outcome is Outcome.DONE
    assert "run sudo -n softwareupdate --fetch-full-installer --full-installer-version 15.1" in world.log
    (line,) = [one for one in world.log if "startosinstall" in one]
    assert f"'{APP}/Contents/Resources/startosinstall' --agreetolicense" in line
    assert line.endswith("--forcequitapps --user admin --stdinpass")
    password = upgradable.accounts.admin.password
    assert f"{password}\n".encode() in world.inputs
    assert not any(password in one for one in world.log)
    assert upgradable.facts.macos == Version(15, 1)


def test_what_is_there_is_not_fetched_and_intel_asks_for_nobody(
    world: Any, upgradable: Rig, deadline: Deadline
) -> None:
    upgradable.facts = replace(upgradable.facts, architecture=Architecture.INTEL)
    world.commands |= {"for app in": f"15.1\t{APP}\n", "--fetch-full-installer": (1, "", "no")}
    assert perform(upgradable, TO, deadline=deadline).outcome is Outcome.DONE
    assert next(one for one in world.log if "startosinstall" in one).endswith("--forcequitapps")


@pytest.mark.parametrize("macos", ["14.5", "13.6"])
def test_nothing_goes_back(world: Any, upgradable: Rig, deadline: Deadline, macos: str) -> None:
    done = perform(upgradable, Upgrade(Version.parse(macos)), deadline=deadline)
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.UNSUPPORTED_VERSION)
    assert not any("installer" in one for one in world.log)


def test_a_mac_that_is_not_given_up_is_not_upgraded(world: Any, upgradable: Rig, deadline: Deadline) -> None:
    upgradable.facts = replace(upgradable.facts, upgrades=False)
    with pytest.raises(NotPossible, match="only an erase takes an upgrade of mini back; say upgrades: true"):
        perform(upgradable, TO, deadline=deadline)
    assert not any("installer" in one for one in world.log)


@pytest.mark.parametrize(
    ("macos", "how"),
    [("10.14.6", "put it among its applications by hand"), ("14.5", "see whether Apple offers it to that Mac")],
)
def test_no_installer_is_no_answer_to_a_rule(
    world: Any, upgradable: Rig, deadline: Deadline, macos: str, how: str
) -> None:
    world.commands["sw_vers"] = f"{macos}\n"
    world.commands["--fetch-full-installer"] = (1, "", "Install failed with error: Update not found\n")
    with pytest.raises(NotPossible, match=rf"Update not found\); {how}"):
        perform(upgradable, TO, deadline=deadline)


def test_a_mac_that_comes_back_as_it_was_is_not_upgraded(world: Any, upgradable: Rig, deadline: Deadline) -> None:
    world.commands["startosinstall"] = lambda: setattr(world, "boot", world.boot + 1) or ""
    done = perform(upgradable, TO, deadline=deadline)
    assert (done.outcome, done.reason, upgradable.facts.macos) == (Outcome.REFUSED, None, Version(14, 5))
