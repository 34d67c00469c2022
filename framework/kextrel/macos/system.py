"""What the system says of itself: sw_vers, uname, sysctl, nvram, fdesetup, the owner of the console."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import quote_from_bytes

from kextrel.macos import intel
from kextrel.macos.plisttext import around, tree
from kextrel.macos.text import clean, meaningful, require

__all__ = [
    "BootTime",
    "FileVault",
    "Nvram",
    "SwVers",
    "Sysctl",
    "Uname",
    "read_console_user",
    "read_filevault",
    "read_nvram",
    "read_sw_vers",
    "read_sysctl",
    "read_uname",
]

_NOTHING: Callable[[], Mapping[str, str]] = lambda: MappingProxyType({})  # noqa: E731
_BOOTTIME = re.compile(r"\{ ?sec = (\d{1,12}), ?usec = (\d{1,7}) ?\}")
_VERSION = re.compile(r"\d{1,3}(?:\.\d{1,4}){0,3}\Z")
_NEXT_ROW = re.compile(r"[ \t]{1,8}(?=(?:ProductVersion|ProductVersionExtra|BuildVersion):)")
_BUILD = re.compile(r"\d{1,3}[A-Z]\d{1,5}[a-z]?\Z|\d{1,3}[A-Z]\d+[a-z]\Z")
# A kernel's build names its architecture and, on Apple silicon, its chip: what was cut off has neither.
_KERNEL = re.compile(r"root:[^\s/]{1,200}/([A-Z]{2,40}_(?:X86_64|I386|ARM64(?:_[A-Z]{1,10}\d{0,6})?))")
_RELEASE = re.compile(r"\d{1,3}\.\d{1,3}\.\d{1,3}\Z")
_MACHINE = re.compile(r"arm64e?|x86_64h?|i386")
_SYSCTL = re.compile(
    r"((?:kern|hw|machdep|vm|vfs|net|debug|user|security|iokit|ktrace|kpc|kperf|sysctl)\.[a-zA-Z0-9_.%-]{1,200})"
    r"\s{0,8}[:=]\s{0,8}(.*)\Z"
)
_UNKNOWN_OID = re.compile(r"unknown oid '([^'\n]{1,200})'")
_NO_VARIABLE = re.compile(r"Error getting variable - '([^'\n]{1,200})': (.{0,200})")
_NVRAM_NAME = re.compile(r"[\w.,%#@/+-]{1,200}(?::[\w.,%#@/+-]{1,200})*\Z", re.ASCII)  # aapl,panic-info
_VARIABLES = ("csr-active-config", "boot-args", "recovery-boot-mode", "AppleSecureBootPolicy", "auto-boot")
_AS_IT_IS = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}\$?\Z")


@dataclass(frozen=True)
class SwVers:
    """`extra` is the letter of a Rapid Security Response, None without one. None elsewhere: not said."""

    product: str | None = None
    version: str | None = None
    extra: str | None = None
    build: str | None = None
    unparsed: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        return {"product": self.product, "version": self.version, "extra": self.extra, "build": self.build}


@dataclass(frozen=True)
class Uname:
    """`kernel` is the build of the kernel (RELEASE_ARM64_T8103); `machine` is this process's: x86_64 under Rosetta."""

    release: str | None = None
    host: str | None = None
    kernel: str | None = None
    machine: str | None = None
    unparsed: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        return {"release": self.release, "host": self.host, "kernel": self.kernel, "machine": self.machine}


@dataclass(frozen=True, order=True)
class BootTime:
    """kern.boottime, in seconds since 1970 and microseconds. Every boot has its own."""

    sec: int
    usec: int


@dataclass(frozen=True)
class Sysctl:
    """`values` as printed; `absent` are the names that this kernel does not have."""

    values: Mapping[str, str] = field(default_factory=_NOTHING, hash=False)
    absent: frozenset[str] = frozenset()
    boot_time: BootTime | None = None
    unparsed: tuple[str, ...] = ()

    def flag(self, name: str) -> bool | None:
        """A name whose value is 0 or 1; a kernel that lacks it means False; None: not said."""
        if name in self.absent:
            return False
        return {"0": False, "1": True}.get(self.values.get(name, ""))

    def facts(self) -> dict[str, Any]:
        return {
            "sec": self.boot_time.sec if self.boot_time else None,
            "usec": self.boot_time.usec if self.boot_time else None,
            "arm64": self.flag("hw.optional.arm64"),
            "safe_boot": self.flag("kern.safeboot"),
            "model": self.values.get("hw.model"),
            "cpu": self.values.get("machdep.cpu.brand_string"),
            "values": dict(self.values),
            "absent": sorted(self.absent),
        }


