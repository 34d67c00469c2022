"""What an earlier run left: deactivated by its app, gone with a restart, and nothing done where nothing is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kextrel.device.leftovers import leave_developer_mode, take_extensions_away
from kextrel.device.rig import Rig
from kextrel.errors import NotPossible
from kextrel.timing import Deadline
from kextrel.vocabulary import UNKNOWN, Extension, ExtensionKind, Version

ID = "com.example.kextrel.agent"
APP = f"/Applications/Kextrel-{ID}.app"
EMPTY = "0 extension(s)\n"


def listed(*rows: tuple[str, str]) -> str:
    text = "".join(f"*\t*\tKXTRL00001\t{name} (1.0/1)\tagent\t[{state}]\n" for name, state in rows)
    return f"{len(rows)} extension(s)\n--- com.apple.system_extension.endpoint_security\n{text}"


@pytest.fixture
def used(world: Any, rig: Rig) -> Rig:
    """A Mac on which an earlier run left an app with an activated extension; a restart takes what is terminated."""
    world.shell_up, world.screen = True, "Finder  File  Edit  View  Go  Window  Help"

    def restart() -> str:
        world.boot += 1
        world.commands["systemextensionsctl list"] = EMPTY
        return ""

    def deactivate() -> str:
        world.commands["systemextensionsctl list"] = listed((ID, "terminated waiting to uninstall on reboot"))
        return ""

    world.commands |= {
        "systemextensionsctl list": listed((ID, "activated enabled")),
        f"ls -1d {APP}": f"{APP}\n",
        "ls -1d /Applications": f"{APP}/Contents/Library/SystemExtensions/{ID}.systemextension\n",
        "ls -1d /Users/admin": (1, "", "no matches found"),
        "shutdown -r": restart,
        "mktemp": "/private/tmp/kextrel.J\n",
        "sh -c": deactivate,
        "cat /private/tmp/kextrel.J": f"request: deactivate {ID}\nfinished: will complete after reboot\n",
        "stat -f": "admin\n",
        "id -u": "501\n",
    }
    return rig


def test_what_was_left_is_deactivated_removed_and_gone(world: Any, used: Rig, deadline: Deadline) -> None:
    take_extensions_away(used, deadline=deadline)
    assert any(f"deactivate {ID}" in line for line in world.log)
    assert f"run sudo -n rm -rf {APP}" in world.log
    assert world.boot == 2


def test_an_empty_mac_is_left_alone(world: Any, used: Rig, deadline: Deadline) -> None:
    world.commands["systemextensionsctl list"] = EMPTY
    take_extensions_away(used, deadline=deadline)
    assert world.boot == 1
    assert world.log == ["run systemextensionsctl list"]


def test_what_others_installed_is_left_alone(world: Any, used: Rig, deadline: Deadline) -> None:
    world.commands["systemextensionsctl list"] = listed(("com.vendor.agent", "activated enabled"))
    world.commands["ls -1d /Applications"] = (1, "", "")
    take_extensions_away(used, deadline=deadline)
    assert world.boot == 1
    assert not any("deactivate" in line or "rm -rf" in line for line in world.log)


def test_an_app_that_is_gone_needs_the_restart_only(world: Any, used: Rig, deadline: Deadline) -> None:
    used.catalog.learn({"agent": Extension("agent", ExtensionKind.SYSTEM_EXTENSION, ID)})
    world.commands |= {"test -e": (1, "", ""), f"ls -1d {APP}": (1, "", ""), "ls -1d /Applications": (1, "", "")}
    take_extensions_away(used, deadline=deadline)
    assert not any("deactivate" in line for line in world.log)
    assert world.boot == 2


def test_an_app_that_is_killed_is_removed_all_the_same(world: Any, used: Rig, deadline: Deadline) -> None:
    world.commands |= {"sh -c": "", "cat /private/tmp/kextrel.J": (137, "", "")}
    take_extensions_away(used, deadline=deadline)
    assert f"run sudo -n rm -rf {APP}" in world.log
    assert world.boot == 2


def test_what_stays_is_said(world: Any, used: Rig, deadline: Deadline) -> None:
    def restart() -> str:
        world.boot += 1
        return ""

    world.commands["shutdown -r"] = restart
    with pytest.raises(NotPossible, match="stayed on mini after a restart"):
        take_extensions_away(used, deadline=deadline)


def test_before_10_15_nothing_is_asked(world: Any, used: Rig, deadline: Deadline) -> None:
    used.facts = replace(used.facts, macos=Version(10, 14))
    take_extensions_away(used, deadline=deadline)
    assert world.log == []


@pytest.mark.parametrize(("answer", "left"), [((0, "Developer mode is off\n", ""), False), ((1, "", "no"), True)])
def test_developer_mode_is_left_where_sip_is_off_and_it_may_be_on(
    world: Any, used: Rig, deadline: Deadline, answer: tuple[int, str, str], left: bool
) -> None:
    world.commands |= {"test -s": "", "cat /private/tmp/kextrel.J": answer}
    used.developer_mode = True
    for sip in (True, None, UNKNOWN):
        leave_developer_mode(used, sip, deadline=deadline)
    assert not any("developer off" in line for line in world.log)
    leave_developer_mode(used, False, deadline=deadline)
    assert any("systemextensionsctl developer off" in line for line in world.log)
    assert used.developer_mode is left
    begun = len(world.log)
    used.developer_mode = False
    leave_developer_mode(used, False, deadline=deadline)
    assert len(world.log) == begun
