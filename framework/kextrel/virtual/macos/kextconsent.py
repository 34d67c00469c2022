"""What `spctl kext-consent` keeps in the NVRAM of an Intel Mac: the switch, and the teams that need no consent.

The switch is a bit of the same word as System Integrity Protection's, the teams are a property list of their own; both
are read by the kernel when it starts. Sources: spctl(8) of macOS 10.13; xnu's csr.h, CSR_ALLOW_UNAPPROVED_KEXTS.
"""

from __future__ import annotations

import plistlib
from collections.abc import Iterable
from typing import Protocol

from kextrel.virtual.hardware.efi import SIP
from kextrel.virtual.macos.plists import BadPlist, mapping

__all__ = ["UNAPPROVED_KEXTS", "Nvram", "set_switch", "set_teams", "switched_off", "teams"]

UNAPPROVED_KEXTS = 0x200
"""The bit of SIP's word with which nobody is asked."""
_DATA, _TEAMS = "csr-data", "kext-allowed-teams"


class Nvram(Protocol):
    def get(self, name: str) -> bytes | None: ...
    def set(self, name: str, value: bytes) -> None: ...
    def delete(self, name: str) -> bool: ...
    def sync(self) -> None: ...


def teams(nvram: Nvram) -> tuple[str, ...]:
    """The teams whose kexts need no consent from the next boot on; none where the variable cannot be read."""
    try:
        found = mapping(nvram.get(_DATA) or b"").get(_TEAMS)
    except BadPlist:
        return ()
    return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list) else ()


def set_teams(nvram: Nvram, wanted: Iterable[str]) -> None:
    """Keeps the list; an empty one is no variable at all."""
    kept = list(dict.fromkeys(wanted))
    if kept:
        nvram.set(_DATA, plistlib.dumps({_TEAMS: kept}))
    else:
        nvram.delete(_DATA)
    nvram.sync()


def switched_off(nvram: Nvram) -> bool:
    """Whether nobody will be asked from the next boot on."""
    return bool(_word(nvram) & UNAPPROVED_KEXTS)


def set_switch(nvram: Nvram, *, asks: bool) -> None:
    """Turns the question on or off; the other bits of the word stay."""
    word = _word(nvram) & ~UNAPPROVED_KEXTS | (0 if asks else UNAPPROVED_KEXTS)
    nvram.set(SIP, word.to_bytes(4, "little"))
    nvram.sync()


def _word(nvram: Nvram) -> int:
    return int.from_bytes((nvram.get(SIP) or b"")[:4], "little")
