"""Who signed, until when that is good, and what no longer fits: signatures made here, each with one thing wrong."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kextrel.bundles import signature as signing
from kextrel.bundles.authority import Identity, developer_id, intermediate
from kextrel.bundles.macho import kext_slice, universal
from kextrel.bundles.reading import inspect
from kextrel.bundles.reading.found import Code, Component, Signer
from kextrel.bundles.signature import Seal, sign
from kextrel.errors import InputError
from kextrel.vocabulary import Signature

TEAM = "KXTRL00001"
KERNEL_MARK, DEVELOPER_MARK = "1.2.840.113635.100.6.1.18", "1.2.840.113635.100.6.1.13"
NOW = datetime(2026, 6, 1, tzinfo=UTC)
RESOURCES = b'<plist version="1.0"><dict><key>files2</key><dict/></dict></plist>'


def developer(
    marks: tuple[str, ...] = (DEVELOPER_MARK, KERNEL_MARK),
    until: int = 2040,
    issuer: Identity | None = None,
    team: str = TEAM,
) -> Identity:
    """A developer whom the test authority certified, with these of Apple's marks."""
    key = ec.generate_private_key(ec.SECP256R1())
    own = [
        (NameOID.COMMON_NAME, f"Developer ID Application: Somebody ({team})"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, team),
    ]
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in own])
    by = issuer or intermediate()
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(by.certificate.subject)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
    builder = builder.not_valid_after(datetime(until, 1, 1, tzinfo=UTC))
    for mark in marks:
        builder = builder.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(mark), b"\5\0"), critical=True)
    return Identity(builder.sign(by.key, hashes.SHA256()), key)


def stranger() -> Identity:
    """An authority of nobody's, under the intermediate's name."""
    key = ec.generate_private_key(ec.SECP256R1())
    return Identity(intermediate().certificate, key)


def under_a_developer() -> Identity:
    """Somebody whom a developer certified, which is not his to do."""
    return developer(issuer=developer())


def kext_of(
    make: SimpleNamespace,
    folder: Path,
    identities: list[Identity | None],
    change: Callable[[bytes], bytes] = bytes,
    **seal: Any,
) -> Path:
    """A kext whose slices these signed."""
    plain = [kext_slice(name, "a.b", "1.0", []) for name in ("x86_64", "arm64e")][: len(identities)]
    path: Path = make.bundle_of(folder, "a.b.kext", {"OSBundleLibraries": {"c": "1"}}, plain)
    info = (path / "Contents/Info.plist").read_bytes()
    values = {"identifier": "a.b", "team_id": TEAM, "info_plist": info, "code_resources": RESOURCES, **seal}
    slices = [sign(one, Seal(identity=who, **values)) for one, who in zip(plain, identities, strict=True)]
    (path / "Contents/MacOS/main").write_bytes(universal([change(one) for one in slices]))
    (path / "Contents/_CodeSignature").mkdir()
    (path / "Contents/_CodeSignature/CodeResources").write_bytes(RESOURCES)
    return path


def read(path: Path, now: datetime = NOW) -> Component:
    return inspect(path, now).components[0]


def code(path: Path, now: datetime = NOW) -> Code:
    return read(path, now).code


def test_a_developer_who_may_sign_kexts(tmp_path: Path, make: SimpleNamespace) -> None:
    found = code(kext_of(make, tmp_path, [developer()]))
    assert (found.signer, found.team_id, found.may_sign_kexts) == (Signer.DEVELOPER_ID, TEAM, True)
    assert (found.anchor, found.damage, found.expired) == ("the test authority of Kextrel", (), False)
    assert not found.timestamped
    assert found.valid_until == datetime(2040, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("identity", "signer", "standing", "remark"),
    [
        (
            lambda: developer((DEVELOPER_MARK,)),
            Signer.DEVELOPER_ID,
            Signature.AD_HOC,
            "not one that Apple lets sign kexts",
        ),
        (lambda: developer(("1.2.840.113635.100.6.1.12",)), Signer.DEVELOPMENT, Signature.AD_HOC, "no Mac trusts"),
        (lambda: developer(("1.2.840.113635.100.6.1.9",)), Signer.APP_STORE, Signature.DEVELOPER_ID, ""),
        (lambda: developer(issuer=stranger()), Signer.OTHER, Signature.AD_HOC, "whom no Mac trusts for this"),
        (under_a_developer, Signer.OTHER, Signature.AD_HOC, "whom no Mac trusts for this"),
        (lambda: developer(until=2025), Signer.DEVELOPER_ID, Signature.AD_HOC, "its certificate had expired"),
        (lambda: None, Signer.AD_HOC, Signature.AD_HOC, "it is signed ad-hoc, by nobody"),
    ],
    ids=["no kexts", "development", "app store", "a stranger", "under a developer", "expired", "nobody"],
)
def test_whom_a_mac_takes(
    tmp_path: Path,
    make: SimpleNamespace,
    identity: Callable[[], Identity | None],
    signer: Signer,
    standing: Signature,
    remark: str,
) -> None:
    found = read(kext_of(make, tmp_path, [identity()]))
    assert (found.code.signer, found.standing) == (signer, standing)
    assert remark in " ".join(one.text for one in found.remarks)


