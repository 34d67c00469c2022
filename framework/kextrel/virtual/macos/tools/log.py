"""log(1): the little of the unified log that kernel management writes."""

from __future__ import annotations

from datetime import UTC, datetime

from kextrel.virtual.macos.tools.mac import kernel
from kextrel.virtual.unix.process import Exit, Proc, tool

__all__ = ["log", "show_log"]

_HEADER = "Timestamp                       Thread     Type        Activity             PID    TTL  \n"


@tool("/usr/bin/log", where=("macos",))
async def log(proc: Proc) -> int:
    """`log show …`: predicates are taken for granted, since only kernelmanagerd writes here."""
    if proc.args[:1] != ["show"]:
        raise Exit(64, "usage: log show [options]")
    return await show_log(proc)


async def show_log(proc: Proc) -> int:
    """Every line that is kept, the oldest first."""
    lines = [_HEADER]
    for at, text in list(kernel(proc).log):
        moment = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S.%f+0000")
        lines.append(
            f"{moment} 0x1f3      Default     0x0                  102    0    kernelmanagerd: "
            f"[com.apple.kernelmanagerd.logging:LoadRequestResolution] {text}\n"
        )
    await proc.write("".join(lines))
    return 0
