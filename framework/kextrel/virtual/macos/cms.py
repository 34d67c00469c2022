"""Verifies the CMS of a code signature: digest, signature, certificate chain, Apple's markers, revocation.

Sources: RFC 5652, RFC 5280; the marker of a Developer ID is Apple's 1.2.840.113635.100.6.1.13, that of one that may
sign kexts 1.2.840.113635.100.6.1.18.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from asn1crypto import cms as asn1_cms
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kextrel.virtual.macos.trust import Trust

__all__ = ["Signer", "Untrusted", "signer_of"]

_DEVELOPER_ID = x509.ObjectIdentifier("1.2.840.113635.100.6.1.13")
_KEXT_SIGNING = x509.ObjectIdentifier("1.2.840.113635.100.6.1.18")
_LONGEST_CHAIN = 4
_PREFIX = "Developer ID Application: "
# What the two libraries raise on bytes that are no certificate, no CMS, or one of a kind that they do not know.
_NOT_PROVED = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    RecursionError,
    InvalidSignature,
    UnsupportedAlgorithm,
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


class Untrusted(Exception):
    """A CMS that proves nothing to this Mac; `revoked`: only because its certificate was revoked."""

    def __init__(self, why: str, *, revoked: bool = False) -> None:
        super().__init__(why)
        self.revoked = revoked


@dataclass(frozen=True)
class Signer:
    """Who signed: the leaf's team, developer name and serial number, and the names of the chain, leaf first."""

    team_id: str
    developer_name: str
    authorities: tuple[str, ...]
    serial: int = 0


def signer_of(blob: bytes, content: bytes, trust: Trust, now: datetime, *, kext: bool = True) -> Signer:
    """Who signed the detached `content` with the DER SignedData `blob`; `kext`: as one who may sign kexts, else any
    Developer ID does. Raises Untrusted."""
    try:
        certificates, info = _read(blob)
        leaf = _leaf(certificates, info)
        _check_signature(info, leaf, content)
        chain = _chain(leaf, certificates, trust, now)
        _check_leaf(leaf, kext=kext)
    except _NOT_PROVED as error:
        raise Untrusted(f"the CMS does not verify: {error or type(error).__name__}") from error
    for certificate, issuer in pairwise(chain):
        if trust.revoked(certificate, issuer):
            raise Untrusted(f"certificate {certificate.serial_number:x} was revoked", revoked=True)
    common = _attribute(leaf, NameOID.COMMON_NAME)
    team = _attribute(leaf, NameOID.ORGANIZATIONAL_UNIT_NAME)
    name = common.removeprefix(_PREFIX).removesuffix(f" ({team})")
    authorities = tuple(_attribute(one, NameOID.COMMON_NAME) for one in chain)
    return Signer(team, name, authorities, leaf.serial_number)


def _read(blob: bytes) -> tuple[list[x509.Certificate], asn1_cms.SignerInfo]:
    # codesign pads the blob with zeros, and so does a signature that lies in a file: only what DER says counts
    content = asn1_cms.ContentInfo.load(blob)
    if content["content_type"].native != "signed_data":
        raise ValueError("no SignedData")
    data = content["content"]
    certificates = [x509.load_der_x509_certificate(choice.chosen.dump()) for choice in data["certificates"]]
    if len(data["signer_infos"]) != 1:
        raise ValueError(f"{len(data['signer_infos'])} signers")
    return certificates, data["signer_infos"][0]


def _leaf(certificates: Sequence[x509.Certificate], info: asn1_cms.SignerInfo) -> x509.Certificate:
    if info["sid"].name != "issuer_and_serial_number":
        raise ValueError("the signer is not named by issuer and serial number")
    serial, issuer = info["sid"].chosen["serial_number"].native, info["sid"].chosen["issuer"].dump()
    for certificate in certificates:
        if certificate.serial_number == serial and certificate.issuer.public_bytes() == issuer:
            return certificate
    raise ValueError("the signer's certificate is not inside")


def _check_signature(info: asn1_cms.SignerInfo, leaf: x509.Certificate, content: bytes) -> None:
    if info["digest_algorithm"]["algorithm"].native != "sha256":
        raise ValueError("the digest is not SHA-256")
    attributes = info["signed_attrs"]
    digests = [one["values"][0].native for one in attributes if one["type"].native == "message_digest"]
    if len(digests) != 1 or not hmac.compare_digest(digests[0], hashlib.sha256(content).digest()):
        raise ValueError("the message digest is not the CodeDirectory's")
    signed = b"\x31" + attributes.dump()[1:]  # what is signed is a SET OF, what is sent is tagged [0]
    signature, key = info["signature"].native, leaf.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, signed, ec.ECDSA(SHA256()))
    elif isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, signed, padding.PKCS1v15(), SHA256())
    else:
        raise ValueError("a key that is neither ECDSA nor RSA")


def _chain(
    leaf: x509.Certificate, others: Sequence[x509.Certificate], trust: Trust, now: datetime
) -> list[x509.Certificate]:
    """From the leaf to the anchor, each issued by the next and valid now."""
    chain = [leaf]
    while len(chain) < _LONGEST_CHAIN:
        last = chain[-1]
        if not last.not_valid_before_utc <= now <= last.not_valid_after_utc:
            raise ValueError("a certificate is not valid at this time")
        anchor = trust.anchor(last.issuer)
        if anchor is not None:
            last.verify_directly_issued_by(anchor)
            return [*chain, anchor]
        chain.append(_issuer(last, others))
    raise ValueError("the chain is too long")


def _issuer(certificate: x509.Certificate, others: Sequence[x509.Certificate]) -> x509.Certificate:
    for other in others:
        if other.subject == certificate.issuer:
            constraints = other.extensions.get_extension_for_class(x509.BasicConstraints).value
            if not constraints.ca:
                raise ValueError("issued by a certificate that is no authority")
            certificate.verify_directly_issued_by(other)
            return other
    raise ValueError("the chain does not reach the anchor")


def _check_leaf(leaf: x509.Certificate, *, kext: bool) -> None:
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    if ExtendedKeyUsageOID.CODE_SIGNING not in usage:
        raise ValueError("the certificate is not for code signing")
    marker = _KEXT_SIGNING if kext else _DEVELOPER_ID
    if not any(extension.oid == marker for extension in leaf.extensions):
        raise ValueError("the team may not sign kexts" if kext else "the certificate is no Developer ID")


def _attribute(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    found = certificate.subject.get_attributes_for_oid(oid)
    return str(found[0].value) if found else ""
