"""SIGTERM and SIGHUP as exceptions."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from kextrel.ending import Ended, as_interrupts


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_things_as_control_c_does(number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt) as raised, as_interrupts():
        os.kill(os.getpid(), number)
    assert isinstance(raised.value, Ended)
    assert (raised.value.number, str(raised.value)) == (number, number.name)
    assert signal.getsignal(number) is signal.SIG_DFL


def asked_twice(cleaned: list[str]) -> None:
    with as_interrupts():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGHUP)
            cleaned.append("all of it")


def test_a_second_signal_does_not_disturb_the_end_that_is_under_way() -> None:
    cleaned: list[str] = []
    with pytest.raises(Ended):
        asked_twice(cleaned)
    assert cleaned == ["all of it"]


def test_a_signal_that_is_somebody_elses_stays_theirs() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with as_interrupts():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_thread_is_left_alone() -> None:
    seen: list[object] = []

    def ask() -> None:
        with as_interrupts():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert seen == [signal.SIG_DFL]
