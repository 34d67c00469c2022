"""The 27 actions of the language: what each takes, its defaults, the outcomes it can have.

`VERBS` is the table of design.md. A verb is written `- verb: value`, where value is a mapping of its fields; the one
field named by `short` may stand alone (`- load: driver`), and a verb all of whose fields have defaults may stand with
nothing (`- restart:`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from kextrel import yamltext
from kextrel.errors import InputError, nearest
from kextrel.scenario.fields import (
    Fields,
    Place,
    Reader,
    flag,
    list_of,
    number,
    one_of,
    team_id,
    text,
    version,
    word_of,
)
from kextrel.scenario.profiles import PROFILE_FIELDS, read_profile
from kextrel.vocabulary import (
    Action,
    Credential,
    Enrollment,
    Environment,
    Extension,
    ExtensionKind,
    KextManagement,
    Outcome,
    SecurityMode,
)
from kextrel.vocabulary import actions as act
from kextrel.yamltext import Node, Scalar

__all__ = ["VERBS", "Verb", "read_action"]

Extensions = Mapping[str, Extension]
Build = Callable[[Fields, Extensions], Action]


@dataclass(frozen=True)
class Verb:
    """One row of the table. `bare`: it may be written with nothing after the colon."""

    takes: tuple[str, ...]
    outcomes: tuple[Outcome, ...]
    build: Build
    short: str | None = None
    bare: bool = False


def read_action(
    verb: str, node: Node, place: Place, extensions: Extensions, modes: Collection[SecurityMode] = ()
) -> tuple[Action, Any]:
    """Types the value of one verb; also what was written, as JSON. `modes`: the security modes of this Mac, none where
    it has none (the verb is then unsupported-hardware). Raises InputError."""
    action, written = _read(verb, node, place, extensions)
    if isinstance(action, act.SetSecurity) and modes and action.mode is not None and action.mode not in modes:
        assert isinstance(node, yamltext.Mapping)
        hint = nearest(action.mode, [str(mode) for mode in modes])
        raise place.wrong(f"'mode' of {place.what} is '{action.mode}'", node.get("mode") or node, hint)
    return action, written


def _read(verb: str, node: Node, place: Place, extensions: Extensions) -> tuple[Action, Any]:
    row = VERBS[verb]
    if isinstance(node, Scalar) and node.is_null:
        return _bare(verb, node, place, extensions)
    if not row.takes:
        raise place.wrong(f"'{verb}' takes nothing", node, f"write it as `- {verb}:`")
    if isinstance(node, Scalar) and row.short is not None:
        fields = Fields(_mapping_of(row.short, node), place, row.takes)
        return row.build(fields, extensions), fields.written[row.short]
    if not isinstance(node, yamltext.Mapping):
        raise place.wrong(f"'{verb}' takes {_takes(row)}", node)
    fields = Fields(node, place, row.takes)
    return row.build(fields, extensions), fields.written


def _bare(verb: str, node: Node, place: Place, extensions: Extensions) -> tuple[Action, None]:
    row = VERBS[verb]
    if not row.bare:
        raise place.wrong(f"'{verb}' needs something after the colon", node, f"it takes {_takes(row)}")
    empty = Fields(yamltext.Mapping((), node.line), place, row.takes)
    return row.build(empty, extensions), None


def _mapping_of(key: str, node: Scalar) -> yamltext.Mapping:
    return yamltext.Mapping(((Scalar(key, node.line), node),), node.line)


def _takes(row: Verb) -> str:
    fields = "{" + ", ".join(row.takes) + "}"
    short = "the id of a profile" if row.short == "id" else "an extension"
    return f"{short}, or {fields}" if row.short else fields


def _extension(extensions: Extensions, kind: ExtensionKind | None = None) -> Reader[str]:
    """A reader of the name of one of the scenario's extensions, of one kind where the verb is for one."""

    def read(node: Node, place: Place) -> str:
        name = text(node, place)
        if name not in extensions:
            hint = nearest(name, extensions) or "declare it under extensions:"
            raise place.wrong(f"the scenario has no extension '{name}'", node, hint)
        if kind is not None and extensions[name].kind is not kind:
            raise place.wrong(f"{place.what} must be a {kind}, and '{name}' is a {extensions[name].kind}", node)
        return name

    return read


def _named(make: Callable[[str], Action], kind: ExtensionKind | None = None) -> Build:
    """The builder of a verb that takes an extension and nothing else."""
    return lambda fields, extensions: make(fields.need("extension", _extension(extensions, kind)))


def _nothing(action: Action) -> Build:
    return lambda _fields, _extensions: action


