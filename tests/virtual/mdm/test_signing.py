from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

from kextrel.errors import UsageError
from kextrel.virtual.mdm.signing import Identity


def _pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, *, certificate: bool = True) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Kextrel test Mac")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    made = builder.sign(key, digest).public_bytes(serialization.Encoding.PEM) if certificate else b""
    clear = serialization.NoEncryption()
    return made + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, clear)


def test_a_stranger_verifies_the_signature_of_a_body(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "mac.pem").write_bytes(_pem(key))
    body = b"<plist>\r\n\n</plist>"
    made = base64.b64decode(Identity(str(tmp_path / "mac.pem")).signature(body))
    signed = cms.ContentInfo.load(made)["content"]
    assert signed["encap_content_info"]["content"].native is None
    signer = signed["signer_infos"][0]
    attributes = {one["type"].native: one["values"][0].native for one in signer["signed_attrs"]}
    assert attributes["message_digest"] == hashlib.sha256(body).digest()
    covered = signer["signed_attrs"].untag().dump()
    key.public_key().verify(signer["signature"].native, covered, ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize("content", [b"", b"nonsense", None], ids=["empty", "nonsense", "missing"])
def test_a_file_that_is_no_identity_says_so(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "mac.pem").write_bytes(content)
    with pytest.raises(UsageError, match=r"mac\.pem"):
        Identity(str(tmp_path / "mac.pem"))


def test_a_key_without_its_certificate_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mac.pem").write_bytes(_pem(ec.generate_private_key(ec.SECP256R1()), certificate=False))
    with pytest.raises(UsageError):
        Identity(str(tmp_path / "mac.pem"))
    (tmp_path / "mac.pem").write_bytes(_pem(ed25519.Ed25519PrivateKey.generate()))
    with pytest.raises(UsageError, match="signs no CMS"):
        Identity(str(tmp_path / "mac.pem"))
