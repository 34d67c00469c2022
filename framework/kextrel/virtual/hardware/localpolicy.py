"""LocalPolicy: the signed record that says what this Mac may boot.

Field names are the four-letter ones that `bputil -d` prints. A field that is None is absent. Hashes are SHA-384, upper
case hexadecimal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

__all__ = ["LOWERING", "MEASURED", "Change", "LocalPolicy", "SignedPolicy"]

LOWERING = ("smb0", "smb1", "smb2", "smb3", "smb4", "sip0", "sip1", "sip2", "sip3")
"""The fields that lower security when present: 1, and for sip0 the SIP word."""
MEASURED = ("auxp", "auxi", "auxr")
"""The hashes of things beside the policy that the running macOS measures (`SecureEnclave.measure`)."""


@dataclass(frozen=True)
class LocalPolicy:
    """One policy of one volume group. `lpnh` is the hash of the nonce that makes an older copy worthless."""

    vuid: str
    kuid: str
    ecid: int
    chip: int
    bord: int
    love: str
    nsih: str
    lpnh: str
    rpnh: str
    ronh: str
    smb0: int | None = None
    smb1: int | None = None
    smb2: int | None = None
    smb3: int | None = None
    smb4: int | None = None
    sip0: int | None = None
    sip1: int | None = None
    sip2: int | None = None
    sip3: int | None = None
    auxp: str | None = None
    auxi: str | None = None
    auxr: str | None = None
    coih: str | None = None

    @property
    def security_mode(self) -> str:
        """ "Full", "Reduced" or "Permissive", as `bputil -d` has it."""
        if not self.smb0:
            return "Full"
        return "Permissive" if self.smb1 else "Reduced"

    @property
    def allows_kexts(self) -> bool:
        """Whether an auxiliary kernel collection may be: below full, and somebody may manage kexts."""
        return bool(self.smb0) and any((self.smb2, self.smb3, self.smb4))

    def encoded(self) -> bytes:
        """The bytes that are signed: one canonical form for one policy."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def decoded(cls, payload: bytes) -> LocalPolicy:
        """The policy in `payload`, which the Secure Enclave has verified before."""
        return cls(**json.loads(payload))


@dataclass(frozen=True)
class SignedPolicy:
    """A policy as it lies on the disk: `LocalPolicy.encoded` and the Secure Enclave's signature (ECDSA P-384, DER)."""

    payload: bytes
    signature: bytes


@dataclass(frozen=True)
class Change:
    """What a tool asks the Secure Enclave to make of the policy.

    `fields`: new values of LOWERING fields (None takes one away). `afresh`: every other LOWERING field goes first,
    as `bputil -f`, `-g` and `-n` do it; else the others stay.
    """

    fields: Mapping[str, int | None]
    afresh: bool = False

    def applied(self, policy: LocalPolicy) -> LocalPolicy:
        """`policy` with this change, not yet signed."""
        cleared = dict.fromkeys(LOWERING) if self.afresh else {}
        return LocalPolicy(**{**asdict(policy), **cleared, **self.fields})
