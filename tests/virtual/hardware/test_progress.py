from __future__ import annotations

import pytest

from kextrel.virtual.hardware.progress import BootProgress, Progress


def test_it_is_written_once_between_two_resets():
    register = BootProgress()
    register.lock(Progress("recovery"))
    with pytest.raises(RuntimeError, match="locked until the next reset"):
        register.lock(Progress("recovery", by_button=True, paired=True))
    assert register.value == Progress("recovery")
    register.reset()
    assert register.value is None
    register.lock(Progress("macos"))
    assert register.value == Progress("macos")


@pytest.mark.parametrize(
    ("progress", "words", "one_true"),
    [
        (Progress("macos"), "macOS", False),
        (Progress("recovery", by_button=True, paired=True), "one true recoveryOS", True),
        (Progress("recovery", paired=True), "ordinary (software-launched) recoveryOS", False),
        (Progress("recovery", by_button=True, fallback=True), "fallback recoveryOS", False),
    ],
)
def test_bputils_words_for_it(progress, words, one_true):
    assert progress.os_type == words
    assert progress.one_true is one_true
