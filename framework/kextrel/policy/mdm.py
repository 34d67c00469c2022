"""MDM: enrollment, profiles, commands."""

from __future__ import annotations

from kextrel.policy.rule import Rule
from kextrel.policy.situation import BIG_SUR
from kextrel.vocabulary import Architecture

__all__ = ["MDM_08", "RULES"]

MDM_08 = Rule(
    "MDM-08",
    'Apple silicon, none: downgrade in 1TR by the user with "Allow user management of kernel extensions from '
    "identified "
    'developers". user: the same, as a local administrator.',
    ("S0", "S2"),
    architectures=frozenset({Architecture.APPLE_SILICON}),
    since=BIG_SUR,
)

RULES = (MDM_08,)
