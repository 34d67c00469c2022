"""The evidence: nothing secret in it in any dress, one record a line whoever writes, memory that does not grow."""

from __future__ import annotations

import base64
import json
import os
import shlex
from pathlib import Path
from urllib.parse import quote

import pytest

from kextrel import evidence
from kextrel.evidence import MASK, EvidenceLog, Redactor

TRICKY = "pa\"ss\\wörd '1'/+"


@pytest.mark.parametrize(
    "dressed",
    [
        TRICKY,
        json.dumps(TRICKY),
        json.dumps({"p": TRICKY}, ensure_ascii=False),
        shlex.quote(TRICKY),
        repr(TRICKY),
        "https://x/?p=" + quote(TRICKY, safe=""),
        *(base64.b64encode(b"x" * n + TRICKY.encode() + b"tail").decode() for n in range(4)),
        base64.urlsafe_b64encode(TRICKY.encode()).decode(),
    ],
)
def test_a_secret_is_known_in_every_dress(dressed: str) -> None:
    redactor = Redactor()
    redactor.hide(TRICKY)
    for cleaned in (redactor.clean(f"a {dressed} b"), redactor.clean(f"a {dressed} b".encode())):
        assert MASK in cleaned
        assert "ss" not in cleaned.replace(MASK, "")
        assert len(cleaned) < len(dressed) + 4 + len(MASK)


def test_what_is_not_the_secret_stays() -> None:
    redactor = Redactor()
    redactor.hide("correct horse")
    redactor.hide("")
    assert redactor.clean(["correct", "horse", 5, None, True]) == ["correct", "horse", 5, None, True]


def test_a_short_secret_neither_eats_the_mask_nor_our_own_words() -> None:
    log = EvidenceLog()
    for secret in ("secret", "e", "stdout"):
        log.hide(secret)
    log.record("shell", "run", stdout="a secret e", exit_code=1)
    assert log.records[0].data == {"stdout": f"a {MASK} {MASK}", "exit_code": 1}


def test_two_logs_of_one_file_keep_their_numbers_and_their_lines_whole(tmp_path: Path) -> None:
    path = tmp_path / "evidence.jsonl"
    one, two = EvidenceLog("one", path), EvidenceLog("two", path)
    for turn in range(3):
        one.record("w", "e", text="x" * 20_000, turn=turn)
        two.record("w", "e", turn=turn)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["mac"], line["n"]) for line in lines] == [
        ("one", 1),
        ("two", 1),
        ("one", 2),
        ("two", 2),
        ("one", 3),
        ("two", 3),
    ]


def test_a_file_name_that_is_not_utf_8_can_be_recorded(tmp_path: Path) -> None:
    log = EvidenceLog("mini", tmp_path / "evidence.jsonl")
    log.record("shell", "upload", local=os.fsdecode(b"/tmp/\xff.kext"))
    assert b"\\udcff.kext" in (tmp_path / "evidence.jsonl").read_bytes()


def test_memory_is_bounded_and_older_records_are_still_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "KEPT", 4)
    log, other = (EvidenceLog(name, tmp_path / "evidence.jsonl") for name in ("mini", "max"))
    for turn in range(20):
        log.record("w", "ö", turn=turn)
        other.record("w", "e", turn=-turn)
    assert len(log._recent) == 4
    assert [record.data["turn"] for record in log.records] == list(range(20))
    assert [record.n for record in log.since(14)] == list(range(15, 21))
    assert log.since(20) == []
    log.close()
    assert log.since(0)[3].event == "ö"


def test_a_pipe_takes_evidence_too_and_what_it_took_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "KEPT", 2)
    os.mkfifo(tmp_path / "pipe")
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    log = EvidenceLog("mini", tmp_path / "pipe")
    for turn in range(5):
        log.record("w", "e", turn=turn)
    assert [json.loads(line)["n"] for line in os.read(reading, 4096).splitlines()] == [1, 2, 3, 4, 5]
    assert [record.data["turn"] for record in log.records] == [0, 1, 2, 3, 4]
    log.close()
    os.close(reading)


def test_a_full_disk_names_the_file() -> None:
    log = EvidenceLog("mini", Path("/dev/full"))
    with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
        log.record("shell", "command")
    log.close()
