"""The sources for real Macs beside what is made: the same identifiers, plists and words, so that one does not drift."""

from __future__ import annotations

import plistlib
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kextrel import bundles
from kextrel.bundles.entitlements import INSTALL, of_extension
from kextrel.macos import extension_request
from kextrel.vocabulary import Category, Extension, ExtensionKind

SAMPLE = Path(bundles.__file__).parent / "sample" / "app"
KINDS = {"agent": Category.ENDPOINT_SECURITY, "filter": Category.NETWORK, "device": Category.DRIVER}
KIND = "com.apple.developer.networking.networkextension"


def sampled(name: str) -> Extension:
    return Extension(name, ExtensionKind.SYSTEM_EXTENSION, f"com.example.kextrel.{name}", category=KINDS.get(name))


def plist(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = plistlib.loads(path.read_bytes())
    return found


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundles.make_app([sampled(name) for name in KINDS], tmp_path_factory.mktemp("app"))


def without_providers(info: dict[str, Any]) -> dict[str, Any]:
    """The sample has one provider, what is made has one of each."""
    if "NetworkExtension" in info:
        info["NetworkExtension"].pop("NEProviderClasses")
    return info


@pytest.mark.parametrize("name", ["host", *KINDS])
def test_info_plists_are_those_that_are_made(app: Path, name: str) -> None:
    places = {
        "host": app,
        **{one.name.split(".")[-2]: one for one in (app / "Contents/Library/SystemExtensions").iterdir()},
    }
    made = next(path for path in (places[name] / "Contents/Info.plist", places[name] / "Info.plist") if path.exists())
    assert without_providers(plist(SAMPLE / f"{name}-Info.plist")) == without_providers(plist(made))


@pytest.mark.parametrize("name", KINDS)
def test_entitlements_are_those_that_are_made(name: str) -> None:
    written, made = plist(SAMPLE / f"{name}.entitlements"), dict(of_extension(sampled(name)))
    assert set(written.pop(KIND, ())) <= set(made.pop(KIND, ()))
    assert written == made


def test_the_host_may_install() -> None:
    assert plist(SAMPLE / "host.entitlements")[INSTALL] is True


def test_every_line_that_the_host_prints_is_understood() -> None:
    source = (SAMPLE / "host.m").read_text()
    formats = [one for one in re.findall(r'@"([^"]+)"', source) if not one.startswith(".")]
    filled = [
        one.replace("%s %@", "activate com.example.x")
        .replace("%@ with %@", "1.0 with 2.0")
        .replace("%@ %ld", "OSSystemExtensionErrorDomain 8")
        for one in formats
    ]
    assert len(filled) == 6
    for line in filled:
        assert extension_request.read(line).unparsed == ()


@pytest.mark.skipif(shutil.which("sh") is None, reason="sh is not installed")
def test_the_script_is_a_shell_s() -> None:
    done = subprocess.run(["sh", "-n", str(SAMPLE / "build-on-a-mac.sh")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
