from __future__ import annotations

from kextrel.virtual.hardware.nvram import FLUSH_AFTER, Nvram


def test_a_power_cut_loses_what_was_not_flushed(clock):
    nvram = Nvram(clock)
    nvram.set("boot-args", b"-v")
    nvram.sync()
    nvram.set("recovery-boot-mode", b"unused")
    nvram.delete("boot-args")
    assert nvram.variables() == {"recovery-boot-mode": b"unused"}
    nvram.power_lost()
    assert nvram.variables() == {"boot-args": b"-v"}


def test_it_flushes_by_itself_in_time_and_nobody_waits_for_that(clock, wall):
    nvram = Nvram(clock)
    nvram.set("a", b"1")
    wall.forward(FLUSH_AFTER - 1)
    nvram.power_lost()
    assert nvram.get("a") is None
    nvram.set("b", b"2")
    wall.forward(FLUSH_AFTER + 1)
    nvram.power_lost()
    assert nvram.get("b") == b"2"


def test_deleting_says_whether_there_was_something(clock):
    nvram = Nvram(clock)
    nvram.set("a", b"1")
    assert nvram.delete("a")
    assert not nvram.delete("a")
    assert nvram.get("a") is None
