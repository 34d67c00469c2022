"""bputil(1): shows LocalPolicy, and asks the Secure Enclave to change it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from kextrel.virtual.hardware.localpolicy import Change, LocalPolicy
from kextrel.virtual.hardware.sep import SepRefusal
from kextrel.virtual.macos.tools.mac import answer, ask_volume, machine, need_root
from kextrel.virtual.macos.tools.options import Options, parse
from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.registry import tool

__all__ = ["WARNING", "bputil", "change_policy", "policy_text"]

WARNING = """\
This utility is not meant for normal users or even sysadmins.
It provides unabstracted access to capabilities which are normally handled for the user automatically when changing \
the security policy through GUIs such as the Startup Security Utility in macOS Recovery ("recoveryOS").
It is possible to make your system security much weaker and therefore easier to compromise using this tool.
This tool is not to be used in production environments.
It is possible to render your system unbootable with this tool.
It should only be used to understand how the security of Apple Silicon Macs works.
Use at your own risk!

"""
_SHORT = {
    "d": "display-policy", "e": "display-all-policies", "f": "full-security", "g": "reduced-security",
    "n": "permissive-security", "k": "enable-kexts", "m": "enable-mdm", "c": "disable-kernel-ctrr",
    "a": "disable-boot-args-restriction", "s": "disable-ssv", "u": "username", "p": "password", "v": "vuid",
}  # fmt: skip
_VALUES = ("username", "password", "vuid")
_MODES: Mapping[str, dict[str, int]] = {
    "full-security": {},
    "reduced-security": {"smb0": 1},
    "permissive-security": {"smb0": 1, "smb1": 1},
}
_DOWNGRADES: Mapping[str, dict[str, int]] = {
    "enable-kexts": {"smb0": 1, "smb2": 1},
    "enable-mdm": {"smb0": 1, "smb3": 1},
    "disable-kernel-ctrr": {"smb0": 1, "smb1": 1, "sip2": 1},
    "disable-boot-args-restriction": {"smb0": 1, "smb1": 1, "sip3": 1},
    "disable-ssv": {"smb0": 1, "smb1": 1, "sip1": 1},
}
_NO_NETWORK = "Can't continue because you are not connected to the Internet"
_OFFLINE = "Error Domain=AuthInstallErrorDomain Code=11"
_HINT = ", BYErrorHint=NetworkRequired, BYPersonalizationType=os"
_USAGE = "usage: bputil [-d | -e | -f | -g | -n] [-k] [-m] [-c] [-a] [-s] [-u username] [-p password] [-v vuid]"


@tool("/usr/bin/bputil", since=(11,))
async def bputil(proc: Proc) -> int:
    """Display with -d or -e; change with -f, -g, -n and the downgrades -k -m -c -a -s."""
    if machine(proc).spec.architecture != "apple-silicon":
        raise Exit(1, "bputil is not yet supported on this platform")
    need_root(proc, "bputil must be run as root")
    proc.out(WARNING)
    options = parse(
        proc.args, flags=frozenset(_SHORT.values()) - set(_VALUES), values=_VALUES, short=_SHORT, usage=_USAGE, code=1
    )
    _check_volume(proc, options)
    if "vuid" not in options and "display-all-policies" not in options:
        await ask_volume(proc)
    if "display-policy" in options or "display-all-policies" in options:
        policy = machine(proc).sep.policy()
        everything = "display-all-policies" in options
        head = f"Local policy for volume group {policy.vuid}:" if everything else "Current local policy:"
        await proc.write(f"{head}\n{policy_text(proc, policy)}")
        return 0
    change = _change(options)
    return await _apply(proc, options, change)


def _check_volume(proc: Proc, options: Options) -> None:
    wanted, ours = options.last("vuid"), machine(proc).sep.policy().vuid
    if wanted and wanted.upper() != ours:
        raise Exit(
            1,
            f"Can't get local policy for Volume Group UUID {wanted}\n"
            f"Failed to display local policy for volume group {wanted}",
        )
    if wanted:
        proc.out(f"Operating on Volume Group UUID {ours}\n")


def _change(options: Options) -> Change:
    """What the options ask for. Exit(1) for none, for two modes, and for full together with a downgrade."""
    modes = [name for name in _MODES if name in options]
    downgrades = [name for name in _DOWNGRADES if name in options]
    if not modes and not downgrades:
        raise Exit(1, _USAGE)
    if len(modes) > 1 or ("full-security" in modes and downgrades):
        raise Exit(1, f"Incompatible options: {', '.join(f'--{name}' for name in modes + downgrades)}\n{_USAGE}")
    fields: dict[str, int | None] = {}
    for name in modes:
        fields |= _MODES[name]
    for name in downgrades:
        fields |= _DOWNGRADES[name]
    return Change(fields, afresh=bool(modes))


async def _apply(proc: Proc, options: Options, change: Change) -> int:
    user = options.last("username") or await answer(proc, "Enter username: ")
    password = options.last("password") if "password" in options else await answer(proc, "Enter password: ", echo=False)
    proc.out("\n")
    if "full-security" in options and not machine(proc).has("PREP-11"):
        return _failed(proc, 102, _NO_NETWORK, _OFFLINE, _HINT)
    try:
        change_policy(proc, change, user, password)
    except SepRefusal as refusal:
        underlying = f'Error Domain=com.apple.bootpolicy Code={refusal.bootpolicy_code} "{refusal}"'
        return _failed(proc, 401, "Failed to create local policy", underlying)
    return 0


def change_policy(proc: Proc, change: Change, user: str, password: str) -> None:
    """Asks the Secure Enclave in `user`'s name; only an administrator's credential is put before it as an owner's.

    Raises SepRefusal; the policy is then as it was.
    """
    account = machine(proc).spec.account(user)
    owner = account.name if account is not None and account.admin else ""
    machine(proc).sep.change(change, user=owner, password=password)


def _failed(proc: Proc, code: int, words: str, underlying: str, more: str = "") -> int:
    volume = machine(proc).sep.policy().vuid
    proc.out(
        f'Boot objects update failed for {volume}: Error Domain=BYErrorDomain Code={code} "{words}" '
        f"UserInfo={{NSLocalizedDescription={words}, NSUnderlyingError=0x600003e5c8d0 {{{underlying}}}{more}}}\n"
    )
    return 1


def policy_text(proc: Proc, policy: LocalPolicy) -> str:
    """`policy` and the environment, line by line as 14.5 prints them."""
    progress = machine(proc).progress.value
    paired = "Paired" if progress is not None and progress.paired else "Not Paired"
    environment = [("OS Type", "", machine(proc).os_type), ("OS Pairing Status", "", paired)]
    nonces = [
        ("Local Policy Nonce Hash", "lpnh", policy.lpnh),
        ("Remote Policy Nonce Hash", "rpnh", policy.rpnh),
    ]
    lines = [
        "OS environment:",
        *map(_line, [*environment, *nonces, ("Recovery OS Policy Nonce Hash", "ronh", policy.ronh)]),
    ]
    lines += ["", "Local policy:", *map(_line, _identity(policy)), *map(_line, nonces), *map(_line, _hashes(policy))]
    return "\n".join([*lines, *_switches(policy)]) + "\n"


def _line(row: tuple[str, str, str]) -> str:
    name, field, value = row
    return f"{name:<40}({field}): {value}" if field else f"{name:<46}: {value}"


def _identity(policy: LocalPolicy) -> list[tuple[str, str, str]]:
    return [
        ("Pairing Integrity", "", "Valid"),
        ("Signature Type", "", "BAA"),
        ("Unique Chip ID", "ECID", f"{policy.ecid:#X}".replace("X", "x", 1)),
        ("Board ID", "BORD", f"{policy.bord:#x}"),
        ("Chip ID", "CHIP", f"{policy.chip:#x}"),
        ("Certificate Epoch", "CEPO", "0x1"),
        ("Security Domain", "SDOM", "0x1"),
        ("Production Status", "CPRO", "1"),
        ("Security Mode", "CSEC", "1"),
        ("OS Version", "love", policy.love),
        ("Local Policy Boot Object", "lobo", "1"),
        ("Volume Group UUID", "vuid", policy.vuid),
        ("KEK Group UUID", "kuid", policy.kuid),
    ]


def _hashes(policy: LocalPolicy) -> list[tuple[str, str, str]]:
    cryptex = hashlib.sha384(f"cryptex1 {policy.love}".encode()).hexdigest().upper()
    return [
        ("Next Stage Image4 Hash", "nsih", policy.nsih),
        ("Cryptex1 Image4 Hash", "spih", cryptex),
        ("Cryptex1 Generation", "stng", "1"),
        ("User Authorized Kext List Hash", "auxp", policy.auxp or "absent"),
        ("Auxiliary Kernel Cache Image4 Hash", "auxi", policy.auxi or "absent"),
        ("Kext Receipt Hash", "auxr", policy.auxr or "absent"),
        ("CustomKC or fuOS Image4 Hash", "coih", policy.coih or "absent"),
    ]


def _switches(policy: LocalPolicy) -> list[str]:
    mode = policy.security_mode
    field = "smb0 && smb1" if mode == "Permissive" else "smb0"
    rows = [
        ("Security Mode:", mode, field, policy.smb0),
        ("3rd Party Kexts Status:", "Enabled" if policy.smb2 else "Disabled", "smb2", policy.smb2),
        ("User-allowed MDM Control:", "Enabled" if policy.smb3 else "Disabled", "smb3", policy.smb3),
        ("DEP-allowed MDM Control:", "Enabled" if policy.smb4 else "Disabled", "smb4", policy.smb4),
        ("SIP Status:", "Customized" if policy.sip0 else "Enabled", "sip0", policy.sip0),
        ("Signed System Volume Status:", "Disabled" if policy.sip1 else "Enabled", "sip1", policy.sip1),
        ("Kernel CTRR Status:", "Disabled" if policy.sip2 else "Enabled", "sip2", policy.sip2),
        ("Boot Args Filtering Status:", "Disabled" if policy.sip3 else "Enabled", "sip3", policy.sip3),
    ]
    return [
        f"{name:<28} {word:<10} ({field}): {f'{value:x}' if value is not None else 'absent'}"
        for name, word, field, value in rows
    ]
