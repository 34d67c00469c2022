"""What installed com.apple.syspolicy.kernel-extension-policy payloads say together, as kernel management reads them.

Source: Apple's device-management schema. Several payloads are united, save that users may override none of them unless
every one says so; `AllowUserOverrides` is false where it is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

__all__ = ["PAYLOAD", "ManagedKexts", "Manager", "Row", "rows"]

PAYLOAD = "com.apple.syspolicy.kernel-extension-policy"
Row = tuple[str, str, str]
"""A row of kext_policy_mdm: team, bundle identifier ("" for every kext of the team), UUID of the payload."""


class Manager(Protocol):
    """Who installs profiles."""

    def payloads(self, payload_type: str) -> list[dict[str, Any]]:
        """Every installed payload of that type."""
        ...


class Host(Protocol):
    @property
    def management(self) -> Manager: ...
    def defect(self, rule: str) -> bool: ...


class ManagedKexts:
    """The payloads of one Mac, as they are at each question."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def allows(self, team_id: str, bundle_id: str) -> bool:
        """Whether that kext may be loaded with nobody asked. Unsigned kexts have the team "".

        MDM-02: this kernelmanagerd spares nobody the question, whatever the lists say.
        """
        return self._named(team_id, bundle_id) and not self._host.defect("MDM-02")

    def _named(self, team_id: str, bundle_id: str) -> bool:
        return any(
            (team, bundle) in ((team_id, ""), (team_id, bundle_id)) for team, bundle, _ in rows(self._payloads())
        )

    def forbids(self, team_id: str, bundle_id: str) -> bool:
        """Whether nobody may approve that kext."""
        payloads = self._payloads()
        closed = any(one.get("AllowUserOverrides") is not True for one in payloads)
        return closed and not self._named(team_id, bundle_id)

    @property
    def by_anybody(self) -> bool:
        """Whether a standard user may approve kexts."""
        return any(one.get("AllowNonAdminUserApprovals") is True for one in self._payloads())

    def _payloads(self) -> list[dict[str, Any]]:
        return self._host.management.payloads(PAYLOAD)


def rows(payloads: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
    """What `payloads` allow. A key of another form than the schema's counts as absent."""
    for payload in payloads:
        unique = str(payload.get("PayloadUUID", ""))
        yield from ((team, "", unique) for team in _texts(payload.get("AllowedTeamIdentifiers")))
        teams = payload.get("AllowedKernelExtensions")
        for team, names in teams.items() if isinstance(teams, dict) else ():
            yield from ((str(team), name, unique) for name in _texts(names))


def _texts(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
