"""Whom this Mac trusts: the anchors, revocation lists, notaries and banned kexts that lie in `virtual/trust/`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

__all__ = ["Trust", "excluded", "load"]


_SHIPPED = Path(__file__).parents[1] / "trust"


@dataclass(frozen=True)
class Trust:
    """Anchor certificates, revocation lists, and the keys of notaries. No anchor: nothing is trusted."""

    anchors: tuple[x509.Certificate, ...] = ()
    revocations: tuple[x509.CertificateRevocationList, ...] = ()
    notaries: tuple[ec.EllipticCurvePublicKey, ...] = ()

    def anchor(self, name: x509.Name) -> x509.Certificate | None:
        """The anchor of that subject."""
        return next((one for one in self.anchors if one.subject == name), None)

    def revoked(self, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
        """Whether a list that `issuer` really signed names `certificate`."""
        return any(
            crl.issuer == issuer.subject
            and crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
            and crl.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None
            for crl in self.revocations
        )


@cache
def load(more: str = "", *, shipped: bool = True) -> Trust:
    """What lies in `virtual/trust/` where `shipped`, and every certificate and list (*.pem) and notary's key (*.pub) of
    the folder `more`."""
    folders = [*([_SHIPPED] if shipped else []), *([Path(more)] if more else [])]
    keys = [load_pem_public_key(path.read_bytes()) for folder in folders for path in sorted(folder.glob("*.pub"))]
    files = [path for folder in folders for path in sorted(folder.glob("*.pem"))]
    lists = [path for path in files if path.name.endswith(".crl.pem")]
    certificates = [path for path in files if path not in lists]
    return Trust(
        tuple(x509.load_pem_x509_certificate(path.read_bytes()) for path in certificates),
        tuple(x509.load_pem_x509_crl(path.read_bytes()) for path in lists),
        tuple(key for key in keys if isinstance(key, ec.EllipticCurvePublicKey)),
    )


def excluded() -> bytes:
    """The Info.plist of the AppleKextExcludeList.kext that is shipped."""
    return (_SHIPPED / "excluded.plist").read_bytes()
