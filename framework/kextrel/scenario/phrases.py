"""Actions and refusals in the words of a sentence, and actions as a scenario writes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from enum import Enum
from typing import Any

from kextrel.scenario.verbs import VERBS
from kextrel.vocabulary import Action, Credential, Environment, KextManagement, Profile, Reason, Version
from kextrel.vocabulary import actions as act

__all__ = ["REASONS", "said_as", "written"]

REASONS: Mapping[Reason, str] = {
    Reason.SECURITY_MODE: "the security mode lets no kext in",
    Reason.KEXTS_NOT_ALLOWED: "the boot policy does not allow kexts",
    Reason.APPROVAL_FORBIDDEN: "no profile allows it and the user may not",
    Reason.NOT_OFFERED: "there is nothing to choose here",
    Reason.NOT_ADMIN: "it takes an administrator",
    Reason.AUTHENTICATION: "nobody authenticated for it",
    Reason.WRONG_ENVIRONMENT: "the Mac is not booted into the system that this needs",
    Reason.NOT_PAIRED: "this recoveryOS is another macOS's",
    Reason.SIGNATURE: "its signature does not do",
    Reason.NOTARIZATION: "it is not notarized",
    Reason.UNSUPPORTED_KPI: "it uses kernel programming interfaces that are not supported any more",
    Reason.ARCHITECTURE: "it has no code for this Mac",
    Reason.BANNED: "it is banned",
    Reason.ENROLLMENT: "the Mac's enrollment does not do",
    Reason.NOT_PHYSICAL: "it takes a physical mouse or keyboard",
    Reason.SIP_ENABLED: "SIP is enabled",
    Reason.ENTITLEMENT: "it lacks an entitlement",
    Reason.LOCATION: "its app is not in /Applications",
    Reason.MALFORMED_PROFILE: "the profile contradicts itself",
    Reason.UNSUPPORTED_VERSION: "this macOS does not know it",
    Reason.UNSUPPORTED_HARDWARE: "this hardware does not know it",
    Reason.NOT_REMOVABLE: "a profile does not let it be removed",
    Reason.NOT_INSTALLED: "it is not there",
    Reason.NETWORK: "Apple's server cannot be reached",
}

_WHERE = {
    Environment.MACOS: "macOS",
    Environment.SAFE_MODE: "safe mode",
    Environment.ONE_TRUE_RECOVERY: "1TR (hold the power button)",
    Environment.RECOVERYOS: "recoveryOS",
    Environment.FALLBACK_RECOVERYOS: "the fallback recoveryOS (press the power button twice, and hold it)",
}
_WHO = {
    Credential.ADMIN: "as an administrator",
    Credential.STANDARD: "as a standard user",
    Credential.WRONG_PASSWORD: "with a wrong password",
    Credential.NOBODY: "with nobody there to authenticate",
}
_TEMPLATES: Mapping[type, str] = {
    act.Install: "install {one.extension}",
    act.Remove: "remove {one.extension}",
    act.Replace: "put version {one.version} of {one.extension} in place",
    act.Load: "ask for {one.extension} to be loaded",
    act.Unload: "unload {one.extension}",
    act.Rebuild: "rebuild the AuxKC",
    act.Activate: "have the app of {one.extension} ask for its activation",
    act.Allow: "allow {one.extension} in Settings {who}",
    act.Disable: "switch {one.extension} off in Settings {who}",
    act.Enable: "switch {one.extension} on in Settings {who}",
    act.ResetExtensions: "reset all system extensions",
    act.PanicMedic: "trigger the panic medic",
    act.RemoveProfile: "have the MDM remove the profile {one.profile}",
    act.Enroll: "enroll the Mac ({one.enrollment})",
    act.Unenroll: "end the enrollment",
    act.Upgrade: "upgrade to macOS {one.macos}",
    act.Wait: "wait {one.minutes:g} minutes",
}


def said_as(action: Action) -> str:
    """`action` as an order that somebody can follow: "boot into 1TR (hold the power button)"."""
    template = _TEMPLATES.get(type(action))
    if template is None:
        return _PHRASES[type(action)](action)
    return template.format(one=action, who=_WHO[getattr(action, "as_", Credential.ADMIN)])


def _security(action: act.SetSecurity) -> str:
    names = {KextManagement.USER: "user", KextManagement.REMOTE: "remote"}
    allowed = " and ".join(names[one] for one in sorted(action.allow))
    parts = [f"set {action.mode} security"] if action.mode is not None else []
    parts += [f"allow {allowed} management of kexts"] if allowed else []
    tool = "" if action.using == "bputil" else ", in Startup Security Utility"
    pairing = "" if action.paired else ", from another macOS's recovery"
    return f"{' and '.join(parts) or 'set no security mode'} {_WHO[action.as_]}{tool}{pairing}"


def _restart(action: act.Restart) -> str:
    if action.by == "user":
        return "restart"
    more = ["with RebuildKernelCache"] if action.rebuild_kernel_cache else []
    more += [f"with KextPaths for {', '.join(action.kext_paths)}"] if action.kext_paths else []
    more += ["with NotifyUser"] if action.notify_user else []
    return " ".join(["have the MDM restart the Mac", " and ".join(more)]).rstrip()


def _profile(profile: Profile) -> str:
    kinds = [("kernel", profile.kernel_extensions), ("system", profile.system_extensions)]
    named = " and ".join(f"{kind} extensions" for kind, policy in kinds if policy is not None)
    return f"install the profile {profile.id}" + (f" for {named} ({_keys(profile)})" if named else "")


def _keys(profile: Profile) -> str:
    policies = (one for one in (profile.kernel_extensions, profile.system_extensions) if one is not None)
    return "; ".join(f"{key}: {_words(value)}" for one in policies for key, value in _written_policy(one).items())


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key or 'no team'} {_words(item)}" for key, item in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value).lower()


def _approve(action: act.Approve) -> str:
    hand = "" if action.input == "physical" else ", by a synthetic event"
    return f"approve {action.extension} {_WHO[action.as_]}{hand}"


def _deactivate(action: act.Deactivate) -> str:
    how = {"app": "have its app deactivate {}", "settings": "remove {} in Settings", "finder": "delete the app of {}"}
    return f"{how[action.by].format(action.extension)} {_WHO[action.as_]}"


def _consent(action: act.KextConsent) -> str:
    if action.add:
        return f"allow the team {action.add} with `spctl kext-consent add`"
    return f"turn the user's consent {'on' if action.enabled else 'off'} with `spctl kext-consent`"


_PHRASES: Mapping[type, Callable[[Any], str]] = {
    act.Approve: _approve,
    act.Deactivate: _deactivate,
    act.DeveloperMode: lambda one: f"turn developer mode {'on' if one.on else 'off'}",
    act.Restart: _restart,
    act.Boot: lambda one: f"boot into {_WHERE[one.into]}",
    act.PowerCut: lambda one: "cut the power" + ("" if one.during == "idle" else " during the rebuild"),
    act.SetSecurity: _security,
    act.SetSip: lambda one: f"{'enable' if one.enabled else 'disable'} SIP {_WHO[one.as_]}",
    act.KextConsent: _consent,
    act.InstallProfile: lambda one: _profile(one.profile) + ("" if one.from_ == "mdm" else ", by hand"),
}


def written(action: Action) -> dict[str, Any]:
    """`action` as the JSON of one step: {"boot": {"into": "1tr"}}; what has its default is left out."""
    row, said = VERBS[action.verb], _given(action)
    said = {name: value for name, value in said.items() if name in row.takes}
    if isinstance(action, act.RemoveProfile):
        return {action.verb: action.profile}
    if isinstance(action, act.InstallProfile):
        return {action.verb: {**_written_profile(action.profile), **said}}
    if row.short is not None and set(said) == {row.short}:
        return {action.verb: said[row.short]}
    return {action.verb: said or None}


def _given(action: Action) -> dict[str, Any]:
    values: Any = action
    return {
        item.name.rstrip("_"): _json(getattr(action, item.name))
        for item in fields(values)
        if item.default is MISSING or getattr(action, item.name) != item.default
    }


def _json(value: Any) -> Any:
    if isinstance(value, frozenset | tuple):
        return sorted(str(one) for one in value)
    if isinstance(value, Enum | Version):
        return str(value)
    return value


def _written_profile(profile: Profile) -> dict[str, Any]:
    parts = {"kernel_extensions": profile.kernel_extensions, "system_extensions": profile.system_extensions}
    return {"id": profile.id} | {name: _written_policy(one) for name, one in parts.items() if one is not None}


def _written_policy(policy: Any) -> dict[str, Any]:
    """The payload with Apple's keys, those that say something."""
    found: dict[str, Any] = {}
    for item in fields(policy):
        value = getattr(policy, item.name)
        if value is None or (not isinstance(value, bool) and not value):
            continue
        key = "".join(_CAPITALS.get(word, word.capitalize()) for word in item.name.split("_"))
        found[key] = (
            {team: sorted(names) for team, names in value.items()} if isinstance(value, Mapping) else _json(value)
        )
    return found


_CAPITALS = {"ui": "UI"}
