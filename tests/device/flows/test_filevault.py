"""FileVault's unlock: seen before it is typed, given once or twice and no more, and never where nothing waits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kextrel.bench.protocols import BootId
from kextrel.bench.retry import Transient
from kextrel.device.flows import filevault, login, power
from kextrel.device.flows.place import Place, arrive, find
from kextrel.device.rig import Rig
from kextrel.errors import BenchError, DeadlineExceeded
from kextrel.evidence import EvidenceLog
from kextrel.timing import Deadline

PASSWORD = "correct-horse"
BEFORE = BootId(1, 0)


class Locked:
    """A Mac that waits: the password, typed or sent, starts it."""

    def __init__(self, world: Any, screens: dict[str, str]) -> None:
        self.world, self.name, self.sent = world, "mini.unlock", list[str]()
        self.right, self.acknowledges, self.typed = PASSWORD, True, ""
        self.desktop = screens["desktop"]
        world.screen, world.on_key = screens["login"], self.key

    def key(self, pressed: str) -> None:
        if pressed == "return":
            typed, self.typed = self.typed, ""
            if typed == self.right:
                self.start()
        else:
            self.typed += pressed

    def start(self) -> None:
        self.world.screen, self.world.shell_up, self.world.boot = self.desktop, True, 2

    def waiting(self, *, deadline: Deadline) -> bool:
        return not self.world.shell_up

    def unlock(self, user: str, password: str, *, deadline: Deadline) -> bool:
        self.sent.append(password)
        if (user, password) != ("admin", self.right):
            raise BenchError("refused FileVault's password of 'admin'", wire=self.name)
        self.start()
        return self.acknowledges


@pytest.fixture
def locked(world: Any, rig: Rig, screens: dict[str, str]) -> Locked:
    rig.facts = replace(rig.facts, filevault=True)
    return Locked(world, screens)


def over_network(rig: Rig, locked: Locked) -> Rig:
    """A bench with SSH and nothing else, and a Mac on macOS 26."""
    rig.wires = replace(rig.wires, keyboard=None, screen=None, unlock=locked)
    return rig


def notes(evidence: EvidenceLog) -> list[str]:
    return [str(record.data["text"]) for record in evidence.records if record.event == "note"]


def test_the_password_is_typed_where_its_field_is(world: Any, rig: Rig, locked: Locked, deadline: Deadline) -> None:
    assert filevault.await_macos(rig, deadline=deadline, other_than=BEFORE) == BootId(2, 0)
    assert world.log == ["type a secret", "press return"]


def test_nothing_is_typed_before_the_boot_before_has_ended(
    world: Any, rig: Rig, locked: Locked, deadline: Deadline
) -> None:
    world.shell_up = True  # the login window is still that of the boot before, in which nobody is logged in
    with pytest.raises(DeadlineExceeded, match="still answers"):
        filevault.await_macos(rig, deadline=deadline, other_than=BEFORE)
    assert world.log == []


def test_nothing_is_typed_on_the_way_to_the_field(
    world: Any, rig: Rig, locked: Locked, deadline: Deadline, screens: dict[str, str]
) -> None:
    world.screen = ""
    world.on_look = lambda: setattr(world, "screen", world.screen or screens["login"])
    filevault.await_macos(rig, deadline=deadline)
    assert world.log == ["type a secret", "press return"]


def test_the_login_window_of_a_mac_that_runs_gets_no_password(
    world: Any, rig: Rig, locked: Locked, deadline: Deadline
) -> None:
    world.shell_up, world.boot = True, 2
    assert filevault.await_macos(rig, deadline=deadline) == BootId(2, 0)
    assert world.log == []


@pytest.mark.parametrize(("screen", "hinted"), [("login", True), ("options", False)])
def test_of_a_mac_whose_profile_says_nothing_it_is_asked_in_the_end(
    world: Any, rig: Rig, locked: Locked, deadline: Deadline, screens: dict[str, str], screen: str, hinted: bool
) -> None:
    rig.facts, world.screen = replace(rig.facts, filevault=False), screens[screen]
    with pytest.raises(DeadlineExceeded, match="no shell in another boot") as failed:
        filevault.await_macos(rig, deadline=deadline)
    assert ("say filevault: true in the profile (PREP-05)" in str(failed.value)) is hinted
    assert world.log == []


def test_a_screen_that_fails_then_is_only_noted(
    rig: Rig, locked: Locked, deadline: Deadline, evidence: EvidenceLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*, deadline: Deadline) -> str:
        raise BenchError("is not there", wire="mini.screen")

    rig.facts = replace(rig.facts, filevault=False)
    monkeypatch.setattr(rig.wires.screen, "text", fail)
    with pytest.raises(DeadlineExceeded, match="no shell in another boot"):
        filevault.await_macos(rig, deadline=deadline)
    assert notes(evidence) == ["it was not seen what the Mac shows: mini.screen: is not there"]


@pytest.mark.parametrize(("screen", "wire"), [("desktop", "mini.shell"), ("options", "mini.screen")])
def test_a_desktop_without_a_shell_is_the_shells_failure(
    world: Any, rig: Rig, locked: Locked, deadline: Deadline, screens: dict[str, str], screen: str, wire: str
) -> None:
    world.screen = screens[screen]
    with pytest.raises(DeadlineExceeded) as failed:
        filevault.await_macos(rig, deadline=deadline)
    assert failed.value.wire == wire
    assert world.log == []


def test_a_lost_key_is_made_good_once(world: Any, rig: Rig, locked: Locked, deadline: Deadline) -> None:
    key, presses = locked.key, iter(["lost"])
    world.on_key = lambda pressed: key(next(presses, pressed))
    filevault.await_macos(rig, deadline=deadline)
    assert world.log.count("type a secret") == 2


def test_a_wrong_password_is_tried_twice_and_fails_the_bench(
    world: Any, rig: Rig, locked: Locked, deadline: Deadline, evidence: EvidenceLog
) -> None:
    locked.right = "another"
    with pytest.raises(BenchError, match=r"typed FileVault's password 2 times.*accounts\.admin.*PREP-08") as failed:
        filevault.await_macos(rig, deadline=deadline)
    assert failed.value.wire == "mini.keyboard"
    assert world.log.count("type a secret") == 2
    assert PASSWORD not in str(failed.value) + "".join(record.to_json() for record in evidence.records)


def test_a_refused_password_is_given_no_third_time(world: Any, rig: Rig, locked: Locked, deadline: Deadline) -> None:
    """Ten wrong ones lock the Mac for ever, and each step that waits for macOS would give two."""
    locked.right = "another"
    with pytest.raises(BenchError, match="its field stayed"):
        filevault.await_macos(rig, deadline=deadline)
    world.log.clear()
    with pytest.raises(BenchError, match=r"refused before.*accounts\.admin\.password"):
        find(rig, deadline=deadline)
    assert world.log == []


def test_nor_is_it_sent_a_second_time(rig: Rig, locked: Locked, deadline: Deadline) -> None:
    locked.right = "another"
    for what in ("refused FileVault's password", "refused before"):
        with pytest.raises(BenchError, match=what):
            filevault.await_macos(over_network(rig, locked), deadline=deadline)
    assert locked.sent == [PASSWORD]


def test_what_was_acknowledged_is_refused_by_macos_only_until_it_knows_its_users(
    rig: Rig, locked: Locked, deadline: Deadline, evidence: EvidenceLog
) -> None:
    over_network(rig, locked)
    unlock, start, refusals = locked.unlock, locked.start, iter([False, True])
    looks = iter([True, False, True, True])

    def answer(user: str, password: str, *, deadline: Deadline) -> bool:
        if next(refusals):
            raise BenchError("refused FileVault's password of 'admin'", wire=locked.name)
        return unlock(user, password, deadline=deadline)

    def look(*, deadline: Deadline) -> bool:
        seen = next(looks, None)
        if seen is None:
            start()
        return bool(seen)

    locked.unlock, locked.waiting, locked.start = answer, look, lambda: None  # type: ignore[method-assign]
    assert filevault.await_macos(rig, deadline=deadline) == BootId(2, 0)
    assert locked.sent == [PASSWORD]
    assert "acknowledged before" in notes(evidence)[-1]


def test_dots_in_the_field_are_no_end_of_it(world: Any, rig: Rig, locked: Locked, deadline: Deadline) -> None:
    locked.right = "another"
    key = locked.key

    def slowly(pressed: str) -> None:
        key(pressed)
        world.screen = "Lab Admin\n•••••••••••••\n" if pressed == PASSWORD else "Lab Admin\nEnter Password\n"

    world.on_key = slowly
    with pytest.raises(BenchError, match="its field stayed"):
        filevault.await_macos(rig, deadline=deadline)


def test_who_is_not_shown_gets_no_password(world: Any, rig: Rig, locked: Locked, deadline: Deadline) -> None:
    world.screen = "Somebody Else\nEnter Password\n"
    with pytest.raises(BenchError, match=r"nobody named 'Lab Admin'.*fdesetup add") as failed:
        filevault.await_macos(rig, deadline=deadline)
    assert failed.value.wire == "mini.screen"
    assert world.log == []


def test_a_mac_that_restarts_by_itself_is_unlocked_again(
    world: Any, rig: Rig, locked: Locked, deadline: Deadline, screens: dict[str, str]
) -> None:
    """A command of its MDM server was due, and macOS was up too short for a shell."""
    starts = iter([False, True])

    def start() -> None:
        world.screen, world.shell_up, world.boot = "", next(starts), 2

    locked.start = start  # type: ignore[method-assign]
    world.on_look = lambda: setattr(world, "screen", world.screen or screens["login"])
    assert filevault.await_macos(rig, deadline=deadline) == BootId(2, 0)
    assert world.log.count("type a secret") == 2


def test_over_the_network_it_is_given_once_each_time_that_it_waits(
    rig: Rig, locked: Locked, deadline: Deadline
) -> None:
    over_network(rig, locked)
    looks = iter([True, True, True, False, True])
    locked.waiting = lambda *, deadline: next(looks)  # type: ignore[method-assign]
    start, starts = locked.start, iter([False, True])
    locked.start = lambda: start() if next(starts) else None  # type: ignore[method-assign,assignment]
    filevault.await_macos(rig, deadline=deadline)
    assert locked.sent == [PASSWORD, PASSWORD]
    assert list(looks) == []


def test_without_keyboard_and_screen_it_is_sent_once(
    world: Any, rig: Rig, locked: Locked, deadline: Deadline, evidence: EvidenceLog
) -> None:
    assert filevault.await_macos(over_network(rig, locked), deadline=deadline, other_than=BEFORE) == BootId(2, 0)
    assert locked.sent == [PASSWORD]
    assert notes(evidence) == ["FileVault was unlocked over SSH"]
    assert PASSWORD not in "".join(record.to_json() for record in evidence.records)


def test_what_was_not_acknowledged_is_for_the_boot_to_tell(
    world: Any, rig: Rig, locked: Locked, deadline: Deadline, evidence: EvidenceLog
) -> None:
    locked.acknowledges = False
    filevault.await_macos(over_network(rig, locked), deadline=deadline)
    assert locked.sent == [PASSWORD]
    assert notes(evidence) == ["FileVault's password was given, and nobody said a word"]


def test_a_connection_that_ended_before_the_question_is_made_again(
    rig: Rig, locked: Locked, deadline: Deadline, evidence: EvidenceLog
) -> None:
    unlock, ends = locked.unlock, iter([True, False])

    def sometimes(user: str, password: str, *, deadline: Deadline) -> bool:
        if next(ends):
            raise Transient("the connection ended before the question", wire=locked.name)
        return unlock(user, password, deadline=deadline)

    locked.unlock = sometimes  # type: ignore[method-assign]
    filevault.await_macos(over_network(rig, locked), deadline=deadline)
    assert locked.sent == [PASSWORD]
    assert notes(evidence)[0].startswith("FileVault's password was not given yet: ")


def test_a_password_that_is_refused_there_is_sent_once(rig: Rig, locked: Locked, deadline: Deadline) -> None:
    locked.right = "another"
    with pytest.raises(BenchError, match="refused FileVault's password"):
        filevault.await_macos(over_network(rig, locked), deadline=deadline)
    assert locked.sent == [PASSWORD]


def test_the_keyboard_goes_before_the_network_for_it_logs_somebody_in(
    world: Any, rig: Rig, locked: Locked, deadline: Deadline
) -> None:
    rig.wires = replace(rig.wires, unlock=locked)
    filevault.await_macos(rig, deadline=deadline)
    assert (locked.sent, world.log.count("type a secret")) == ([], 1)


def test_a_mac_that_comes_by_itself_is_let_come(world: Any, rig: Rig, locked: Locked, deadline: Deadline) -> None:
    """As after `fdesetup authrestart`: nothing asks, and nothing is sent."""
    over_network(rig, locked)
    world.shell_up, world.boot = True, 2
    assert filevault.await_macos(rig, deadline=deadline) == BootId(2, 0)
    assert locked.sent == []


def test_the_network_is_looked_at_until_the_time_is_up(rig: Rig, locked: Locked, deadline: Deadline) -> None:
    over_network(rig, locked).wires.unlock.waiting = lambda *, deadline: False  # type: ignore[method-assign,union-attr]
    over = Deadline.after(0.0, "the restart")
    with pytest.raises(DeadlineExceeded, match="the restart"):
        filevault.await_macos(rig, deadline=over)
    assert locked.sent == []


@pytest.mark.parametrize("does", ["restart", "cut"])
def test_a_mac_that_nobody_could_unlock_is_not_taken_down(
    world: Any, rig: Rig, locked: Locked, deadline: Deadline, does: str
) -> None:
    rig.wires, world.shell_up = replace(rig.wires, keyboard=None), True
    with pytest.raises(BenchError, match=r"FileVault is on.*add keyboard and screen wires.*PREP-05"):
        (power.restart if does == "restart" else power.cut)(rig, deadline=deadline)
    assert world.log == []


def test_a_restart_goes_through_it(world: Any, rig: Rig, locked: Locked, deadline: Deadline) -> None:
    world.shell_up = True

    def goes() -> str:
        world.shell_up = False
        return ""

    world.commands = {"shutdown -r now": goes, **world.commands}
    assert power.restart(rig, deadline=deadline) == BootId(2, 0)
    assert [line for line in world.log if not line.startswith("run")] == ["type a secret", "press return"]


def test_a_mac_that_is_found_waiting_is_unlocked(world: Any, rig: Rig, locked: Locked, deadline: Deadline) -> None:
    assert find(rig, deadline=deadline) is Place.MACOS
    assert "type a secret" in world.log


def test_it_is_found_waiting_over_the_network_too(rig: Rig, locked: Locked, deadline: Deadline) -> None:
    assert find(over_network(rig, locked), deadline=deadline) is Place.MACOS
    assert locked.sent == [PASSWORD]


@pytest.mark.parametrize(("shown", "place"), [("login", Place.MACOS), ("picker", Place.RECOVERY)])
def test_where_a_restart_for_recovery_ends_up(
    world: Any, rig: Rig, locked: Locked, deadline: Deadline, screens: dict[str, str], shown: str, place: Place
) -> None:
    world.screen = screens[shown]
    assert arrive(rig, BEFORE, deadline=deadline) is place
    assert ("type a secret" in world.log) is (shown == "login")


def test_who_has_unlocked_it_is_waited_for_at_the_desktop(
    world: Any, rig: Rig, locked: Locked, deadline: Deadline, screens: dict[str, str]
) -> None:
    world.shell_up, world.screen, world.commands["stat -f"] = True, "", "root\n"

    def comes() -> None:
        world.screen, world.commands["stat -f"] = screens["desktop"], "admin\n"

    world.on_look = comes
    assert login.arrived_user(rig, deadline=deadline) == "admin"


def test_after_an_unlock_over_the_network_the_keyboard_logs_in(
    world: Any, rig: Rig, locked: Locked, deadline: Deadline, screens: dict[str, str]
) -> None:
    world.shell_up, world.commands["stat -f"] = True, "root\n"

    def key(pressed: str) -> None:
        if pressed == "return":
            world.screen, world.commands["stat -f"] = screens["desktop"], "admin\n"

    world.on_key = key
    assert login.ensure(rig, deadline=deadline) == "admin"
    assert world.log.count("type a secret") == 1


def test_whether_it_waits_is_seen_without_a_password(
    world: Any, rig: Rig, locked: Locked, deadline: Deadline, screens: dict[str, str]
) -> None:
    assert filevault.waits(rig, deadline=deadline)
    assert filevault.waits(over_network(rig, locked), deadline=deadline)
    locked.start()
    assert not filevault.waits(rig, deadline=deadline)
    rig.facts, world.shell_up = replace(rig.facts, filevault=False), False
    assert not filevault.waits(rig, deadline=deadline)
    assert (locked.sent, world.log) == ([], [])
