"""Packages and archives: the same kext is found in each of them, and where an installer would put it."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import plistlib
import struct
import zlib
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from kextrel import bundles
from kextrel.bundles.reading import inspect
from kextrel.bundles.reading.found import Signer
from kextrel.errors import InputError
from kextrel.vocabulary import Category, Extension, ExtensionKind


def pbzx(content: bytes) -> bytes:
    """Chunks of 64 KiB: every second one is kept as it is."""
    found = b"pbzx" + struct.pack(">Q", 1 << 16)
    for number, at in enumerate(range(0, len(content), 1 << 16)):
        chunk = content[at : at + (1 << 16)]
        packed = chunk if number % 2 else lzma.compress(chunk)
        found += struct.pack(">2Q", len(chunk), len(packed)) + packed
    return found


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "pbzx": pbzx,
    "nothing": bytes,
}


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_package_installs_where_it_says(tmp_path: Path, make: SimpleNamespace, packing: str) -> None:
    make.kext(tmp_path / "root")
    path = tmp_path / "a.pkg"
    path.write_bytes(make.package(make.tree_entries(tmp_path / "root"), "/Library/Extensions", PACKINGS[packing]))
    found = inspect(path)
    (component,), (installer,) = found.components, found.installers
    assert component.installed_at == "/Library/Extensions/com.example.driver.kext"
    assert (installer.identifier, installer.version) == ("com.example.pkg", "1.2")
    assert component.package == "com.example.pkg"
    (extension,) = found.extensions()
    assert (extension.path, extension.bundle) == ("/Library/Extensions", None)
    assert component.code.damage == ()


@pytest.mark.parametrize("magic", [b"070701", b"070702"])
def test_a_payload_of_the_newer_form_of_cpio(tmp_path: Path, make: SimpleNamespace, magic: bytes) -> None:
    make.kext(tmp_path / "root")
    info = b'<pkg-info identifier="com.example.pkg" version="1.2" install-location="/Library/Extensions"/>'
    entries = [*make.tree_entries(tmp_path / "root"), ("./link", make.LINK, b"com.example.driver.kext")]
    raw = gzip.compress(make.newc(entries, magic))
    (tmp_path / "a.pkg").write_bytes(make.xar({"PackageInfo": info, "Payload": raw}))
    (component,) = inspect(tmp_path / "a.pkg").components
    assert component.installed_at == "/Library/Extensions/com.example.driver.kext"
    assert component.code.damage == ()


def test_an_app_beside_the_applications(tmp_path: Path, make: SimpleNamespace) -> None:
    agent = Extension("agent", ExtensionKind.SYSTEM_EXTENSION, "com.example.agent", category=Category.ENDPOINT_SECURITY)
    bundles.make(agent, tmp_path / "root")
    entries = make.tree_entries(tmp_path / "root")
    for location, there in (("/Applications", True), ("/Library/Application Support/Example", False)):
        (tmp_path / "a.pkg").write_bytes(make.package(entries, location))
        (found,) = inspect(tmp_path / "a.pkg").extensions()
        assert found.app_in_applications is there


def test_a_product_of_two_components_with_one_kext_each(tmp_path: Path, make: SimpleNamespace) -> None:
    files = {"Distribution": b"<installer-gui-script/>"}
    for number in (1, 2):
        make.kext(tmp_path / str(number), version=f"{number}.0")
        payload = gzip.compress(make.cpio(make.tree_entries(tmp_path / str(number), "./Library/Extensions")))
        info = f'<pkg-info identifier="com.example.{number}" version="{number}"/>'.encode()
        files |= {f"{number}.pkg/PackageInfo": info, f"{number}.pkg/Payload": payload}
    (tmp_path / "a.pkg").write_bytes(make.xar(files))
    found = inspect(tmp_path / "a.pkg")
    assert [(one.package, one.version) for one in found.components] == [
        ("com.example.1", "1.0"),
        ("com.example.2", "2.0"),
    ]
    assert {one.installed_at for one in found.components} == {"/Library/Extensions/com.example.driver.kext"}


def test_scripts_are_named_and_never_run(tmp_path: Path, make: SimpleNamespace) -> None:
    make.kext(tmp_path / "root")
    mark = tmp_path / "was run"
    script = f"#!/bin/sh\ntouch '{mark}'\n".encode()
    scripts = gzip.compress(make.cpio([("./postinstall", 0o100755, script), ("./helper.txt", make.FILE, b"")]))
    payload = gzip.compress(make.cpio(make.tree_entries(tmp_path / "root")))
    info = b'<pkg-info identifier="x" version="1"/>'
    (tmp_path / "a.pkg").write_bytes(make.xar({"PackageInfo": info, "Payload": payload, "Scripts": scripts}))
    (installer,) = inspect(tmp_path / "a.pkg").installers
    assert installer.scripts == ("postinstall",)
    assert not mark.exists()


def old_package(folder: Path, make: SimpleNamespace) -> Path:
    make.kext(folder / "root")
    contents = folder / "Old.pkg" / "Contents"
    (contents / "Resources").mkdir(parents=True)
    (contents / "Resources/postflight").write_text("#!/bin/sh\n")
    (contents / "Archive.pax.gz").write_bytes(gzip.compress(make.cpio(make.tree_entries(folder / "root"))))
    info = {
        "CFBundleIdentifier": "com.example.old",
        "CFBundleShortVersionString": "3.1",
        "IFPkgFlagDefaultLocation": "/System/Library/Extensions",
    }
    (contents / "Info.plist").write_bytes(plistlib.dumps(info))
    return contents.parent


def test_a_package_of_the_older_style(tmp_path: Path, make: SimpleNamespace) -> None:
    found = inspect(old_package(tmp_path, make))
    (component,), (installer,) = found.components, found.installers
    assert component.installed_at == "/System/Library/Extensions/com.example.driver.kext"
    assert (installer.identifier, installer.version, installer.scripts) == ("com.example.old", "3.1", ("postflight",))


def test_a_zip_of_bundles_and_of_packages(tmp_path: Path, make: SimpleNamespace) -> None:
    make.kext(tmp_path / "root")
    kext = make.tree_entries(tmp_path / "root", "Kexts")
    flat = make.package(make.tree_entries(tmp_path / "root", "."), "/Library/Extensions")
    old = make.tree_entries(old_package(tmp_path / "old", make), "Old.pkg")
    junk = [("__MACOSX/._x", make.FILE, b"x"), (".DS_Store", make.FILE, b"")]
    cases = {
        "bundles": ([*kext, *junk], ["Kexts/com.example.driver.kext"]),
        "a flat package": ([("Install.pkg", make.FILE, flat)], ["Library/Extensions/com.example.driver.kext"]),
        "an old package": (old, ["System/Library/Extensions/com.example.driver.kext"]),
    }
    for name, (entries, paths) in cases.items():
        found = inspect(make.zipped(tmp_path / f"{name}.zip", entries))
        assert (found.kind, [one.path for one in found.components]) == ("zip", paths)


def test_a_package_in_an_app_is_no_package_of_the_zip(tmp_path: Path, make: SimpleNamespace) -> None:
    make.kext(tmp_path / "root")
    inner = ("Kexts/com.example.driver.kext/Contents/Resources/other.pkg", make.FILE, b"xar!")
    entries = [*make.tree_entries(tmp_path / "root", "Kexts"), inner]
    assert inspect(make.zipped(tmp_path / "a.zip", entries)).installers == ()


# --- the signature and the ticket of a package


def authority(name: str, unit: str = "AB12CD34EF") -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    key = rsa.generate_private_key(65537, 2048)
    names = [x509.NameAttribute(NameOID.COMMON_NAME, name), x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit)]
    builder = x509.CertificateBuilder().subject_name(x509.Name(names)).issuer_name(x509.Name(names))
    builder = builder.public_key(key.public_key()).serial_number(7)
    builder = builder.not_valid_before(datetime(2024, 1, 1, tzinfo=UTC)).not_valid_after(
        datetime(2029, 1, 1, tzinfo=UTC)
    )
    return builder.sign(key, hashes.SHA256()), key


def signed_package(make: SimpleNamespace, folder: Path, *, wrong: bool = False, stapled: bool = False) -> Path:
    make.kext(folder / "root")
    certificate, key = authority("Developer ID Installer: Example (AB12CD34EF)")
    der = b64encode(certificate.public_bytes(Encoding.DER)).decode()
    signature = (
        '<signature style="RSA"><offset>HEAP</offset><size>256</size>'
        '<KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data>'
        f"<X509Certificate>{der}</X509Certificate></X509Data></KeyInfo></signature>"
    )
    files = {
        "PackageInfo": b'<pkg-info identifier="x" version="1"/>',
        "Payload": gzip.compress(make.cpio(make.tree_entries(folder / "root"))),
    }
    raw = make.xar(files, signature, bytes(256))
    packed = struct.unpack_from(">Q", raw, 8)[0]
    digest = hashlib.sha1(raw[28 : 28 + packed] + (b"x" if wrong else b"")).digest()
    made = key.sign(digest, padding.PKCS1v15(), Prehashed(hashes.SHA1()))
    path = folder / "signed.pkg"
    path.write_bytes(raw[:-256] + made + (b"t8lr" + bytes(12) if stapled else b""))
    return path


def test_who_signed_a_package(tmp_path: Path, make: SimpleNamespace) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    (installer,) = inspect(signed_package(make, tmp_path, stapled=True), moment).installers
    code = installer.code
    assert (code.signer, code.team_id, code.expired, code.damage) == (Signer.OTHER, "AB12CD34EF", False, ())
    assert code.developer == "Developer ID Installer: Example (AB12CD34EF)"
    assert installer.stapled
    (late,) = inspect(tmp_path / "signed.pkg", moment + timedelta(days=2000)).installers
    assert late.code.expired


def test_a_package_that_somebody_else_signed(tmp_path: Path, make: SimpleNamespace) -> None:
    (installer,) = inspect(signed_package(make, tmp_path, wrong=True)).installers
    assert installer.code.damage == ("the signature is not that of the certificate",)
    assert not installer.stapled


def test_a_table_of_contents_that_was_changed(tmp_path: Path, make: SimpleNamespace) -> None:
    path = signed_package(make, tmp_path)
    raw = bytearray(path.read_bytes())
    packed = struct.unpack_from(">Q", raw, 8)[0]
    toc = zlib.decompress(raw[28 : 28 + packed]).replace(b"Payload", b"PayloaD")
    again = zlib.compress(toc)
    path.write_bytes(struct.pack(">4sHHQQI", b"xar!", 28, 1, len(again), len(toc), 1) + again + raw[28 + packed :])
    with pytest.raises(InputError, match="its table of contents is damaged: its checksum is another"):
        inspect(path)
