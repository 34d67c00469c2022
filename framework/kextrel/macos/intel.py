"""What only Intel Macs have: a T2 chip, which the model tells, and SIP as a word in NVRAM."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

__all__ = ["has_t2", "sip_bits"]

# Apple's support page "Mac computers that have the Apple T2 Security Chip". The list is closed: none is made any more.
_T2_MODELS = frozenset(
    {"iMac20,1", "iMac20,2", "iMacPro1,1", "MacPro7,1", "Macmini8,1", "MacBookAir8,1", "MacBookAir8,2", "MacBookAir9,1"}
    | {f"MacBookPro{year},{size}" for year in (15, 16) for size in (1, 2, 3, 4)}
)
_MODEL = re.compile(r"[A-Za-z]+\d+,\d+\Z")
_WORD_BYTES = 4


def has_t2(model: str | None) -> bool | None:
    """Whether an Intel Mac of this `hw.model` has a T2; None where the model is not one."""
    return model in _T2_MODELS if model and _MODEL.match(model) else None


def sip_bits(value: str) -> int | None:
    """csr-active-config as `nvram` prints it: little-endian bytes, what is printable as itself ("w%00%00%00").

    None where it is not four bytes.
    """
    raw = unquote_to_bytes(value)
    return int.from_bytes(raw, "little") if len(raw) == _WORD_BYTES else None
