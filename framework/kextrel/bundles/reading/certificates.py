"""Reads the CMS of a code signature and the certificates in it: who signed, when, until when that is good.

Only what lies in the file is asked, no server: whether a certificate was revoked, a Mac finds out. A timestamp is held
against the signature that it is for; who made it is not checked. Sources: RFC 5652, RFC 3161, Apple's Certification
Practice Statement for Developer ID (the object identifiers), Security's cmscdsa and OSStatus notes on cdhashes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from asn1crypto import cms, tsp
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from kextrel import propertylist
from kextrel.bundles.authority import root
from kextrel.bundles.reading.found import Code, Signer
from kextrel.bundles.reading.refusal import Refused

__all__ = ["read_cms", "read_installer"]

APPLE, TEST, UNKNOWN = "Apple", "the test authority of Kextrel", ""
_APPLE_ROOT = bytes.fromhex("b0b1730ecbc7ff4505142c49f1295e6eda6bcaed7e2c68c5be91b5a11001f024")  # SHA-256 of its DER
_MARKS = (
    ("1.2.840.113635.100.6.1.13", Signer.DEVELOPER_ID),
    ("1.2.840.113635.100.6.1.14", Signer.DEVELOPER_ID),  # … Installer
    ("1.2.840.113635.100.6.1.9", Signer.APP_STORE),
    ("1.2.840.113635.100.6.1.7", Signer.APP_STORE),
    ("1.2.840.113635.100.6.1.12", Signer.DEVELOPMENT),
    ("1.2.840.113635.100.6.1.2", Signer.DEVELOPMENT),
)
_MAY_SIGN_KEXTS = "1.2.840.113635.100.6.1.18"
_CD_HASHES, _TIMESTAMP = "1.2.840.113635.100.9.1", "1.2.840.113549.1.9.16.2.14"
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - packages are still signed over one
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_LONGEST_CHAIN, _MOST_CERTIFICATES = 8, 32
_UNREADABLE = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    RecursionError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
_DAMAGED = "its signature cannot be read"


@dataclass(frozen=True)
class _Times:
    signed_at: datetime | None = None
    timestamped: bool = False


def read_cms(raw: bytes, directory: bytes, other: bytes | None, now: datetime) -> Code:
    """Who signed `directory`; `other` is the hash of the directory that counts, where it is not that one.

    What does not fit is in `damage`. Raises Refused where it cannot be read at all.
    """
    try:
        content = cms.ContentInfo.load(raw)["content"]
        signer = content["signer_infos"][0]
        certificates = _certificates([one.chosen.dump() for one in content["certificates"]])
        leaf = _leaf(signer, certificates)
        damage = tuple(_unsigned(signer, leaf, directory, other))
        facts = _facts(leaf, certificates, _times(signer), now)
    except _UNREADABLE as error:
        raise Refused(_DAMAGED) from error
    return replace(facts, damage=damage)


def read_installer(
    certificates: Sequence[bytes], signature: bytes, digest: bytes, algorithm: str, now: datetime
) -> Code:
    """Who signed a package: its certificates, the signer's first, and his signature over what has this digest.

    Raises Refused where they cannot be read.
    """
    try:
        chain = _certificates(certificates)
        facts = _facts(chain[0], chain, _Times(), now)
        good = _signed_by(chain[0], signature, digest, algorithm)
    except _UNREADABLE as error:
        raise Refused(_DAMAGED) from error
    return facts if good else replace(facts, damage=("the signature is not that of the certificate",))


def _certificates(found: Sequence[bytes]) -> list[x509.Certificate]:
    if len(found) > _MOST_CERTIFICATES:
        raise Refused("its signature holds more certificates than any chain has")
    return [x509.load_der_x509_certificate(one) for one in found]


def _facts(leaf: x509.Certificate, certificates: Sequence[x509.Certificate], times: _Times, now: datetime) -> Code:
    """What the certificates say of the signer. A signature with a timestamp stays good when its certificate expires."""
    anchor = _anchor(leaf, certificates)
    marks = {extension.oid.dotted_string for extension in leaf.extensions}
    until = leaf.not_valid_after_utc
    asked = times.signed_at if times.timestamped and times.signed_at is not None else now
    return Code(
        signer=_signer(marks, anchor),
        team_id=_name(leaf, NameOID.ORGANIZATIONAL_UNIT_NAME),
        developer=_name(leaf, NameOID.COMMON_NAME),
        anchor=anchor,
        signed_at=times.signed_at,
        timestamped=times.timestamped,
        valid_until=until,
        expired=not leaf.not_valid_before_utc <= asked <= until,
        may_sign_kexts=_MAY_SIGN_KEXTS in marks,
    )


def _signer(marks: set[str], anchor: str) -> Signer:
    if not anchor:
        return Signer.OTHER
    return next((signer for oid, signer in _MARKS if oid in marks), Signer.APPLE)


def _name(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    found = certificate.subject.get_attributes_for_oid(oid)
    return str(found[0].value) if found else ""


def _anchor(leaf: x509.Certificate, certificates: Sequence[x509.Certificate]) -> str:
    """Whose root the chain ends at, each certificate signed by the next; "" for nobody's that we know."""
    test = root().certificate
    at = leaf
    for _ in range(_LONGEST_CHAIN):
        if hashlib.sha256(at.public_bytes(Encoding.DER)).digest() == _APPLE_ROOT:
            return APPLE
        if _issued(at, test):
            return TEST
        issuer = next((one for one in certificates if one != at and _issued(at, one)), None)
        if issuer is None:
            return UNKNOWN
        at = issuer
    return UNKNOWN


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether it is signed by `issuer`, which is one that may sign certificates: a developer is none."""
    try:
        certificate.verify_directly_issued_by(issuer)
        return issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, x509.ExtensionNotFound):
        return False


def _leaf(signer: Any, certificates: Sequence[x509.Certificate]) -> x509.Certificate:
    serial = signer["sid"].chosen["serial_number"].native
    found = next((one for one in certificates if one.serial_number == serial), None)
    if found is None:
        raise Refused("its signature does not hold the certificate of its signer")
    return found


def _attributes(attributes: Any) -> dict[str, Any]:
    """CMS attributes by dotted identifier; an absent set is an empty one."""
    return {one["type"].dotted: one["values"] for one in attributes} if attributes.native else {}


def _unsigned(signer: Any, leaf: x509.Certificate, directory: bytes, other: bytes | None) -> list[str]:
    """What the signature does not cover, in words."""
    algorithm = signer["digest_algorithm"]["algorithm"].native
    attributes = signer["signed_attrs"]
    own = _attributes(attributes)
    said = next((values[0].native for oid, values in own.items() if oid == "1.2.840.113549.1.9.4"), b"")
    signature, signed = signer["signature"].native, attributes.untag().dump() if own else directory
    wrong = []
    if own and said != hashlib.new(algorithm, directory, usedforsecurity=False).digest():
        wrong.append("the code directory was changed after it was signed")
    if not _signed_by(leaf, signature, hashlib.new(algorithm, signed, usedforsecurity=False).digest(), algorithm):
        wrong.append("the signature is not that of the certificate")
    if other is not None and other not in _directory_hashes(own):
        wrong.append("the code directory that counts is not signed")
    return wrong


def _directory_hashes(attributes: dict[str, Any]) -> list[bytes]:
    values = attributes.get(_CD_HASHES)
    if values is None:
        return []
    found = propertylist.read(values[0].native).get("cdhashes", [])
    return [one for one in found if isinstance(one, bytes)] if isinstance(found, list) else []


def _signed_by(certificate: x509.Certificate, signature: bytes, digest: bytes, algorithm: str) -> bool:
    """Whether `signature` is the certificate's key's over what has this digest."""
    key = certificate.public_key()
    try:
        kind = Prehashed(_HASHES[algorithm])
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, digest, padding.PKCS1v15(), kind)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, digest, ec.ECDSA(kind))
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, KeyError):
        return False
    return True


def _times(signer: Any) -> _Times:
    """When it was signed: a timestamp that is for this very signature, else what the signer says."""
    token = _attributes(signer["unsigned_attrs"]).get(_TIMESTAMP)
    if token is not None:
        stamped = token[0]["content"]["encap_content_info"]["content"].parsed
        info = stamped if isinstance(stamped, tsp.TSTInfo) else tsp.TSTInfo.load(stamped.contents)
        imprint = info["message_imprint"]
        algorithm = imprint["hash_algorithm"]["algorithm"].native
        digest = hashlib.new(algorithm, signer["signature"].native, usedforsecurity=False).digest()
        if imprint["hashed_message"].native == digest:
            return _Times(info["gen_time"].native.astimezone(UTC), timestamped=True)
    said = _attributes(signer["signed_attrs"]).get("1.2.840.113549.1.9.5")
    return _Times(said[0].native.astimezone(UTC)) if said is not None else _Times()
