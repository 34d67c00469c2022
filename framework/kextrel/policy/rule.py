"""What a rule is, and the law: the rules that hold for one Mac, less those that somebody leaves out to find blame."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar

from kextrel.vocabulary import Architecture, Mac, Version

__all__ = ["APPLE_SILICON", "BIG_SUR", "CATALINA", "HIGH_SIERRA", "INTEL", "MONTEREY", "Law", "Rule"]

APPLE_SILICON = frozenset({Architecture.APPLE_SILICON})
INTEL = frozenset({Architecture.INTEL, Architecture.INTEL_T2})
HIGH_SIERRA, CATALINA, BIG_SUR, MONTEREY = Version(10, 13), Version(10, 15), Version(11), Version(12)

_EVERY = frozenset(Architecture)


@dataclass(frozen=True)
class Rule:
    """One row of the policy. Its ID is for ever: reports, coverage and certificates quote it.

    `sources` are S0-S3 (the four documents), M:x (the manual page of x), A:x (Apple's device-management schema),
    P:x (Apple Platform Security and deployment guides). `open`: sources are silent or disagree about a part of it.
    T is Apple's technical note TN2459. It holds on `architectures` from macOS `since` on, and no more from `before` on;
    None: ever. `shown`: the Mac's own tools show what it says; a rule that none shows is not checked, never held.
    """

    id: str
    text: str
    sources: tuple[str, ...]
    open: bool = False
    architectures: frozenset[Architecture] = _EVERY
    since: Version | None = None
    before: Version | None = None
    shown: bool = True

    def holds_for(self, mac: Mac) -> bool:
        early = self.since is not None and mac.macos < self.since
        late = self.before is not None and mac.macos >= self.before
        return mac.architecture in self.architectures and not early and not late


@dataclass(frozen=True)
class Law:
    """The rules in force for the predictions of one Mac. `said` remembers what was asked of it before."""

    mac: Mac
    without: frozenset[str] = frozenset()
    said: dict[str, bool] = field(default_factory=dict, compare=False, repr=False)
    last: ClassVar[tuple[Mac, frozenset[str], Law] | None] = None

    @classmethod
    def of(cls, mac: Mac, without: frozenset[str]) -> Law:
        """The law for this Mac, the same one each time.

        A walk asks for one Mac's at each of its steps: the last one asked for is known by identity, which costs a tenth
        of hashing a Mac.
        """
        last = cls.last
        if last is not None and last[0] is mac and last[1] is without:
            return last[2]
        law = _law(mac, without)
        cls.last = (mac, without, law)
        return law

    def says(self, rule: Rule) -> bool:
        """Whether `rule` speaks here: it holds for this Mac and was not left out."""
        known = self.said.get(rule.id)
        if known is None:
            known = self.said[rule.id] = rule.id not in self.without and rule.holds_for(self.mac)
        return known

    def those_said(self, *rules: Rule) -> tuple[Rule, ...]:
        """Those of `rules` that speak here."""
        return tuple(rule for rule in rules if self.says(rule))


@lru_cache(maxsize=256)
def _law(mac: Mac, without: frozenset[str]) -> Law:
    return Law(mac, without)
