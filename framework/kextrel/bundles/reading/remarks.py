"""What the maker of a bundle should know of it, in sentences, with the rules that say so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kextrel.bundles.reading.found import Component, ComponentKind, Remark, Signer
from kextrel.vocabulary import Category, Signature

__all__ = ["remarks_on", "remarks_on_carrier"]

_INSTALL = "com.apple.developer.system-extension.install"
_PLACE = "Contents/Library/SystemExtensions"
_NEEDED = {
    Category.ENDPOINT_SECURITY: "com.apple.developer.endpoint-security.client",
    Category.NETWORK: "com.apple.developer.networking.networkextension",
    Category.DRIVER: "com.apple.developer.driverkit",
}
_SLICES = {
    ComponentKind.KEXT: (("arm64e", "Apple silicon"), ("x86_64", "Intel")),
    ComponentKind.SYSTEM_EXTENSION: (("arm64", "Apple silicon"), ("x86_64", "Intel")),
    ComponentKind.DRIVER_EXTENSION: (("arm64", "Apple silicon"), ("x86_64", "Intel")),
}
_KEXT_SLICES = ("x86_64", "x86_64h", "arm64e")


def remarks_on(component: Component) -> Iterator[Remark]:
    """Problems first within each part: identity, architectures, signature, then what is particular to its kind."""
    yield from _identity(component)
    yield from _architectures(component)
    yield from _signature(component)
    if component.kind is ComponentKind.KEXT:
        yield from _kext(component)
    elif component.kind is not ComponentKind.APP:
        yield from _extension(component)


def remarks_on_carrier(app: Component, carried: Sequence[Component]) -> Iterator[Remark]:
    """What keeps an app from having the system extensions activated that it carries."""
    extensions = [one for one in carried if one.kind not in (ComponentKind.KEXT, ComponentKind.APP)]
    if extensions and app.code.present and _INSTALL not in app.granted:
        yield _problem(f"it carries system extensions and lacks the entitlement {_INSTALL}")
    for one in extensions:
        if one.path.rpartition("/")[0] != f"{app.path}/{_PLACE}":
            yield _problem(f"{one.bundle_id} does not lie in its {_PLACE}, where sysextd looks for it")
        theirs, own = (each.code.team_id or "nobody" for each in (one, app))
        if theirs != own:
            yield _problem(f"{one.bundle_id} is signed by team {theirs}, and it by {own}")


def _problem(text: str, *rules: str) -> Remark:
    return Remark("problem", text, rules)


def _note(text: str, *rules: str) -> Remark:
    return Remark("note", text, rules)


def _identity(component: Component) -> Iterator[Remark]:
    if not component.bundle_id:
        yield _problem("its Info.plist has no CFBundleIdentifier")
    if not component.version:
        yield _problem("its Info.plist has no CFBundleVersion")
    signed = component.code.identifier
    if component.code.present and signed != component.bundle_id:
        yield _note(f"it is signed as '{signed}', not as its identifier")


def _architectures(component: Component) -> Iterator[Remark]:
    if not component.slices:
        codeless = component.kind is ComponentKind.KEXT
        yield _note("it has no code of its own, only an Info.plist") if codeless else _problem("it has no executable")
        return
    there = {one.architecture.replace("x86_64h", "x86_64") for one in component.slices}
    for name, macs in _SLICES.get(component.kind, ()):
        if name not in there and not (name == "arm64" and "arm64e" in there):
            yield _problem(f"it has no {name} slice, so no Mac with {macs} runs it", "KEXT-21")
    of_kext = [one for one in component.slices if one.architecture in _KEXT_SLICES]  # i386's were plain objects
    if component.kind is ComponentKind.KEXT and any(one.file_type != "kext-bundle" for one in of_kext):
        yield _problem("its executable is not of the type of a kext")


def _signature(component: Component) -> Iterator[Remark]:
    code, is_kext = component.code, component.kind is ComponentKind.KEXT
    rule = "SIG-01" if is_kext else "SIG-05"
    for damage in code.damage:
        yield _problem(f"its signature is broken: {damage}", rule)
    if code.signer is Signer.NOBODY:
        yield _problem("it is not signed", rule)
    elif code.signer is Signer.AD_HOC:
        yield _problem("it is signed ad-hoc, by nobody", rule)
    elif code.signer in (Signer.DEVELOPMENT, Signer.OTHER):
        yield _problem(f"it is signed by '{code.developer}', whom no Mac trusts for this", rule)
    if code.expired:
        yield _problem("its certificate had expired when it was signed, or has since and it has no timestamp", rule)
    if is_kext and code.signer is Signer.DEVELOPER_ID and not code.may_sign_kexts:
        yield _problem("its certificate is not one that Apple lets sign kexts", rule)
    if component.standing is Signature.DEVELOPER_ID and component.notarization == "unknown":
        yield _note(
            "no notarization ticket is stapled to it: whether it is notarized, only Apple's server knows", "SIG-04"
        )


def _kext(component: Component) -> Iterator[Remark]:
    for use in component.kpi:
        shown = ", ".join(use.shown_by)
        instead = f"; use {use.replacement}" if use.replacement else ""
        if use.unsupported:
            yield _problem(f"{use.name} ({shown}) is unsupported from macOS {use.unsupported}{instead}", use.rule)
        else:
            yield _note(f"{use.name} ({shown}) is deprecated from macOS {use.deprecated}{instead}", use.rule)
    if component.slices and not component.libraries:
        yield _problem("it names no OSBundleLibraries, so it can link against nothing")
    if len({one.undefined for one in component.slices}) > 1:
        yield _note("its slices need different symbols; all of them were looked at")


def _extension(component: Component) -> Iterator[Remark]:
    if component.category is None:
        yield _note(
            f"it is of a kind that no rule speaks of: {component.category_name or 'its Info.plist says none'}", "SYS-01"
        )
        return
    needed = _NEEDED[component.category]
    if component.code.present and needed not in component.granted:
        rules = ("SYS-17",) if component.category is Category.ENDPOINT_SECURITY else ()
        yield _problem(f"it lacks the entitlement {needed}", *rules)
    if component.early_boot and component.category is not Category.ENDPOINT_SECURITY:
        yield _note("NSEndpointSecurityEarlyBoot means nothing for its kind", "SYS-18")
    name = component.path.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    if name and name != component.bundle_id:
        yield _problem(f"its file is named '{name}', and sysextd finds it only under its identifier")
