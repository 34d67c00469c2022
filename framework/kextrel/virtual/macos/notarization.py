"""Notarization: the ticket of a notary that is stapled to a bundle, Contents/CodeResources.

A ticket is its magic, the length of a signature, the signature (ECDSA with SHA-256, DER), and a property list with the
hashes of the code that it is for. Nobody is asked over the network: no notary that this Mac knows answers there.
Sources: stapler(1); Apple, "Customizing the notarization workflow".
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from kextrel.virtual.macos.plists import BadPlist, mapping

__all__ = ["TICKET", "is_notarized"]

TICKET = "CodeResources"
"""Where stapler puts it, below Contents."""
_MAGIC = b"s8ch"
_HEAD = len(_MAGIC) + 4


def is_notarized(ticket: bytes | None, cdhash: str, notaries: Sequence[ec.EllipticCurvePublicKey]) -> bool:
    """Whether one of the `notaries` gave `ticket` (None: none is stapled) for the code of that cdhash."""
    if ticket is None or len(ticket) < _HEAD or not ticket.startswith(_MAGIC):
        return False
    end = _HEAD + int(struct.unpack_from(">I", ticket, len(_MAGIC))[0])
    signature, payload = ticket[_HEAD:end], ticket[end:]
    if not any(_signed(key, signature, payload) for key in notaries):
        return False
    try:
        hashes = mapping(payload).get("cdhashes")
    except BadPlist:
        return False
    return isinstance(hashes, list) and bytes.fromhex(cdhash) in hashes


def _signed(key: ec.EllipticCurvePublicKey, signature: bytes, payload: bytes) -> bool:
    try:
        key.verify(signature, payload, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True
