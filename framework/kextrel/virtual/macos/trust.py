"""Whom this Mac trusts: the anchors and the revocation lists that lie in `virtual/trust/`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography import x509

__all__ = ["Trust", "load"]


_SHIPPED = Path(__file__).parents[1] / "trust"


@dataclass(frozen=True)
class Trust:
    """Anchor certificates and revocation lists. No anchor: nothing is trusted."""

    anchors: tuple[x509.Certificate, ...] = ()
    revocations: tuple[x509.CertificateRevocationList, ...] = ()

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
    """What lies in `virtual/trust/` where `shipped`, and every certificate and list (*.pem) of the folder `more`."""
    folders = [*([_SHIPPED] if shipped else []), *([Path(more)] if more else [])]
    files = [path for folder in folders for path in sorted(folder.glob("*.pem"))]
    lists = [path for path in files if path.name.endswith(".crl.pem")]
    certificates = [path for path in files if path not in lists]
    return Trust(
        tuple(x509.load_pem_x509_certificate(path.read_bytes()) for path in certificates),
        tuple(x509.load_pem_x509_crl(path.read_bytes()) for path in lists),
    )
