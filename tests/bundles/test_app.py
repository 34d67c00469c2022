"""Apps that carry system extensions, judged by strangers: LIEF reads the Mach-O, OpenSSL the CMS, this file the rest.

`check_signature` does what `codesign --verify --strict` does, from the structures in <kern/cs_blobs.h>.
"""

from __future__ import annotations

import hashlib
import plistlib
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import lief
import pytest
from asn1crypto import parser
from cryptography.hazmat.primitives.serialization import Encoding

from kextrel import bundles
from kextrel.bundles import authority
from kextrel.bundles.entitlements import der_blob
from kextrel.bundles.executable import executable_slice
from kextrel.errors import NotPossible, UsageError
from kextrel.vocabulary import Category, Extension, ExtensionKind, Signature

TRUST = Path(bundles.__file__).parents[1] / "virtual" / "trust"
FAMILY = "com.example.kextrel"
CLIENT = "com.apple.developer.endpoint-security.client"
INSTALL = "com.apple.developer.system-extension.install"
MAIN_BINARY, AD_HOC, RUNTIME = 0x1, 0x2, 0x10000


def carried(name: str = "agent", category: Category = Category.ENDPOINT_SECURITY, **changes: Any) -> Extension:
    values: dict[str, Any] = {"bundle_id": f"{FAMILY}.{name}", "category": category, **changes}
    return Extension(name=name, kind=ExtensionKind.SYSTEM_EXTENSION, **values)


def three() -> list[Extension]:
    return [carried(), carried("filter", Category.NETWORK), carried("usb", Category.DRIVER)]


def inside(bundle: Path) -> Path:
    """Contents, or the bundle itself where it is flat."""
    return bundle / "Contents" if (bundle / "Contents").is_dir() else bundle


def plist_of(bundle: Path) -> dict[str, Any]:
    found: dict[str, Any] = plistlib.loads((inside(bundle) / "Info.plist").read_bytes())
    return found


def main_file(bundle: Path) -> Path:
    name = str(plist_of(bundle)["CFBundleExecutable"])
    deep = inside(bundle) / "MacOS" / name
    return deep if deep.is_file() else inside(bundle) / name


def extension_in(app: Path) -> Path:
    (found,) = (app / "Contents/Library/SystemExtensions").iterdir()
    return found


def thin_files(bundle: Path) -> list[bytes]:
    raw = main_file(bundle).read_bytes()
    if raw[:4] != b"\xca\xfe\xba\xbe":
        return [raw]
    count = struct.unpack_from(">I", raw, 4)[0]
    places = (struct.unpack_from(">2I", raw, 16 + 20 * at) for at in range(count))
    return [raw[offset : offset + size] for offset, size in places]


