"""The catalog: bundles are made once, when they are needed, and where one lies is known of every kext."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from kextrel.device.catalog import Catalog
from kextrel.errors import NotPossible
from kextrel.vocabulary import Extension, ExtensionKind, Version

DRIVER = Extension("driver", ExtensionKind.KEXT, "com.example.driver")
STRANGE = Extension("strange", ExtensionKind.KEXT, "com.example.strange", architectures=frozenset({"i386"}))
GIVEN = Extension("given", ExtensionKind.KEXT, "com.example.given", bundle="/somewhere/Real.kext", path="/Library/A B/")


@pytest.fixture
def catalog() -> Iterator[Catalog]:
    made = Catalog()
    made.learn({one.name: one for one in (DRIVER, STRANGE, GIVEN)})
    yield made
    made.close()


def test_a_bundle_is_made_once_and_goes_with_the_catalog(catalog: Catalog) -> None:
    made = catalog.bundle(DRIVER)
    assert catalog.bundle(DRIVER) == made
    assert made.is_dir()
    catalog.close()
    assert not made.exists()


def test_a_kext_that_cannot_be_made_is_said_so_each_time_and_hinders_no_other(catalog: Catalog) -> None:
    for _ in range(2):
        with pytest.raises(NotPossible, match="not implemented: making a slice"):
            catalog.bundle(STRANGE)
    assert catalog.bundle(DRIVER).is_dir()


def test_where_a_kext_lies_is_known_without_its_bundle(catalog: Catalog) -> None:
    assert catalog.installed_at(STRANGE) == "/Library/Extensions/com.example.strange.kext"
    assert catalog.installed_at(GIVEN) == "/Library/A B/Real.kext"
    assert catalog.installed_at(DRIVER).endswith(f"/{catalog.bundle(DRIVER).name}")


def test_an_extension_lies_in_its_app_among_the_applications_or_not(catalog: Catalog) -> None:
    agent = Extension("agent", ExtensionKind.SYSTEM_EXTENSION, "com.example.agent")
    stray = Extension("stray", ExtensionKind.SYSTEM_EXTENSION, "com.example.agent", app_in_applications=False)
    assert catalog.installed_at(agent) == "/Applications/Kextrel-com.example.agent.app"
    assert catalog.installed_at(stray) == "/Users/Shared/Kextrel-com.example.agent.app"


def test_what_an_older_macos_left_is_kept_for_its_own_scenario_only(catalog: Catalog) -> None:
    """Else its approval would be everybody's of its team, and a kext that must ask would just load (UAK-06)."""
    veteran = replace(DRIVER, name="veteran", installed_before=Version(10, 12))
    catalog.begin({"veteran": veteran})
    catalog.learn({"later": replace(DRIVER, name="later")})
    assert catalog.extension("veteran").installed_before == Version(10, 12)
    catalog.begin({"driver": DRIVER})
    assert [one.installed_before for one in catalog.kexts()] == [None] * len(list(catalog.kexts()))
    assert "veteran" in {one.name for one in catalog.kexts()}


def test_another_version_is_another_bundle(catalog: Catalog) -> None:
    first = catalog.bundle(catalog.kext("driver"))
    assert catalog.renew("driver", "2.0").version == "2.0"
    assert catalog.bundle(catalog.kext("driver")) != first
    with pytest.raises(NotPossible, match="another version"):
        catalog.renew("given", "2.0")
