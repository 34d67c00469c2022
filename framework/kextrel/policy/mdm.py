"""MDM: enrollment, profiles, commands."""

from __future__ import annotations

from kextrel.policy.rule import Law, Rule
from kextrel.policy.situation import BIG_SUR, Situation
from kextrel.vocabulary import Architecture, Enrollment

__all__ = ["MDM_08", "RULES", "decides"]

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


def decides(situation: Situation, law: Law) -> tuple[Rule, ...]:
    """The rules that say who may allow kexts on this Mac: MDM-08 where no MDM manages the device."""
    unmanaged = situation.mac.enrollment in (Enrollment.NONE, Enrollment.USER)
    return (MDM_08,) if unmanaged and law.says(MDM_08) else ()
