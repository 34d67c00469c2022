"""Mac time, processes and signals: waits cost nothing, and kill and wait come out the same each time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kextrel.virtual.unix.system import Finished

Timed = Callable[..., tuple[Finished, float]]


@pytest.mark.parametrize(
    ("text", "out", "seconds"),
    [
        ("sleep 3600; echo rested", "rested\n", 3600),
        ("sleep 10 & sleep 20 & sleep 15 & wait; echo all", "all\n", 20),
        ("sleep 100 & p=$!; ( sleep 10; kill $p ) & wait $p; echo $?", "143\n", 10),
        ("sleep 100 & p=$!; sleep 5; kill -9 $p; wait $p; echo $?", "137\n", 5),
        ("( sleep 1; echo one ) & ( sleep 2; echo two ) & ( sleep 3; echo three ) & wait", "one\ntwo\nthree\n", 3),
        ("for n in 3 1 2; do ( sleep $n; echo $n ) & done; wait", "1\n2\n3\n", 3),
        ("i=0; while [ $i -lt 60 ]; do sleep 60; i=$((i+1)); done; echo $i", "60\n", 3600),
        ("( sleep 5; echo late ) | cat; echo end", "late\nend\n", 5),
        ("x=$(sleep 7; echo done); echo $x", "done\n", 7),
        ("trap 'echo got; exit 4' TERM; ( sleep 3; kill $$ ) & wait; echo never", "got\n", 3),
        ("trap 'echo after' USR1; ( sleep 1; kill -USR1 $$ ) & sleep 5; echo slept", "after\nslept\n", 5),
        ("(sleep 30; echo x > /tmp/late) & sleep 20; [ -e /tmp/late ] || echo no; wait; cat /tmp/late", "no\nx\n", 30),
        ("sleep 1m & sleep 0.5; jobs -p > /tmp/j; grep -c . /tmp/j; kill %1; wait %1; echo $?", "1\n143\n", 0.5),
    ],
)  # fmt: skip
def test_mac_seconds_are_exact(timed: Timed, text: str, out: str, seconds: float) -> None:
    done, passed = timed(text)
    assert done.out == out
    assert passed == pytest.approx(seconds, abs=1e-6)


def test_the_same_a_hundred_times(timed: Timed) -> None:
    text = "for n in 5 3 4 1 2; do ( sleep $n; echo $n ) & done; ( sleep 2.5; kill $! ) & wait"
    assert {timed(text)[0].out for _ in range(20)} == {"1\n2\n3\n4\n5\n"}


def test_kill_of_a_group_reaches_its_children_and_nobody_else(timed: Timed) -> None:
    start = "sh -c 'sleep 100 & sleep 100 & wait' & sleep 1"
    text = f"{start}; ps -ax -o command= | grep -c '^sleep 100'; kill -- -$$; echo never"
    done, passed = timed(text)
    assert (done.out, done.status) == ("2\n", 143)
    assert passed == pytest.approx(1)


def test_a_loop_without_end_can_be_killed(timed: Timed) -> None:
    done, _ = timed("while :; do :; done & p=$!; kill $p; wait $p; echo $?")
    assert done.out == "143\n"


def test_a_writer_without_a_reader_dies_of_the_broken_pipe(timed: Timed) -> None:
    done, _ = timed(
        "{ yes; echo status $? >&2; } | head -n 1; (trap '' PIPE; yes; echo $?) 2>&1 | { read x; echo $x; }"
    )
    assert done.out == "y\ny\n"
    assert done.err.startswith("status 141")


def test_a_pipe_holds_its_writer_back(timed: Timed) -> None:
    writer = "{ yes | head -c 300000; echo written > /tmp/mark; }"
    text = writer + " | { sleep 1; [ -e /tmp/mark ] || echo held; wc -c; cat /tmp/mark; }"
    done, _ = timed(text)
    assert done.out.split() == ["held", "300000", "written"]


@pytest.mark.parametrize("shell", ["sh", "bash", "dash", "zsh"])
def test_signals_end_programs_with_128_and_the_number(timed: Timed, shell: str) -> None:
    done, _ = timed(
        "sh -c 'kill -HUP $$'; echo $?; sh -c 'kill -INT $$'; echo $?; sh -c 'kill -KILL $$'; echo $?", shell
    )
    assert done.out == "129\n130\n137\n"


def test_what_is_not_ours_cannot_be_killed(timed: Timed) -> None:
    done, _ = timed("sleep 5 & sudo -u student kill $!; echo $?; kill -0 $! && echo alive; wait")
    assert done.out == "1\nalive\n"
    assert "Operation not permitted" in done.err
