"""Every built rule is named, sourced, and decides at least one step somewhere."""

from __future__ import annotations

import re

import pytest

from kextrel import policy

BUILT = {
    "BOOT": " ".join(f"{number:02}" for number in range(1, 15)),
    "KEXT": " ".join(f"{number:02}" for number in range(1, 24)),
    "SIG": "01 02 03 04 05",
    "UAK": " ".join(f"{number:02}" for number in range(1, 13)),
    "KPI": " ".join(f"{number:02}" for number in range(1, 12)),
    "MDM": "01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16",
    "SYS": " ".join(f"{number:02}" for number in range(1, 21)),
}
OPEN = {
    *("BOOT-09", "KEXT-02", "KEXT-13", "KEXT-15", "KEXT-23", "SIG-04", "UAK-07", "UAK-11", "UAK-12"),
    *("MDM-09", "MDM-10", "MDM-14", "SYS-09", "SYS-15"),
}


def test_the_rules_are_those_that_are_built() -> None:
    named = {f"{family}-{number}" for family, numbers in BUILT.items() for number in numbers.split()}
    assert set(policy.RULES) == named


@pytest.mark.parametrize("rule", policy.RULES.values(), ids=lambda rule: rule.id)
def test_each_rule_has_a_text_and_sources_of_a_known_form(rule: policy.Rule) -> None:
    assert rule.text.endswith((".", ".)"))
    assert rule.sources
    assert all(re.fullmatch(r"S[0-3]|[MAP]:[\w .-]+|A|P|T|KEXT-\d\d|field reports", source) for source in rule.sources)
    assert rule.open is (rule.id in OPEN)
    assert rule.shown is (rule.id != "SYS-18")  # what starts first at a boot no tool tells
