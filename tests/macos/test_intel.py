"""Intel Macs: which has a T2, the SIP word in NVRAM, and what recovery can tell of them."""

from __future__ import annotations

import pytest

from kextrel.macos import intel, observation
from kextrel.vocabulary import UNKNOWN, Architecture, Environment, SecurityMode

TOKEN = "a1" * 16
T2_VARIABLE = "94b73556-2197-4702-82a8-3e1337dafbfb:AppleSecureBootPolicy"
SYSCTL = (
    "kern.boottime: { sec = 5, usec = 6 } x\nkern.safeboot: 0\nhw.model: {model}\n"
    "sysctl: unknown oid 'hw.optional.arm64'\n"
)
MISSING = "nvram: Error getting variable - '{}': (iokit/common) data was not found\n"


def frames(**sections: str) -> bytes:
    """An answer of the observing script; `nvram_t2` is its section nvram-t2."""
    named = {name.replace("_", "-"): text for name, text in sections.items()}
    codes = "".join(f" {name} 0" for name in named)
    sizes = "".join(f" {len(text)} {name}.out\n 0 {name}.err\n" for name, text in named.items())
    head = f"{TOKEN} begin 65536\n{TOKEN} sections{codes}\n{sizes}{TOKEN} data\n"
    return f"{head}{''.join(named.values())}\n{TOKEN} end\n".encode()


@pytest.mark.parametrize(
    ("model", "has"), [("Macmini8,1", True), ("MacBookPro16,1", True), ("Macmini7,1", False), ("", None), (None, None)]
)
def test_the_model_tells_whether_there_is_a_t2(model: str | None, has: bool | None) -> None:
    assert intel.has_t2(model) is has


@pytest.mark.parametrize(
    ("value", "bits"), [("%7f%08%00%00", 0x87F), ("w%00%00%00", 0x77), ("%00%00%00%00", 0), ("%7f", None), ("", None)]
)
def test_the_sip_word_is_little_endian(value: str, bits: int | None) -> None:
    assert intel.sip_bits(value) == bits


@pytest.mark.parametrize(
    ("nvram", "stored"),
    [
        ("csr-active-config\t%7f%08%00%00\n", "disabled"),
        ("csr-active-config\tg%08%00%00\n", "disabled"),
        ("csr-active-config\t%00%00%00%00\n", "enabled"),
        ("csr-active-config\t%03%00%00%00\n", "custom"),
        (MISSING.format("csr-active-config"), "enabled"),
        ("nvram: Error getting variable - 'csr-active-config': (iokit/common) not permitted\n", UNKNOWN),
    ],
)
def test_sip_from_the_next_boot_is_the_word_in_nvram(nvram: str, stored: object) -> None:
    answer = frames(sysctl=SYSCTL.replace("{model}", "Macmini7,1"), nvram_sip=nvram)
    assert observation.read(answer, token=TOKEN).sip_stored.value == stored


def test_an_intel_mac_in_recovery_is_in_its_only_one() -> None:
    said = "bputil is not yet supported on this platform\n"
    answer = frames(sysctl=SYSCTL.replace("{model}", "Macmini7,1"), bputil=said, nvram_t2=MISSING.format(T2_VARIABLE))
    seen = observation.read_recovery(answer, token=TOKEN)
    assert seen.environment.value is Environment.RECOVERYOS
    assert (seen.architecture.value, seen.security_mode.value) == (Architecture.INTEL, None)
    assert (seen.kext_management.value, seen.auxi.value) == (frozenset(), None)


def test_a_t2_in_recovery_says_its_level() -> None:
    answer = frames(sysctl=SYSCTL.replace("{model}", "MacBookPro16,1"), nvram_t2=f"{T2_VARIABLE}\t%01\n")
    seen = observation.read_recovery(answer, token=TOKEN)
    assert (seen.architecture.value, seen.security_mode.value) == (Architecture.INTEL_T2, SecurityMode.MEDIUM)


def test_a_custom_word_that_differs_from_what_is_in_force_is_shown() -> None:
    answer = frames(
        sysctl=SYSCTL.replace("{model}", "Macmini7,1"),
        csrutil="System Integrity Protection status: enabled.\n",
        nvram_sip="csr-active-config\t%7f%08%00%00\n",
    )
    assert any("NVRAM" in line for line in observation.read(answer, token=TOKEN).contradictions)
