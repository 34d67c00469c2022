"""The bundles, judged by strangers: LIEF reads the Mach-O, OpenSSL the CMS, hashlib the pages."""

from __future__ import annotations

import hashlib
import plistlib
import shutil
import struct
import subprocess
from pathlib import Path

import lief
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_public_key

from kextrel import bundles
from kextrel.bundles import authority
from kextrel.bundles.macho import kext_slice
from kextrel.errors import NotPossible, UsageError
from kextrel.vocabulary import Extension, ExtensionKind, Signature

TRUST = Path(bundles.__file__).parents[1] / "virtual" / "trust"


def described(**changes: object) -> Extension:
    values: dict[str, object] = {
        "name": "driver",
        "kind": ExtensionKind.KEXT,
        "bundle_id": "com.example.kextrel.driver",
    }
    return Extension(**{**values, **changes})  # type: ignore[arg-type]


def executable(bundle: Path) -> Path:
    info = plistlib.loads((bundle / "Contents/Info.plist").read_bytes())
    return bundle / "Contents/MacOS" / str(info["CFBundleExecutable"])


def slices(bundle: Path) -> lief.MachO.FatBinary:
    """Kept whole: a slice of LIEF's lives no longer than its file."""
    return lief.MachO.parse(str(executable(bundle)))


def signature_of(binary: lief.MachO.Binary) -> dict[int, bytes]:
    """The blobs of the superblob, by slot."""
    raw = bytes(binary.code_signature.content)
    magic, _, count = struct.unpack_from(">3I", raw)
    assert magic == 0xFADE0CC0
    found = {}
    for at in range(count):
        slot, offset = struct.unpack_from(">2I", raw, 12 + 8 * at)
        (length,) = struct.unpack_from(">I", raw, offset + 4)
        found[slot] = raw[offset : offset + length]
    return found


def signatures(bundle: Path) -> dict[str, dict[int, bytes]]:
    """The signature's blobs of each slice, by architecture."""
    fat = slices(bundle)
    names = {"ARM64": "arm64e", "X86_64": "x86_64"}
    return {names[binary.header.cpu_type.name]: signature_of(binary) for binary in fat}


def code_of(bundle: Path, architecture: str) -> bytes:
    raw = executable(bundle).read_bytes()
    for at in range(struct.unpack_from(">I", raw, 4)[0]):
        cpu, _, offset, size, _ = struct.unpack_from(">5I", raw, 8 + 20 * at)
        if cpu == {"arm64e": 0x0100000C, "x86_64": 0x01000007}[architecture]:
            return raw[offset : offset + size]
    raise AssertionError(architecture)


def wrong_pages(code: bytes, directory: bytes) -> list[int]:
    """The pages whose hash in the CodeDirectory is not the hash of the code."""
    hash_offset, _, _, pages, limit = struct.unpack_from(">5I", directory, 16)
    wrong = []
    for page in range(pages):
        part = code[page * 4096 : min(limit, (page + 1) * 4096)]
        expected = directory[hash_offset + 32 * page : hash_offset + 32 * (page + 1)]
        if hashlib.sha256(part).digest() != expected:
            wrong.append(page)
    return wrong


def test_lief_reads_both_slices_as_kext_bundles_with_their_symbols(tmp_path: Path) -> None:
    found = slices(bundles.make(described(symbols=frozenset({"IOLog"})), tmp_path))
    assert {binary.header.cpu_type.name for binary in found} == {"ARM64", "X86_64"}
    for binary in found:
        assert binary.header.file_type == lief.MachO.Header.FILE_TYPE.KEXT_BUNDLE
        assert [s.name for s in binary.symbols if s.raw_type == 1] == ["_IOLog"]
        assert binary.get_section("__text").size > 0


def test_every_page_and_special_slot_is_hashed(tmp_path: Path) -> None:
    bundle = bundles.make(described(), tmp_path)
    for name, blobs in signatures(bundle).items():
        directory = blobs[0]
        (hash_offset,) = struct.unpack_from(">I", directory, 16)
        assert wrong_pages(code_of(bundle, name), directory) == []
        info = hashlib.sha256((bundle / "Contents/Info.plist").read_bytes()).digest()
        assert directory[hash_offset - 32 : hash_offset] == info
        resources = hashlib.sha256((bundle / "Contents/_CodeSignature/CodeResources").read_bytes()).digest()
        assert directory[hash_offset - 96 : hash_offset - 64] == resources


def test_a_broken_one_has_exactly_one_page_that_does_not_fit(tmp_path: Path) -> None:
    bundle = bundles.make(described(signature=Signature.BROKEN), tmp_path)
    directory = signatures(bundle)["arm64e"][0]
    assert wrong_pages(code_of(bundle, "arm64e"), directory) == [0]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
