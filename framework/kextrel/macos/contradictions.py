"""Where two tools of one Mac disagree: facts of their own, shown and never smoothed over.

Each is a sentence that names both tools. What one of them did not say, or was not read whole, contradicts nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kextrel.macos import derive
from kextrel.macos.derive import Answers
from kextrel.macos.drivers import RunningDriver, against_the_list
from kextrel.macos.fields import Field
from kextrel.macos.kextpolicy import KextPolicyAnswer
from kextrel.macos.sysext import SystemExtension
from kextrel.vocabulary import Architecture

__all__ = ["between_tools"]

_INTEL = (Architecture.INTEL, Architecture.INTEL_T2)


def between_tools(
    answers: Answers,
    silicon: Field[Architecture],
    loaded: Field[frozenset[str]],
    aux: Field[frozenset[str]],
    extensions: Field[tuple[SystemExtension, ...]],
    running: Field[tuple[RunningDriver, ...]],
) -> tuple[str, ...]:
    """All of them, in the order of the page."""
    return (
        *_of_policies(answers, silicon),
        *_of_kexts(answers, loaded, aux),
        *against_the_list(answers, running, extensions),
    )


def _of_policies(answers: Answers, silicon: Field[Architecture]) -> Iterator[str]:
    running, stored = derive.sip(answers), derive.sip_stored(answers, silicon)
    place = "NVRAM (csr-active-config)" if silicon.value in _INTEL else "the LocalPolicy (sip0)"
    bridge, mode = derive.bridge_mode(answers), derive.policy_mode(answers)
    if _differ(running, stored):
        yield f"csrutil says that SIP is {running.value}, {place} that it is {stored.value}"
    if _differ(bridge, mode):
        yield f"system_profiler says {bridge.value} security, bputil {mode.value}"


def _of_kexts(answers: Answers, loaded: Field[frozenset[str]], aux: Field[frozenset[str]]) -> Iterator[str]:
    if not isinstance(loaded.value, frozenset):
        return
    if isinstance(aux.value, frozenset) and aux.command:
        strays = sorted(loaded.value - aux.value)
        yield from (f"{name} is loaded, but not in the auxiliary kernel collection" for name in strays)
    for name in sorted(loaded.value & _denied(answers.kext_policy.reading)):
        yield f"{loaded.command} says that {name} is loaded, KextPolicy that it is not allowed"


def _denied(table: KextPolicyAnswer | None) -> frozenset[str]:
    """The kexts with a row that denies them, and none, of another team perhaps, that allows them."""
    if table is None:
        return frozenset()
    return frozenset(row["bundle_id"] for row in table.rows if row.get("allowed") is False) - table.allowed()


def _differ(one: Field[Any], other: Field[Any]) -> bool:
    return one.known and other.known and one.value != other.value
