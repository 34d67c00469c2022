"""What is done with bundles on the disk of a running macOS, kexts and apps alike: install, remove, replace."""

from __future__ import annotations

import shlex

from kextrel import bundles
from kextrel.bench.protocols import Completed
from kextrel.device.flows.place import Place, find
from kextrel.device.performed import Performed
from kextrel.device.remote import run
from kextrel.device.rig import Rig
from kextrel.errors import BenchError, NotPossible
from kextrel.macos import applications, commands
from kextrel.timing import Deadline
from kextrel.vocabulary import Environment, Extension, ExtensionKind, Outcome
from kextrel.vocabulary.actions import Install, Remove, Replace

__all__ = ["install", "need_macos", "remove", "replace"]

_CLEARING = 10.0  # wall seconds for taking away what was copied, whatever else has run out of time


def install(rig: Rig, action: Install, *, deadline: Deadline) -> Performed:
    """Copies the bundle to its place and gives it to root:wheel, as kernelmanagerd demands of a kext."""
    need_macos(rig, action.verb, deadline)
    return _put(rig, rig.catalog.extension(action.extension), deadline)


def replace(rig: Rig, action: Replace, *, deadline: Deadline) -> Performed:
    """Puts another version of the bundle in the place of the one that is there."""
    need_macos(rig, action.verb, deadline)
    return _put(rig, rig.catalog.renew(action.extension, action.version), deadline)


def remove(rig: Rig, action: Remove, *, deadline: Deadline) -> Performed:
    """Takes the bundle off the disk. What is in the running AuxKC stays there; an app's extensions go at a restart."""
    need_macos(rig, action.verb, deadline)
    extension = rig.catalog.extension(action.extension)
    target = rig.catalog.installed_at(extension)
    take_away = commands.remove_kext if extension.kind is ExtensionKind.KEXT else applications.remove
    _must(rig, run(rig, take_away(target), deadline=deadline))
    return Performed(Outcome.DONE)


def need_macos(rig: Rig, verb: str, deadline: Deadline, *, safe: bool = False) -> None:
    """NotPossible where the Mac is not in macOS, or in its safe mode, unless `safe` will do: there most is done as ever
    or not at all, and no rule is about it."""
    place = find(rig, deadline=deadline)
    if place is not Place.MACOS:
        raise NotPossible(f"`{verb}` needs macOS, and the Mac is in {place}")
    if rig.found_in is Environment.SAFE_MODE and not safe:
        raise NotPossible(f"`{verb}` needs macOS as it starts every day, and the Mac is in safe mode")


def _put(rig: Rig, extension: Extension, deadline: Deadline) -> Performed:
    distrust = bundles.distrusted(extension, rig.facts.trusts_samples)
    if distrust:
        raise NotPossible(distrust)
    local, target = rig.catalog.bundle(extension), rig.catalog.installed_at(extension)
    put = commands.install_kext if extension.kind is ExtensionKind.KEXT else applications.install
    staging = run(rig, "mktemp -d /private/tmp/kextrel.XXXXXX", deadline=deadline).out.strip()
    if not staging.startswith("/private/tmp/kextrel."):
        raise NotPossible(f"{rig.name} gives no place to copy to: mktemp answered {staging!r}")
    staged = f"{staging}/{local.name}"
    try:
        rig.shell.upload(local, staged, deadline=deadline.within(rig.timeouts.transfer, "the copy of the bundle"))
        _must(rig, run(rig, put(staged, target), deadline=deadline))
    finally:
        _clear(rig, staging)
    return Performed(Outcome.DONE)


def _clear(rig: Rig, staging: str) -> None:
    """Takes the folder away, also when the time for the copy was up; a lost wire is said by what comes first."""
    try:
        rig.shell.run(shlex.join(["rm", "-rf", staging]), deadline=Deadline.after(_CLEARING, "clearing up"))
    except BenchError as error:
        rig.note(f"{staging} may still be on the Mac: {error}")


def _must(rig: Rig, done: Completed) -> None:
    if done.exit_code != 0:
        raise NotPossible(f"`{done.command}` ended with {done.exit_code} on {rig.name}: {done.err.strip()[:200]}")
