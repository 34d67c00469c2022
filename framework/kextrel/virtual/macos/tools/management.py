"""profiles(1) and systemextensionsctl(8) of a Mac that nobody manages and that has no system extensions yet."""

from __future__ import annotations

from kextrel.virtual.macos.tools.mac import machine, need_root
from kextrel.virtual.unix.process import Exit, Proc, tool

__all__ = ["profiles", "systemextensionsctl"]

_NO_INSTALLS = "profiles tool no longer supports installs.  Use System Settings Profiles to add configuration profiles."
_SIP = """\
At this time, this tool cannot be used if System Integrity Protection is enabled.
This limitation will be removed in the near future.
Please remember to re-enable System Integrity Protection!
"""


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


@tool("/usr/bin/systemextensionsctl", where=("macos",))
async def systemextensionsctl(proc: Proc) -> int:
    """list; reset, developer, uninstall and gc refuse while SIP is on."""
    match proc.args:
        case ["list", *_]:
            proc.out("0 extension(s)\n")
            return 0
        case [("reset" | "developer" | "uninstall" | "gc") as verb, *_]:
            if not machine(proc).sip:
                proc.out(_SIP)
                return 1
            proc.out("Developer mode is off\n" if verb == "developer" else "")
            return 0
        case _:
            raise Exit(64, "usage: systemextensionsctl [developer|list|reset|uninstall] [on|off]")
