"""bless(8), as far as it chooses the startup disk among the volumes with a macOS.

On Apple silicon macOS asks an owner of the volume first, recoveryOS nobody; Options among the startup options leads to
the recovery of the macOS that was chosen last [bputil(1), "paired recoveryOS"].
"""

from __future__ import annotations

from kextrel.virtual.hardware.sep import SepRefusal
from kextrel.virtual.macos.tools.mac import in_recovery, machine, need_root
from kextrel.virtual.macos.tools.options import Options, parse
from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.registry import tool

__all__ = ["bless"]

_USAGE = "Usage: bless --mount directory --setBoot [--user username --stdinpass]"


@tool("/usr/sbin/bless")
async def bless(proc: Proc) -> int:
    """--mount VOLUME --setBoot; in macOS on Apple silicon also --user NAME --stdinpass. Root only."""
    options = parse(proc.args, flags=("setBoot", "stdinpass"), values=("mount", "user"), short={}, usage=_USAGE, code=1)
    need_root(proc, "bless must be run as root")
    volume = (options.last("mount") or "").rstrip("/") or "/"
    if "setBoot" not in options:
        raise Exit(1, _USAGE)
    spec = machine(proc).spec
    root = () if in_recovery(proc) else ("/",)  # there it is a ramdisk, from which nothing starts
    ours, other = (*root, f"/Volumes/{spec.disk_name}"), f"/Volumes/{spec.second_macos}"
    if volume not in ours and (not spec.second_macos or volume != other):
        raise Exit(1, f"Can't determine mount point of '{volume}'")
    if spec.architecture == "apple-silicon" and not in_recovery(proc):
        await _authenticate(proc, options)
    machine(proc).startup.set_startup_disk(volume not in ours)
    return 0


async def _authenticate(proc: Proc, options: Options) -> None:
    user = options.last("user") or ""
    if not user or "stdinpass" not in options:
        raise Exit(1, "bless: a user and a password are needed: --user and --stdinpass")
    try:
        machine(proc).sep.authenticate(user, (await proc.readline()).decode(errors="replace").rstrip("\r\n"))
    except SepRefusal:
        raise Exit(1, "bless: the credentials were not accepted") from None
