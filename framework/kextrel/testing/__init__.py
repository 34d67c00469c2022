"""Conformance suites for drivers: what `kextrel.bench.protocols` promises, as pytest classes, one a kind of wire.

You wrote a driver for a power strip that Kextrel does not know. Derive a class from the suite of its kind, and give it
a fixture `peer`: what makes your driver, and what looks at the far end of its wire. Each suite says what its peer is.

    import pytest

    from kextrel.errors import BenchError
    from kextrel.testing import PowerConformance


    class StripPower:  # the driver: protocols.Power
        name = "studio.power (strip, outlet 3)"

        def __init__(self, outlet):
            self._outlet = outlet

        def on(self, *, deadline):
            self._switch(True, deadline)

        def off(self, *, deadline):
            self._switch(False, deadline)

        def check(self, *, deadline):
            return "the strip is there"

        def close(self):
            self._outlet = None

        def _switch(self, on, deadline):
            deadline.check(self.name)
            if self._outlet is None:
                raise BenchError("the strip is closed", wire=self.name)
            self._outlet.append(on)


    class Strip:  # the peer: testing.PowerPeer
        def __init__(self):
            self._outlet = []

        def power(self):
            return StripPower(self._outlet)

        def mains(self):
            return self._outlet


    class TestStripPower(PowerConformance):
        @pytest.fixture
        def peer(self):
            return Strip()

Kextrel's own drivers pass the same suites, in tests/bench/conformance: against OpenSSH's sshd, dropbear, ser2net,
NanoMDM, a CH9329 client that is not ours, and the virtual Mac. For a slow bench, your class sets `patience`, the wall
seconds that one call may take, and `brief`, those that a test waits in vain.
"""

import pytest

_KINDS = ("beacon", "button", "console", "keyboard", "mdm", "power", "screen", "shell")
pytest.register_assert_rewrite(*(f"kextrel.testing.{kind}" for kind in _KINDS))

from kextrel.testing.beacon import BeaconConformance, BeaconPeer  # noqa: E402
from kextrel.testing.button import ButtonConformance, ButtonPeer  # noqa: E402
from kextrel.testing.console import ConsoleConformance, ConsolePeer  # noqa: E402
from kextrel.testing.keyboard import KeyboardConformance, KeyboardPeer  # noqa: E402
from kextrel.testing.mdm import MdmConformance, MdmPeer  # noqa: E402
from kextrel.testing.power import PowerConformance, PowerPeer  # noqa: E402
from kextrel.testing.screen import ScreenConformance, ScreenPeer  # noqa: E402
from kextrel.testing.shell import ShellConformance, ShellPeer  # noqa: E402

__all__ = [
    "BeaconConformance",
    "BeaconPeer",
    "ButtonConformance",
    "ButtonPeer",
    "ConsoleConformance",
    "ConsolePeer",
    "KeyboardConformance",
    "KeyboardPeer",
    "MdmConformance",
    "MdmPeer",
    "PowerConformance",
    "PowerPeer",
    "ScreenConformance",
    "ScreenPeer",
    "ShellConformance",
    "ShellPeer",
]
