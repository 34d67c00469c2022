"""What the page takes from the evidence, and how much of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from kextrel.report import Result
from kextrel.report.excerpts import Gathered, Room, gather


def gathered(made: Any, folder: Path, results: list[Any], records: list[Any], room: Room | None = None) -> Gathered:
    made.leave(folder, results, records)
    read = [Result.from_json(one) for one in results]
    return gather(folder, read, range(len(read)), room or Room())


def numbers(found: Gathered, key: tuple[int, int]) -> list[int]:
    excerpt = found.excerpts[key]
    return [line.n for line in (*excerpt.head, *excerpt.tail)]


def test_each_step_has_its_own_records(made: Any, tmp_path: Path) -> None:
    result = made.result(made.step(1, evidence=[2, 3]), made.step(2, evidence=[4, 5]))
    found = gathered(made, tmp_path, [result], [made.record(n) for n in range(1, 7)])
    assert (numbers(found, (0, 1)), numbers(found, (0, 2))) == ([2, 3], [4, 5])
    assert found.records == 6


def test_each_mac_counts_its_own(made: Any, tmp_path: Path) -> None:
    results = [made.result(made.step()), made.result(made.step(), mac="studio")]
    records = [made.record(n, mac=mac, command=mac) for n in (1, 2) for mac in ("mini", "studio")]
    found = gathered(made, tmp_path, results, records)
    assert {line.text for line in found.excerpts[1, 1].head} == {"$ studio"}
    assert [line.place for line in found.excerpts[1, 1].head] == [2, 4]
    assert sorted(found.spans) == ["mini", "studio"]


def test_a_mac_that_changed_hands_counts_from_one_again_and_time_tells(made: Any, tmp_path: Path) -> None:
    later = (made.began + timedelta(days=1)).isoformat()
    results = [made.result(made.step()), made.result(made.step(), started=later)]
    first = [made.record(n, command="first") for n in (1, 2)]
    second = [made.record(n, command="second") | {"at": later} for n in (1, 2)]
    found = gathered(made, tmp_path, results, [*first, *second])
    assert [line.text for line in found.excerpts[0, 1].head] == ["$ first"] * 2
    assert [line.text for line in found.excerpts[1, 1].head] == ["$ second"] * 2


def test_what_a_killed_worker_left_without_a_result_is_nobody_s(made: Any, tmp_path: Path) -> None:
    later = (made.began + timedelta(days=1)).isoformat()
    result = made.result(made.step(), started=later)
    orphans = [made.record(n, command="orphan") for n in (1, 2)]
    found = gathered(made, tmp_path, [result], [*orphans, made.record(1, command="own") | {"at": later}])
    assert [line.text for line in found.excerpts[0, 1].head] == ["$ own"]


def test_a_long_step_shows_its_beginning_and_its_end(made: Any, tmp_path: Path) -> None:
    result = made.result(made.step(evidence=[1, 1000]))
    found = gathered(made, tmp_path, [result], [made.record(n) for n in range(1, 1001)], Room(of_held=10))
    assert numbers(found, (0, 1)) == [*range(1, 6), *range(996, 1001)]
    assert found.excerpts[0, 1].skipped == 990


def test_a_step_that_was_not_held_may_show_more(made: Any, tmp_path: Path) -> None:
    steps = [made.step(1, evidence=[1, 100]), made.step(2, "violated", evidence=[101, 200])]
    found = gathered(made, tmp_path, [made.result(*steps)], [made.record(n) for n in range(1, 201)])
    assert (len(numbers(found, (0, 1))), len(numbers(found, (0, 2)))) == (40, 100)


def test_all_of_it_stays_within_the_room(made: Any, tmp_path: Path) -> None:
    steps = [made.step(n, "held" if n % 2 else "violated", evidence=[n * 50 - 49, n * 50]) for n in range(1, 41)]
    room = Room(lines=500)
    found = gathered(made, tmp_path, [made.result(*steps)], [made.record(n) for n in range(1, 2001)], room)
    shown = {key: len(numbers(found, key)) for key in found.excerpts}
    assert sum(shown.values()) <= room.lines
    assert shown[0, 2] == 25
    assert shown[0, 1] == 0
    assert found.excerpts[0, 1].skipped == 50


def test_what_cannot_be_seen_takes_the_room_of_its_sign(made: Any, tmp_path: Path) -> None:
    records = [made.record(1, command="\u202e" * 1000)]
    found = gathered(made, tmp_path, [made.result(made.step())], records, Room(letters_held=100))
    assert found.excerpts[0, 1].head[0].text.startswith("$ ‹U+202E›")
    assert len(found.excerpts[0, 1].head[0].text) == 100


def test_a_long_text_is_cut_and_says_so(made: Any, tmp_path: Path) -> None:
    records = [made.record(1, command="x" * 1000)]
    found = gathered(made, tmp_path, [made.result(made.step())], records, Room(letters_held=100))
    (line,) = found.excerpts[0, 1].head
    assert (len(line.text), line.cut) == (100, 902)


def test_pictures_are_told_with_the_words_that_the_screen_had(made: Any, tmp_path: Path) -> None:
    records = [
        made.record(1, "screen", "text", text="Finder", signal=True),
        made.record(2, "screen", "picture", sha256="ab", size=1, file="/elsewhere/pictures/a.jpg"),
        made.record(3, "screen", "text", text="Terminal", signal=True),
        made.record(4, "screen", "picture", sha256="cd", size=1, file="../../b.jpg"),
        made.record(5, "screen", "picture", sha256="ab", size=1, file="/elsewhere/pictures/a.jpg"),
        made.record(6, "screen", "picture", sha256="ef", size=1, file=None),
    ]
    found = gathered(made, tmp_path, [made.result(made.step(evidence=[1, 6]))], records)
    assert list(found.excerpts[0, 1].pictures.items()) == [("b.jpg", "Terminal"), ("a.jpg", "Terminal")]


def test_the_last_look_at_the_mac_can_be_pointed_at(made: Any, tmp_path: Path) -> None:
    records = [made.record(n, "device", "observation", facts={}) for n in (1, 2)]
    found = gathered(made, tmp_path, [made.result(made.step(evidence=[1, 3]))], [*records, made.record(3)])
    assert found.excerpts[0, 1].observation == 2


def test_a_line_that_was_half_written_is_counted_and_ends_nothing(made: Any, tmp_path: Path) -> None:
    results, records = [made.result(made.step())], [made.record(1)]
    made.leave(tmp_path, results, records)
    with (tmp_path / "evidence.jsonl").open("ab") as file:
        file.write(b'{"n": 2, "at": "20\xff\n[]\n')
    found = gather(tmp_path, [Result.from_json(one) for one in results], {0}, Room())
    assert (found.records, found.unreadable) == (1, 2)


def test_results_that_are_not_among_them_take_no_room(made: Any, tmp_path: Path) -> None:
    results = [made.result(made.step(evidence=[n, n])) for n in (1, 2)]
    made.leave(tmp_path, results, [made.record(n) for n in (1, 2)])
    found = gather(tmp_path, [Result.from_json(one) for one in results], {1}, Room())
    assert list(found.excerpts) == [(1, 1)]
    assert numbers(found, (1, 1)) == [2]


def test_a_way_back_that_failed_is_kept_for_no_verdict_tells_of_it(made: Any, tmp_path: Path) -> None:
    records = [made.record(n, "device", "baseline failed", error=f"no {n}", kind="BenchError") for n in range(3, 40)]
    found = gathered(made, tmp_path, [made.result(made.step())], [made.record(1), *records])
    assert [line.place for line in found.stuck["mini"]] == list(range(2, 22))
    assert found.stuck["mini"][0].text == "error: no 3\nkind: BenchError"