def load_commands(thin: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 32
    for _ in range(struct.unpack_from("<I", thin, 16)[0]):
        kind, size = struct.unpack_from("<2I", thin, at)
        found.append((kind, thin[at : at + size]))
        at += size
    return found


def superblob(thin: bytes) -> tuple[bytes, dict[int, bytes]]:
    """The signed code, and the signature's blobs by slot."""
    offset, size = next(struct.unpack_from("<2I", body, 8) for kind, body in load_commands(thin) if kind == 0x1D)
    raw = thin[offset : offset + size]
    magic, length, count = struct.unpack_from(">3I", raw)
    assert (magic, length <= size) == (0xFADE0CC0, True)
    blobs = {}
    for at in range(count):
        slot, start = struct.unpack_from(">2I", raw, 12 + 8 * at)
        blobs[slot] = raw[start : start + struct.unpack_from(">I", raw, start + 4)[0]]
    return thin[:offset], blobs


def check_signature(bundle: Path) -> list[str]:
    """What is wrong with the bundle's own signature, slice by slice, and with its seal."""
    wrong = []
    for thin in thin_files(bundle):
        code, blobs = superblob(thin)
        wrong += check_directory(code, blobs, bundle)
    return wrong + check_resources(bundle)


def check_directory(code: bytes, blobs: dict[int, bytes], bundle: Path) -> list[str]:
    directory = blobs[0]
    hashes, _, special, pages, limit = struct.unpack_from(">5I", directory, 16)
    at = [directory[hashes + 32 * n : hashes + 32 * (n + 1)] for n in range(-special, pages)]
    wrong = [] if limit == len(code) and pages == -(-limit // 4096) else ["the code is not covered"]
    for page in range(pages):
        if hashlib.sha256(code[4096 * page : 4096 * (page + 1)]).digest() != at[special + page]:
            wrong.append(f"page {page}")
    files = {1: inside(bundle) / "Info.plist", 3: inside(bundle) / "_CodeSignature/CodeResources"}
    for slot in range(1, special + 1):
        content = files[slot].read_bytes() if slot in files else blobs.get(slot)
        if at[special - slot] != (hashlib.sha256(content).digest() if content is not None else bytes(32)):
            wrong.append(f"slot {slot}")
    return wrong if special == 7 else [*wrong, f"{special} special slots"]


def check_resources(bundle: Path) -> list[str]:
    root = inside(bundle)
    sealed = plistlib.loads((root / "_CodeSignature/CodeResources").read_bytes())["files2"]
    there = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    own = {"Info.plist", "PkgInfo", main_file(bundle).relative_to(root).as_posix()}
    present = {name for name in there if name not in own and not name.startswith("_CodeSignature/")}
    wrong = [f"sealed differently: {name}" for name in sorted(present ^ set(sealed))]
    for name in sorted(present & set(sealed)):
        if hashlib.sha256(there[name].read_bytes()).digest() != sealed[name]["hash2"]:
            wrong.append(f"modified: {name}")
    return wrong


def entitled(bundle: Path) -> dict[str, Any]:
    """The entitlements in the signature: the property list's, which every slice and the DER must repeat."""
    found: dict[str, Any] = {}
    for thin in thin_files(bundle):
        _, blobs = superblob(thin)
        assert struct.unpack_from(">I", blobs[5])[0] == 0xFADE7171
        assert struct.unpack_from(">I", blobs[7])[0] == 0xFADE7172
        found = plistlib.loads(blobs[5][8:])
        assert from_der(blobs[7][8:]) == found
    return found


def from_der(raw: bytes) -> Any:
    """APPLICATION 16 of the version 1 and a dictionary."""
    kind, _, tag, _, content, _ = parser.parse(raw)
    assert (kind, tag, content[:3]) == (1, 16, b"\x02\x01\x01")
    return value_of(content[3:])


def value_of(raw: bytes) -> Any:
    kind, _, tag, _, content, _ = parser.parse(raw)
    if kind == 2:
        assert tag == 16
        pairs = [parts_of(parser.parse(one)[4]) for one in parts_of(content)]
        keys = [value_of(key) for key, _ in pairs]
        assert keys == sorted(keys)
        return dict(zip(keys, (value_of(value) for _, value in pairs), strict=True))
    if tag == 16:
        return [value_of(one) for one in parts_of(content)]
    return {1: lambda: content == b"\xff", 2: lambda: int.from_bytes(content, "big"), 12: content.decode}[tag]()


def parts_of(content: bytes) -> list[bytes]:
    found = []
    while content:
        _, _, _, header, inner, trailer = parser.parse(content, strict=False)
        found.append(header + inner + trailer)
        content = content[len(found[-1]) :]
    return found


def flags(bundle: Path) -> set[int]:
    return {struct.unpack_from(">I", superblob(thin)[1][0], 12)[0] for thin in thin_files(bundle)}


def test_one_app_carries_one_of_each_kind_each_in_its_place(tmp_path: Path) -> None:
    app = bundles.make_app(three(), tmp_path)
    assert app.name == f"Kextrel-{FAMILY}.app"
    found = {path.name: plist_of(path) for path in (app / "Contents/Library/SystemExtensions").iterdir()}
    assert {name: info["CFBundlePackageType"] for name, info in found.items()} == {
        f"{FAMILY}.agent.systemextension": "SYSX",
        f"{FAMILY}.filter.systemextension": "SYSX",
        f"{FAMILY}.usb.dext": "DEXT",
    }
    assert all(name.startswith(info["CFBundleIdentifier"]) for name, info in found.items())


def test_lief_reads_executables_of_both_architectures_with_their_libraries(tmp_path: Path) -> None:
    app = bundles.make_app(three(), tmp_path)
    carried_ones = sorted((app / "Contents/Library/SystemExtensions").iterdir())
    for bundle, library in zip(
        [app, *carried_ones],
        ["SystemExtensions", "libEndpointSecurity.dylib", "NetworkExtension", "DriverKit"],
        strict=True,
    ):
        fat = lief.MachO.parse(str(main_file(bundle)))
        assert {binary.header.cpu_type.name for binary in fat} == {"ARM64", "X86_64"}
        for binary in fat:
            assert binary.header.file_type == lief.MachO.Header.FILE_TYPE.EXECUTE
            assert library in {one.name.rsplit("/", 1)[-1] for one in binary.libraries}
            assert binary.has_main_command
            assert lief.MachO.check_layout(binary) == (True, "")
            driver = binary.build_version.platform == lief.MachO.BuildVersion.PLATFORMS.DRIVERKIT
            assert driver is (library == "DriverKit")


def test_every_signature_verifies_as_codesign_would(tmp_path: Path) -> None:
    app = bundles.make_app(three(), tmp_path)
    for bundle in [app, *(app / "Contents/Library/SystemExtensions").iterdir()]:
        assert check_signature(bundle) == []
        assert flags(bundle) == {RUNTIME}


def test_a_changed_file_anywhere_in_the_app_is_found(tmp_path: Path) -> None:
    app = bundles.make(carried(), tmp_path)
    info = inside(extension_in(app)) / "Info.plist"
    info.write_bytes(info.read_bytes() + b" ")
    assert check_signature(extension_in(app)) == ["slot 1", "slot 1"]
    assert check_signature(app) == [f"modified: {info.relative_to(app / 'Contents').as_posix()}"]


def test_a_changed_entitlement_is_found(tmp_path: Path) -> None:
    app = bundles.make(carried(), tmp_path)
    path = main_file(extension_in(app))
    path.write_bytes(path.read_bytes().replace(b"endpoint-security.client", b"endpoint-security.cllent"))
    assert check_signature(extension_in(app)) == ["slot 5", "slot 7"] * 2


def test_entitlements_are_those_of_the_category_in_both_forms(tmp_path: Path) -> None:
    app = bundles.make_app(three(), tmp_path)
    agent, network, driver = sorted((app / "Contents/Library/SystemExtensions").iterdir())
    assert entitled(agent) == {CLIENT: True}
    assert entitled(driver) == {"com.apple.developer.driverkit": True, "com.apple.security.app-sandbox": True}
    kinds = entitled(network)["com.apple.developer.networking.networkextension"]
    assert "packet-tunnel-provider-systemextension" in kinds
    assert entitled(app) == {INSTALL: True, "com.apple.developer.networking.networkextension": kinds}


def test_entitlements_that_the_scenario_names_replace_the_category_s(tmp_path: Path) -> None:
    none = bundles.make(carried(entitlements=frozenset()), tmp_path / "none")
    assert entitled(extension_in(none)) == {}
    other = bundles.make(carried(entitlements=frozenset({"com.apple.security.app-sandbox"})), tmp_path / "other")
    assert entitled(extension_in(other)) == {"com.apple.security.app-sandbox": True}
    assert entitled(other) == {INSTALL: True}


def test_der_holds_numbers_and_long_lists() -> None:
    wanted = {"b": [f"kind-{n}" for n in range(40)], "a": {"n": 300, "off": False}}
    assert from_der(der_blob(wanted)[8:]) == wanted


def test_info_plists_have_what_apple_requires_of_each_kind(tmp_path: Path) -> None:
    app = bundles.make_app([carried(early_boot=True, version="2.1.3"), *three()[1:]], tmp_path)
    agent, network, driver = (plist_of(one) for one in sorted((app / "Contents/Library/SystemExtensions").iterdir()))
    assert (agent["CFBundleVersion"], agent["CFBundleShortVersionString"]) == ("2.1.3", "2.1.3")
    assert agent["NSEndpointSecurityEarlyBoot"] is True
    assert agent["NSSystemExtensionUsageDescription"]
    assert network["NSSystemExtensionUsageDescription"]
    assert "com.apple.networkextension.packet-tunnel" in network["NetworkExtension"]["NEProviderClasses"]
    assert driver["OSBundleUsageDescription"]
    assert driver["IOKitPersonalities"]["usb"]["IOUserServerName"] == f"{FAMILY}.usb"
    assert plist_of(app)["CFBundlePackageType"] == "APPL"


def test_early_boot_is_there_only_where_it_is_asked_for(tmp_path: Path) -> None:
    assert "NSEndpointSecurityEarlyBoot" not in plist_of(extension_in(bundles.make(carried(), tmp_path)))


def test_a_broken_extension_is_in_an_app_that_is_in_order(tmp_path: Path) -> None:
    app = bundles.make(carried(signature=Signature.BROKEN), tmp_path)
    assert check_signature(extension_in(app)) == ["page 0", "page 0"]
    assert check_signature(app) == []


def test_ad_hoc_has_no_team_and_no_cms_and_keeps_its_entitlements(tmp_path: Path) -> None:
    extension = extension_in(bundles.make(carried(signature=Signature.AD_HOC), tmp_path))
    assert flags(extension) == {AD_HOC}
    _, blobs = superblob(thin_files(extension)[0])
    assert len(blobs[0x10000]) == 8
    assert b"KXTRL00001" not in blobs[0]
    assert entitled(extension) == {CLIENT: True}


def test_unsigned_has_no_signature_at_all(tmp_path: Path) -> None:
    app = bundles.make(carried(signature=Signature.NONE), tmp_path)
    assert not (inside(extension_in(app)) / "_CodeSignature").exists()
    assert all(kind != 0x1D for thin in thin_files(extension_in(app)) for kind, _ in load_commands(thin))
    assert check_signature(app) == []


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
@pytest.mark.parametrize(("kind", "trusted"), [(Signature.DEVELOPER_ID, True), (Signature.REVOKED, False)])
def test_openssl_verifies_the_cms_of_app_and_extension(tmp_path: Path, kind: Signature, trusted: bool) -> None:
    app = bundles.make(carried(signature=kind), tmp_path)
    assert openssl_verifies(app, tmp_path)
    assert openssl_verifies(extension_in(app), tmp_path) is trusted


def openssl_verifies(bundle: Path, folder: Path) -> bool:
    _, blobs = superblob(thin_files(bundle)[0])
    (folder / "directory").write_bytes(blobs[0])
    (folder / "cms").write_bytes(blobs[0x10000][8:])
    middle = authority.intermediate().certificate.public_bytes(Encoding.PEM)
    trust = [(TRUST / "root.pem").read_bytes(), middle, (TRUST / "revoked.crl.pem").read_bytes()]
    (folder / "trust.pem").write_bytes(b"".join(trust))
    command = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "cms", "-content", "directory"]
    command += ["-CAfile", "trust.pem", "-purpose", "any", "-crl_check", "-ignore_critical", "-out", "/dev/null"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or "revoked" in done.stderr, done.stderr
    return done.returncode == 0


def test_a_main_programme_says_so_in_its_directory(tmp_path: Path) -> None:
    _, blobs = superblob(thin_files(bundles.make(carried(), tmp_path))[0])
    base, limit, kind = struct.unpack_from(">3Q", blobs[0], 64)
    assert (base, limit, kind) == (0, 0x4000, MAIN_BINARY)


def test_what_a_scenario_says_of_architectures_is_what_is_made(tmp_path: Path) -> None:
    intel = extension_in(bundles.make(carried(architectures=frozenset({"x86_64"})), tmp_path))
    assert main_file(intel).read_bytes()[:4] == struct.pack("<I", 0xFEEDFACF)
    with pytest.raises(NotPossible, match="not implemented"):
        bundles.make(carried(architectures=frozenset({"i386"})), tmp_path / "other")
    with pytest.raises(UsageError, match="did you mean 'arm64'"):
        executable_slice("arm46", "x", "1.0", [])


@pytest.mark.parametrize(
    "several",
    [
        [],
        [carried(), carried()],
        [carried(), carried("filter", Category.NETWORK, team_id="KXTRL00002")],
        [Extension("driver", ExtensionKind.KEXT, f"{FAMILY}.driver")],
        [carried(bundle_id="../../escape")],
    ],
    ids=["none", "twice the same", "two teams", "a kext", "no file name"],
)
def test_what_no_app_can_carry_is_refused_before_anything_is_written(tmp_path: Path, several: list[Extension]) -> None:
    with pytest.raises(UsageError):
        bundles.make_app(several, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_each_extension_s_app_has_a_name_of_its_own(tmp_path: Path) -> None:
    made = [bundles.make(carried(bundle_id=f"com.example.{one}.agent"), tmp_path) for one in ("a", "b")]
    assert len({path.name for path in made}) == len({plist_of(path)["CFBundleIdentifier"] for path in made}) == 2
    assert bundles.file_name(carried()) == f"Kextrel-{FAMILY}.agent.app"
