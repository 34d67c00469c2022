"""The Secure Enclave: it alone signs LocalPolicy, and it looks at the button and the password before it does.

Which option may be set where is the table of bputil's manual page: lowering to reduced needs a recoveryOS, every
further downgrade the one true recoveryOS, paired with the macOS it is for; a downgrade may be taken back anywhere.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import uuid
from dataclasses import asdict, replace

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from kextrel.virtual.hardware.localpolicy import MEASURED, Change, LocalPolicy, SignedPolicy
from kextrel.virtual.hardware.models import model_of
from kextrel.virtual.hardware.progress import BootProgress
from kextrel.virtual.spec import MacSpec

__all__ = ["PolicyRejected", "SecureEnclave", "SepRefusal"]

PAIRING, ENVIRONMENT, CREDENTIALS, OWNERSHIP, PREREQUISITE = 17, 12, 9, 10, 11
"""Codes of com.apple.bootpolicy. 17 is known from the field; the others are this Mac's own."""


class SepRefusal(Exception):
    """The Secure Enclave will not do it.

    `kind`: "environment", "pairing", "authentication", "ownership", or "prerequisite" (the policy allows no kexts).
    """

    def __init__(self, kind: str, bootpolicy_code: int) -> None:
        self.kind, self.bootpolicy_code = kind, bootpolicy_code
        super().__init__(f"{kind} ({bootpolicy_code})")


class PolicyRejected(Exception):
    """A stored policy that must not be booted: its signature or its nonce is not the newest."""


