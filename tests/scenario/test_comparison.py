"""macOS comparisons."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kextrel.scenario.comparison import WantedMacos
from kextrel.vocabulary import Version


@pytest.mark.parametrize(
    ("wanted", "version", "met"),
    [
        ("14.5", "14.5", True),
        ("14.5", "14.5.1", False),
        ("14", "14.0.0", True),
        (">=11.3,<12", "11.3", True),
        (">=11.3,<12", "11.6.4", True),
        (">=11.3,<12", "12.0", False),
        (" >= 11.3 , < 12 ", "11.2.9", False),
        ("!=10.15", "10.15.0", False),
        (">13.4.1", "13.4.1 (c)", True),
        ("==14.5", "14.5", True),
    ],
)
def test_versions_compare_by_number(wanted: str, version: str, met: bool) -> None:
    assert WantedMacos.parse(wanted).met_by(Version.parse(version)) is met


@pytest.mark.parametrize("text", ["", ">=", "11,12", ">=11,12", "=>11", ">=11,", "~11", "11.x"])
def test_what_is_no_comparison_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a macOS version|mixes a version"):
        WantedMacos.parse(text)


_VERSION = st.builds(Version, st.integers(10, 30), st.integers(0, 20), st.integers(0, 9))


@given(_VERSION, _VERSION)
def test_a_half_open_range_holds_what_it_should(low: Version, version: Version) -> None:
    range_ = WantedMacos.parse(f">={low},<{low.major + 1}")
    assert range_.met_by(version) is (low <= version and version.major == low.major)
    assert range_.exact is None
    assert WantedMacos.parse(str(version)).exact == version


@pytest.mark.parametrize(
    ("wanted", "named"),
    [("14.5", "14.5"), (">=11.3,<12", "11.3"), (">11,<=13", "13"), ("<12", None), (">=14,<13", None)],
)
def test_a_version_that_it_names_and_that_meets_it(wanted: str, named: str | None) -> None:
    found = WantedMacos.parse(wanted).named
    assert found == (None if named is None else Version.parse(named))
