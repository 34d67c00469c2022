"""The model's whole knowledge of a Mac between two steps: more than a State, which is only what can be observed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kextrel.policy.copying import replace
from kextrel.policy.rule import BIG_SUR, HIGH_SIERRA
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

__all__ = ["BootPolicy", "Consent", "Situation"]


@dataclass(frozen=True)
class BootPolicy:
    """What rules ask of a boot policy. `mode` is None on a Mac that has no security modes."""

    mode: SecurityMode | None
    sip: bool
    management: frozenset[KextManagement]

    @property
    def lets_kexts_in(self) -> bool:
        """Whether it may let kexts in (KEXT-06)."""
        return self.mode is not SecurityMode.FULL and bool(self.management)

    @property
    def lets_users_in(self) -> bool:
        """Whether it surely lets the user's in: with remote management alone the sources are silent or disagree."""
        return self.lets_kexts_in and KextManagement.USER in self.management


@dataclass(frozen=True)
class Consent:
    """What macOS 10.13 to 10.15 know of the user's consent (UAK).

    `old` are names of kexts that came when the Mac ran 10.12 or earlier, `granted` those that did and were removed
    since. `given` are the places that consent covers, each a team with a folder, and `fresh` those of them since this
    boot; `approved` are bundle identifiers with their teams that somebody consented to by name. `teams` and `off` are
    what `spctl kext-consent` set.
    """

    old: frozenset[str] = frozenset()
    granted: frozenset[str] = frozenset()
    given: frozenset[tuple[str, str]] = frozenset()
    fresh: frozenset[tuple[str, str]] = frozenset()
    approved: frozenset[tuple[str, str]] = frozenset()
    teams: frozenset[str] = frozenset()
    off: bool = False


@dataclass(frozen=True)
class Situation:
    """A Mac as the model believes it to be. Kexts are known by bundle identifier.

    `stored` is the boot policy as written, `in_force` the one that this boot began with (BOOT-11). `staged` is the
    AuxKC that the next normal boot will find, None while the present one stays. `built` and `vetted` have the version
    of each kext: that in the AuxKC (before macOS 11: loaded), and that last approved or taken. `dropped` are banned
    kexts that a rebuild left out, `medic` says that panic medic waits for a boot. `doubtful` are approvals that the
    Mac may have forgotten
    (KEXT-15), from the boot after the policy was `rewritten` without kexts, where nobody could see whether it did;
    `forgettable` are those until somebody looked. `discovered`, `pending`
    and `lapsed` (asked for too long ago, or before a boot; not approved) hold names of extensions; `asked_at` is when,
    in minutes of `wait`. `vouched` are those in
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
    minutes: float = 0.0
    asked_at: Mapping[str, float] = field(default_factory=dict, hash=False)
    consent: Consent = Consent()
    uakl: frozenset[str] = frozenset()
    vouched: frozenset[str] = frozenset()
    consented: frozenset[str] = frozenset()
    vetted: Mapping[str, str] = field(default_factory=dict, hash=False)
    doubtful: frozenset[str] = frozenset()
    forgettable: frozenset[str] = frozenset()
    rewritten: bool = False
    aux_kc: frozenset[str] = frozenset()
    staged: frozenset[str] | None = None
    built: Mapping[str, str] = field(default_factory=dict, hash=False)
    dropped: frozenset[str] = frozenset()
    medic: bool = False
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
        since = {name: one.installed_before for name, one in start.extensions.items() if one.installed_before}
        old = frozenset(name for name, macos in since.items() if min(macos, start.mac.macos) < HIGH_SIERRA)
        known, there, consent = dict(start.extensions), frozenset(since), Consent(old=old)
        return cls(start.mac, known, start.profiles, Environment.MACOS, policy, policy, there, consent=consent)

    @property
    def apple_silicon(self) -> bool:
        return self.mac.architecture is Architecture.APPLE_SILICON

    @property
    def has_auxkc(self) -> bool:
        """Before macOS 11 there is neither an AuxKC nor what goes with it."""
        return self.mac.macos.major >= BIG_SUR.major

    @property
    def kexts_on_disk(self) -> Mapping[str, Extension]:
        """The kexts that lie on the disk, by bundle identifier."""
        return {
            one.bundle_id: one
            for name, one in self.extensions.items()
            if name in self.on_disk and one.kind is ExtensionKind.KEXT
        }

    def outdated(self, extension: Extension) -> bool:
        """Whether the AuxKC holds this kext in another version than the one that is meant."""
        bundle_id = extension.bundle_id
        return bundle_id in self.aux_kc and self.built.get(bundle_id, extension.version) != extension.version

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
        unseen = self.forgettable if state.uakl is UNKNOWN else frozenset()
        gained = frozenset() if state.uakl is UNKNOWN else state.uakl - self.uakl
        seen = self._approved(gained)
        return replace(
            seen,
            doubtful=seen.doubtful | unseen,
            forgettable=frozenset(),
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
        return replace(self, pending=waiting, staged=staged | (gained & self.kexts_on_disk.keys()))
