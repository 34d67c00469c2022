"""How a Mac shows what nobody prepared it for, as its tools tell it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kextrel.virtual.macos.tools.network import ports
from kextrel.virtual.spec import MacSpec

TWO = "Multiple startup volumes were found:\n1) Macintosh HD\n2) Untitled\n"
REQUIREMENT = "-R=anchor apple generic"


@pytest.mark.parametrize(
    ("row", "line", "good", "bad"),
    [
        ("PREP-04", "sysadminctl -secureTokenStatus admin 2>&1 | cut -d] -f2 | cut -d' ' -f5", "ENABLED", "DISABLED"),
        ("PREP-04", "diskutil apfs listUsers / | grep -c 'Local Open'", "2", "0"),
        ("PREP-10", "diskutil apfs list | grep -c '(System)'", "1", "2"),
        ("PREP-10", "bputil -d </dev/null 2>/dev/null | grep -c 'OS Type'", "1", "0"),
        ("PREP-10", "csrutil status </dev/null 2>/dev/null | head -1", "enabled.", "found:"),
        ("PREP-11", "curl -sS -o /dev/null -w '%{http_code}' https://gs.apple.com/ 2>&1", "200", "gs.apple.com"),
        ("PREP-12", "curl -s --interface en0 http://127.0.0.1:1/; echo $?", "7", "45"),
    ],
)  # fmt: skip
def test_a_tool_tells_it(lab: Any, play: Any, row: str, line: str, good: str, bad: str) -> None:
    async def story() -> None:
        for missing, told in ((frozenset[str](), good), (frozenset({row}), bad)):
            mac = lab(missing=missing)
            await mac.macos()
            done = await mac.run("sh", "-c", line)
            assert (done.out + done.err).rstrip("\n").endswith(told)

    play(story())


def test_the_volume_is_chosen_by_its_number(lab: Any, play: Any) -> None:
    async def story() -> None:
        mac = lab(missing=frozenset({"PREP-10"}))
        await mac.macos()
        done = await mac.run("bputil", "-d", input=b"1\n")
        assert TWO in done.out
        assert "OS Type" in done.out
        assert (await mac.run("bputil", "-d", input=b"2\n")).status == 1
        assert (await mac.run("bputil", "-e")).status == 0

    play(story())


@pytest.mark.parametrize(("missing", "code"), [(frozenset[str](), 0), (frozenset({"PREP-13"}), 1)])
def test_a_stranger_signed_it(
    lab: Any, play: Any, make_kext: Callable[..., Path], missing: frozenset[str], code: int
) -> None:
    async def story() -> None:
        mac = lab(missing=missing)
        await mac.macos()
        path = mac.install(make_kext())
        assert (await mac.run("codesign", "-v", REQUIREMENT, path)).status == code

    play(story())


@pytest.mark.parametrize(("missing", "there"), [(frozenset[str](), "No"), (frozenset({"PREP-09"}), "Yes")])
def test_a_battery_is_told(missing: frozenset[str], there: str) -> None:
    spec = MacSpec("book", "intel-t2", "13.6", prepared=True, missing=missing)
    assert spec.has_battery is (there == "Yes")
    assert ports(spec)[0].name == "USB 10/100/1000 LAN"
    assert not MacSpec("mini", prepared=True, missing=missing).has_battery