_KEXT, _SYSEXT = ExtensionKind.KEXT, ExtensionKind.SYSTEM_EXTENSION
_PEOPLE = (Credential.ADMIN, Credential.STANDARD)
_BOOTABLE = tuple(place for place in Environment if place is not Environment.OFF)
_OWNERS = (Credential.ADMIN, Credential.STANDARD, Credential.WRONG_PASSWORD)


def _who(fields: Fields, allowed: tuple[Credential, ...]) -> Credential:
    return fields.get("as", word_of(Credential, allowed), Credential.ADMIN)


def _replace(fields: Fields, extensions: Extensions) -> Action:
    return act.Replace(fields.need("extension", _extension(extensions)), fields.need("version", text))


def _approve(fields: Fields, extensions: Extensions) -> Action:
    by = fields.get("input", one_of("physical", "synthetic"), "physical")
    name = fields.need("extension", _extension(extensions, _KEXT))
    return act.Approve(name, _who(fields, _PEOPLE), cast(Literal["physical", "synthetic"], by))


def _allow(fields: Fields, extensions: Extensions) -> Action:
    return act.Allow(fields.need("extension", _extension(extensions, _SYSEXT)), _who(fields, _PEOPLE))


def _disable(fields: Fields, extensions: Extensions) -> Action:
    return act.Disable(fields.need("extension", _extension(extensions, _SYSEXT)), _who(fields, _PEOPLE))


def _enable(fields: Fields, extensions: Extensions) -> Action:
    return act.Enable(fields.need("extension", _extension(extensions, _SYSEXT)), _who(fields, _PEOPLE))


def _deactivate(fields: Fields, extensions: Extensions) -> Action:
    by = fields.get("by", one_of("app", "settings", "finder"), "app")
    name = fields.need("extension", _extension(extensions, _SYSEXT))
    who = _who(fields, (Credential.ADMIN, Credential.NOBODY))
    return act.Deactivate(name, cast(Literal["app", "settings", "finder"], by), who)


def _developer_mode(fields: Fields, _extensions: Extensions) -> Action:
    return act.DeveloperMode(fields.need("on", flag))


def _restart(fields: Fields, extensions: Extensions) -> Action:
    return act.Restart(
        by=cast(Literal["user", "mdm"], fields.get("by", one_of("user", "mdm"), "user")),
        rebuild_kernel_cache=fields.get("rebuild_kernel_cache", flag, False),
        kext_paths=fields.get("kext_paths", list_of(_extension(extensions, _KEXT)), ()),
        notify_user=fields.get("notify_user", flag, False),
    )


def _boot(fields: Fields, _extensions: Extensions) -> Action:
    return act.Boot(fields.need("into", word_of(Environment, _BOOTABLE)))


def _power_cut(fields: Fields, _extensions: Extensions) -> Action:
    during = fields.get("during", one_of("idle", "rebuild"), "idle")
    return act.PowerCut(cast(Literal["idle", "rebuild"], during))


def _set_security(fields: Fields, _extensions: Extensions) -> Action:
    tool = fields.get("using", one_of("startup-security-utility", "bputil"), "bputil")
    return act.SetSecurity(
        mode=fields.need("mode", word_of(SecurityMode)) if fields.has("mode") else None,
        allow=frozenset(fields.get("allow", list_of(word_of(KextManagement)), ())),
        using=cast(Literal["startup-security-utility", "bputil"], tool),
        as_=_who(fields, _OWNERS),
        paired=fields.get("paired", flag, True),
    )


def _set_sip(fields: Fields, _extensions: Extensions) -> Action:
    return act.SetSip(fields.need("enabled", flag), _who(fields, _OWNERS))


def _kext_consent(fields: Fields, _extensions: Extensions) -> Action:
    if fields.has("add") == fields.has("enabled"):
        raise _one_of_two(fields)
    if fields.has("add"):
        return act.KextConsent(add=fields.need("add", team_id))
    return act.KextConsent(enabled=fields.need("enabled", flag))


def _one_of_two(fields: Fields) -> InputError:
    return fields.place.wrong("kext-consent takes exactly one of 'add' and 'enabled'", fields.node)


def _install_profile(fields: Fields, _extensions: Extensions) -> Action:
    origin = fields.get("from", one_of("mdm", "hand"), "mdm")
    return act.InstallProfile(read_profile(fields), cast(Literal["mdm", "hand"], origin))


def _remove_profile(fields: Fields, _extensions: Extensions) -> Action:
    return act.RemoveProfile(fields.need("id", text))


