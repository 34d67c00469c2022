"""Rows 9 and 10: power that the bench can cut, and a disk with one macOS."""

from __future__ import annotations

from kextrel.device.readiness.asking import Asking
from kextrel.device.readiness.finding import Finding, missing, ok, passed_over
from kextrel.errors import UnreadableAnswer
from kextrel.macos import readiness as told
from kextrel.macos import system
from kextrel.vocabulary import Version

__all__ = ["disk", "power"]


def power(asking: Asking) -> Finding:
    """PREP-09: a battery, which no power wire cuts; autorestart."""
    if asking.rig.wires.power is None:
        return passed_over("PREP-09", "the profile has no power wire, so nothing cuts the mains")
    if told.read_battery(asking.run(told.BATTERY).out):
        how = "take it out of circuit, or take the power wire out of the profile"
        return missing("PREP-09", f"its battery keeps it on when the bench cuts the mains; {how}")
    if told.read_power(asking.run(told.POWER).out).get("autorestart") != 1:
        how = "run `sudo pmset -a autorestart 1`, or `kextrel lab prepare`"
        return missing("PREP-09", f"autorestart is off, so it stays off after a power cut; {how}")
    return ok("PREP-09", "it has no battery in circuit, and starts by itself when the mains are back")


def disk(asking: Asking) -> Finding:
    """PREP-10: the volumes with the role System, and the macOS that the profile says."""
    done = asking.run(told.VOLUMES)
    if done.exit_code != 0:
        raise UnreadableAnswer(done.command, done.err.strip())
    found = told.read_system_volumes(done.out)
    other = _another_release(asking)
    if other:
        return missing("PREP-10", other)
    if len(found) == 1:
        return ok("PREP-10", f"{found[0]} is the only volume with a macOS")
    names = ", ".join(repr(name) for name in found)
    if sorted(found) == sorted((asking.rig.facts.volume, asking.rig.facts.other_macos)):
        return ok("PREP-10", f"the volumes with a macOS are those that the profile names ({names})")
    how = f"erase all but {asking.rig.facts.volume!r} in Disk Utility"
    return missing("PREP-10", f"{len(found)} volumes have a macOS ({names}), and bputil asks which is meant; {how}")


def _another_release(asking: Asking) -> str:
    """Whether it runs another macOS than its profile says: an update makes every prediction wrong. One that a run may
    upgrade is not asked, for it arrives with an older one."""
    facts = asking.rig.facts
    if facts.upgrades:
        return ""
    runs = _release(system.read_sw_vers(asking.run("sw_vers").out))
    if runs == facts.macos:
        return ""
    return f"it runs macOS {runs}, and its profile says {facts.macos}; say what it runs, or erase it and install that"


def _release(said: system.SwVers) -> Version:
    text = f"{said.version or ''} {said.extra or ''}"
    try:
        return Version.parse(text)
    except ValueError as error:
        raise UnreadableAnswer("sw_vers", text) from error
