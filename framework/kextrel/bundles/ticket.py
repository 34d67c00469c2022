"""The ticket that a notary gives for notarized code, stapled to a bundle as its file Contents/CodeResources.

Apple's tickets have a form of their own that Apple alone can sign; these begin as Apple's do and are the test notary's,
which only virtual Macs know. Source: stapler(1); Apple, "Customizing the notarization workflow".
"""

from __future__ import annotations

import plistlib
import struct
from collections.abc import Iterable

from kextrel.bundles.authority import notary
from kextrel.bundles.signature import cdhash

__all__ = ["ticket"]

_MAGIC = b"s8ch"


def ticket(slices: Iterable[bytes]) -> bytes:
    """The ticket for the signed thin Mach-Os `slices`: magic, length of the signature, signature, list of cdhashes."""
    payload = plistlib.dumps({"cdhashes": [cdhash(one) for one in slices]})
    signature = notary(payload)
    return _MAGIC + struct.pack(">I", len(signature)) + signature + payload
