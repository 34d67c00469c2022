"""log(1): the little of the unified log that kernel management and sysextd write."""

from __future__ import annotations

from datetime import UTC, datetime

from kextrel.virtual.macos.tools.mac import kextd, kexts, machine
from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.registry import tool

__all__ = ["log", "show_log"]

_HEADS = {
    "kernelmanagerd": "102    0    kernelmanagerd: [com.apple.kernelmanagerd.logging:LoadRequestResolution] ",
    "kextd": "58     0    kextd: ",
    "sysextd": "283    0    sysextd: ",
}
_HEADER = "Timestamp                       Thread     Type        Activity             PID    TTL  \n"


@tool("/usr/bin/log", where=("macos",))
async def log(proc: Proc) -> int:
    """`log show …`: of a predicate only the process that it names counts."""
    if proc.args[:1] != ["show"]:
        raise Exit(64, "usage: log show [options]")
    return await show_log(proc)


async def show_log(proc: Proc) -> int:
    """Every line that is kept, the oldest first; where the words name daemons, only theirs."""
    words = " ".join(proc.args)
    loader = "kernelmanagerd" if kextd(proc) is None else "kextd"
    logs = {loader: kexts(proc).log, "sysextd": machine(proc).extensions.log}
    named = [name for name in _HEADS if name in words] or list(logs)
    kept = [(at, _HEADS[name] + text) for name in logs if name in named for at, text in list(logs[name])]
    await proc.write(_HEADER + "".join(_line(at, text) for at, text in sorted(kept)))
    return 0


def _line(at: float, text: str) -> str:
    moment = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S.%f+0000")
    return f"{moment} 0x1f3      Default     0x0                  {text}\n"