class SecureEnclave:
    """One Mac's enclave: a P-384 key that never leaves it, the newest nonce, and who owns the volume.

    `stored` is the signed policy as it lies on the disk; anybody may overwrite it there, nobody can make another one
    that `verify` takes.
    """

    def __init__(self, spec: MacSpec, progress: BootProgress, *, defects: frozenset[str] = frozenset()) -> None:
        self._progress, self._defects = progress, defects
        self._key = ec.generate_private_key(ec.SECP384R1())
        self._salt = secrets.token_bytes(16)
        self._owners = {account.name: self._derived(account.password) for account in spec.owners}
        self._nonce = b""
        self._bootstrap: bytes | None = None
        self._assigned = spec.enrollment == "automated-device"
        self._verified: SignedPolicy | None = None  # the last one whose signature was right: it is so for ever
        self.stored = self._sign(_first_policy(spec))

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """What the boot loader verifies with."""
        return self._key.public_key()

    def verify(self, signed: SignedPolicy) -> LocalPolicy:
        """The policy in `signed`; PolicyRejected for a wrong signature or for an older policy put back."""
        if signed != self._verified:
            self._verify_signature(signed)
        policy = LocalPolicy.decoded(signed.payload)
        if not hmac.compare_digest(policy.lpnh, _sha384(self._nonce)):
            raise PolicyRejected("LocalPolicy was replayed: its nonce is not the newest")
        return policy

    def _verify_signature(self, signed: SignedPolicy) -> None:
        try:
            self.public_key.verify(signed.signature, signed.payload, ec.ECDSA(hashes.SHA384()))
        except InvalidSignature as error:
            raise PolicyRejected("the signature of LocalPolicy is not this Secure Enclave's") from error
        self._verified = signed

    def policy(self) -> LocalPolicy:
        """The newest stored policy, verified: what will be in force from the next boot."""
        return self.verify(self.stored)

    def authenticate(self, user: str, password: str) -> None:
        """SepRefusal unless `user` owns the volume and `password` is theirs."""
        if "BOOT-03" in self._defects:
            return
        if user not in self._owners:
            raise SepRefusal("ownership", OWNERSHIP)
        if not hmac.compare_digest(self._owners[user], self._derived(password)):
            raise SepRefusal("authentication", CREDENTIALS)

    def escrow(self) -> bytes:
        """Makes a new bootstrap token, for an MDM server to keep; the one before is worth nothing any more."""
        token = secrets.token_bytes(32)
        self._bootstrap = hashlib.sha384(token).digest()
        return token

    @property
    def admits_mdm(self) -> bool:
        """Whether the stored policy lets an MDM server manage kernel extensions."""
        policy = self.policy()
        return bool(policy.smb0 and (policy.smb3 or policy.smb4))

    @property
    def awaits_mdm(self) -> bool:
        """Whether an MDM server can lower the policy by itself: it has this Mac's bootstrap token, and owns the Mac."""
        return self._assigned and self._bootstrap is not None

    def admit_mdm(self, token: bytes | None) -> None:
        """An MDM server acts in a person's place, with the bootstrap token; SepRefusal where it may not.

        Where neither `smb3` nor `smb4` lets it, a Mac that its organisation bought (Automated Device Enrollment) is
        lowered to reduced security with `smb4`, without anybody at it. Apple Platform Security, "LocalPolicy".
        """
        progress = self._progress.value
        if progress is None or progress.environment != "macos":
            raise SepRefusal("environment", ENVIRONMENT)
        if self._bootstrap is None or not hmac.compare_digest(hashlib.sha384(token or b"").digest(), self._bootstrap):
            raise SepRefusal("authentication", CREDENTIALS)
        if self.admits_mdm:
            return
        if not self._assigned:
            raise SepRefusal("prerequisite", PREREQUISITE)
        if "MDM-10" not in self._defects:
            self.stored = self._sign(replace(self.policy(), smb0=1, smb4=1))

    def personalize(self, spec: MacSpec) -> None:
        """An installer put another system on the volume group: the same policy is signed for that. What was lowered
        stays so, and what was measured is still measured. Apple Platform Security, "LocalPolicy"."""
        self.stored = self._sign(replace(self.policy(), love=_release(spec), nsih=_next_stage(spec)))

    def change(self, change: Change, *, user: str, password: str) -> None:
        """Signs the stored policy anew with `change`; SepRefusal leaves the stored bytes as they were."""
        policy = self.policy()
        self._look_at_register(change)
        self.authenticate(user, password)
        self.stored = self._sign(change.applied(policy))

    def measure(self, **digests: str | None) -> None:
        """Writes `auxp`, `auxi`, `auxr` (SHA-384 in upper-case hexadecimal, None: absent), as measured; no password.

        SepRefusal for a hash outside macOS, and while the stored policy allows no kexts (Apple Platform Security: the
        three are mutable in macOS, and that kexts are enabled is a prerequisite of each).
        """
        for field in sorted(digests.keys() - set(MEASURED)):
            raise ValueError(f"{field} is not measured, it is set by change()")
        policy = self.policy()
        if any(digests.values()):
            progress = self._progress.value
            if progress is None or progress.environment != "macos":
                raise SepRefusal("environment", ENVIRONMENT)
            if not policy.allows_kexts:
                raise SepRefusal("prerequisite", PREREQUISITE)
        self.stored = self._sign(LocalPolicy(**{**asdict(policy), **digests}))

    def _look_at_register(self, change: Change) -> None:
        wanted = {field for field, value in change.fields.items() if value}
        if not wanted or "BOOT-02" in self._defects:
            return
        progress = self._progress.value
        if progress is None or progress.environment != "recovery" or progress.fallback:
            raise SepRefusal("environment", ENVIRONMENT)
        if wanted - {"smb0"} and not progress.one_true:
            raise SepRefusal("environment", ENVIRONMENT)
        if wanted - {"smb0"} and not progress.paired:
            raise SepRefusal("pairing", PAIRING)

    def _sign(self, policy: LocalPolicy) -> SignedPolicy:
        self._nonce = secrets.token_bytes(32)
        payload = replace(policy, lpnh=_sha384(self._nonce)).encoded()
        return SignedPolicy(payload, self._key.sign(payload, ec.ECDSA(hashes.SHA384())))

    def _derived(self, password: str) -> bytes:
        return hashlib.pbkdf2_hmac("sha256", password.encode(), self._salt, 100)


def _sha384(data: bytes) -> str:
    return hashlib.sha384(data).hexdigest().upper()


def _release(spec: MacSpec) -> str:
    return f"{spec.build_version}.0.0,0"


def _next_stage(spec: MacSpec) -> str:
    """The hash of what boots after this policy: it stands for the whole system."""
    return _sha384(spec.build.encode())


def _first_policy(spec: MacSpec) -> LocalPolicy:
    """What the installer leaves: full security, nothing lowered."""
    model = model_of(spec.model, spec.architecture)
    return LocalPolicy(
        vuid=str(uuid.uuid4()).upper(),
        kuid=str(uuid.uuid4()).upper(),
        ecid=secrets.randbits(56),
        chip=model.chip,
        bord=model.board,
        love=_release(spec),
        nsih=_next_stage(spec),
        lpnh="",
        rpnh=_sha384(secrets.token_bytes(32)),
        ronh=_sha384(secrets.token_bytes(32)),
    )
