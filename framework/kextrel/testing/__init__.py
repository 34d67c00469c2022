"""Conformance suites."""

import pytest

pytest.register_assert_rewrite(
    *(f"kextrel.testing.{name}" for name in ("button", "console", "keyboard", "mdm", "power", "shell"))
)

from kextrel.testing.button import ButtonConformance, ButtonPeer  # noqa: E402
from kextrel.testing.console import ConsoleConformance, ConsolePeer  # noqa: E402
from kextrel.testing.keyboard import KeyboardConformance, KeyboardPeer  # noqa: E402
from kextrel.testing.mdm import MdmConformance, MdmPeer  # noqa: E402
from kextrel.testing.power import PowerConformance, PowerPeer  # noqa: E402
from kextrel.testing.shell import ShellConformance, ShellPeer  # noqa: E402

__all__ = [
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
    "ShellConformance",
    "ShellPeer",
]
