"""What every driver of `protocols.Screen` promises, as tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import pytest

from kextrel.bench.protocols import Screen
from kextrel.errors import BenchError, DeadlineExceeded
from kextrel.testing.patience import Patient

__all__ = ["ScreenConformance", "ScreenPeer"]


class ScreenPeer(Protocol):
    """A screen whose content is known. Words are plain ASCII, large enough for OCR where there is one."""

    def screen(self) -> Screen:
        """Opens a driver of yours."""
        ...

    def show(self, lines: Sequence[str] | None) -> None:
        """From now on the screen shows these lines; None: there is no signal."""
        ...


class ScreenConformance(Patient):
    """Give it a fixture `peer` that makes a ScreenPeer; a new one for each test, or one that is shown things anew."""

    @pytest.fixture
    def screen(self, peer: ScreenPeer) -> Iterator[Screen]:
        """A driver."""
        wire = peer.screen()
        yield wire
        wire.close()

    def test_lines_are_read_from_top_to_bottom(self, peer: ScreenPeer, screen: Screen) -> None:
        peer.show(["Recovery", "Startup Security Utility", "Continue"])
        found = [line.strip() for line in screen.text(deadline=self.soon()).splitlines() if line.strip()]
        assert found == ["Recovery", "Startup Security Utility", "Continue"]

    def test_a_look_sees_what_is_shown_now(self, peer: ScreenPeer, screen: Screen) -> None:
        for word in ("Finder", "Terminal"):
            peer.show([word])
            assert screen.text(deadline=self.soon()).strip() == word

    def test_no_signal_is_an_answer(self, peer: ScreenPeer, screen: Screen) -> None:
        peer.show(None)
        assert screen.text(deadline=self.soon()) == ""
        assert screen.picture(deadline=self.soon()) is None
        assert screen.check(deadline=self.soon()).strip()

    def test_a_picture_is_a_jpeg(self, peer: ScreenPeer, screen: Screen) -> None:
        peer.show(["Finder"])
        picture = screen.picture(deadline=self.soon())
        assert picture is not None
        assert (picture[:2], picture[-2:]) == (b"\xff\xd8", b"\xff\xd9")

    def test_a_wait_ends_with_the_text_that_was_awaited(self, peer: ScreenPeer, screen: Screen) -> None:
        peer.show(["Finder"])
        assert "Finder" in screen.wait(lambda text: "Finder" in text, deadline=self.soon(), what="Finder")
        with ThreadPoolExecutor(1) as pool:
            peer.show(None)
            waiting = pool.submit(screen.wait, lambda text: "Options" in text, deadline=self.soon(), what="options")
            peer.show(["Macintosh HD Options"])
            assert "Options" in waiting.result()

    def test_what_is_not_seen_in_time_says_what_was_shown(self, peer: ScreenPeer, screen: Screen) -> None:
        peer.show(["Finder"])
        with pytest.raises(DeadlineExceeded) as late:
            screen.wait(lambda text: "Options" in text, deadline=self.briefly(), what="the startup options")
        assert late.value.wire == screen.name
        assert "the startup options" in str(late.value)
        assert "Finder" in str(late.value)

    def test_while_private_one_can_look_and_is_not_quoted(self, peer: ScreenPeer, screen: Screen) -> None:
        peer.show(["Password hunter2"])
        with screen.private():
            assert "hunter2" in screen.text(deadline=self.soon())
            with pytest.raises(DeadlineExceeded) as late:
                screen.wait(lambda text: "Options" in text, deadline=self.briefly(), what="the options")
        assert "hunter2" not in str(late.value)

    def test_nothing_is_looked_at_after_the_deadline(self, peer: ScreenPeer, screen: Screen) -> None:
        peer.show(["Finder"])
        with pytest.raises(DeadlineExceeded):
            screen.text(deadline=self.soon(0))

    def test_close_may_come_twice_and_is_the_end(self, screen: Screen) -> None:
        screen.close()
        screen.close()
        with pytest.raises(BenchError):
            screen.text(deadline=self.briefly())
