"""The user's consent of macOS 10.13 to 10.15: what the Mac remembers of it, and how it is made to forget.

No panic medic is there. What was approved lies in KextPolicy, which System Integrity Protection keeps in macOS, so that
its rows about our kexts are taken out in recovery; what `spctl kext-consent` was told is taken back there, too.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from kextrel.device.flows import terminal
from kextrel.device.observe import Sighting
from kextrel.device.remote import answered, look
from kextrel.device.rig import Rig
from kextrel.errors import NotPossible
from kextrel.macos import commands, gatekeeper
from kextrel.timing import Deadline
from kextrel.vocabulary import Extension, Unknown, Version

__all__ = [
    "COLLECTIONS_SINCE",
    "CONSENT_SINCE",
    "SAY",
    "Switches",
    "consented",
    "forget",
    "is_asked",
    "is_fresh",
    "is_kept",
    "switches",
]

COLLECTIONS_SINCE = Version(11)
"""From here on approvals are the UAKL's, and `kextrel.device.baseline` has panic medic for them."""
CONSENT_SINCE = Version(10, 13)
SAY = shlex.join(["spctl", "kext-consent", "status"]) + "; " + shlex.join(["spctl", "kext-consent", "list"])
"""A command line that says how the switches stand; it asks for no root."""


@dataclass(frozen=True)
class Switches:
    """What `spctl kext-consent` says: whether users are asked, and the teams whose kexts need nobody's consent."""

    asks: bool | None
    teams: frozenset[str]


def is_asked(rig: Rig) -> bool:
    """Whether this release asks its user, and remembers it in this way."""
    return CONSENT_SINCE <= rig.facts.macos < COLLECTIONS_SINCE


def is_kept(rig: Rig, extension: Extension) -> bool:
    """Whether it must have been there before this Mac asked anybody: nobody can put it there in that way again."""
    old = extension.installed_before is not None and extension.installed_before < CONSENT_SINCE
    return old and is_asked(rig)


def consented(rig: Rig, seen: Sighting) -> frozenset[str] | Unknown:
    """The kexts that were approved: the UAKL or, before macOS 11, where rules know of none, what KextPolicy allows."""
    if rig.facts.macos >= COLLECTIONS_SINCE or seen.observation is None:
        return seen.state.uakl
    return seen.observation.approved_kexts.value


def switches(said: str | bytes) -> Switches:
    """Reads what `SAY` printed. UnreadableAnswer for anything else."""
    answer = gatekeeper.read_consent(said)
    return Switches(None if answer.consent is None else answer.consent == "ENABLED", frozenset(answer.teams))


def is_fresh(rig: Rig, *, deadline: Deadline) -> bool:
    """In macOS: whether users are asked, none of our teams is spared, and nothing is remembered of our kexts."""
    if not is_asked(rig):
        return True
    now = switches(answered(look(rig, SAY, deadline=deadline)).stdout)
    if not now.asks or now.teams & _teams(rig):
        return False
    done = answered(look(rig, commands.kext_policy_of(_teams(rig), _identifiers(rig)), deadline=deadline))
    if done.exit_code != 0 or not done.out.strip().isdecimal():
        said = (done.err or done.out).strip()[:160]
        raise NotPossible(f"KextPolicy of {rig.name} cannot be read ({said}); let Remote Login read the disk (PREP-03)")
    return int(done.out) == 0


def forget(rig: Rig, *, deadline: Deadline) -> str:
    """In recovery: asks users again, spares none of our teams, and takes out what is remembered of our kexts.
    What the tools said."""
    lines = [commands.kext_consent("enable", sudo="")]
    lines += [commands.kext_consent("remove", team, sudo="") for team in sorted(_teams(rig))]
    lines.append(commands.kext_policy_forget(_teams(rig), _identifiers(rig), volume=f"/Volumes/{rig.facts.volume}"))
    said = terminal.run(rig, "\n".join(f"{line} 2>&1" for line in lines), deadline=deadline)
    return said.decode(errors="replace").strip()[:200]


def _ours(rig: Rig) -> list[Extension]:
    """What was there before the upgrade to 10.13 keeps its approval: nobody could give it again."""
    return [one for one in rig.catalog.kexts() if not is_kept(rig, one)]


def _teams(rig: Rig) -> frozenset[str]:
    kept = {one.team_id for one in rig.catalog.kexts() if is_kept(rig, one)}
    return frozenset(one.team_id for one in _ours(rig) if one.team_id) - kept


def _identifiers(rig: Rig) -> frozenset[str]:
    return frozenset(one.bundle_id for one in _ours(rig))
