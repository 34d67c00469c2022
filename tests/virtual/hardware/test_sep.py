from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from kextrel.virtual.hardware.localpolicy import Change, LocalPolicy, SignedPolicy
from kextrel.virtual.hardware.progress import BootProgress, Progress
from kextrel.virtual.hardware.sep import PolicyRejected, SecureEnclave, SepRefusal
from kextrel.virtual.spec import Account, MacSpec

ONE_TRUE = Progress("recovery", by_button=True, paired=True)
UNPAIRED = Progress("recovery", by_button=True)
SOFTWARE = Progress("recovery", paired=True)
FALLBACK = Progress("recovery", by_button=True, fallback=True)
MACOS = Progress("macos")

ALLOW_KEXTS = Change({"smb0": 1, "smb2": 1})
REDUCED = Change({"smb0": 1}, afresh=True)
FULL = Change({}, afresh=True)
SIP_OFF = Change({"smb0": 1, "smb1": 1, "sip0": 0x7F})


class Register(BootProgress):
    """A boot progress register that a test resets and locks as a restart would."""

    def boot(self, progress: Progress) -> None:
        self.reset()
        self.lock(progress)


def enclave(progress: Progress | None, **spec: object) -> SecureEnclave:
    return restartable(progress, **spec)[0]


def restartable(progress: Progress | None, **spec: object) -> tuple[SecureEnclave, Register]:
    accounts = (
        Account("admin", "Lab Admin", admin=True, password="right"),
        Account("guest", "No Token", secure_token=False, password="guest"),
    )
    register = Register()
    if progress is not None:
        register.lock(progress)
    known = MacSpec(**{"name": "mini", "prepared": True, "accounts": accounts, **spec})
    return SecureEnclave(known, register, defects=known.defects), register


def with_kexts() -> tuple[SecureEnclave, Register]:
    """In macOS, on a Mac on which kexts were allowed."""
    sep, register = restartable(ONE_TRUE)
    sep.change(ALLOW_KEXTS, user="admin", password="right")
    register.boot(MACOS)
    return sep, register


def refusal(sep: SecureEnclave, change: Change, user: str = "admin", password: str = "right") -> tuple[str, int]:
    before = sep.stored
    with pytest.raises(SepRefusal) as caught:
        sep.change(change, user=user, password=password)
    assert sep.stored == before
    return caught.value.kind, caught.value.bootpolicy_code


def test_the_first_policy_is_full_security_and_verifies():
    sep = enclave(None)
    policy = sep.verify(sep.stored)
    assert policy.security_mode == "Full"
    assert policy.love == "23.6.79.0.0,0"
    sep.public_key.verify(sep.stored.signature, sep.stored.payload, ec.ECDSA(hashes.SHA384()))


def test_a_policy_of_another_hand_is_rejected():
    sep = enclave(None)
    forged = replace(sep.policy(), smb0=1, smb2=1).encoded()
    with pytest.raises(PolicyRejected, match="signature"):
        sep.verify(SignedPolicy(forged, sep.stored.signature))
    with pytest.raises(PolicyRejected, match="signature"):
        sep.verify(enclave(None).stored)


def test_an_older_policy_put_back_is_rejected():
    sep = enclave(ONE_TRUE)
    sep.change(ALLOW_KEXTS, user="admin", password="right")
    lowered = sep.stored
    sep.change(FULL, user="admin", password="right")
    with pytest.raises(PolicyRejected, match="replayed"):
        sep.verify(lowered)
    assert sep.policy().security_mode == "Full"


def test_every_signature_has_a_new_nonce():
    sep, _ = with_kexts()
    seen = {sep.policy().lpnh}
    for digest in ("AA", "BB"):
        sep.measure(auxi=digest)
        seen.add(sep.policy().lpnh)
    assert len(seen) == 3


def test_in_1tr_kexts_can_be_allowed_and_other_options_stay():
    sep = enclave(ONE_TRUE)
    sep.change(SIP_OFF, user="admin", password="right")
    sep.change(ALLOW_KEXTS, user="admin", password="right")
    policy = sep.policy()
    assert (policy.smb0, policy.smb1, policy.smb2, policy.sip0) == (1, 1, 1, 0x7F)
    assert policy.security_mode == "Permissive"


def test_afresh_takes_other_downgrades_away_but_not_the_collection():
    sep, register = with_kexts()
    sep.measure(auxi="AB", auxr="CD")
    register.boot(ONE_TRUE)
    sep.change(SIP_OFF, user="admin", password="right")
    sep.change(REDUCED, user="admin", password="right")
    policy = sep.policy()
    assert policy.security_mode == "Reduced"
    assert (policy.smb2, policy.sip0, policy.auxi, policy.auxr) == (None, None, "AB", "CD")


