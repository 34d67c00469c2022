"""Apple's own kexts in the running kernel of an Apple-silicon and of an Intel Mac, as `kmutil showloaded` lists them.

`{kernel}` is the Darwin version. A size of 0 is built into the kernel. Indexes have gaps where a kext was unloaded.
The last column names what each links against by index; references are counted from it. What stands after `sys` came
with the system collection, which only Intel has.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import cache

__all__ = ["Loaded", "apple_kexts"]

_SILICON = """\
1 0 com.apple.kpi.bsd {kernel} -
2 0 com.apple.kpi.dsep {kernel} -
3 0 com.apple.kpi.iokit {kernel} -
4 0 com.apple.kpi.kasan {kernel} -
5 0 com.apple.kpi.kcov {kernel} -
6 0 com.apple.kpi.libkern {kernel} -
7 0 com.apple.kpi.mach {kernel} -
8 0 com.apple.kpi.private {kernel} -
9 0 com.apple.kpi.unsupported {kernel} -
10 0x9ed0 com.apple.kec.corecrypto 14.0 9,8,7,6,3,1
11 0x4d0c com.apple.driver.AppleARMPlatform 1.0.2 9,8,7,6,3,1
12 0x1bc8 com.apple.iokit.IOSlowAdaptiveClockingFamily 1.0.0 9,7,6,3,1
13 0x4788 com.apple.iokit.IOReporting 47 7,6,3
14 0x6fb4 com.apple.driver.AppleSEPManager 1.0.1 13,11,9,8,7,6,3,1
15 0x2f04 com.apple.driver.IODARTFamily 1 11,9,8,7,6,3,1
16 0x1824 com.apple.security.AppleImage4 6.1.0 10,9,8,7,6,3,1
17 0x6870 com.apple.kext.AppleMatch 1.0.0d1 6,1
18 0x5a6c8 com.apple.security.sandbox 300.0 17,16,9,8,7,6,3,2,1
19 0x12d48 com.apple.driver.AppleMobileFileIntegrity 1.0.5 18,16,10,9,8,7,6,3,2,1
20 0x23f4 com.apple.security.quarantine 4 18,9,8,7,6,2,1
21 0x9d70 com.apple.driver.AppleTrustedAccessory 1 14,13,11,6,3
23 0x5298 com.apple.driver.AppleS5L8960XNCO 1 11,7,6,3,1
24 0x1be04 com.apple.driver.AppleT8103 1 12,11,9,8,7,6,3,1
25 0x3a18 com.apple.driver.AppleT8103CLPCv3 1 24,13,11,9,8,7,6,3,1
26 0x1ab0 com.apple.iokit.IOPCIFamily 2.9 11,9,8,7,6,3,1
27 0x2a60 com.apple.driver.AppleEmbeddedPCIE 1 26,15,11,9,8,7,6,3,1
28 0xf6a8 com.apple.iokit.IONVMeFamily 2.1.0 26,15,13,11,9,8,7,6,3,1
29 0x2d50 com.apple.iokit.IOStorageFamily 2.1 9,8,7,6,3,1
31 0x7b8c com.apple.filesystems.apfs 2235.120.1 29,16,14,10,9,8,7,6,3,1
32 0x1ee8 com.apple.filesystems.hfs.kext 650.0.2 29,9,8,7,6,1
33 0x8bc4 com.apple.iokit.IOHIDFamily 2.0.0 9,8,7,6,3,1
34 0x1534 com.apple.iokit.IOUSBHostFamily 1.2 26,9,8,7,6,3,1
35 0x22b8 com.apple.driver.usb.AppleUSBXHCI 1.2 34,26,15,9,8,7,6,3,1
36 0x19e0 com.apple.driver.usb.AppleUSBHostCompositeDevice 1.2 34,6,3
38 0x4074 com.apple.iokit.IOSurface 352.0.3 9,8,7,6,3,1
39 0x2c5b8 com.apple.AGXG13G 255.5 38,15,13,11,9,8,7,6,3,1
40 0x3ed0 com.apple.iokit.IOGraphicsFamily 597 38,26,9,8,7,6,3,1
41 0x9a14 com.apple.iokit.IONetworkingFamily 3.4 9,8,7,6,3,1
42 0x7210 com.apple.driver.AppleBCM5701Ethernet 11.0.0 41,26,9,8,7,6,3,1
43 0x8c48 com.apple.iokit.IO80211Family 1200.13.0 41,33,10,9,8,7,6,3,1
44 0x34f8 com.apple.iokit.IOBluetoothFamily 9.0.0 33,9,8,7,6,3,1
45 0x2e1c com.apple.iokit.IOAudio2Family 1.0 9,8,7,6,3,1
47 0x5fa0 com.apple.driver.DiskImages.KernelBacked 671.100.2 29,9,8,7,6,3,1
48 0x13bc com.apple.driver.AppleSystemPolicy 2.0.0 19,18,9,8,7,6,3,2,1
49 0x8d8 com.apple.iokit.EndpointSecurity 1 19,18,9,8,7,6,3,2,1
50 0x1d44 com.apple.nke.applicationfirewall 402 9,8,7,6,3,2,1
52 0x6a0 com.apple.driver.AppleUSBHostBillboardDevice 1.0 36,34,6,3
53 0x1e90 com.apple.filesystems.autofs 3.0 9,8,7,6,3,1
54 0x2cd4 com.apple.filesystems.smbfs 6.1 10,9,8,7,6,3,1
"""
_INTEL = """\
1 0 com.apple.kpi.bsd {kernel} -
2 0 com.apple.kpi.dsep {kernel} -
3 0 com.apple.kpi.iokit {kernel} -
4 0 com.apple.kpi.kasan {kernel} -
5 0 com.apple.kpi.libkern {kernel} -
6 0 com.apple.kpi.mach {kernel} -
7 0 com.apple.kpi.private {kernel} -
8 0 com.apple.kpi.unsupported {kernel} -
9 0x5f000 com.apple.kec.corecrypto 12.0 8,7,6,5,3,1
10 0xe000 com.apple.kec.Libm 1 5
11 0x1f000 com.apple.iokit.IOACPIFamily 1.4 8,7,5,3
12 0x22000 com.apple.iokit.IOPCIFamily 2.9 11,8,7,6,5,3
13 0x96000 com.apple.driver.AppleACPIPlatform 6.1 12,11,8,7,6,5,3,1
14 0x3000 com.apple.driver.AppleEFIRuntime 2.1 8,7,6,5,3
15 0x9000 com.apple.driver.AppleEFINVRAM 2.1 14,7,6,5,3
16 0x7000 com.apple.driver.AppleSMC 3.1.9 11,7,6,5,3,1
17 0x2a000 com.apple.iokit.IOStorageFamily 2.1 8,7,6,5,3,1
18 0x13b000 com.apple.filesystems.apfs 1934.141.2 17,9,8,7,6,5,3,1
19 0x1b000 com.apple.security.sandbox 300.0 8,7,6,5,3,2,1
20 0x15000 com.apple.driver.AppleMobileFileIntegrity 1.0.5 19,9,8,7,6,5,3,2,1
21 0x3000 com.apple.driver.AppleSystemPolicy 2.0.0 20,19,8,7,6,5,3,2,1
22 0x2000 com.apple.iokit.EndpointSecurity 1 20,19,8,7,6,5,3,2,1
23 0x31000 com.apple.iokit.IONetworkingFamily 3.4 8,7,6,5,3,1
24 0x1d000 com.apple.iokit.IOUSBHostFamily 1.2 12,8,7,6,5,3,1
26 0x14000 com.apple.driver.usb.AppleUSBXHCIPCI 1.2 24,12,8,7,6,5,3,1
27 0x24000 com.apple.iokit.IOHIDFamily 2.0.0 8,7,6,5,3,1
sys
28 0x1a000 com.apple.iokit.IOGraphicsFamily 594 12,8,7,6,5,3,1
29 0x8f000 com.apple.driver.AppleIntelFramebufferAzul 16.0.4 28,12,8,7,6,5,3,1
30 0x12000 com.apple.iokit.IOSMBusFamily 1.1 7,6,5,3
32 0x7000 com.apple.driver.AppleSMBusController 1.0.18d1 30,12,11,7,6,3
33 0x1000 com.apple.driver.AppleSMBusPCI 1.0.14d1 12,7,6,3
34 0x67000 com.apple.iokit.IO80211Family 1200.12.2 27,23,9,8,7,6,5,3,1
35 0x21000 com.apple.iokit.IOBluetoothFamily 9.0.0 27,8,7,6,5,3,1
36 0x5000 com.apple.filesystems.autofs 3.0 8,7,6,5,3,1
37 0x63000 com.apple.filesystems.smbfs 4.0 9,8,7,6,5,3,1
"""
_TABLES = {"arm64e": (_SILICON, 0xFFFFFE0006B00000), "x86_64": (_INTEL, 0xFFFFFF8003200000)}

_COLLECTIONS_SINCE = 20  # Darwin
_PRELINKED_AT, _INTERFACE_SIZE = 0xFFFFFF7F80A00000, "0x9d90"
_LATER = {"EndpointSecurity": 19, "AppleSystemPolicy": 17}
"""Kexts that are not as old as the oldest release here, and the Darwin that brought them."""


@dataclass(frozen=True)
class Loaded:
    """One row: what is loaded under which index. `address` 0: part of the kernel itself. `collection`: "boot", "sys" or
    "aux", by which it came."""

    index: int
    address: int
    size: int
    name: str
    version: str
    uuid: str
    linked: tuple[int, ...]
    collection: str = "aux"


@cache
def apple_kexts(darwin: str, architecture: str) -> tuple[Loaded, ...]:
    """Apple's rows for a kernel's version ("23.5.0") and "arm64e" or "x86_64", by index."""
    table, address = _TABLES[architecture]
    if int(darwin.partition(".")[0]) < _COLLECTIONS_SINCE:
        table, address = _prelinked(table, darwin), _PRELINKED_AT
    boot, _, system = table.partition("sys\n")
    found: list[Loaded] = []
    for collection, lines in (("boot", boot), ("sys", system)):
        for line in lines.splitlines():
            row = _row(line.replace("{kernel}", darwin), address, darwin, collection)
            found.append(row)
            address += -(-row.size // 0x1000) * 0x1000
    return tuple(found)


def _prelinked(table: str, darwin: str) -> str:
    """Those of an older release, in its prelinked kernel: the kernel's interfaces have sizes there, and what came later
    is missing."""
    major, lines = int(darwin.partition(".")[0]), []
    for line in table.splitlines():
        if line != "sys" and not any(f".{name} " in line and major < since for name, since in _LATER.items()):
            index, size, rest = line.split(" ", 2)
            lines.append(f"{index} {_INTERFACE_SIZE if size == '0' else size} {rest}\n")
    return "".join(lines)


def _row(line: str, address: int, darwin: str, collection: str) -> Loaded:
    index, size_text, name, version, links = line.split()
    size = int(size_text, 0)
    linked = tuple(int(link) for link in links.split(",")) if links != "-" else ()
    identity = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{'kernel' if not size else name} {darwin}")).upper()
    return Loaded(int(index), address if size else 0, size, name, version, identity, linked, collection)
