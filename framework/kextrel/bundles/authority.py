"""The test authority: a certificate chain in the shape of Apple's Developer ID that only virtual Macs trust.

Its keys are derived from public sentences, so there is nothing secret about them and nothing that they sign is worth
anything on a real Mac. The virtual Mac holds the root's certificate, the revocation list, the list of banned kexts and
the notary's key as files of its own (`virtual/trust/`), written once by `python -m kextrel.bundles.authority FOLDER`.
"""

from __future__ import annotations

import hashlib
import plistlib
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = [
    "Identity",
    "developer_id",
    "developer_name",
    "exclude_list",
    "intermediate",
    "notary",
    "revocation_list",
    "root",
]

_ROOT = "kextrel test authority v1: signs nothing a real Mac trusts"
_INTERMEDIATE = "kextrel test developer id authority v1: signs nothing a real Mac trusts"
_LEAF = "kextrel test developer v1: signs nothing a real Mac trusts"
_NOTARY = "kextrel test notary v1: vouches for nothing on a real Mac"
_REVOKED_SERIAL = 0x4B58544C5245564F4B4544
_BANNED_SERIAL = 0x4B58544C42414E4E4544
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_FROM, _UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2049, 12, 31, tzinfo=UTC)
# Apple's markers: a Developer ID authority; a Developer ID application; a Developer ID that may sign kexts.
_OID_DEVELOPER_ID_CA = x509.ObjectIdentifier("1.2.840.113635.100.6.2.6")
_OID_DEVELOPER_ID = x509.ObjectIdentifier("1.2.840.113635.100.6.1.13")
_OID_DEVELOPER_ID_KERNEL = x509.ObjectIdentifier("1.2.840.113635.100.6.1.18")
_DER_NULL = b"\x05\x00"


@dataclass(frozen=True)
class Identity:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def sign_detached(self, content: bytes, chain: list[x509.Certificate]) -> bytes:
        """A DER CMS SignedData over `content`, which is not inside it; the chain is."""
        builder = pkcs7.PKCS7SignatureBuilder().set_data(content)
        builder = builder.add_signer(self.certificate, self.key, hashes.SHA256())
        for certificate in chain:
            builder = builder.add_certificate(certificate)
        options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities]
        return builder.sign(Encoding.DER, options)


def root() -> Identity:
    """The self-signed root: CN "Kextrel Test Root CA"."""
    key = _key(_ROOT)
    name = _name("Kextrel Test Root CA", "Kextrel Test Authority")
    return Identity(_authority(name, name, key.public_key(), key, path_length=1), key)


def intermediate() -> Identity:
    """The authority that signs developers: CN "Kextrel Test Developer ID Certification Authority"."""
    key, issuer = _key(_INTERMEDIATE), root()
    name = _name("Kextrel Test Developer ID Certification Authority", "Kextrel Test Authority")
    return Identity(_authority(name, issuer.certificate.subject, key.public_key(), issuer.key, path_length=0), key)


def developer_id(team_id: str, *, revoked: bool = False, banned: bool = False) -> Identity:
    """A developer of `team_id` who may sign kexts; `revoked`: one whose certificate is on the revocation list;
    `banned`: one whose certificate is good, and whose kexts are on the list of those that are kept out."""
    key, issuer = _key(f"{_LEAF} {team_id} {revoked}"), intermediate()
    subject = _name(
        f"Developer ID Application: {developer_name(team_id)} ({team_id})", developer_name(team_id), team_id
    )
    serial = _REVOKED_SERIAL if revoked else _BANNED_SERIAL if banned else x509.random_serial_number()
    builder = _builder(subject, issuer.certificate.subject, key.public_key(), serial)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(digital_signature=True), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=True)
    for oid in (_OID_DEVELOPER_ID, _OID_DEVELOPER_ID_KERNEL):
        builder = builder.add_extension(x509.UnrecognizedExtension(oid, _DER_NULL), critical=True)
    return Identity(builder.sign(issuer.key, hashes.SHA256()), key)


def developer_name(team_id: str) -> str:
    """The name that a Mac shows for a team of the test authority."""
    return f"Kextrel Sample {team_id}"


def revocation_list() -> x509.CertificateRevocationList:
    """The intermediate's list of what it revoked."""
    issuer = intermediate()
    entry = x509.RevokedCertificateBuilder().serial_number(_REVOKED_SERIAL).revocation_date(_FROM).build()
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.certificate.subject)
    builder = builder.last_update(_FROM).next_update(_UNTIL).add_revoked_certificate(entry)
    return builder.sign(issuer.key, hashes.SHA256())


def exclude_list() -> dict[str, object]:
    """The Info.plist of an AppleKextExcludeList.kext. Apple's own bans bundle identifiers with their versions; this one
    bans by the serial numbers of certificates, so that any kext can be made a banned one."""
    return {
        "CFBundleIdentifier": "com.apple.driver.KextExcludeList",
        "CFBundlePackageType": "KEXT",
        "CFBundleVersion": "1.0.0",
        "OSKextExcludedCertificates": [f"{_BANNED_SERIAL:X}"],
    }


def notary(payload: bytes) -> bytes:
    """The test notary's signature of a ticket: ECDSA P-256 with SHA-256, DER."""
    return _key(_NOTARY).sign(payload, ec.ECDSA(hashes.SHA256()))


def _key(sentence: str) -> ec.EllipticCurvePrivateKey:
    number = int.from_bytes(hashlib.sha256(sentence.encode()).digest(), "big") % (_P256_ORDER - 1) + 1
    return ec.derive_private_key(number, ec.SECP256R1())


def _name(common: str, organization: str, unit: str | None = None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if unit is not None:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit))
    return x509.Name([*parts, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)])


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, serial: int
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
    return builder.serial_number(serial).not_valid_before(_FROM).not_valid_after(_UNTIL)


def _authority(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    key: ec.EllipticCurvePrivateKey,
    *,
    path_length: int,
) -> x509.Certificate:
    builder = _builder(subject, issuer, public, x509.random_serial_number())
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
    builder = builder.add_extension(_usage(certificates=True), critical=True)
    if path_length == 0:
        marker = x509.UnrecognizedExtension(_OID_DEVELOPER_ID_CA, _DER_NULL)
        builder = builder.add_extension(marker, critical=False)
    return builder.sign(key, hashes.SHA256())


def _usage(*, digital_signature: bool = False, certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _write_trust(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "root.pem").write_bytes(root().certificate.public_bytes(Encoding.PEM))
    (folder / "revoked.crl.pem").write_bytes(revocation_list().public_bytes(Encoding.PEM))
    (folder / "excluded.plist").write_bytes(plistlib.dumps(exclude_list()))
    public = _key(_NOTARY).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "notary.pub").write_bytes(public)


if __name__ == "__main__":
    _write_trust(Path(sys.argv[1]))
