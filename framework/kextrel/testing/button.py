"""What every driver of `protocols.Button` promises, as tests: above all, that nothing leaves the button down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import pytest

from kextrel.bench.protocols import Button
from kextrel.errors import BenchError, DeadlineExceeded
from kextrel.testing.patience import Patient
from kextrel.timing import Clock

__all__ = ["ButtonConformance", "ButtonPeer"]

SCALE = 40.0


class ButtonPeer(Protocol):
    """The contacts of a power button."""

    def button(self, clock: Clock) -> Button:
        """Opens a driver of yours whose gestures are Mac seconds of `clock`: it lets them pass with `clock.dwell`."""
        ...

    def contacts(self) -> Sequence[bool]:
        """What the contacts were told since this peer was made, in order: True is closed. Where it takes time until
        that arrives, this waits until everything has that the driver sent."""
        ...


class ButtonConformance(Patient):
    """Give it a fixture `peer` that makes a ButtonPeer; a new one for each test. No test here lets time pass."""

    @pytest.fixture
    def dwelt(self) -> list[float]:
        """The wall seconds that the driver let pass."""
        return []

    @pytest.fixture
    def button(self, peer: ButtonPeer, dwelt: list[float]) -> Iterator[Button]:
        """A driver on a bench where the Mac's time is faster."""
        wire = peer.button(Clock(SCALE, sleep=dwelt.append))
        yield wire
        wire.close()

    def test_opening_it_presses_nothing(self, peer: ButtonPeer, button: Button) -> None:
        assert button.name
        assert True not in peer.contacts()

    def test_a_press_lasts_mac_seconds(self, peer: ButtonPeer, button: Button, dwelt: list[float]) -> None:
        button.press(10, deadline=self.soon())
        assert sum(dwelt) == pytest.approx(10 / SCALE)
        assert _presses(peer.contacts()) == 1

    def test_the_contacts_are_closed_while_the_press_lasts(self, peer: ButtonPeer) -> None:
        seen: list[bool] = []
        button = peer.button(Clock(SCALE, sleep=lambda _: seen.append(peer.contacts()[-1])))
        button.press(1, deadline=self.soon())
        button.close()
        assert set(seen) == {True}
        assert peer.contacts()[-1] is False

    def test_held_is_closed_inside_and_open_after(self, peer: ButtonPeer, button: Button) -> None:
        with button.held(deadline=self.soon()):
            assert peer.contacts()[-1] is True
        assert peer.contacts()[-1] is False

    @pytest.mark.parametrize("raised", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
    def test_every_way_out_opens_the_contacts(
        self, peer: ButtonPeer, button: Button, raised: type[BaseException]
    ) -> None:
        with pytest.raises(raised), button.held(deadline=self.soon()):
            raise raised
        assert peer.contacts()[-1] is False

    @pytest.mark.parametrize("raised", [OSError, KeyboardInterrupt])
    def test_what_ends_a_press_opens_the_contacts(self, peer: ButtonPeer, raised: type[BaseException]) -> None:
        def interrupted(_: float) -> None:
            raise raised

        button = peer.button(Clock(SCALE, sleep=interrupted))
        with pytest.raises(raised):
            button.press(10, deadline=self.soon())
        assert _presses(peer.contacts()) == 1
        button.close()

    def test_a_press_that_cannot_be_done_in_time_is_not_begun(self, peer: ButtonPeer, button: Button) -> None:
        with pytest.raises(DeadlineExceeded) as late:
            button.press(10_000 * SCALE, deadline=self.soon())
        assert late.value.wire == button.name
        with pytest.raises(DeadlineExceeded), button.held(deadline=self.soon(0)):
            raise AssertionError("the block was entered")
        assert True not in peer.contacts()

    def test_release_is_harmless_when_the_contacts_are_open(self, peer: ButtonPeer, button: Button) -> None:
        button.release()
        button.press(1, deadline=self.soon())
        button.release()
        assert _presses(peer.contacts()) == 1

    def test_a_look_presses_nothing(self, peer: ButtonPeer, button: Button) -> None:
        assert button.check(deadline=self.soon()).strip()
        assert True not in peer.contacts()

    def test_close_lets_go_and_is_the_end(self, peer: ButtonPeer, button: Button) -> None:
        holding = button.held(deadline=self.soon())
        holding.__enter__()
        button.close()
        button.close()
        assert _presses(peer.contacts()) == 1
        with pytest.raises(BenchError):
            button.press(1, deadline=self.soon())


def _presses(told: Sequence[bool]) -> int:
    """How often the contacts were closed and opened again; they must be open at the end."""
    assert told[-1] is False
    before = [False, *told]
    return sum(now and not was for was, now in zip(before, told, strict=False))
