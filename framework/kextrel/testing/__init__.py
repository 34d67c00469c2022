"""Conformance suites."""

import pytest

pytest.register_assert_rewrite("kextrel.testing.shell")

from kextrel.testing.shell import ShellConformance, ShellPeer  # noqa: E402

__all__ = ["ShellConformance", "ShellPeer"]
