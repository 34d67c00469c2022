"""profiles(1) of a Mac that nobody manages."""

from __future__ import annotations

from kextrel.virtual.macos.tools.mac import need_root
from kextrel.virtual.unix.process import Exit, Proc, tool

__all__ = ["profiles"]

_NO_INSTALLS = "profiles tool no longer supports installs.  Use System Settings Profiles to add configuration profiles."


@tool("/usr/bin/profiles", where=("macos",))
async def profiles(proc: Proc) -> int:
    """status -type enrollment|bootstraptoken, list, show."""
    match [word.lstrip("-") for word in proc.args]:
        case ["status", "type", "enrollment"]:
            proc.out("Enrolled via DEP: No\nMDM enrollment: No\n")
        case ["status", "type", "bootstraptoken"]:
            need_root(proc, "profiles: the command requires root privileges")
            proc.out(
                "profiles: Bootstrap Token supported on server: NO\nprofiles: Bootstrap Token escrowed to server: NO\n"
            )
        case ["list" | "show", *_] | ["P" | "L", *_]:
            domain = "in the system domain" if proc.user.uid == 0 else f"for user '{proc.user.name}'"
            proc.out(f"There are no configuration profiles installed {domain}\n")
        case ["install", *_]:
            raise Exit(
                1,
                _NO_INSTALLS,
            )
        case _:
            raise Exit(1, "usage: profiles <command> [options]")
    return 0