def test_a_team_that_the_certificate_does_not_say(tmp_path: Path, make: SimpleNamespace) -> None:
    found = code(kext_of(make, tmp_path, [developer(team="OTHER00000")]))
    assert found.damage == (f"its directory says team {TEAM}, its certificate OTHER00000",)


def test_slices_of_two_signers(tmp_path: Path, make: SimpleNamespace) -> None:
    found = code(kext_of(make, tmp_path, [developer(), None]))
    assert found.signer is Signer.AD_HOC
    assert found.damage == ("its slices are not signed alike",)


def replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        assert old in content
        return content.replace(old, new)

    return change


def cms_of_another(content: bytes) -> bytes:
    """The last 32 bytes of the signature's value: nobody's."""
    end = content.rstrip(b"\0")
    return content[: len(end) - 8] + bytes(8 * [7]) + content[len(end) :]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (replaced(b"driver_start", b"driver_stArt"), "the code was changed after it was signed"),
        (replaced(b"a.b\0" + TEAM.encode(), b"a.c\0" + TEAM.encode()), "the code directory was changed"),
        (cms_of_another, "the signature is not that of the certificate"),
    ],
    ids=["code", "directory", "CMS"],
)
def test_what_was_changed_later(
    tmp_path: Path, make: SimpleNamespace, change: Callable[[bytes], bytes], said: str
) -> None:
    found = read(kext_of(make, tmp_path, [developer()], change))
    assert said in " ".join(found.code.damage)
    assert found.standing is Signature.BROKEN


def test_files_that_the_directory_seals(tmp_path: Path, make: SimpleNamespace) -> None:
    path = kext_of(make, tmp_path, [developer()])
    (path / "Contents/_CodeSignature/CodeResources").unlink()
    make.with_info(path, OSBundleAllowUserLoad=True)
    assert code(path).damage == ("Info.plist was changed after it was signed", "CodeResources is missing")


def test_a_ticket_says_that_it_is_notarized(tmp_path: Path, make: SimpleNamespace) -> None:
    path = kext_of(make, tmp_path, [developer()])
    assert read(path).notarization == "unknown"
    (path / "Contents/CodeResources").write_bytes(b"s8ch" + bytes(100))
    assert (read(path).notarization, read(path).stapled) == ("stapled", True)


def superblob_at(content: bytes) -> int:
    return content.index(bytes.fromhex("fade0cc0"))


@pytest.mark.parametrize(
    ("at", "value", "said"),
    [
        (4, b"\x7f\xff\xff\xff", "its signature is damaged"),
        (8, b"\0\0\xff\xff", "its signature is damaged"),
        (16, b"\xff\xff\xff\xf0", "a part of it lies beyond its end"),
        (12, b"\0\0\0\x09", "its signature has no code directory"),
    ],
    ids=["length", "count", "offset", "no directory"],
)
def test_a_signature_that_does_not_hold_together(
    tmp_path: Path, make: SimpleNamespace, at: int, value: bytes, said: str
) -> None:
    def change(content: bytes) -> bytes:
        place = superblob_at(content) + at
        return content[:place] + value + content[place + 4 :]

    with pytest.raises(InputError, match=said):
        inspect(kext_of(make, tmp_path, [developer()], change))


