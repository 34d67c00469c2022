"""What every driver of `protocols.Power` promises, as tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import pytest

from kextrel.bench.protocols import Power
from kextrel.errors import BenchError, DeadlineExceeded
from kextrel.testing.patience import Patient

__all__ = ["PowerConformance", "PowerPeer"]


class PowerPeer(Protocol):
    """What the mains are switched by."""

    def power(self) -> Power:
        """Opens a driver of yours."""
        ...

    def mains(self) -> Sequence[bool]:
        """What the switch was told since this peer was made, in order: True is on. Where it takes time until that
        arrives, this waits until everything has that the driver sent."""
        ...


class PowerConformance(Patient):
    """Give it a fixture `peer` that makes a PowerPeer; a new one for each test."""

    @pytest.fixture
    def power(self, peer: PowerPeer) -> Iterator[Power]:
        """A driver."""
        wire = peer.power()
        yield wire
        wire.close()

    def test_opening_it_switches_nothing(self, peer: PowerPeer, power: Power) -> None:
        assert power.name
        assert list(peer.mains()) == []

    def test_on_is_on_and_off_is_off(self, peer: PowerPeer, power: Power) -> None:
        for wanted in (True, False, True):
            (power.on if wanted else power.off)(deadline=self.soon())
            assert peer.mains()[-1] is wanted

    def test_what_is_off_already_stays_off(self, peer: PowerPeer, power: Power) -> None:
        for _ in range(2):
            power.off(deadline=self.soon())
        assert set(peer.mains()) == {False}

    def test_nothing_is_switched_after_the_deadline(self, peer: PowerPeer, power: Power) -> None:
        power.on(deadline=self.soon())
        with pytest.raises(DeadlineExceeded) as late:
            power.off(deadline=self.soon(0))
        assert late.value.wire == power.name
        assert set(peer.mains()) == {True}

    def test_a_look_switches_nothing(self, peer: PowerPeer, power: Power) -> None:
        assert power.check(deadline=self.soon()).strip()
        assert list(peer.mains()) == []

    def test_close_leaves_the_mains_as_they_are_and_is_the_end(self, peer: PowerPeer, power: Power) -> None:
        power.on(deadline=self.soon())
        power.close()
        power.close()
        with pytest.raises(BenchError):
            power.off(deadline=self.soon())
        assert set(peer.mains()) == {True}
        again = peer.power()
        again.off(deadline=self.soon())
        assert peer.mains()[-1] is False
        again.close()
