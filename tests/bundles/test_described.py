"""A bundle that somebody gave, in the words of a scenario, and who trusts it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kextrel import bundles
from kextrel.bundles import described as module
from kextrel.errors import InputError
from kextrel.vocabulary import Category, Extension, ExtensionKind, Signature

STORAGE = Extension(
    "storage",
    ExtensionKind.KEXT,
    "com.acme.storage",
    "ACME123456",
    "3.2.1",
    architectures=frozenset({"x86_64"}),
    libraries=frozenset({"com.apple.kpi.bsd", "com.apple.kpi.libkern"}),
    user_client=True,
)
GUARD = Extension(
    "guard", ExtensionKind.SYSTEM_EXTENSION, "com.acme.guard", "ACME123456", "7.0", category=Category.NETWORK
)
WATCH = replace(GUARD, name="watch", bundle_id="com.acme.watch", category=Category.ENDPOINT_SECURITY, early_boot=True)


def test_a_kext_tells_what_a_scenario_says_of_one(tmp_path: Path) -> None:
    path = bundles.make(STORAGE, tmp_path)
    (found,) = bundles.given(path)
    assert found.path == path
    assert found.fields == {
        "kind": "kext",
        "bundle_id": "com.acme.storage",
        "team_id": "ACME123456",
        "version": "3.2.1",
        "signature": "developer-id",
        "architectures": ["x86_64"],
        "libraries": ["com.apple.kpi.bsd", "com.apple.kpi.libkern"],
        "symbols": [],
        "user_client": True,
    }


@pytest.mark.parametrize("signature", [Signature.NONE, Signature.AD_HOC, Signature.BROKEN])
def test_its_signature_is_what_the_files_show(tmp_path: Path, signature: Signature) -> None:
    (found,) = bundles.given(bundles.make(replace(STORAGE, signature=signature), tmp_path))
    assert found.fields["signature"] == signature.value


def test_an_app_tells_of_all_that_it_carries(tmp_path: Path) -> None:
    app = bundles.make_app([GUARD, WATCH], tmp_path)
    found = {one.fields["bundle_id"]: one for one in bundles.given(app)}
    assert {name: one.fields["category"] for name, one in found.items()} == {
        "com.acme.guard": "network",
        "com.acme.watch": "endpoint-security",
    }
    assert [one.fields["early_boot"] for one in found.values()] == [False, True]
    assert "com.apple.developer.endpoint-security.client" in found["com.acme.watch"].fields["entitlements"]


def test_one_inside_an_app_is_installed_with_the_app(tmp_path: Path) -> None:
    app = bundles.make_app([GUARD, WATCH], tmp_path)
    inside = app / "Contents/Library/SystemExtensions/com.acme.watch.systemextension"
    (found,) = bundles.given(inside)
    assert (found.path, found.fields["bundle_id"]) == (app, "com.acme.watch")


def test_what_cannot_be_installed_is_refused(tmp_path: Path) -> None:
    app = bundles.make(GUARD, tmp_path)
    loose = (app / "Contents/Library/SystemExtensions/com.acme.guard.systemextension").rename(
        tmp_path / "com.acme.guard.systemextension"
    )
    with pytest.raises(InputError, match="it cannot be installed as it is; name a"):
        bundles.given(loose)
    with pytest.raises(InputError, match="an app without a system extension"):
        bundles.given(app)
    with pytest.raises(InputError, match="it is a folder, and no bundle"):
        bundles.given(tmp_path)


def test_a_sample_is_for_virtual_macs_and_for_no_other(tmp_path: Path) -> None:
    assert bundles.distrusted(STORAGE, by_samples=True) == ""
    assert "give a bundle of yours with --extension storage=PATH" in bundles.distrusted(STORAGE, by_samples=False)
    made = replace(STORAGE, bundle=str(bundles.make(STORAGE, tmp_path)))
    assert bundles.distrusted(made, by_samples=True) == ""
    assert "com.acme.storage.kext is signed by Kextrel's test authority" in bundles.distrusted(made, by_samples=False)


def test_what_nobody_signed_is_nobody_s_to_trust() -> None:
    for signature in (Signature.NONE, Signature.AD_HOC):
        assert bundles.distrusted(replace(STORAGE, signature=signature), by_samples=False) == ""


def test_a_developer_of_apple_s_is_for_real_macs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bundles.make(STORAGE, tmp_path)
    (read,) = bundles.given(path)
    shipped = replace(read, signer="Developer ID Application: Acme (ACME123456)", apples=True)
    monkeypatch.setattr(module, "given", lambda _: (shipped,))  # nobody here can sign in Apple's name
    mine = replace(STORAGE, bundle=str(path))
    assert bundles.distrusted(mine, by_samples=False) == ""
    assert bundles.distrusted(mine, by_samples=True) == (
        "com.acme.storage.kext is signed by Developer ID Application: Acme (ACME123456), and a virtual Mac trusts "
        "Kextrel's test authority alone: name a lab of real Macs with --lab"
    )
