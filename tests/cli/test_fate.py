"""What becomes of an inspected bundle: the readers and the model agree, though neither knows the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kextrel import bundles
from kextrel.cli.fate import Fate, fates, mac_of, way_words
from kextrel.errors import UsageError
from kextrel.vocabulary import Category, Extension, ExtensionKind, Signature

FAMILY = {name: f"com.apple.iokit.IO{name}Family" for name in ("HID", "USB", "USBHost", "Networking", "Serial", "PCI")}
USES: dict[str, tuple[list[str], list[str], bool]] = {
    "nothing": ([], [], False),
    "kauth": ([], ["kauth_listen_scope"], False),
    "sockets": ([], ["sock_socket"], False),
    "filters": ([], ["sflt_register"], False),
    "HID": (["HID"], [], False),
    "USB": (["USB"], [], False),
    "USB host": (["USBHost"], [], False),
    "USB networking": (["USBHost", "Networking"], [], False),
    "USB serial": (["USB", "Serial"], [], False),
    "USB and a user client": (["USBHost"], [], True),
    "USB, a user client, and networking": (["USBHost", "Networking"], [], True),
    "PCI networking": (["PCI", "Networking"], [], False),
}
RELEASES = ["10.13", "10.14", "10.15", "11", "12", "13", "14", "15", "26"]


def kext(folder: Path, **changes: Any) -> Path:
    return bundles.make(Extension("driver", ExtensionKind.KEXT, "com.example.driver", **changes), folder)


def fate(path: Path, macos: str, allowed: bool = False, **mac: object) -> Fate:
    (found,) = fates(bundles.inspect(path), mac_of({"macos": macos, **mac}), allowed=allowed)
    return found


@pytest.mark.parametrize("name", USES)
def test_the_readers_and_the_model_agree_on_every_release(tmp_path: Path, name: str) -> None:
    families, symbols, user_client = USES[name]
    libraries = frozenset({"com.apple.kpi.bsd", *(FAMILY[one] for one in families)})
    path = kext(tmp_path, libraries=libraries, symbols=frozenset(symbols), user_client=user_client)
    verdicts = bundles.inspect(path).components[0].kpi_by_release
    assert list(verdicts) == RELEASES
    for release, verdict in verdicts.items():
        found = fate(path, release, architecture="intel")
        refused = found.ends == "refused" and found.steps[-1].words == "refused (unsupported-kpi)"
        assert refused is (verdict == "unsupported"), release
        assert refused or found.ends == "loaded"


def test_a_profile_or_sip_off_lets_old_interfaces_load(tmp_path: Path) -> None:
    path = kext(tmp_path, symbols=frozenset({"kauth_listen_scope"}))
    assert fate(path, "13.0", architecture="intel").ends == "refused"
    assert fate(path, "13.0", architecture="intel", sip=False).ends == "loaded"
    assert fate(path, "13.0", architecture="intel", enrollment="device", allowed=True).ends == "loaded"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"signature": Signature.NONE, "team_id": ""}, "refused (signature)"),
        ({"signature": Signature.AD_HOC, "team_id": ""}, "refused (signature)"),
        ({"signature": Signature.BROKEN}, "refused (signature)"),
        ({"architectures": frozenset({"arm64e"})}, "refused (architecture)"),
    ],
    ids=["unsigned", "ad-hoc", "broken", "no slice"],
)
def test_what_is_read_of_a_file_decides(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    found = fate(kext(tmp_path, **changes), "13.6", architecture="intel-t2")
    assert found.steps[-1].words == words
    assert found.sentence == f"it does not run: load is {words}"


def verbs(found: Fate) -> list[str]:
    return [one.action.verb for one in found.steps]


def test_a_kext_on_a_mac_that_allows_kexts_is_walked_to_its_end(tmp_path: Path) -> None:
    path = kext(tmp_path)
    full = fate(path, "14.5")
    assert (verbs(full), full.steps[-1].words) == (["install", "load"], "refused (security-mode)")
    assert full.way is not None
    assert [one.verb for one in full.way.steps][:2] == ["boot", "set-security"]
    assert way_words(full).startswith("The shortest way to have it loaded: boot into 1TR")
    reduced = fate(path, "14.5", security_mode="reduced", kext_management=["user"])
    assert verbs(reduced) == ["install", "load", "approve", "load", "restart", "load"]
    assert (reduced.way, way_words(reduced)) == (None, "")
    assert reduced.sentence == "it is loaded after an administrator's approval and a restart"


def test_a_profile_that_allows_it_takes_the_approval_away(tmp_path: Path) -> None:
    found = fate(kext(tmp_path), "13.6", architecture="intel-t2", enrollment="device", allowed=True)
    assert found.sentence == "it is loaded after a restart"


def agent(folder: Path, **changes: Any) -> Path:
    values = {"category": Category.ENDPOINT_SECURITY, **changes}
    return bundles.make(Extension("agent", ExtensionKind.SYSTEM_EXTENSION, "com.example.agent", **values), folder)


def test_an_agent_waits_for_its_user(tmp_path: Path) -> None:
    found = fate(agent(tmp_path), "14.5")
    assert (verbs(found), found.ends) == (["install", "activate", "allow"], "enabled")
    assert found.sentence == "it is enabled after an administrator's consent"


def test_a_macos_older_than_the_bundle_says_is_told(tmp_path: Path) -> None:
    found = fate(agent(tmp_path), "10.14", architecture="intel")
    assert found.ends == "refused"
    assert found.assumed[0] == "but the bundle says that it needs macOS 10.15, and this Mac has 10.14"


@pytest.mark.parametrize(
    ("mac", "said"),
    [
        ({"macos": "lion"}, "lion"),
        ({"macos": ">=12"}, "--macos >=12 is not one version"),
        ({"macos": "10.15"}, "there is no Apple-silicon Mac with macOS 10.15"),
        ({"macos": "14.5", "kext_management": ["user"]}, "cannot be allowed under full security"),
        ({"macos": "14.5", "architecture": "intel", "security_mode": "full"}, "an intel Mac has no security_mode"),
    ],
    ids=["no version", "a range", "too old", "full", "intel"],
)
def test_a_mac_that_cannot_be(mac: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        mac_of(mac)


def test_an_agent_without_its_entitlement_is_refused(tmp_path: Path) -> None:
    found = fate(agent(tmp_path, entitlements=frozenset()), "14.5")
    assert found.steps[-1].words == "refused (entitlement)"


def test_a_kind_that_no_rule_speaks_of_is_not_foretold(tmp_path: Path) -> None:
    app = agent(tmp_path, category=Category.NETWORK)
    (place,) = (app / "Contents/Library/SystemExtensions").iterdir()
    info = place / "Contents/Info.plist"
    info.write_bytes(info.read_bytes().replace(b"<key>NetworkExtension</key>", b"<key>CMIOExtension</key>"))
    (place / "Contents/MacOS/com.example.agent").unlink()
    info.write_bytes(info.read_bytes().replace(b"<key>CFBundleExecutable</key>", b"<key>Nothing</key>"))
    found = fate(app, "14.5")
    assert (found.ends, found.steps, found.sentence) == ("unknown", (), "no rule speaks of camera")


def test_an_unsigned_kext_is_allowed_by_its_identifier(tmp_path: Path) -> None:
    path = kext(tmp_path, signature=Signature.NONE, team_id="")
    found = fate(path, "13.6", architecture="intel", sip=False, enrollment="automated-device", allowed=True)
    assert (found.ends, "approve" in [one.action.verb for one in found.steps]) == ("loaded", False)


def test_no_profile_is_on_a_mac_that_is_not_enrolled(tmp_path: Path) -> None:
    found = bundles.inspect(kext(tmp_path))
    with pytest.raises(UsageError, match="no profile can allow it on a Mac with enrollment user"):
        fates(found, mac_of({"macos": "14.5", "enrollment": "user"}), allowed=True)
