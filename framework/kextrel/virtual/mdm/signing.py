"""A Mac's identity towards its MDM server: it signs every body, in the header Mdm-Signature (SignMessage).

NanoMDM knows a Mac by that certificate, which must come from the authority that the server was started with (`-ca`).
"""

from __future__ import annotations

import base64
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7

from kextrel.errors import UsageError

__all__ = ["Identity"]

_OPTIONS = (pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary)


class Identity:
    """A certificate and its key, from a PEM file with both and without a password. UsageError for any other file."""

    def __init__(self, path: str) -> None:
        try:
            content = Path(path).read_bytes()
            self._certificate = x509.load_pem_x509_certificate(content)
            key = serialization.load_pem_private_key(content, None)
        except (OSError, ValueError, TypeError) as error:
            raise UsageError(f"{path} is no PEM file with a certificate and its private key: {error}") from error
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise UsageError(f"{path} has a key that signs no CMS; take an RSA or elliptic-curve one")
        self._key = key

    def signature(self, body: bytes) -> str:
        """The header's value: a detached CMS signature of `body` in base64."""
        builder = pkcs7.PKCS7SignatureBuilder().set_data(body)
        signed = builder.add_signer(self._certificate, self._key, hashes.SHA256())
        return base64.b64encode(signed.sign(serialization.Encoding.DER, list(_OPTIONS))).decode()