@pytest.mark.parametrize(("kind", "trusted"), [(Signature.DEVELOPER_ID, True), (Signature.REVOKED, False)])
def test_openssl_verifies_the_cms_against_the_trust_of_virtual_macs(
    tmp_path: Path, kind: Signature, trusted: bool
) -> None:
    blobs = signatures(bundles.make(described(signature=kind), tmp_path))["arm64e"]
    (tmp_path / "directory").write_bytes(blobs[0])
    (tmp_path / "cms").write_bytes(blobs[0x10000][8:])
    middle = authority.intermediate().certificate.public_bytes(Encoding.PEM)
    trust = [(TRUST / "root.pem").read_bytes(), middle, (TRUST / "revoked.crl.pem").read_bytes()]
    (tmp_path / "trust.pem").write_bytes(b"".join(trust))
    command = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "cms", "-content", "directory"]
    command += ["-CAfile", "trust.pem", "-purpose", "any", "-crl_check", "-ignore_critical", "-out", "/dev/null"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is trusted, done.stderr
    assert trusted or "revoked" in done.stderr


def test_ad_hoc_has_a_directory_without_team_and_without_cms(tmp_path: Path) -> None:
    blobs = signatures(bundles.make(described(signature=Signature.AD_HOC), tmp_path))["arm64e"]
    assert struct.unpack_from(">I", blobs[0], 12)[0] & 0x2
    assert len(blobs[0x10000]) == 8
    assert b"KXTRL00001" not in blobs[0]


def test_unsigned_has_no_signature_at_all(tmp_path: Path) -> None:
    bundle = bundles.make(described(signature=Signature.NONE), tmp_path)
    fat = slices(bundle)
    assert [binary.has_code_signature for binary in fat] == [False, False]
    assert not (bundle / "Contents/_CodeSignature").exists()


def test_a_single_architecture_is_a_thin_file(tmp_path: Path) -> None:
    bundle = bundles.make(described(architectures=frozenset({"x86_64"})), tmp_path)
    assert executable(bundle).read_bytes()[:4] == struct.pack("<I", 0xFEEDFACF)


def test_info_plist_says_what_the_scenario_says(tmp_path: Path) -> None:
    bundle = bundles.make(
        described(version="2.1.3", libraries=frozenset({"com.apple.kpi.iokit"}), user_client=True), tmp_path
    )
    info = plistlib.loads((bundle / "Contents/Info.plist").read_bytes())
    assert (info["CFBundleIdentifier"], info["CFBundleVersion"]) == ("com.example.kextrel.driver", "2.1.3")
    assert list(info["OSBundleLibraries"]) == ["com.apple.kpi.iokit"]
    assert info["IOKitPersonalities"]["driver"]["IOUserClientClass"] == "driverUserClient"


@pytest.mark.parametrize("name", ["../../escape", "a/b", "", "a b", "x" * 200])
def test_an_identifier_that_is_no_file_name_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="bundle_id"):
        bundles.make(described(bundle_id=name), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_slice_that_is_not_made_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(NotPossible, match="not implemented"):
        bundles.make(described(architectures=frozenset({"arm64e", "i386"})), tmp_path)


def test_a_notarized_kext_bears_a_ticket_for_each_slice_by_the_notary_that_virtual_macs_know(tmp_path: Path) -> None:
    made = bundles.make(described(), tmp_path)
    ticket = (made / "Contents/CodeResources").read_bytes()
    length = int.from_bytes(ticket[4:8], "big")
    signature, payload = ticket[8 : 8 + length], ticket[8 + length :]
    key = load_pem_public_key((TRUST / "notary.pub").read_bytes())
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(signature, payload, ec.ECDSA(SHA256()))  # raises InvalidSignature
    hashes = {hashlib.sha256(blobs[0]).digest()[:20] for blobs in signatures(made).values()}
    assert (ticket[:4], set(plistlib.loads(payload)["cdhashes"]), len(hashes)) == (b"s8ch", hashes, 2)


@pytest.mark.parametrize("changes", [{"notarized": False}, {"signature": Signature.BROKEN}], ids=str)
def test_nothing_else_bears_a_ticket(tmp_path: Path, changes: dict[str, object]) -> None:
    assert not (bundles.make(described(**changes), tmp_path) / "Contents/CodeResources").exists()


def test_a_banned_kext_is_signed_with_the_certificate_that_the_exclude_list_names(tmp_path: Path) -> None:
    from asn1crypto import cms

    blobs = signatures(bundles.make(described(banned=True), tmp_path))["arm64e"]
    signers = cms.ContentInfo.load(blobs[0x10000][8:])["content"]["signer_infos"]
    serial = signers[0]["sid"].chosen["serial_number"].native
    excluded = plistlib.loads((TRUST / "excluded.plist").read_bytes())
    assert excluded["OSKextExcludedCertificates"] == [f"{serial:X}"]


@pytest.mark.parametrize("signature", [one for one in Signature if one is not Signature.DEVELOPER_ID])
def test_a_badly_signed_kext_is_not_notarized_and_may_have_no_team(tmp_path: Path, signature: Signature) -> None:
    assert bundles.make(described(signature=signature, notarized=False, team_id=""), tmp_path).is_dir()


def test_two_kexts_whose_names_end_alike_are_two_bundles(tmp_path: Path) -> None:
    made = [bundles.make(described(bundle_id=f"com.example.{one}.driver"), tmp_path) for one in ("a", "b")]
    assert [bundle.name for bundle in made] == ["com.example.a.driver.kext", "com.example.b.driver.kext"]


def test_an_unknown_architecture_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(UsageError, match="did you mean 'arm64e'"):
        kext_slice("arm64", "com.example.x", "1.0", [])


def test_the_trust_of_virtual_macs_is_this_authority() -> None:
    from cryptography import x509

    root = x509.load_pem_x509_certificate((TRUST / "root.pem").read_bytes())
    assert root.public_key() == authority.root().certificate.public_key()
    crl = x509.load_pem_x509_crl((TRUST / "revoked.crl.pem").read_bytes())
    assert crl.is_signature_valid(authority.intermediate().certificate.public_key())
    revoked = authority.developer_id("KXTRL00001", revoked=True).certificate.serial_number
    assert crl.get_revoked_certificate_by_serial_number(revoked) is not None
    current = authority.developer_id("KXTRL00001").certificate.serial_number
    assert crl.get_revoked_certificate_by_serial_number(current) is None