@dataclass(frozen=True)
class Nvram:
    """`values` as nvram escapes them (%xx). `absent`: no such variable."""

    values: Mapping[str, str] = field(default_factory=_NOTHING, hash=False)
    absent: frozenset[str] = frozenset()
    error: str | None = None
    unparsed: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        name, value = next(iter(self.values.items())) if len(self.values) == 1 else (None, None)
        return {
            "values": dict(self.values),
            "name": name,
            "value": value,
            "secure_boot": self.secure_boot,
            "sip_bits": self.sip_bits,
            "absent": sorted(self.absent),
            "error": self.error,
        }

    @property
    def secure_boot(self) -> str | None:
        """What Secure Boot of a T2 is set to: full, medium, none; None: not said."""
        found = next((value for name, value in self.values.items() if name.endswith("AppleSecureBootPolicy")), "")
        return {"%02": "full", "%01": "medium", "%00": "none"}.get(found)

    @property
    def sip_bits(self) -> int | None:
        """csr-active-config as a number; None: not said, or not four bytes."""
        named = (value for name, value in self.values.items() if name.rpartition(":")[2] == "csr-active-config")
        return intel.sip_bits(next(named, ""))


@dataclass(frozen=True)
class FileVault:
    on: bool
    unparsed: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        return {"filevault": self.on}


def read_sw_vers(text: str | bytes) -> SwVers:
    """All rows, or the one value that `-productVersion` and its like print."""
    names = {
        "ProductName": "product",
        "ProductVersion": "version",
        "ProductVersionExtra": "extra",
        "BuildVersion": "build",
    }
    found: dict[str, str] = {}
    unparsed: list[str] = []
    # Line ends may be lost.
    lines = list(meaningful(_NEXT_ROW.sub("\n", clean(text))))
    for line in lines:
        label, colon, value = (part.strip() for part in line.partition(":"))
        if colon and label in names and value:
            found[names[label]] = _without_label(value, names)
        elif not colon and len(lines) == 1 and (_VERSION.match(label) or _BUILD.match(label)):
            found["version" if _VERSION.match(label) else "build"] = label
        else:
            unparsed.append(line)
    require(bool(found), "sw_vers", lines)
    return SwVers(**found, unparsed=tuple(unparsed))


def _without_label(value: str, names: Iterable[str]) -> str:
    """`value` without the beginning of the next row, of which the end is cut off."""
    before, blank, last = value.rpartition(" ")
    return before.rstrip() if blank and any(name.startswith(last) for name in names) else value


def read_uname(text: str | bytes) -> Uname:
    """`uname -a`, also when a terminal wrapped it; `-v`, `-m` and `-r` alone."""
    lines = list(meaningful(clean(text)))
    start = next((at for at, line in enumerate(lines) if line.lstrip().startswith("Darwin ")), 0)
    words = " ".join(lines[start:]).split()
    if len(words) == 1 and (_MACHINE.fullmatch(words[0]) or _RELEASE.match(words[0])):
        return Uname(machine=words[0]) if _MACHINE.fullmatch(words[0]) else Uname(release=words[0])
    require(len(words) >= 2 and words[0] == "Darwin", "uname -a", lines)
    release, host, rest = _system(words)
    kernel, rest = (None, rest) if rest is not words else _kernel(words)
    odd = ""
    if release and not _RELEASE.match(release):
        # What was cut off is no release; and what stands before it may be no host then.
        odd, release, host = f"{host or ''} {release}".strip(), None, None
    require(release is not None or kernel is not None, "uname -a", lines)
    machine = rest[0] if rest and _MACHINE.fullmatch(rest[0]) else None
    left = " ".join(rest[machine is not None :])
    return Uname(release, host, kernel, machine, (*lines[:start], *(part for part in (odd, left) if part)))


def _system(words: list[str]) -> tuple[str | None, str | None, list[str]]:
    """Release and host, as -a, -v, -sr and -srm have them; and the words after them where no kernel follows."""
    if words[:3] == ["Darwin", "Kernel", "Version"]:
        return words[3].rstrip(":") if len(words) > 3 else None, None, words
    # A host may be called 10.0.1.
    if _RELEASE.match(words[1]) and not (len(words) > 2 and _RELEASE.match(words[2])):
        return words[1], None, words[2:]
    return (words[2], words[1], words) if len(words) > 2 else (None, None, words)


