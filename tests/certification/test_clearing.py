"""What a certification removes from the report's folder: what an earlier one left, and nothing of the user's; and what
it says where there is no room in it."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from kextrel.certification.suite import _clear, _refuse_full
from kextrel.errors import InputError

UUID = "0b9c4f1e-52d7-4f0a-9d3e-7c1f5a2b8e64"
OURS = [
    "results.jsonl",
    "report.html",
    f"allure-results/{UUID}-result.json",
    f"allure-results/{UUID}-container.json",
    f"allure-results/{UUID}-attachment.txt",
    "pictures/mini.screen-1-0123456789abcdef.jpg",
]
THEIRS = [
    "junit-own.xml",
    "notes-of-the-lab.txt",
    "allure-results/environment.properties",
    "allure-results/my-result.json",
    "allure-results/history-trend.json",
    f"allure-results/{UUID}-notes.txt",
    "pictures/the-rack.jpg",
]


def test_only_what_a_certification_leaves_is_removed(tmp_path: Path) -> None:
    for name in (*OURS, *THEIRS):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    _clear(tmp_path)
    left = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(left) == sorted(THEIRS)


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _refuse_full(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=4095))
    with pytest.raises(InputError, match=r"no room left for it; make room, or name another with --report$"):
        _refuse_full(tmp_path)
