"""What is known of a model of Mac by its identifier: what it is called, what computes in it, which kernel it runs.

Sources: Apple's technical specifications; `uname -a`, `system_profiler SPHardwareDataType`, `bputil -d` of the models.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from kextrel.virtual.spec import MODELS

__all__ = ["Model", "model_of"]


@dataclass(frozen=True)
class Model:
    """`processor` is as sysctl's brand string has it; `kernel` the variant of XNU that it runs.

    Apple silicon: `number` is the order number, `chip` and `board` are LocalPolicy's CHIP and BORD. Intel: `cpu` and
    `speed` are system_profiler's words; `efi` is the version of its firmware, `bridge` of its T2 ("" without).
    """

    name: str
    processor: str
    cores: str
    count: int
    kernel: str
    number: str = ""
    chip: int = 0
    board: int = 0
    cpu: str = ""
    speed: str = ""
    efi: str = ""
    bridge: str = ""


_X86 = "RELEASE_X86_64"
_MODELS = MappingProxyType({
    "Macmini9,1": Model(
        "Mac mini", "Apple M1", "8 (4 performance and 4 efficiency)", 8, "RELEASE_ARM64_T8103", "Z12N0004VD/A",
        0x8103, 0x22,
    ),
    "Mac14,3": Model(
        "Mac mini", "Apple M2", "8 (4 performance and 4 efficiency)", 8, "RELEASE_ARM64_T8112", "MMFJ3D/A",
        0x8112, 0x24,
    ),
    "Mac13,1": Model(
        "Mac Studio", "Apple M1 Max", "10 (8 performance and 2 efficiency)", 10, "RELEASE_ARM64_T6000", "MJMV3D/A",
        0x6001, 0x4,
    ),
    "Macmini7,1": Model(
        "Mac mini", "Intel(R) Core(TM) i5-4278U CPU @ 2.60GHz", "2", 4, _X86, cpu="Dual-Core Intel Core i5",
        speed="2.6 GHz", efi="476.0.0.0.0",
    ),
    "MacBookPro16,1": Model(
        "MacBook Pro", "Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz", "6", 12, _X86, cpu="6-Core Intel Core i7",
        speed="2.6 GHz", efi="1968.140.7.0.0", bridge="20.16.6072.0.0,0",
    ),
})  # fmt: skip


def model_of(identifier: str, architecture: str) -> Model:
    """The model of that identifier; for one that is not known, what is usual for the architecture."""
    return _MODELS.get(identifier) or _MODELS[MODELS[architecture]]