def _kernel(words: list[str]) -> tuple[str | None, list[str]]:
    """The kernel's build and the words after it. A terminal may have broken it: then two words are one."""
    at = next((place for place, word in enumerate(words) if word.startswith("root:")), len(words))
    for count in (1, 2):
        match = _KERNEL.fullmatch("".join(words[at : at + count]))
        if match:
            return match[1], words[at + count :]
    return None, words[at + 1 :]


def read_sysctl(text: str | bytes, names: tuple[str, ...] = ()) -> Sysctl:
    """Any list of `name: value`, and the names that this kernel does not know. `names`: those that were asked for with
    -n, which leaves them out of the answer."""
    values: dict[str, str] = {}
    absent: set[str] = set()
    unparsed: list[str] = []
    boot, lines = None, _named(list(meaningful(clean(text))), names)
    for line in lines:
        if match := _UNKNOWN_OID.search(line):
            absent.add(match[1])
        elif match := _BOOTTIME.search(line):
            boot = BootTime(int(match[1]), int(match[2]))
        elif (match := _SYSCTL.match(line.strip())) and match[1] != "kern.boottime":
            values[match[1]] = match[2].strip()
        else:
            unparsed.append(line)
    require(bool(values or absent or boot), "sysctl", lines)
    return Sysctl(MappingProxyType(values), frozenset(absent), boot, tuple(unparsed))


def _named(lines: list[str], names: tuple[str, ...]) -> list[str]:
    """The values with their names before them, where there is one for each."""
    # What was typed may stand above.
    echoes = [line for line in lines if "sysctl -n" in line] if len(lines) != len(names) else []
    lines = [line for line in lines if line not in echoes]
    if len(lines) != len(names):
        return [*echoes, *lines]
    named = zip(names, lines, strict=True)
    return [*echoes, *(line if line.startswith(f"{name}:") else f"{name}: {line}" for name, line in named)]


def read_nvram(text: str | bytes) -> Nvram:
    """`nvram NAME`: name, tab, value; or that there is none, or may not be written. -x prints a property list."""
    if (found := tree(text) if _is_property_list(text) else None) and isinstance(found, dict):
        named = {str(name): _escaped(value) for name, value in found.items() if isinstance(value, str | bytes)}
        return Nvram(MappingProxyType(named), unparsed=around(text))
    values: dict[str, str] = {}
    absent: set[str] = set()
    unparsed: list[str] = []
    error, lines = None, list(meaningful(clean(text)))
    for line in lines:
        name, tab, value = line.partition("\t")
        if not tab and not line[0].isspace():
            # Where a tab became one blank, only a name that is known ends there.
            name, tab, value = line.strip().partition(" " if line.split()[0].endswith(_VARIABLES) else "  ")
        if match := _NO_VARIABLE.search(line):
            absent.add(match[1])
            error = error if "not found" in match[2] else "not_permitted"
        elif "not permitted" in line or "(iokit/common) not privileged" in line:
            error = "not_permitted"
        elif tab and _NVRAM_NAME.match(name.strip()):
            values[name.strip()] = value.strip()
        else:
            unparsed.append(line)
    require(bool(values or absent or error), "nvram", lines)
    return Nvram(MappingProxyType(values), frozenset(absent), error, tuple(unparsed))


def _is_property_list(text: str | bytes) -> bool:
    return b"<plist" in text if isinstance(text, bytes) else "<plist" in text


def _escaped(value: str | bytes) -> str:
    """As nvram prints it without -x: what is no plain character is %xx."""
    return value if isinstance(value, str) else quote_from_bytes(value, safe=_AS_IT_IS)


def read_filevault(text: str | bytes) -> FileVault:
    """`fdesetup status`."""
    lines = list(meaningful(clean(text)))
    states = [line for line in lines if line.startswith(("FileVault is On", "FileVault is Off"))]
    require(len(states) == 1, "fdesetup status", lines)
    return FileVault(states[0].startswith("FileVault is On"), tuple(line for line in lines if line not in states))


def read_console_user(text: str | bytes) -> str | None:
    """`stat -f %Su /dev/console`: who is logged in at the screen; None when nobody is (root owns it then)."""
    lines = list(meaningful(clean(text)))
    require(len(lines) == 1 and _USER.match(lines[0].strip()) is not None, "stat -f %Su /dev/console", lines)
    user = lines[0].strip()
    return None if user in ("root", "_mbsetupuser") else user
