"""What a virtual Mac costs: from nothing to an answering SSH server (target 50 ms), and its memory (target 2 MB).

One is brought up and ended first, so that neither modules nor caches are counted.
"""

from __future__ import annotations

from typing import Any

import pytest

MACS = 20
SERVING = """
import asyncio, json, os, sys, time
import kextrel.virtual.assembly
from kextrel.virtual import MacSpec
from kextrel.virtual.service import run

def resident():
    with open("/proc/self/statm") as pages:
        return int(pages.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

async def up(architecture, macos, macs):
    specs = [MacSpec(f"mac-{n}", architecture=architecture, macos=macos, prepared=True) for n in range(macs)]
    stop, seen = asyncio.Event(), []

    def ready(endpoints):
        seen.append((time.perf_counter(), resident()))
        if len(seen) == macs:
            stop.set()

    await run(specs, on_ready=ready, stop=stop)
    return seen[-1]

async def main(architecture, macos, macs):
    await up(architecture, macos, 1)
    began, before = time.perf_counter(), resident()
    ended, after = await up(architecture, macos, macs)
    print(json.dumps({"seconds": (ended - began) / macs, "bytes": (after - before) / macs}))

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


@pytest.mark.parametrize(
    ("architecture", "macos"), [("apple-silicon", "14.5"), ("intel", "12.7"), ("intel-t2", "13.6")]
)
def test_a_virtual_mac(architecture: str, macos: str, here: str, child: Any, tell: Any) -> None:
    found = child(here, SERVING, architecture, macos, MACS)
    took, size = found["seconds"] * 1000, found["bytes"] / 1e6
    tell(f"virtual Mac ({architecture}, {macos}): {took:.0f} ms to SSH (target 50), {size:.2f} MB (target 2)")
