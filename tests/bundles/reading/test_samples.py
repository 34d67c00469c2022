"""What is made from a description is read back as that description, whole and by strangers to each other's code."""

from __future__ import annotations

import plistlib
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kextrel import bundles
from kextrel.bundles.reading import inspect
from kextrel.bundles.reading.found import ComponentKind, Signer
from kextrel.errors import InputError
from kextrel.vocabulary import Category, Extension, ExtensionKind, Signature

FAMILY = "com.example.kextrel"


def kext(**changes: Any) -> Extension:
    return Extension("driver", ExtensionKind.KEXT, f"{FAMILY}.driver", **changes)


def carried(category: Category, **changes: Any) -> Extension:
    values: dict[str, Any] = {"libraries": frozenset(), **changes}
    name = category.value
    return Extension(name, ExtensionKind.SYSTEM_EXTENSION, f"{FAMILY}.{name}", category=category, **values)


KEXTS = {
    "plain": kext(),
    "another team": kext(team_id="AB12CD34EF", version="2.3.4"),
    "ad-hoc": kext(signature=Signature.AD_HOC, team_id=""),
    "unsigned": kext(signature=Signature.NONE, team_id=""),
    "intel alone": kext(architectures=frozenset({"x86_64"})),
    "apple silicon alone": kext(architectures=frozenset({"arm64e"})),
    "kauth": kext(symbols=frozenset({"kauth_listen_scope", "kauth_unlisten_scope"})),
    "usb": kext(libraries=frozenset({"com.apple.iokit.IOUSBHostFamily"}), user_client=True),
    "sockets": kext(symbols=frozenset({"sock_socket", "sflt_register"})),
}


@pytest.mark.parametrize("name", KEXTS)
def test_a_kext_is_read_back_as_it_was_described(tmp_path: Path, name: str) -> None:
    described = KEXTS[name]
    path = bundles.make(described, tmp_path)
    (found,) = inspect(path).extensions()
    assert found == replace(described, bundle=str(path))


@pytest.mark.parametrize("category", list(Category))
def test_a_system_extension_is_read_back_as_it_was_described(tmp_path: Path, category: Category) -> None:
    described = carried(category, early_boot=category is Category.ENDPOINT_SECURITY)
    path = bundles.make(described, tmp_path)
    (found,) = inspect(path).extensions()
    needed = inspect(path).components[1].code.entitlements
    name = described.bundle_id.rpartition(".")[2]
    assert found == replace(described, name=name, bundle=str(path), entitlements=frozenset(needed))
    assert len(needed) >= 1


@pytest.mark.parametrize("signature", [Signature.BROKEN, Signature.REVOKED])
def test_damage_is_seen_and_a_revocation_is_not(tmp_path: Path, signature: Signature) -> None:
    (found,) = inspect(bundles.make(kext(signature=signature), tmp_path)).components
    assert found.code.signer is Signer.DEVELOPER_ID
    if signature is Signature.BROKEN:
        assert found.standing is Signature.BROKEN
        assert found.code.damage == ("the code was changed after it was signed",)
    else:
        assert (found.standing, found.code.damage) == (Signature.DEVELOPER_ID, ())


def test_an_app_and_all_that_it_carries(tmp_path: Path) -> None:
    app = bundles.make_app([carried(one) for one in Category], tmp_path)
    found = inspect(app)
    assert [one.kind for one in found.components] == [
        ComponentKind.APP,
        ComponentKind.DRIVER_EXTENSION,
        ComponentKind.SYSTEM_EXTENSION,
        ComponentKind.SYSTEM_EXTENSION,
    ]
    assert {one.inside for one in found.components[1:]} == {app.name}
    assert [one.needs_macos for one in found.components] == ["10.15"] * 4
    assert all(one.code.hardened_runtime and not one.code.damage for one in found.components)
    assert {one.code.developer for one in found.components} == {
        "Developer ID Application: Kextrel Sample KXTRL00001 (KXTRL00001)"
    }


def test_a_file_that_was_changed_after_signing_is_named(tmp_path: Path) -> None:
    app = bundles.make(carried(Category.ENDPOINT_SECURITY), tmp_path)
    inner = next((app / "Contents/Library/SystemExtensions").iterdir()) / "Contents/Info.plist"
    info = plistlib.loads(inner.read_bytes())
    inner.write_bytes(plistlib.dumps(info | {"NSEndpointSecurityEarlyBoot": True}))
    outer, extension = inspect(app).components
    place = inner.relative_to(app / "Contents").as_posix()
    assert outer.code.damage == (f"'{place}' was changed after it was signed",)
    assert extension.code.damage == ("Info.plist was changed after it was signed",)
    assert (outer.standing, extension.standing) == (Signature.BROKEN, Signature.BROKEN)
    shutil.rmtree(inner.parents[1])
    (alone,) = inspect(app).components
    assert len(alone.code.damage) == 3
    assert all(one.endswith("was signed and is missing") for one in alone.code.damage)


def test_an_app_and_its_extension_must_fit_together(tmp_path: Path) -> None:
    """The extension of one team in the app of another, beside its place; and an app that may not install."""
    app = bundles.make(carried(Category.ENDPOINT_SECURITY), tmp_path)
    assert [one for one in inspect(app).components[0].remarks if one.level == "problem"] == []
    other = bundles.make(carried(Category.DRIVER, team_id="AB12CD34EF"), tmp_path / "other")
    (driver,) = (other / "Contents/Library/SystemExtensions").iterdir()
    shutil.copytree(driver, app / "Contents/PlugIns" / driver.name)
    said = "\n".join(one.text for one in inspect(app).components[0].remarks)
    identifier = driver.name.removesuffix(".dext")
    assert f"{identifier} does not lie in its Contents/Library/SystemExtensions, where sysextd looks for it" in said
    assert f"{identifier} is signed by team AB12CD34EF, and it by KXTRL00001" in said
    main = app / "Contents/MacOS" / app.stem
    main.write_bytes(main.read_bytes().replace(b"system-extension.install", b"system-extension.1nstall"))
    said = "\n".join(one.text for one in inspect(app).components[0].remarks)
    assert "it carries system extensions and lacks the entitlement com.apple.developer.system-extension.install" in said


def test_without_an_info_plist_there_is_no_bundle(tmp_path: Path) -> None:
    (tmp_path / "empty.kext").mkdir()
    with pytest.raises(InputError, match=r"empty\.kext: it has no Info\.plist; do not install it"):
        inspect(tmp_path / "empty.kext")
