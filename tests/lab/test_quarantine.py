"""A Mac that is put aside stays there, whatever wires it is told by, until somebody ends it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from kextrel.errors import UsageError
from kextrel.lab import quarantine
from kextrel.lab.ends import Known

SHELL, RELAY, BOARD = "ssh mini.lab:22", "serial /dev/ttyUSB0#1", "serial /dev/ttyUSB1"
MINI = Known("mini", frozenset({SHELL, RELAY, BOARD}), ("mini.lab:22", "/dev/ttyUSB0#1", "/dev/ttyUSB1"))
BARE = Known("bare", frozenset({SHELL}), ("mini.lab:22",))
HANDS = Known("hands", frozenset({BOARD}), ("/dev/ttyUSB1",))
STUDIO = Known("studio", frozenset({"ssh studio.lab:22"}), ("studio.lab:22",))


def one_of(folder: Path) -> Path:
    (found,) = folder.iterdir()
    return found


def test_the_first_reason_stays_until_release(tmp_path: Path) -> None:
    assert not quarantine.is_any(tmp_path)
    assert quarantine.reason(tmp_path, MINI) is None
    quarantine.put_aside(tmp_path, MINI, "it did not boot")
    quarantine.put_aside(tmp_path, MINI, "nor did it later")
    said = quarantine.reason(tmp_path, MINI)
    assert said is not None
    assert said.startswith("it did not boot (since 20")
    assert said.endswith("+00:00)")
    assert quarantine.is_any(tmp_path)
    assert quarantine.reason(tmp_path, STUDIO) is None
    assert quarantine.release(tmp_path, STUDIO) is None
    assert quarantine.release(tmp_path, MINI) == said
    assert quarantine.reason(tmp_path, MINI) is None
    assert quarantine.release(tmp_path, MINI) is None


def test_it_stands_for_the_mac_by_any_of_its_wires_and_ends_for_all(tmp_path: Path) -> None:
    quarantine.put_aside(tmp_path, MINI, "it did not boot")
    for other, common in ((BARE, SHELL), (HANDS, BOARD)):
        said = quarantine.reason(tmp_path, other)
        assert said is not None
        assert said.endswith(f", as 'mini', which has the same {common})")
    assert quarantine.release(tmp_path, HANDS) is not None
    assert [quarantine.reason(tmp_path, one) for one in (MINI, BARE, HANDS)] == [None, None, None]


def test_it_grows_with_the_wires_that_become_known(tmp_path: Path) -> None:
    quarantine.put_aside(tmp_path, BARE, "it did not boot")
    assert quarantine.reason(tmp_path, HANDS) is None
    quarantine.put_aside(tmp_path, MINI, "nor did it later")
    assert "it did not boot" in str(quarantine.reason(tmp_path, HANDS))
    one_of(tmp_path)


def test_two_that_turn_out_to_be_one_end_together(tmp_path: Path) -> None:
    quarantine.put_aside(tmp_path, HANDS, "no key was taken")
    quarantine.put_aside(tmp_path, BARE, "it did not boot")
    assert quarantine.release(tmp_path, MINI) is not None
    assert not quarantine.is_any(tmp_path)


def test_everybody_who_shares_the_folder_can_read_it(tmp_path: Path) -> None:
    quarantine.put_aside(tmp_path, MINI, "it did not boot")
    assert one_of(tmp_path).stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("text", ["", "[]", '{"why": 1', "{}", '{"at": "", "why": "", "wires": 1}', "[" * 9999])
def test_a_file_that_cannot_be_read_is_a_quarantine_still(tmp_path: Path, text: str) -> None:
    quarantine.put_aside(tmp_path, BARE, "it did not boot")
    one_of(tmp_path).write_text(text)
    for mac in (BARE, MINI):
        assert "cannot be read any more" in str(quarantine.reason(tmp_path, mac))
    assert quarantine.reason(tmp_path, STUDIO) is None, "its name tells whose it is"
    quarantine.put_aside(tmp_path, BARE, "nor did it later")
    assert quarantine.release(tmp_path, BARE) is not None
    assert not quarantine.is_any(tmp_path)


def test_a_file_that_cannot_be_read_is_looked_for_among_many_wires_and_not_for_ever(tmp_path: Path) -> None:
    """Each wire doubles what a file may be named after."""
    mac = Known("mini", frozenset({SHELL, *(f"host key {n}" for n in range(60))}), [str(n) for n in range(60)])
    fewer = Known("mini", mac.marks - {"host key 7"}, mac.places)
    quarantine.put_aside(tmp_path, fewer, "it did not boot")
    one_of(tmp_path).write_text("")
    for one in (fewer, mac):
        assert "cannot be read any more" in str(quarantine.reason(tmp_path, one))


def former(folder: Path, *places: str, text: str = '{"at": "2026-03-01T10:00:00+00:00", "why": "it hung"}') -> Path:
    """As versions before wrote it: named after all wires together."""
    path = folder / f"mac-{hashlib.sha256(repr(list(places)).encode()).hexdigest()[:16]}.quarantine"
    path.write_text(text)
    return path


def test_a_quarantine_of_an_earlier_version_stands(tmp_path: Path) -> None:
    former(tmp_path, *MINI.places)
    assert quarantine.reason(tmp_path, MINI) == "it hung (since 2026-03-01T10:00:00+00:00)"
    assert quarantine.reason(tmp_path, STUDIO) is None
    assert quarantine.release(tmp_path, MINI) == "it hung (since 2026-03-01T10:00:00+00:00)"
    assert not quarantine.is_any(tmp_path)


def test_a_former_one_stands_for_the_mac_with_more_wires_too(tmp_path: Path) -> None:
    former(tmp_path, "mini.lab:22", "/dev/ttyUSB1", text="spoilt")
    assert "cannot be read any more" in str(quarantine.reason(tmp_path, MINI))
    assert quarantine.reason(tmp_path, STUDIO) is None


def test_a_former_one_is_written_by_wires_when_the_mac_is_put_aside_again(tmp_path: Path) -> None:
    former(tmp_path, *MINI.places)
    quarantine.put_aside(tmp_path, MINI, "it did not boot")
    assert str(quarantine.reason(tmp_path, BARE)).startswith("it hung (since 2026-03-01")
    quarantine.release(tmp_path, MINI)
    assert not quarantine.is_any(tmp_path)


def test_a_mac_that_was_just_made_leaves_others_their_quarantine(tmp_path: Path) -> None:
    """Ports and terminals of virtual Macs that have ended are given again."""
    quarantine.put_aside(tmp_path, MINI, "it did not boot")
    former(tmp_path, *BARE.places)
    quarantine.begin_anew(tmp_path, BARE)
    assert quarantine.reason(tmp_path, BARE) is None
    assert "it did not boot" in str(quarantine.reason(tmp_path, HANDS))
    assert json.loads(one_of(tmp_path).read_text())["wires"] == [RELAY, BOARD]
    unknown = former(tmp_path, "/dev/ttyUSB9", text="spoilt")
    quarantine.begin_anew(tmp_path, MINI)
    assert one_of(tmp_path) == unknown


def test_a_folder_that_cannot_be_looked_into_frees_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quarantine.put_aside(tmp_path, MINI, "it did not boot")

    def refused(path: Path) -> list[Path]:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(UsageError, match=r"cannot look for quarantines in .*: Permission denied; look at the folder's"):
        quarantine.reason(tmp_path, MINI)


def test_one_that_cannot_be_ended_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quarantine.put_aside(tmp_path, MINI, "it did not boot")

    def refused(path: Path, missing_ok: bool) -> None:
        raise PermissionError(13, "Permission denied", path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refused)
    with pytest.raises(UsageError, match=r"cannot end the quarantine .*: Permission denied; look at the folder's"):
        quarantine.release(tmp_path, MINI)
