"""System extension verbs, with the app, sysextd and Settings played: the list decides, what was said gives reasons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from kextrel.device.actions import perform
from kextrel.device.flows import switches
from kextrel.device.flows.switches import Came
from kextrel.device.rig import Rig
from kextrel.errors import BenchError, NotPossible, UnreadableAnswer
from kextrel.timing import Deadline
from kextrel.vocabulary import Category, Credential, Extension, ExtensionKind, Outcome, Reason, Version
from kextrel.vocabulary.actions import (
    Activate,
    Allow,
    Deactivate,
    DeveloperMode,
    Disable,
    Enable,
    Load,
    ResetExtensions,
)

ID = "com.example.kextrel.agent"
NAME = f"Kextrel-{ID}"
DESKTOP = "Finder File Edit View Go Window Help"
SHEET = "\nis trying to remove a system extension.\nEnter your password to allow this.\nLab Admin\nCancel  OK"
ENABLED, DISABLED, WAITING = "activated enabled", "activated disabled", "activated waiting for user"
DYING = "terminated waiting to uninstall on reboot"
SIP = "At this time, this tool cannot be used if System Integrity Protection is enabled.\n"


@dataclass
class Played:
    """What the Mac says of the extension, and what the command in the background does when it begins."""

    world: Any
    state: str | None = None
    version: str = "1.0"
    dying: int = 0
    out: str = ""
    err: str = ""
    code: int | None = None
    begins: Callable[[], None] = lambda: None
    begun: list[str] = field(default_factory=list)

    def begin(self) -> str:
        self.out, self.err, self.code = "", "", None
        self.begun.append(self.world.log[-1])
        self.begins()
        return ""

    def listing(self) -> str:
        if self.state is None:
            return "0 extension(s)\n"
        row = f"\t*\tKXTRL00001\t{ID} ({self.version}/1)\tagent\t[{self.state}]\n"
        old = f"\t\t\tKXTRL00001\t{ID} ({self.version}/1)\tagent\t[{DYING}]\n" * self.dying
        return f"{1 + self.dying} extension(s)\n--- com.apple.system_extension.endpoint_security\n{old}{row}"

    def says(self, end: str, code: int = 0, state: str | None = None) -> Callable[[], None]:
        def ended() -> None:
            self.out, self.code = f"request: activate {ID}\n{end}\n", code
            self.state = state

        return ended

    def asks(self, account: str | None, state: str) -> Callable[[], None]:
        """The sheet stands until its password is typed and Return pressed; Escape is Cancel."""
        typed: list[str] = []

        def key(pressed: str) -> None:
            if pressed == "qyxz":
                self.world.screen = self.world.screen.replace("Lab Admin", pressed)
            elif pressed == "escape":
                self.world.screen = DESKTOP
                self.out, self.code = f"request: deactivate {ID}\nfailed: OSSystemExtensionErrorDomain 11\n", 1
            elif pressed == "return" and account is not None and account in typed:
                self.world.screen, self.state = DESKTOP, state
                self.out, self.code = f"request: deactivate {ID}\nfinished: will complete after reboot\n", 0
            typed.append(pressed)

        def begins() -> None:
            self.world.screen, self.world.on_key = DESKTOP + SHEET, key

        return begins


@pytest.fixture
def mac(world: Any, rig: Rig) -> Played:
    rig.catalog.learn(
        {
            "agent": Extension("agent", ExtensionKind.SYSTEM_EXTENSION, ID, category=Category.ENDPOINT_SECURITY),
            "driver": Extension("driver", ExtensionKind.KEXT, "com.example.kextrel.driver"),
        }
    )
    played = Played(world)
    world.shell_up, world.screen = True, DESKTOP
    world.commands |= {
        "systemextensionsctl list": played.listing,
        "mktemp": "/private/tmp/kextrel.J\n",
        "sh -c": played.begin,
        "test -s": lambda: (1 if played.code is None else 0, "", ""),
        "cat /private/tmp/kextrel.J": lambda: (played.code, played.out, played.err),
        "stat -f": "admin\n",
        "id -u": "501\n",
        "AppleKeyboardUIMode": "3\n",
    }
    return played


@pytest.mark.parametrize(
    ("end", "state", "outcome"),
    [
        ("finished: completed", ENABLED, Outcome.ENABLED),
        ("needs user approval", WAITING, Outcome.WAITING_FOR_USER),
        ("finished: completed", None, Outcome.REFUSED),
        ("finished: completed", WAITING, Outcome.WAITING_FOR_USER),
    ],
)
def test_activate_is_what_the_list_says_afterwards(
    mac: Played, rig: Rig, deadline: Deadline, end: str, state: str | None, outcome: Outcome
) -> None:
    mac.begins = mac.says(end, state=state)
    assert perform(rig, Activate("agent"), deadline=deadline).outcome is outcome
    assert (
        f"launchctl asuser 501 sudo -n -u admin /Applications/{NAME}.app/Contents/MacOS/{NAME} activate {ID}"
        in (mac.begun[0])
    )


@pytest.mark.parametrize("action", [Activate("agent"), Deactivate("agent")])
def test_an_app_that_nobody_is_there_to_open_is_no_refusal(
    mac: Played, rig: Rig, deadline: Deadline, action: Activate | Deactivate
) -> None:
    """Outside a login session every request fails, whatever the rules say (PREP-05)."""
    mac.state = ENABLED
    mac.world.commands["stat -f"], rig.facts = "root\n", replace(rig.facts, automatic_login=False)
    rig.wires = replace(rig.wires, screen=None)
    with pytest.raises(NotPossible, match=r"nobody is logged in at the console and there is no screen"):
        perform(rig, action, deadline=deadline)
    assert mac.begun == []


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (1, None),
        (2, Reason.ENTITLEMENT),
        (3, Reason.LOCATION),
        (8, Reason.SIGNATURE),
        (9, None),
        (10, Reason.APPROVAL_FORBIDDEN),
        (13, Reason.AUTHENTICATION),
    ],
)
def test_codes_of_the_request_are_reasons(
    mac: Played, rig: Rig, deadline: Deadline, code: int, reason: Reason | None
) -> None:
    mac.begins = mac.says(f"failed: OSSystemExtensionErrorDomain {code}", 1)
    done = perform(rig, Activate("agent"), deadline=deadline)
    assert (done.outcome, done.reason) == (Outcome.REFUSED, reason)


def test_a_newer_version_of_what_is_switched_off_stays_off(mac: Played, rig: Rig, deadline: Deadline) -> None:
    mac.state, mac.begins = DISABLED, mac.says("replacing 0.9 with 1.0\nfinished: completed", state=DISABLED)
    mac.version = "0.9"
    assert perform(rig, Activate("agent"), deadline=deadline).outcome is Outcome.UNCHANGED


def test_the_same_version_again_changes_nothing_and_another_one_does(mac: Played, rig: Rig, deadline: Deadline) -> None:
    mac.state, mac.begins = ENABLED, mac.says("finished: completed", state=ENABLED)
    assert perform(rig, Activate("agent"), deadline=deadline).outcome is Outcome.UNCHANGED

    def newer() -> None:
        mac.says("replacing 1.0 with 2.0\nfinished: completed", state=ENABLED)()
        mac.version = "2.0"

    mac.begins = newer
    done = perform(rig, Activate("agent"), deadline=deadline)
    assert (done.outcome, done.note) == (Outcome.ENABLED, "2.0 for 1.0")


def test_in_developer_mode_the_same_version_takes_its_own_place(mac: Played, rig: Rig, deadline: Deadline) -> None:
    """SYS-13: the list has the old record dying beside the new one, which is word for word what the old one was."""

    def replaced() -> None:
        mac.says("replacing 1.0 with 1.0\nfinished: completed", state=ENABLED)()
        mac.dying += 1

    mac.state, mac.begins = ENABLED, replaced
    for _ in range(2):
        assert perform(rig, Activate("agent"), deadline=deadline).outcome is Outcome.ENABLED
    mac.begins = mac.says("finished: completed", state=ENABLED)
    assert perform(rig, Activate("agent"), deadline=deadline).outcome is Outcome.UNCHANGED


def test_an_app_that_was_killed_said_nothing(mac: Played, rig: Rig, deadline: Deadline) -> None:
    def killed() -> None:
        mac.err, mac.code = "zsh: killed\n", 137

    mac.begins = killed
    with pytest.raises(UnreadableAnswer):
        perform(rig, Activate("agent"), deadline=deadline)


def test_a_request_that_never_ends_is_not_checked(mac: Played, rig: Rig, deadline: Deadline) -> None:
    with pytest.raises(NotPossible, match="goes on and on"):
        perform(rig, Activate("agent"), deadline=deadline)
    assert mac.world.log[-1] == "run rm -rf /private/tmp/kextrel.J"


def test_an_app_that_is_not_there_is_not_installed(world: Any, mac: Played, rig: Rig, deadline: Deadline) -> None:
    world.commands["test -e"] = (1, "", "")
    for action in (Activate("agent"), Allow("agent"), Deactivate("agent")):
        assert perform(rig, action, deadline=deadline).reason is Reason.NOT_INSTALLED


def test_before_10_15_there_are_none(world: Any, mac: Played, rig: Rig, deadline: Deadline) -> None:
    rig.facts = replace(rig.facts, macos=Version(10, 14))
    world.commands["test -e"] = (1, "", "")
    assert perform(rig, Activate("agent"), deadline=deadline).reason is Reason.UNSUPPORTED_VERSION


def test_kexts_are_not_activated_and_extensions_not_loaded(mac: Played, rig: Rig, deadline: Deadline) -> None:
    with pytest.raises(NotPossible, match="is a kext"):
        perform(rig, Activate("driver"), deadline=deadline)
    with pytest.raises(NotPossible, match="is a system-extension"):
        perform(rig, Load("agent"), deadline=deadline)


def test_a_list_that_cannot_be_read_is_not_an_empty_one(world: Any, mac: Played, rig: Rig, deadline: Deadline) -> None:
    failed = "systemextensionsctl: list command failed: The operation couldn’t be completed. Connection refused\n"
    for answer in ((69, "", failed), (0, failed, ""), (0, "garbage\n", ""), (127, "", "not found")):
        world.commands["systemextensionsctl list"] = answer
        with pytest.raises(UnreadableAnswer):
            perform(rig, Activate("agent"), deadline=deadline)


def test_deactivation_is_confirmed_by_an_administrator(mac: Played, rig: Rig, deadline: Deadline) -> None:
    mac.state, mac.begins = ENABLED, mac.asks(rig.accounts.admin.password, DYING)
    assert perform(rig, Deactivate("agent"), deadline=deadline).outcome is Outcome.TERMINATED
    assert "type a secret" in mac.world.log


def test_deactivation_that_nobody_confirms_is_cancelled_and_no_secret_typed(
    mac: Played, rig: Rig, deadline: Deadline
) -> None:
    mac.state, mac.begins = ENABLED, mac.asks(None, DYING)
    done = perform(rig, Deactivate("agent", as_=Credential.NOBODY), deadline=deadline)
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.AUTHENTICATION)
    assert "type a secret" not in mac.world.log


def test_a_standard_user_deactivates_nothing(mac: Played, rig: Rig, deadline: Deadline) -> None:
    mac.state, mac.begins = ENABLED, mac.asks(rig.accounts.admin.password, DYING)
    done = perform(rig, Deactivate("agent", as_=Credential.STANDARD), deadline=deadline)
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.NOT_ADMIN)
    assert "type student" in mac.world.log


def test_deactivation_without_a_sheet_is_seen_as_it_is(mac: Played, rig: Rig, deadline: Deadline) -> None:
    mac.state, mac.begins = ENABLED, mac.says("finished: will complete after reboot", state=DYING)
    done = perform(rig, Deactivate("agent", as_=Credential.NOBODY), deadline=deadline)
    assert done.outcome is Outcome.TERMINATED


def test_what_was_never_activated_is_not_terminated(mac: Played, rig: Rig, deadline: Deadline) -> None:
    mac.begins = mac.says("failed: OSSystemExtensionErrorDomain 4", 1)
    done = perform(rig, Deactivate("agent"), deadline=deadline)
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.NOT_INSTALLED)
    begun = len(mac.begun)
    done = perform(rig, Deactivate("agent", by="finder"), deadline=deadline)
    assert (done.outcome, done.reason, len(mac.begun)) == (Outcome.REFUSED, Reason.NOT_INSTALLED, begun)


def test_what_a_profile_forbids_to_remove_is_not_removable(mac: Played, rig: Rig, deadline: Deadline) -> None:
    mac.state, mac.begins = ENABLED, mac.says("failed: OSSystemExtensionErrorDomain 10", 1, ENABLED)
    done = perform(rig, Deactivate("agent"), deadline=deadline)
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.NOT_REMOVABLE)


def test_without_a_screen_a_request_that_waits_is_not_checked(mac: Played, rig: Rig, deadline: Deadline) -> None:
    rig.wires = replace(rig.wires, screen=None)
    mac.state = ENABLED
    with pytest.raises(NotPossible, match="goes on and on"):
        perform(rig, Deactivate("agent"), deadline=deadline)
    mac.begins = mac.says("finished: will complete after reboot", state=DYING)
    assert perform(rig, Deactivate("agent"), deadline=deadline).outcome is Outcome.TERMINATED


def test_finder_warns_then_asks(world: Any, mac: Played, rig: Rig, deadline: Deadline) -> None:
    mac.state = ENABLED

    def warns() -> None:
        world.screen = f"Finder\n“{NAME}” contains system extensions that will be removed.\nCancel  Continue"
        world.on_key = lambda pressed: pressed == "return" and asks()

    def asks() -> None:
        mac.asks(rig.accounts.admin.password, DYING)()

    mac.begins = warns
    assert perform(rig, Deactivate("agent", by="finder"), deadline=deadline).outcome is Outcome.TERMINATED
    assert 'tell application "Finder" to delete' in mac.begun[0]


def test_finder_that_was_cancelled_says_so(mac: Played, rig: Rig, deadline: Deadline) -> None:
    def cancelled() -> None:
        mac.err, mac.code = "execution error: Finder got an error: User canceled. (-128)\n", 1

    mac.state, mac.begins = ENABLED, cancelled
    done = perform(rig, Deactivate("agent", by="finder", as_=Credential.NOBODY), deadline=deadline)
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.AUTHENTICATION)


def test_settings_of_no_release_removes_one(mac: Played, rig: Rig, deadline: Deadline) -> None:
    with pytest.raises(NotPossible, match="not implemented"):
        perform(rig, Deactivate("agent", by="settings"), deadline=deadline)


@pytest.mark.parametrize("action", [Disable("agent"), Enable("agent")], ids=["disable", "enable"])
def test_there_are_no_switches_before_15(mac: Played, rig: Rig, deadline: Deadline, action: Any) -> None:
    mac.state = ENABLED
    with pytest.raises(NotPossible, match="no switches"):
        perform(rig, action, deadline=deadline)


def test_only_what_is_pending_is_allowed(mac: Played, rig: Rig, deadline: Deadline) -> None:
    mac.state = ENABLED
    done = perform(rig, Allow("agent"), deadline=deadline)
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.NOT_OFFERED)


@pytest.mark.parametrize("action", [ResetExtensions(), DeveloperMode(on=True)], ids=["reset", "developer"])
def test_developers_tools_need_sip_off(mac: Played, rig: Rig, deadline: Deadline, action: Any) -> None:
    def refuses() -> None:
        mac.out, mac.code = SIP, 1

    def does() -> None:
        mac.out, mac.code = "Developer mode is on\n", 0

    mac.begins = refuses
    assert perform(rig, action, deadline=deadline).reason is Reason.SIP_ENABLED
    mac.begins = does
    assert perform(rig, action, deadline=deadline).outcome is Outcome.DONE


def test_a_key_that_reached_another_extension_is_the_keyboards_failure(
    mac: Played, rig: Rig, deadline: Deadline, monkeypatch: pytest.MonkeyPatch
) -> None:
    mac.state = WAITING
    other = "*\t*\tKXTRL00001\tcom.example.other (1.0/1)\tother\t[{}]\n"
    said = {"other": WAITING}
    mac.world.commands["systemextensionsctl list"] = lambda: mac.listing() + other.format(said["other"])

    def walk(*_: Any, **__: Any) -> Came:
        said["other"] = ENABLED
        return Came.TAKEN

    monkeypatch.setattr(switches, "allow_application", walk)
    with pytest.raises(BenchError, match="another extension"):
        perform(rig, Allow("agent"), deadline=deadline)
