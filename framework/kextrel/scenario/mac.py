"""`mac:`, the Mac that a scenario begins on: fields, defaults, and what cannot be.

Defaults are those of design.md. A start that no Mac can be in is refused, with the line of the field that makes it so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kextrel import yamltext
from kextrel.scenario.comparison import WantedMacos
from kextrel.scenario.fields import Fields, Place, flag, list_of, one_of, text, wanted_macos, word_of
from kextrel.vocabulary import Architecture, Enrollment, KextManagement, Mac, SecurityMode, Version
from kextrel.yamltext import Node

if TYPE_CHECKING:
    from kextrel.device.rig import Facts
    from kextrel.lab.fit import Requirement

__all__ = ["MAC_FIELDS", "WantedMac", "counts_as_user_approved", "modes_of", "read_mac"]

MAC_FIELDS = (
    "architecture",
    "macos",
    "enrollment",
    "user_approved_mdm",
    "bootstrap_token",
    "sip",
    "security_mode",
    "kext_management",
    "logged_in",
    "online",
    "on",
)

_MODES = {
    Architecture.APPLE_SILICON: (SecurityMode.FULL, SecurityMode.REDUCED, SecurityMode.PERMISSIVE),
    Architecture.INTEL_T2: (SecurityMode.FULL, SecurityMode.MEDIUM, SecurityMode.NONE),
}
_BIG_SUR = Version(11)


def modes_of(architecture: Architecture) -> tuple[SecurityMode, ...]:
    """The security modes that there are on it; none on intel without a T2."""
    return _MODES.get(architecture, ())


@dataclass(frozen=True)
class WantedMac:
    """The `mac:` of a scenario: what `at` makes a vocabulary Mac of once the macOS version is known.

    `on`: "any" Mac of a lab that meets the requirements, or "each" of them.
    """

    template: Mac
    macos: WantedMacos
    path: str
    lines: dict[str, int]
    on: str = "any"

    def at(self, macos: Version) -> Mac:
        """The Mac with this version. Raises InputError where no such Mac can be (Apple silicon before 11.0)."""
        if self.template.architecture is Architecture.APPLE_SILICON and macos < _BIG_SUR:
            raise Place(self.path, "mac").wrong(
                f"there is no Apple-silicon Mac with macOS {macos}", self._field("macos"), "it needs 11.0 or later"
            )
        return replace(self.template, macos=macos)

    def unmet(self, mac: Facts) -> str:
        """Why a device with these facts does not meet the requirements; "" when it does."""
        wanted = self.template
        if mac.architecture is not wanted.architecture:
            return f"it needs architecture {wanted.architecture}, this Mac is {mac.architecture}"
        if not self.macos.met_by(mac.macos):
            return f"it needs macOS {self.macos}, this Mac has {mac.macos}"
        if mac.enrollment is not wanted.enrollment:
            return f"it needs enrollment {wanted.enrollment}, this Mac has {mac.enrollment}"
        if not wanted.online and mac.online:
            return "it needs a Mac that is kept from Apple's servers (online: false), this one reaches them"
        return self._unmet_enrollment(mac)

    def chosen(self, names: Sequence[str], facts: Callable[[str], Facts]) -> list[str]:
        """The Macs of a lab that the scenario runs on: the first that fits or, with `on: each`, all that do. Where none
        fits, the one that comes nearest, which will say why not."""
        fits = self.fitting(names, facts) or sorted(names, key=lambda name: self._distance(facts(name)))[:1]
        return fits if self.on == "each" else fits[:1]

    def _distance(self, mac: Facts) -> tuple[bool, ...]:
        """Greater for a Mac that lacks what is harder to have."""
        wanted = self.template
        other_release = not self.macos.met_by(mac.macos)
        return mac.architecture is not wanted.architecture, other_release, mac.enrollment is not wanted.enrollment

    def fitting(self, names: Sequence[str], facts: Callable[[str], Facts]) -> list[str]:
        """The Macs of a lab that the scenario could run on."""
        return [name for name in names if not self.unmet(facts(name))]

    @property
    def requirement(self) -> Requirement:
        """What a virtual Mac that is made to measure must be."""
        from kextrel.lab.fit import Requirement  # to predict a scenario no lab is needed

        wanted = self.template
        token, online = wanted.bootstrap_token, wanted.online
        return Requirement(wanted.architecture, self.macos, wanted.enrollment, token, online)

    def _unmet_enrollment(self, mac: Facts) -> str:
        wanted = self.template
        early = wanted.enrollment is Enrollment.DEVICE and mac.macos < _BIG_SUR
        if early and mac.user_approved_mdm != wanted.user_approved_mdm:
            return f"it needs user_approved_mdm {str(wanted.user_approved_mdm).lower()}, this Mac differs"
        managed = wanted.enrollment in (Enrollment.DEVICE, Enrollment.AUTOMATED_DEVICE)
        if managed and mac.bootstrap_token != wanted.bootstrap_token:
            return f"it needs bootstrap_token {str(wanted.bootstrap_token).lower()}, this Mac differs"
        return ""

    def _field(self, name: str) -> Node:
        return yamltext.Scalar("", self.lines.get(name, self.lines["mac"]))


def read_mac(node: Node, place: Place) -> tuple[WantedMac, dict[str, Any]]:
    """Types `mac:`; raises InputError for an impossible start. Also returns what was written."""
    fields = Fields(node, place, MAC_FIELDS)
    wanted = fields.need("macos", wanted_macos)
    architecture = fields.get("architecture", word_of(Architecture), Architecture.APPLE_SILICON)
    sip = fields.get("sip", flag, True)
    template = Mac(
        architecture=architecture,
        macos=wanted.exact or wanted.parts[0][1],
        enrollment=fields.get("enrollment", word_of(Enrollment), Enrollment.NONE),
        user_approved_mdm=fields.get("user_approved_mdm", flag, True),
        bootstrap_token=fields.get("bootstrap_token", flag, True),
        sip=sip,
        security_mode=_security_mode(fields, architecture, sip),
        kext_management=frozenset(fields.get("kext_management", list_of(word_of(KextManagement)), ())),
        logged_in=fields.get("logged_in", flag, True),
        online=fields.get("online", flag, True),
    )
    _refuse_management(fields, template)
    lines = {name: fields.at(name).line for name in MAC_FIELDS} | {"mac": node.line}
    mac = WantedMac(template, wanted, place.path, lines, fields.get("on", one_of("any", "each"), "any"))
    if wanted.exact is not None:
        mac.at(wanted.exact)
    return mac, fields.written


def _security_mode(fields: Fields, architecture: Architecture, sip: bool) -> SecurityMode | None:
    if architecture is Architecture.INTEL:
        if fields.get_or_none("security_mode", text) is not None:
            node = fields.at("security_mode")
            raise fields.place.wrong("an intel Mac has no security_mode", node, "leave the field out")
        return None
    default = SecurityMode.FULL
    if architecture is Architecture.APPLE_SILICON and not sip:
        default = SecurityMode.PERMISSIVE
    mode = fields.get("security_mode", word_of(SecurityMode, _MODES[architecture]), default)
    if architecture is Architecture.APPLE_SILICON and not sip and mode is not SecurityMode.PERMISSIVE:
        node, hint = fields.at("security_mode"), "write permissive, or leave security_mode out"
        raise fields.place.wrong(f"an Apple-silicon Mac with sip: false cannot be {mode}", node, hint)
    return mode


def _refuse_management(fields: Fields, mac: Mac) -> None:
    if not mac.kext_management:
        return
    node = fields.at("kext_management")
    if mac.architecture is not Architecture.APPLE_SILICON:
        raise fields.place.wrong(f"an {mac.architecture} Mac has no kext_management", node, "leave the field out")
    if mac.security_mode is SecurityMode.FULL:
        raise fields.place.wrong(
            "kext_management cannot be allowed under full security", node, "say security_mode: reduced or permissive"
        )


def counts_as_user_approved(mac: Mac) -> bool:
    """Whether profiles that carry an extension policy may be on this Mac (MDM-07): from macOS 11 every `device`
    enrollment counts as approved by the user, and an automated one always does."""
    if mac.enrollment is Enrollment.DEVICE:
        return mac.user_approved_mdm or mac.macos >= _BIG_SUR
    return mac.enrollment is Enrollment.AUTOMATED_DEVICE
