"""shutdown(8), reboot(8), halt(8), last(1)."""

from __future__ import annotations

from datetime import UTC, datetime

from kextrel.virtual.macos.tools.mac import machine, need_root
from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.registry import tool

__all__ = ["halt", "last", "reboot", "shutdown"]

_USAGE = "usage: shutdown [-] [-h [-u] [-n] | -r [-n] | -s | -k] time [warning-message ...]"


@tool("/sbin/shutdown")
async def shutdown(proc: Proc) -> int:
    """shutdown -r|-h now|+MINUTES."""
    need_root(proc, "shutdown: NOT super-user")
    kinds = [word for word in proc.args if word in ("-r", "-h")]
    times = [word for word in proc.args if not word.startswith("-")]
    if len(kinds) != 1 or not times:
        raise Exit(1, _USAGE)
    await proc.sleep(_delay(times[0]))
    proc.out("Shutdown NOW!\n\nSystem shutdown time has arrived\n")
    _go_down(proc, restart=kinds == ["-r"])
    return 0


def _delay(when: str) -> float:
    if when == "now":
        return 0.0
    if when.startswith("+") and when[1:].isdecimal() and len(when) < 8:
        return 60.0 * int(when[1:])
    raise Exit(1, f"shutdown: {when}: only now and +minutes are understood\n{_USAGE}")


@tool("/sbin/reboot")
async def reboot(proc: Proc) -> int:
    need_root(proc, "reboot: Operation not permitted")
    _go_down(proc, restart=True)
    return 0


@tool("/sbin/halt")
async def halt(proc: Proc) -> int:
    need_root(proc, "halt: Operation not permitted")
    _go_down(proc, restart=False)
    return 0


def _go_down(proc: Proc, *, restart: bool) -> None:
    if restart:
        machine(proc).request_restart()
    else:
        machine(proc).request_shutdown()


@tool("/usr/bin/last", where=("macos",))
async def last(proc: Proc) -> int:
    """Who is logged in at the console, and the last boot."""
    mac = machine(proc)
    rows = []
    if mac.boot_time is not None:
        at = datetime.fromtimestamp(mac.boot_time.sec, UTC).strftime("%a %b %e %H:%M")
        if mac.console_user:
            rows.append(f"{mac.console_user:<10} console                         {at}   still logged in")
        rows.append(f"reboot time                                {at}")
    proc.out("".join(f"{row}\n" for row in rows))
    return 0
