"""A Mac that is put aside stays there until somebody ends it."""

from __future__ import annotations

from pathlib import Path

from kextrel.lab import quarantine


def test_the_first_reason_stays_until_release(tmp_path: Path) -> None:
    assert quarantine.reason(tmp_path, "mini") is None
    quarantine.put_aside(tmp_path, "mini", "it did not boot")
    quarantine.put_aside(tmp_path, "mini", "nor did it later")
    said = quarantine.reason(tmp_path, "mini")
    assert said is not None
    assert said.startswith("it did not boot (since 20")
    assert quarantine.reason(tmp_path, "studio") is None
    assert quarantine.release(tmp_path, "mini") == said
    assert quarantine.reason(tmp_path, "mini") is None
    assert quarantine.release(tmp_path, "mini") is None


def test_a_file_that_cannot_be_read_is_a_quarantine_still(tmp_path: Path) -> None:
    for text in ("", "[]", '{"why": 1', "{}"):
        (tmp_path / "mini.quarantine").write_text(text)
        assert "cannot be read any more" in str(quarantine.reason(tmp_path, "mini"))
