"""csrutil(8): System Integrity Protection, which LocalPolicy has on Apple silicon and NVRAM on Intel."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kextrel.virtual.hardware.efi import SIP
from kextrel.virtual.hardware.localpolicy import Change
from kextrel.virtual.hardware.sep import SepRefusal
from kextrel.virtual.macos.tools.bputil import change_policy
from kextrel.virtual.macos.tools.mac import answer, ask_volume, in_recovery, machine, need_root
from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.registry import tool

__all__ = ["csrutil", "status_text"]

_OFF = 0x7F
_INTEL_OFF = b"\x7f\x08\x00\x00"
_ROWS = (
    ("Apple Internal", 0x10), ("Kext Signing", 0x01), ("Filesystem Protections", 0x02),
    ("Debugging Restrictions", 0x04), ("DTrace Restrictions", 0x20), ("NVRAM Protections", 0x40),
    ("BaseSystem Verification", 0x100),
)  # fmt: skip
_MORE_ROWS = ("Boot-arg Restrictions", "Kernel Integrity Protections", "Authenticated Root Requirement")
_UNAUTHENTICATED_ROOT = 0x800
_AUTHENTICATED_ROOT_SINCE = (11,)
_USAGE = "usage: csrutil <command>\nAvailable commands: clear, disable, enable, status, authenticated-root, netboot"
_ELSEWHERE = "csrutil: This tool needs to be executed from Recovery OS."
_CONSENT = 'Allow booting unsigned operating systems and any kernel extensions for OS "{}"? [y/n]: '


@tool("/usr/bin/csrutil")
async def csrutil(proc: Proc) -> int:
    """status; authenticated-root status; disable, enable, clear (recovery)."""
    if proc.args and machine(proc).spec.architecture == "apple-silicon":
        await ask_volume(proc)
    match proc.args:
        case ["status"]:
            proc.out(status_text(_word(proc), _more(proc)))
            return 0
        case ["authenticated-root", "status"] if machine(proc).spec.release >= _AUTHENTICATED_ROOT_SINCE:
            proc.out(f"Authenticated Root status: {'disabled' if _ssv_off(proc) else 'enabled'}\n")
            return 0
        case ["disable"]:
            return await _switch(proc, off=True)
        case ["enable" | "clear"]:
            return await _switch(proc, off=False)
        case _:
            raise Exit(1, _USAGE)


def status_text(word: int, more: Mapping[str, bool] = MappingProxyType({})) -> str:
    """What `csrutil status` says of a SIP word; `more` are rows that only Apple silicon has, and what is lifted."""
    if not word:
        return "System Integrity Protection status: enabled.\n"
    if word & _OFF == _OFF:
        return "System Integrity Protection status: disabled.\n"
    rows = [f"\t{name}: {_state(name, word & bit)}" for name, bit in _ROWS]
    rows += [f"\t{name}: {_state(name, int(lifted))}" for name, lifted in more.items()]
    return (
        "System Integrity Protection status: unknown (Custom Configuration).\n\nConfiguration:\n"
        + "\n".join(rows)
        + "\n\nThis is an unsupported configuration, likely to break in the future "
        + "and leave your machine in an unknown state.\n"
    )


def _state(name: str, lifted: int) -> str:
    # "Apple Internal" is the one row whose bit switches something on
    return "enabled" if bool(lifted) is (name == "Apple Internal") else "disabled"


def _word(proc: Proc) -> int:
    """macOS tells what is in force at this boot; recovery tells what the next boot will have."""
    mac = machine(proc)
    return mac.startup.stored_sip if in_recovery(proc) else mac.sip


def _ssv_off(proc: Proc) -> bool:
    mac = machine(proc)
    if mac.spec.architecture != "apple-silicon":
        return bool(_word(proc) & _UNAUTHENTICATED_ROOT)
    return bool((mac.in_force or mac.sep.policy()).sip1)


def _more(proc: Proc) -> dict[str, bool]:
    mac = machine(proc)
    if mac.spec.architecture != "apple-silicon":
        return {}
    policy = mac.in_force or mac.sep.policy()
    lifted = (policy.sip3, policy.sip2, policy.sip1)
    return dict(zip(_MORE_ROWS, map(bool, lifted), strict=True))


async def _switch(proc: Proc, *, off: bool) -> int:
    if machine(proc).spec.architecture != "apple-silicon":
        return _switch_in_nvram(proc, off=off)
    if not in_recovery(proc):
        raise Exit(1, _ELSEWHERE)
    return await _switch_in_policy(proc, off=off)


def _switch_in_nvram(proc: Proc, *, off: bool) -> int:
    """Intel: recoveryOS may write the variable; BOOT-10 is the Mac on which macOS may."""
    if not in_recovery(proc) and not machine(proc).defect("BOOT-10"):
        raise Exit(1, _ELSEWHERE)
    need_root(proc, "csrutil: This tool must be run as root.")
    nvram = machine(proc).nvram
    nvram.set(SIP, _INTEL_OFF if off else bytes(4))
    nvram.sync()
    proc.out(
        f"Successfully {'disabled' if off else 'enabled'} System Integrity Protection. "
        "Please restart the machine for the changes to take effect.\n"
    )
    return 0


async def _switch_in_policy(proc: Proc, *, off: bool) -> int:
    mac = machine(proc)
    word = "off" if off else "on"
    proc.out(f"Turning {word} System Integrity Protection requires modifying system security.\n")
    if off and (await answer(proc, _CONSENT.format(mac.spec.disk_name))).strip().lower() not in ("y", "yes"):
        raise Exit(1, "csrutil: the operation was canceled by the user.")
    owners = [account for account in mac.spec.accounts if account.admin]
    user = owners[0].name if len(owners) == 1 else await answer(proc, "Enter username: ")
    password = await answer(proc, f"Enter password for user {user}: ", echo=False)
    proc.out("\n")
    fields = {"smb0": 1, "smb1": 1, "sip0": _OFF} if off else {"sip0": None}
    try:
        change_policy(proc, Change(fields), user, password)
    except SepRefusal as refusal:
        raise Exit(
            1, f'csrutil: Failed to update security configuration for "{mac.spec.disk_name}": {refusal}'
        ) from None
    proc.out(f"System Integrity Protection is {word}.\nRestart the machine for the changes to take effect.\n")
    return 0
