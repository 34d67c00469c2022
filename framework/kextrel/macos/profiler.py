"""`system_profiler SPHardwareDataType` and `SPiBridgeDataType`: indented "Key: Value" rows under headings, -json, -xml.

SPiBridgeDataType shows the boot policy of an Apple-silicon Mac without root, the T2 chip of an Intel Mac that has one,
and nothing on an Intel Mac without.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from kextrel.macos.plisttext import around, tree
from kextrel.macos.text import clean, meaningful, require

__all__ = ["Bridge", "Hardware", "read_bridge", "read_hardware"]

_HARDWARE_KEYS = frozenset({"Model Name", "Model Identifier", "Chip", "Processor Name", "Hardware UUID", "Memory"})
_BRIDGE_KEYS = frozenset(
    {"Model Name", "Model Identifier", "Firmware Version", "Boot UUID", "Secure Boot", "System Integrity Protection"}
)

# The keys of -json and -xml, as far as the rows that are read here have one.
_KEYS = MappingProxyType(
    {
        "machine_name": "Model Name",
        "machine_model": "Model Identifier",
        "model_number": "Model Number",
        "chip_type": "Chip",
        "cpu_type": "Processor Name",
        "physical_memory": "Memory",
        "boot_rom_version": "System Firmware Version",
        "os_loader_version": "OS Loader Version",
        "platform_UUID": "Hardware UUID",
        "ibridge_model_name": "Model Name",
        "ibridge_model_identifier": "Model Identifier",
        "ibridge_model_identifier_top": "Model Identifier",
        "ibridge_build": "Firmware Version",
        "ibridge_firmware_version": "Firmware Version",
        "ibridge_boot_uuid": "Boot UUID",
        "ibridge_secure_boot": "Secure Boot",
        "ibridge_external_boot": "External Boot",
        "ibridge_sb_sip": "System Integrity Protection",
        "ibridge_sb_ssv": "Signed System Volume",
        "ibridge_sb_ctrr": "Kernel CTRR",
        "ibridge_sb_boot_args": "Boot Arguments Filtering",
        "ibridge_sb_other_kext": "Allow All Kernel Extensions",
        "ibridge_sb_manual_mdm": "User Approved Privileged MDM Operations",
        "ibridge_sb_device_mdm": "DEP Approved Privileged MDM Operations",
    }
)
# Of the controller's rows those that no T2 has.
_APPLE_SILICON = frozenset({"Model Identifier", "Signed System Volume", "Kernel CTRR", "Allow All Kernel Extensions"})
_MODEL = re.compile(r"(?:i|Virtual)?Mac(?:mini|Pro|Book|BookAir|BookPro)?\d{1,3},\d{1,3}\Z")
# Labels are in the language of the user; what they stand before is not, or names Intel in any.
_CHIP = re.compile(r"Apple [MA]\d{1,2}(?: (?:Pro|Max|Ultra))?(?: \(Virtual\))?\Z")
_CPU = re.compile(r"[^:]{0,40}\bIntel (?:Core|Xeon)|[^\x00-\x7f]{1,10}Intel (?:Core|Xeon)")
_UNKNOWN = "Unknown"
"""What processes under Rosetta are told of the processor."""
_T2 = re.compile(r"\bT2\b")
_WIDE_COLON = "："
_COLON = re.compile(f"[:{_WIDE_COLON}]")
_STRUCTURED = ("{", "[", "<?xml", "<plist")


@dataclass(frozen=True)
class Hardware:
    """`t2` is None where the answer cannot tell (Apple silicon has none, and does not say so)."""

    model: str | None = None
    model_name: str | None = None
    chip: str | None = None
    cpu: str | None = None
    values: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    unparsed: tuple[str, ...] = ()
    unfinished: str = ""
    """The value of a last row that has no line end."""

    @property
    def arch(self) -> str | None:
        """arm64 with a chip, x86_64 with a processor; Rosetta hides either, so a name for neither is no answer."""
        return "arm64" if self.chip else "x86_64" if self.cpu else None

    @property
    def t2(self) -> bool | None:
        rom = self.values.get("Boot ROM Version") or self.values.get("System Firmware Version") or ""
        rom = rom or next((value for value in self.values.values() if "(iBridge: " in value), "")
        # What was cut off may have named the iBridge.
        whole = rom.count("(") == rom.count(")") and rom != self.unfinished
        return "iBridge" in rom if self.arch == "x86_64" and rom and whole else None

    def facts(self) -> dict[str, Any]:
        named = {"model": self.model, "model_name": self.model_name, "chip": self.chip, "cpu": self.cpu}
        return {**named, "arch": self.arch, "t2": self.t2}


@dataclass(frozen=True)
class Bridge:
    """`present` False: the tool printed nothing, as on an Intel Mac without a T2. Other fields None: not said."""

    present: bool
    values: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    unparsed: tuple[str, ...] = ()

    @property
    def t2(self) -> bool | None:
        """None where the rows left are those that both a T2 and Apple silicon have."""
        if any(_T2.search(value) for value in self.values.values()):
            return True
        return False if not self.present or not _APPLE_SILICON.isdisjoint(self.values) else None

    def yes(self, key: str) -> bool | None:
        return {"Yes": True, "No": False}.get(self.values.get(key, ""))

    def facts(self) -> dict[str, Any]:
        return {
            "model": self.values.get("Model Identifier") or self.values.get("Model Name"),
            "firmware": self.values.get("Firmware Version"),
            "boot_uuid": self.values.get("Boot UUID"),
            "secure_boot": self.values.get("Secure Boot"),
            "external_boot": self.values.get("External Boot"),
            "sip": self.values.get("System Integrity Protection"),
            "ssv": self.values.get("Signed System Volume"),
            "ctrr": self.values.get("Kernel CTRR"),
            "boot_args_filtering": self.values.get("Boot Arguments Filtering"),
            "allow_all_kexts": self.yes("Allow All Kernel Extensions"),
            "user_mdm": self.yes("User Approved Privileged MDM Operations"),
            "dep_mdm": self.yes("DEP Approved Privileged MDM Operations"),
            "t2": self.t2,
        }


def read_hardware(text: str | bytes) -> Hardware:
    """Raises UnreadableAnswer when no row of the hardware overview is there."""
    values, unparsed, lines = _read(text, "SPHardwareDataType")
    # Labels are in the language of the user, identifiers are not.
    model = values.get("Model Identifier") or next(filter(_MODEL.match, values.values()), None)
    require(bool(model) or not _HARDWARE_KEYS.isdisjoint(values), "system_profiler SPHardwareDataType", lines)
    return Hardware(
        model=model,
        model_name=values.get("Model Name"),
        chip=_named(values, "Chip", _CHIP),
        cpu=_named(values, "Processor Name", _CPU),
        values=MappingProxyType(values),
        unparsed=tuple(unparsed),
        unfinished="" if clean(text).endswith("\n") or not lines else lines[-1].partition(":")[2].strip(),
    )


def _named(values: Mapping[str, str], label: str, form: re.Pattern[str]) -> str | None:
    """The value of a row, or of the one that has its form where the label is not in English."""
    found = values.get(label) or next(filter(form.match, values.values()), None)
    return None if found and _UNKNOWN.startswith(found) else found  # its end may be cut off


def read_bridge(text: str | bytes) -> Bridge:
    """Raises UnreadableAnswer for text that is not the controller's; no text is an answer."""
    values, unparsed, lines = _read(text, "SPiBridgeDataType")
    headings_only = all(line.strip().rstrip(":") in ("Controller", "iBridge") for line in lines)
    require(headings_only or not _BRIDGE_KEYS.isdisjoint(values), "system_profiler SPiBridgeDataType", lines)
    return Bridge(bool(values), MappingProxyType(values), tuple(unparsed))