def _enroll(fields: Fields, _extensions: Extensions) -> Action:
    return act.Enroll(
        fields.need("enrollment", word_of(Enrollment)),
        fields.get("user_approved_mdm", flag, True),
        fields.get("bootstrap_token", flag, True),
    )


def _unenroll(fields: Fields, _extensions: Extensions) -> Action:
    """It may say what it ends, for the reader; a Mac has one enrollment, so that changes nothing."""
    fields.get("enrollment", word_of(Enrollment), Enrollment.NONE)
    fields.get("user_approved_mdm", flag, True)
    fields.get("bootstrap_token", flag, True)
    return act.Unenroll()


_NAME = ("extension",)
_NAME_AS = ("extension", "as")
_ENROLLMENT = ("enrollment", "user_approved_mdm", "bootstrap_token")
_O = Outcome

VERBS: dict[str, Verb] = {
    "install": Verb(_NAME, (_O.DONE,), _named(act.Install), "extension"),
    "remove": Verb(_NAME, (_O.DONE,), _named(act.Remove), "extension"),
    "replace": Verb(("extension", "version"), (_O.DONE,), _replace),
    "load": Verb(
        _NAME,
        (_O.LOADED, _O.APPROVAL_REQUIRED, _O.RESTART_REQUIRED, _O.REFUSED),
        _named(act.Load, _KEXT),
        "extension",
    ),
    "unload": Verb(_NAME, (_O.UNLOADED, _O.REFUSED), _named(act.Unload, _KEXT), "extension"),
    "approve": Verb(("extension", "as", "input"), (_O.APPROVED, _O.REFUSED), _approve, "extension"),
    "rebuild": Verb((), (_O.RESTART_REQUIRED, _O.UNCHANGED, _O.REFUSED), _nothing(act.Rebuild()), bare=True),
    "activate": Verb(
        _NAME,
        (_O.ENABLED, _O.WAITING_FOR_USER, _O.REFUSED, _O.UNCHANGED),
        _named(act.Activate, _SYSEXT),
        "extension",
    ),
    "allow": Verb(_NAME_AS, (_O.ENABLED, _O.DISABLED, _O.REFUSED), _allow, "extension"),
    "disable": Verb(_NAME_AS, (_O.ENABLED, _O.DISABLED, _O.REFUSED), _disable, "extension"),
    "enable": Verb(_NAME_AS, (_O.ENABLED, _O.DISABLED, _O.REFUSED), _enable, "extension"),
    "deactivate": Verb(("extension", "by", "as"), (_O.TERMINATED, _O.REFUSED), _deactivate, "extension"),
    "reset-extensions": Verb((), (_O.DONE, _O.REFUSED), _nothing(act.ResetExtensions()), bare=True),
    "developer-mode": Verb(("on",), (_O.DONE, _O.REFUSED), _developer_mode),
    "restart": Verb(
        ("by", "rebuild_kernel_cache", "kext_paths", "notify_user"),
        (_O.RESTARTED, _O.DEFERRED, _O.REFUSED),
        _restart,
        bare=True,
    ),
    "boot": Verb(("into",), (_O.BOOTED, _O.REFUSED), _boot),
    "power-cut": Verb(("during",), (_O.RESTARTED,), _power_cut, bare=True),
    "set-security": Verb(
        ("mode", "allow", "using", "as", "paired"), (_O.CHANGED, _O.UNCHANGED, _O.REFUSED), _set_security, bare=True
    ),
    "set-sip": Verb(("enabled", "as"), (_O.CHANGED, _O.UNCHANGED, _O.REFUSED), _set_sip),
    "kext-consent": Verb(("add", "enabled"), (_O.CHANGED, _O.REFUSED), _kext_consent),
    "panic-medic": Verb((), (_O.CHANGED, _O.REFUSED), _nothing(act.PanicMedic()), bare=True),
    "install-profile": Verb((*PROFILE_FIELDS, "from"), (_O.INSTALLED, _O.REFUSED), _install_profile),
    "remove-profile": Verb(("id",), (_O.REMOVED, _O.REFUSED), _remove_profile, "id"),
    "enroll": Verb(_ENROLLMENT, (_O.DONE, _O.REFUSED), _enroll),
    "unenroll": Verb(_ENROLLMENT, (_O.DONE, _O.REFUSED), _unenroll, bare=True),
    "upgrade": Verb(("macos",), (_O.DONE, _O.REFUSED), lambda f, _e: act.Upgrade(f.need("macos", version))),
    "wait": Verb(("minutes",), (_O.DONE,), lambda f, _e: act.Wait(f.need("minutes", number))),
}
