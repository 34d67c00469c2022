"""nvram(8)."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from kextrel.virtual.hardware import t2
from kextrel.virtual.hardware.efi import SIP
from kextrel.virtual.macos.tools.mac import in_recovery, machine
from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.registry import tool

__all__ = ["nvram"]

_PROTECTED = frozenset({SIP})
_PROTECTED_ON_INTEL = frozenset({SIP, "recovery-boot-mode", "internet-recovery-mode"})


@tool("/usr/sbin/nvram")
async def nvram(proc: Proc) -> int:
    """-p; NAME; NAME=VALUE; -d NAME; -s; -c. `%xx` is a byte."""
    args, code = list(proc.args), 0
    if not args:
        raise Exit(1, "usage: nvram [-x] [-p] [-f filename] [-d name] [-c] name[=value] ...")
    while args:
        word = args.pop(0)
        if word == "-d":
            code |= _delete(proc, args.pop(0) if args else "")
        elif word in _SWITCHES:
            code |= _SWITCHES[word](proc)
        elif word.startswith("-"):
            raise Exit(1, f"nvram: unknown option {word}")
        elif "=" in word:
            code |= _set(proc, *word.split("=", 1))
        else:
            code |= _get(proc, word)
    return code


def _print(proc: Proc) -> int:
    for name, value in sorted(machine(proc).nvram.variables().items()):
        proc.out(f"{name}\t{_text(value)}\n")
    return 0


def _sync(proc: Proc) -> int:
    machine(proc).nvram.sync()
    return 0


def _clear(proc: Proc) -> int:
    for name in list(machine(proc).nvram.variables()):
        _delete(proc, name)
    return 0


_SWITCHES: dict[str, Callable[[Proc], int]] = {"-p": _print, "-s": _sync, "-c": _clear, "-x": lambda _: 0}


def _get(proc: Proc, name: str) -> int:
    value = machine(proc).nvram.get(name)
    if value is None:
        proc.err(f"nvram: Error getting variable - '{name}': (iokit/common) data was not found\n")
        return 1
    proc.out(f"{name}\t{_text(value)}\n")
    return 0


def _set(proc: Proc, name: str, value: str) -> int:
    if not _may_write(proc, name):
        proc.err(f"nvram: Error setting variable - '{name}': (iokit/common) not permitted\n")
        return 1
    machine(proc).nvram.set(name, unquote_to_bytes(value))
    return 0


def _delete(proc: Proc, name: str) -> int:
    if not _may_write(proc, name):
        proc.err(f"nvram: Error deleting variable - '{name}': (iokit/common) not permitted\n")
        return 1
    if not machine(proc).nvram.delete(name):
        proc.err(f"nvram: Error deleting variable - '{name}': (iokit/common) data was not found\n")
        return 1
    return 0


def _may_write(proc: Proc, name: str) -> bool:
    """Root; what System Integrity Protection guards only while its NVRAM bit (0x40) is lifted or in recoveryOS; and
    the T2's own variable nobody."""
    mac = machine(proc)
    protected = _PROTECTED if mac.spec.architecture == "apple-silicon" else _PROTECTED_ON_INTEL
    guarded = name in protected and not (mac.sip & 0x40 or in_recovery(proc))
    return proc.user.uid == 0 and not guarded and name != t2.POLICY


def _text(value: bytes) -> str:
    return "".join(chr(byte) if 0x20 <= byte < 0x7F and byte != 0x25 else f"%{byte:02x}" for byte in value)
