"""The example in the package's documentation is run as it stands."""

from __future__ import annotations

import inspect
import textwrap

import pytest

import kextrel.testing


def _example() -> str:
    """The indented block of the docstring."""
    lines = inspect.cleandoc(kextrel.testing.__doc__ or "").splitlines()
    block = [line for line in lines if not line or line.startswith("    ")]
    return textwrap.dedent("\n".join(block)).strip() + "\n"


def test_the_documented_example_passes_its_suite(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_strip=_example())
    result = pytester.runpytest_inprocess("-q", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=6)


def test_the_documented_example_without_its_deadline_does_not(pytester: pytest.Pytester) -> None:
    broken = _example().replace("deadline.check(self.name)", "assert deadline")
    assert broken != _example()
    pytester.makepyfile(test_strip=broken)
    result = pytester.runpytest_inprocess("-q", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=5, failed=1)
    result.stdout.fnmatch_lines(
        ["E *DID NOT RAISE*DeadlineExceeded*", "FAILED *test_nothing_is_switched_after_the_deadline*"]
    )
