"""From the tables of KextPolicy to the kexts that they allow. A table that was not read whole says nothing."""

from __future__ import annotations

from kextrel.macos import kextpolicy
from kextrel.macos.fields import Field, Said

__all__ = ["asked_for_kexts", "kext_rows", "managed_kexts"]


def kext_rows(table: Said[kextpolicy.KextPolicyAnswer]) -> Field[frozenset[str]]:
    """The bundle identifiers that a table of KextPolicy allows."""
    damage = _damage(table)
    return table.refused(damage) if damage else table.field(kextpolicy.KextPolicyAnswer.allowed)


def managed_kexts(
    table: Said[kextpolicy.KextPolicyAnswer], history: Said[kextpolicy.KextPolicyAnswer]
) -> Field[frozenset[str]]:
    """The kexts that a profile allows, once loading was asked for: a row without a bundle is for a whole team, so that
    only the history of requests names the kexts."""
    damage = _damage(table)
    if damage or table.reading is None:
        return table.refused(damage) if damage else kext_rows(table)
    rows = {(row["team_id"], row["bundle_id"]) for row in table.reading.rows if row.get("allowed") is True}
    if rows and (damage := _damage(history)):
        return history.refused(damage)
    if not rows:
        return table.field(lambda _: frozenset())
    return history.field(lambda asked: asked.covered(rows))


def asked_for_kexts(history: Said[kextpolicy.KextPolicyAnswer]) -> Field[frozenset[str]]:
    """The kexts that anybody ever asked to load, as far as the Mac remembers it."""
    damage = _damage(history)
    return history.refused(damage) if damage else history.field(lambda asked: asked.bundles)


def _damage(table: Said[kextpolicy.KextPolicyAnswer]) -> str:
    """Why a table that was read is not to be trusted; "" where it is, or where it was not read at all."""
    answer = table.reading
    if answer is None:
        return ""
    if answer.error:
        return answer.error
    if answer.unparsed:
        return f"it holds a row that cannot be read, {answer.unparsed[0][:120]!r}"
    return "" if answer.ended else "the line that ends it is missing, so rows may be, too"
