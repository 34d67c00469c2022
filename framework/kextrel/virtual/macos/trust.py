"""Whom this Mac trusts: the anchor and the revocation list that lie in `virtual/trust/`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography import x509

__all__ = ["Trust", "load"]


@dataclass(frozen=True)
class Trust:
    """An anchor certificate and revocation lists. No anchor: nothing is trusted."""

    anchor: x509.Certificate | None
    revocations: tuple[x509.CertificateRevocationList, ...] = ()

    def revoked(self, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
        """Whether a list that `issuer` really signed names `certificate`."""
        return any(
            crl.issuer == issuer.subject
            and crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
            and crl.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None
            for crl in self.revocations
        )


@cache
def load(folder: Path = Path(__file__).parents[1] / "trust") -> Trust:
    """The trust in `folder`: root.pem and every *.crl.pem. A folder without root.pem trusts nobody."""
    root = folder / "root.pem"
    anchor = x509.load_pem_x509_certificate(root.read_bytes()) if root.is_file() else None
    lists = (x509.load_pem_x509_crl(path.read_bytes()) for path in sorted(folder.glob("*.crl.pem")))
    return Trust(anchor, tuple(lists))