@pytest.mark.parametrize("change", [ALLOW_KEXTS, SIP_OFF, Change({"smb0": 1, "smb3": 1})])
@pytest.mark.parametrize(
    ("progress", "expected"),
    [(SOFTWARE, "environment"), (FALLBACK, "environment"), (MACOS, "environment"), (UNPAIRED, "pairing")],
)
def test_downgrades_need_the_held_button_and_the_paired_recovery(progress, expected, change):
    assert refusal(enclave(progress), change)[0] == expected


def test_pairing_is_known_by_its_code():
    assert refusal(enclave(UNPAIRED), ALLOW_KEXTS) == ("pairing", 17)


def test_reduced_alone_needs_some_recovery():
    for progress in (SOFTWARE, UNPAIRED, ONE_TRUE):
        sep = enclave(progress)
        sep.change(REDUCED, user="admin", password="right")
        assert sep.policy().security_mode == "Reduced"
    assert refusal(enclave(MACOS), REDUCED)[0] == "environment"


def test_full_may_be_set_anywhere():
    sep = enclave(MACOS)
    sep.change(FULL, user="admin", password="right")
    assert sep.policy().security_mode == "Full"


def test_a_wrong_password_is_refused():
    assert refusal(enclave(ONE_TRUE), ALLOW_KEXTS, password="wrong")[0] == "authentication"
    assert refusal(enclave(MACOS), FULL, password="wrong")[0] == "authentication"


def test_who_owns_nothing_is_refused_with_the_right_password():
    assert refusal(enclave(ONE_TRUE), ALLOW_KEXTS, "guest", "guest")[0] == "ownership"


def test_on_an_unprepared_mac_nobody_owns_the_volume():
    assert refusal(enclave(ONE_TRUE, missing=frozenset({"PREP-04"})), ALLOW_KEXTS)[0] == "ownership"


def test_defect_boot_02_forgets_the_register_only():
    sep = enclave(SOFTWARE, defects=frozenset({"BOOT-02"}))
    assert refusal(sep, ALLOW_KEXTS, password="wrong")[0] == "authentication"
    sep.change(ALLOW_KEXTS, user="admin", password="right")
    assert sep.policy().smb2 == 1


def test_defect_boot_03_forgets_the_password_only():
    assert refusal(enclave(SOFTWARE, defects=frozenset({"BOOT-03"})), ALLOW_KEXTS)[0] == "environment"
    sep = enclave(ONE_TRUE, defects=frozenset({"BOOT-03"}))
    sep.change(ALLOW_KEXTS, user="admin", password="wrong")
    assert sep.policy().smb2 == 1


def test_only_hashes_are_measured():
    sep, _ = with_kexts()
    sep.measure(auxp="AA", auxi="BB", auxr="CC")
    assert (sep.policy().auxp, sep.policy().auxi, sep.policy().auxr) == ("AA", "BB", "CC")
    with pytest.raises(ValueError, match="smb2"):
        sep.measure(smb2="1")


def test_nothing_is_measured_while_kexts_are_not_allowed():
    sep, _ = with_kexts()
    sep.measure(auxi="AA")
    sep.change(FULL, user="admin", password="right")
    before = sep.stored
    with pytest.raises(SepRefusal, match="prerequisite"):
        sep.measure(auxi="BB")
    assert sep.stored == before
    sep.measure(auxi=None)
    assert sep.policy().auxi is None


@pytest.mark.parametrize("progress", [ONE_TRUE, SOFTWARE, FALLBACK])
def test_nothing_is_measured_outside_macos(progress: Progress):
    sep, register = with_kexts()
    register.boot(progress)
    with pytest.raises(SepRefusal, match="environment"):
        sep.measure(auxp="AA")


def test_passwords_are_not_in_its_words():
    sep = enclave(ONE_TRUE)
    with pytest.raises(SepRefusal) as caught:
        sep.change(ALLOW_KEXTS, user="admin", password="hunter22")
    assert "hunter22" not in repr(caught.value)
    assert "right" not in repr(MacSpec("mini", accounts=(Account("admin", "A", password="right"),)))


def test_one_policy_has_one_form():
    policy = enclave(None).policy()
    assert LocalPolicy.decoded(policy.encoded()) == policy
    assert replace(policy).encoded() == policy.encoded()