def _read(text: str | bytes, kind: str) -> tuple[dict[str, str], list[str], list[str]]:
    """Rows by their name, the lines that are none, and all lines."""
    cleaned = clean(text)
    lines = list(meaningful(cleaned))
    if not cleaned.lstrip().startswith(_STRUCTURED):
        return (*_rows(lines), lines)
    found = tree(text)
    # Nothing, as -json says it, is as good as no text.
    if isinstance(found, dict) and found.get(kind) == []:
        return {}, list(around(text)), []
    return _structured(found, kind), list(around(text)), lines


def _structured(found: Any, kind: str) -> dict[str, str]:
    """The items of a data type in -json ({kind: [item]}) or -xml ([{_dataType: kind, _items: [item]}])."""
    if isinstance(found, list):
        found = {part.get("_dataType"): part.get("_items") for part in found if isinstance(part, Mapping)}
    items = found.get(kind) if isinstance(found, Mapping) else None
    values: dict[str, str] = {}
    for item in items if isinstance(items, list) else ():
        for key, value in item.items() if isinstance(item, Mapping) else ():
            if isinstance(value, str | int) and value != "":
                values.setdefault(_KEYS.get(key, str(key)), str(value))
    return values


def _rows(lines: list[str]) -> tuple[dict[str, str], list[str]]:
    """Every "Key: Value", whatever its depth; the first one of a name wins. A heading is a row without a value."""
    values: dict[str, str] = {}
    unparsed: list[str] = []
    for line in lines:
        key, colon, value = (_COLON.sub(":", line, count=1) if _WIDE_COLON in line else line).partition(":")
        key, value = key.strip(), value.strip()
        if not colon or not key:
            unparsed.append(line)
        elif value:
            values.setdefault(key, value)
    return values, unparsed
