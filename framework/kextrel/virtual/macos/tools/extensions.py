"""systemextensionsctl(8)."""

from __future__ import annotations

from kextrel.virtual.macos.extensiondb import Record, State
from kextrel.virtual.macos.sysextd import SystemExtensions
from kextrel.virtual.macos.tools.mac import machine
from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.registry import tool

__all__ = ["list_text", "systemextensionsctl"]

_SIP = """\
At this time, this tool cannot be used if System Integrity Protection is enabled.
This limitation will be removed in the near future.
Please remember to re-enable System Integrity Protection!
"""
_USAGE = """\
systemextensionsctl: usage:
	systemextensionsctl developer [on|off]
	systemextensionsctl list [category]
	systemextensionsctl reset  - reset all System Extensions state
	systemextensionsctl uninstall <teamId> <bundleId>; can also accept '-' for teamID"""
_PANES = {
    "com.apple.system_extension.driver_extension": "Driver Extensions",
    "com.apple.system_extension.network_extension": "Network Extensions",
    "com.apple.system_extension.endpoint_security": "Endpoint Security Extensions",
}
_HINT_SINCE = (15,)
_COLUMNS = "enabled\tactive\tteamID\tbundleID (version)\tname\t[state]\n"


@tool("/usr/bin/systemextensionsctl", where=("macos",), since=(10, 15))
async def systemextensionsctl(proc: Proc) -> int:
    """list; developer, reset, uninstall and gc, which refuse while SIP is on."""
    daemon: SystemExtensions = machine(proc).extensions
    match proc.args:
        case ["list", *category]:
            found = [one for one in daemon.records() if not category or one.category == category[0]]
            await proc.write(list_text(found, hint=machine(proc).spec.release >= _HINT_SINCE))
            return 0
        case [("developer" | "reset" | "uninstall" | "gc"), *_] if not machine(proc).sip:
            proc.out(_SIP)
            return 1
    return _change(proc, daemon)


def _change(proc: Proc, daemon: SystemExtensions) -> int:
    match proc.args:
        case ["developer", ("on" | "off") as word]:
            daemon.set_developer_mode(word == "on")
            proc.out(f"Developer mode is {word}\n")
        case ["developer"]:
            proc.out(f"Developer mode is {'on' if daemon.database.load().developer_mode else 'off'}\n")
        case ["reset"]:
            daemon.reset()
        case ["gc"]:
            daemon.database.sweep(daemon.records())
        case ["uninstall", team, identifier]:
            if not daemon.uninstall(team, identifier):
                raise Exit(1, f"systemextensionsctl: no extension {identifier} of team {team} is activated")
        case _:
            raise Exit(64, _USAGE)
    return 0


def list_text(records: list[Record], *, hint: bool) -> str:
    """What `list` prints: a section for each category, a row for each record; `hint`: where Settings has them."""
    lines = [f"{len(records)} extension(s)\n"]
    for category in dict.fromkeys(record.category for record in records):
        lines += [f"--- {category}{_where(category) if hint else ''}\n", _COLUMNS]
        lines += [_row(record) for record in records if record.category == category]
    return "".join(lines)


def _where(category: str) -> str:
    pane = _PANES.get(category, "")
    place = f"System Settings > General > Login Items & Extensions > {pane}"
    return f" (Go to '{place}' to modify these system extension(s))" if pane else ""


def _row(record: Record) -> str:
    enabled = "*" if record.state is State.ENABLED else ""
    active = "*" if record.state.activated else ""
    name = f"{record.identifier} ({record.full_version})"
    return f"{enabled}\t{active}\t{record.team_id}\t{name}\t{record.name}\t[{record.state.words}]\n"
