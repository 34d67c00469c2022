"""The model's whole knowledge of a Mac between two steps: more than a State, which is only what can be observed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from kextrel.vocabulary import (
    UNKNOWN,
    Architecture,
    Environment,
    Extension,
    ExtensionKind,
    KextManagement,
    Mac,
    Profile,
    SecurityMode,
    Start,
    State,
)
from kextrel.vocabulary.actions import Restart

__all__ = ["BootPolicy", "Situation"]


@dataclass(frozen=True)
class BootPolicy:
    """What rules ask of a boot policy. `mode` is None on a Mac that has no security modes."""

    mode: SecurityMode | None
    sip: bool
    management: frozenset[KextManagement]


@dataclass(frozen=True)
class Situation:
    """A Mac as the model believes it to be. Kexts are known by bundle identifier.

    `stored` is the boot policy as written, `in_force` the one that this boot began with (BOOT-11). `staged` is the
    AuxKC that the next normal boot will find, None while the present one stays. `doubtful` are approvals that the Mac
    may have forgotten (KEXT-15), from the boot after the policy was `rewritten` without kexts. `discovered`, `pending`
    and `lapsed` (asked for before a boot or a removal, not approved) hold names of extensions. `vouched` are those in
    the UAKL because of a profile, `consented` because of a person. `told` is the restart that the user was asked to
    make when convenient (MDM-05), `queued` those that wait for macOS (MDM-16). `activated` has the version that each
    record of `system_extensions` is of, where it is known; `developer_mode` is systemextensionsctl's.
    """

    mac: Mac
    extensions: Mapping[str, Extension] = field(hash=False)
    profiles: tuple[Profile, ...]
    environment: Environment
    stored: BootPolicy
    in_force: BootPolicy
    on_disk: frozenset[str]
    discovered: frozenset[str] = frozenset()
    pending: frozenset[str] = frozenset()
    lapsed: frozenset[str] = frozenset()
    uakl: frozenset[str] = frozenset()
    vouched: frozenset[str] = frozenset()
    consented: frozenset[str] = frozenset()
    doubtful: frozenset[str] = frozenset()
    rewritten: bool = False
    aux_kc: frozenset[str] = frozenset()
    staged: frozenset[str] | None = None
    receipt: frozenset[str] = frozenset()
    loaded: frozenset[str] = frozenset()
    system_extensions: Mapping[str, str] = field(default_factory=dict, hash=False)
    activated: Mapping[str, str] = field(default_factory=dict, hash=False)
    developer_mode: bool = False
    told: Restart | None = None
    queued: tuple[Restart, ...] = ()

    @classmethod
    def at(cls, start: Start) -> Situation:
        """The situation before step 1: in macOS, with what `installed_before` and `profiles` put there."""
        policy = BootPolicy(start.mac.security_mode, start.mac.sip, start.mac.kext_management)
        there = frozenset(name for name, one in start.extensions.items() if one.installed_before is not None)
        return cls(start.mac, dict(start.extensions), start.profiles, Environment.MACOS, policy, policy, there)

    @property
    def apple_silicon(self) -> bool:
        return self.mac.architecture is Architecture.APPLE_SILICON

    @property
    def kexts_on_disk(self) -> frozenset[str]:
        """Bundle identifiers of the kexts that lie on the disk."""
        return frozenset(
            one.bundle_id
            for name, one in self.extensions.items()
            if name in self.on_disk and one.kind is ExtensionKind.KEXT
        )

    def word(self, extension: Extension) -> str | None:
        """systemextensionsctl's state words for this extension; None where there is no record of it."""
        return self.system_extensions.get(extension.bundle_id)

    @property
    def state(self) -> State:
        return State(
            boot=self.environment,
            security_mode=self.stored.mode,
            sip=self.stored.sip,
            kext_management=self.stored.management,
            uakl=self.uakl,
            aux_kc=self.aux_kc,
            receipt=self.receipt,
            loaded_kexts=self.loaded,
            system_extensions=dict(self.system_extensions),
        )

    def knowing(self, extension: Extension) -> Situation:
        """This situation with one more extension described; it is not on the disk yet."""
        return replace(self, extensions={**self.extensions, extension.name: extension})

    def observed(self, state: State) -> Situation:
        """This situation corrected by what was seen; a field that is UNKNOWN stays as it was believed.

        An approval that nobody expected is one more for the next boot to build in, and pending no longer.
        """
        policy = BootPolicy(
            self.stored.mode if state.security_mode is UNKNOWN else state.security_mode,
            self.stored.sip if state.sip is UNKNOWN else state.sip,
            self.stored.management if state.kext_management is UNKNOWN else state.kext_management,
        )
        gained = frozenset() if state.uakl is UNKNOWN else state.uakl - self.uakl
        return replace(
            self._approved(gained),
            stored=policy,
            environment=self.environment if state.boot is UNKNOWN else state.boot,
            uakl=self.uakl if state.uakl is UNKNOWN else state.uakl,
            aux_kc=self.aux_kc if state.aux_kc is UNKNOWN else state.aux_kc,
            receipt=self.receipt if state.receipt is UNKNOWN else state.receipt,
            loaded=self.loaded if state.loaded_kexts is UNKNOWN else state.loaded_kexts,
            system_extensions=(
                self.system_extensions if state.system_extensions is UNKNOWN else dict(state.system_extensions)
            ),
        )

    def _approved(self, gained: frozenset[str]) -> Situation:
        if not gained:
            return self
        waiting = frozenset(name for name in self.pending if self.extensions[name].bundle_id not in gained)
        staged = self.aux_kc if self.staged is None else self.staged
        return replace(self, pending=waiting, staged=staged | (gained & self.kexts_on_disk))