DIRECTORY = {
    "hash kind": (37, b"\x09"),
    "hash size": (36, b"\x10"),
    "pages": (28, b"\x7f\xff\xff\xff"),
    "page": (39, b"\x40"),
}


@pytest.mark.parametrize("name", [*DIRECTORY, "identifier"])
def test_a_directory_that_does_not_hold_together(tmp_path: Path, make: SimpleNamespace, name: str) -> None:
    offset, value = {**DIRECTORY, "identifier": (20, b"\x7f\xff\xff\xff")}[name]

    def change(content: bytes) -> bytes:
        place = content.index(struct.pack(">I", 0xFADE0C02), superblob_at(content)) + offset
        return content[:place] + value + content[place + len(value) :]

    with pytest.raises(InputError, match="its signature has"):
        inspect(kext_of(make, tmp_path, [developer()], change))


def codeless(make: SimpleNamespace, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kext without code; its signature lies in files, and its Info.plist stands in the place of the code."""
    path: Path = make.bundle_of(folder, "a.b.kext", {"OSBundleLibraries": {"c": "1"}}, [])
    info = (path / "Contents/Info.plist").read_bytes()
    identity = developer()
    seal = Seal("a.b", TEAM, info, RESOURCES, identity)
    monkeypatch.setattr(signing, "_text_size", lambda code: 0)
    directory = signing._directory(info, seal)
    files = {
        "CodeDirectory": directory,
        "CodeSignature": identity.sign_detached(directory, [intermediate().certificate]),
        "CodeRequirements": seal.blobs()[2],
        "CodeResources": RESOURCES,
    }
    (path / "Contents/_CodeSignature").mkdir()
    for name, content in files.items():
        (path / "Contents/_CodeSignature" / name).write_bytes(content)
    return path


def test_a_signature_in_files_of_its_own(
    tmp_path: Path, make: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = codeless(make, tmp_path, monkeypatch)
    found = read(path)
    assert (found.slices, found.code.damage, found.code.identifier) == ((), (), "a.b")
    assert (found.code.signer, found.code.team_id) == (Signer.DEVELOPER_ID, TEAM)
    assert found.standing is Signature.DEVELOPER_ID
    make.with_info(path, OSBundleAllowUserLoad=True)
    assert "Info.plist was changed after it was signed" in code(path).damage
    (path / "Contents/_CodeSignature/CodeDirectory").write_bytes(b"\xfa\xde\x0c\x02")
    with pytest.raises(InputError, match="its signature has a damaged code directory"):
        inspect(path)


def test_code_that_was_added_behind_what_was_signed(tmp_path: Path, make: SimpleNamespace) -> None:
    def change(content: bytes) -> bytes:
        """The directory's limit is half of what there is, as if the rest had never been there."""
        place = content.index(struct.pack(">I", 0xFADE0C02), superblob_at(content)) + 32
        return content[:place] + struct.pack(">I", 0x1000) + content[place + 4 :]

    assert "the code is longer than what was signed" in code(kext_of(make, tmp_path, [developer()], change)).damage


def test_the_strongest_directory_counts(tmp_path: Path, make: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """As codesign signs for old systems: a second directory that the CMS does not name is no good."""
    blobs = signing.Seal.blobs

    def with_another(seal: Seal) -> dict[int, bytes]:
        return {**blobs(seal), 0x1000: another_directory(seal)}

    monkeypatch.setattr(signing.Seal, "blobs", with_another)
    monkeypatch.setattr(signing, "_special", lambda seal: [bytes(32), bytes(32), bytes(32)])
    found = code(kext_of(make, tmp_path, [developer()]))
    assert "the code directory that counts is not signed" in found.damage


def another_directory(seal: Seal) -> bytes:
    """One with SHA-384, and no page."""
    names = seal.identifier.encode() + b"\0"
    head = struct.pack(">9I4BI", 0xFADE0C02, 44 + len(names), 0x20100, 0, 44 + len(names), 44, 0, 0, 0, 48, 4, 0, 12, 0)
    return head + names


def test_the_developer_s_name_is_the_certificate_s(tmp_path: Path, make: SimpleNamespace) -> None:
    found = code(kext_of(make, tmp_path, [developer_id(TEAM)]))
    assert found.developer == f"Developer ID Application: Kextrel Sample {TEAM} ({TEAM})"
