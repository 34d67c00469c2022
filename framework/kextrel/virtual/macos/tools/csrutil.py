"""csrutil(8): System Integrity Protection as LocalPolicy has it."""

from __future__ import annotations

from kextrel.virtual.hardware.localpolicy import Change, LocalPolicy
from kextrel.virtual.hardware.sep import SepRefusal
from kextrel.virtual.macos.tools.bputil import change_policy
from kextrel.virtual.macos.tools.mac import answer, in_recovery, machine
from kextrel.virtual.unix.process import Exit, Proc, tool

__all__ = ["csrutil", "status_text"]

_OFF = 0x7F
_ROWS = (
    ("Apple Internal", 0x10), ("Kext Signing", 0x01), ("Filesystem Protections", 0x02),
    ("Debugging Restrictions", 0x04), ("DTrace Restrictions", 0x20), ("NVRAM Protections", 0x40),
    ("BaseSystem Verification", 0x100),
)  # fmt: skip
_USAGE = "usage: csrutil <command>\nAvailable commands: clear, disable, enable, status, authenticated-root, netboot"
_ELSEWHERE = "csrutil: This tool needs to be executed from Recovery OS."
_CONSENT = 'Allow booting unsigned operating systems and any kernel extensions for OS "{}"? [y/n]: '


@tool("/usr/bin/csrutil")
async def csrutil(proc: Proc) -> int:
    """status; authenticated-root status; disable, enable, clear (recovery)."""
    match proc.args:
        case ["status"]:
            proc.out(status_text(_policy(proc)))
            return 0
        case ["authenticated-root", "status"]:
            proc.out(f"Authenticated Root status: {'disabled' if _policy(proc).sip1 else 'enabled'}\n")
            return 0
        case ["disable"]:
            return await _switch(proc, off=True)
        case ["enable" | "clear"]:
            return await _switch(proc, off=False)
        case _:
            raise Exit(1, _USAGE)


def status_text(policy: LocalPolicy) -> str:
    """What `csrutil status` says of a policy."""
    word = policy.sip0 or 0
    if not word:
        return "System Integrity Protection status: enabled.\n"
    if word & _OFF == _OFF:
        return "System Integrity Protection status: disabled.\n"
    rows = [f"\t{name}: {_state(name, word & bit)}" for name, bit in _ROWS]
    rows += [
        f"\tBoot-arg Restrictions: {_state('', policy.sip3 or 0)}",
        f"\tKernel Integrity Protections: {_state('', policy.sip2 or 0)}",
        f"\tAuthenticated Root Requirement: {_state('', policy.sip1 or 0)}",
    ]
    return (
        "System Integrity Protection status: unknown (Custom Configuration).\n\nConfiguration:\n"
        + "\n".join(rows)
        + "\n\nThis is an unsupported configuration, likely to break in the future "
        + "and leave your machine in an unknown state.\n"
    )


def _state(name: str, lifted: int) -> str:
    # "Apple Internal" is the one row whose bit switches something on
    return "enabled" if bool(lifted) is (name == "Apple Internal") else "disabled"


def _policy(proc: Proc) -> LocalPolicy:
    """macOS tells what is in force at this boot; recovery tells of the stored policy."""
    mac = machine(proc)
    return mac.in_force or mac.sep.policy()


async def _switch(proc: Proc, *, off: bool) -> int:
    if not in_recovery(proc):
        raise Exit(1, _ELSEWHERE)
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
