"""Rows 13 to 15: whose signatures the Mac takes, who manages it, and what somebody allowed before."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from kextrel.bench.protocols import Mdm, MdmAnswer, MdmCommand
from kextrel.device.flows import mdm
from kextrel.device.readiness.asking import Asking
from kextrel.device.readiness.finding import Finding, missing, ok, passed_over, unknown
from kextrel.errors import BenchError, NotPossible
from kextrel.macos import commands, kextpolicy, profiles
from kextrel.macos import mdm as requests
from kextrel.macos import readiness as told
from kextrel.timing import Deadline
from kextrel.vocabulary import Enrollment, Extension, ExtensionKind, Version

__all__ = ["management", "old_approvals", "signatures"]

_SAMPLE = Extension("sample", ExtensionKind.KEXT, "com.example.kextrel.driver")
_KINDS = (Enrollment.DEVICE, Enrollment.AUTOMATED_DEVICE)
_NOTARIZED = Version(10, 14, 5)  # from here on a new kext must be notarized
_CLEARING = 10.0  # wall seconds
_PATIENCE = 15.0  # wall seconds for an answer to one question of the MDM server


def signatures(asking: Asking, bundles: Sequence[Path]) -> Finding:
    """PREP-13: the bundles that the profile names, or else a kext that Kextrel makes, shown to codesign and spctl."""
    for bundle in bundles or [asking.rig.catalog.bundle(_SAMPLE)]:
        with _copied(asking, bundle) as path:
            doubt = _doubt(asking, path)
        if doubt:
            whose = bundle.name if bundles else "an extension that Kextrel makes"
            how = "name one that is (extensions: in the profile); Apple grants the right to sign kexts to a team"
            return missing("PREP-13", f"{whose} is not signed and notarized by who may ({doubt}); {how}")
    return ok("PREP-13", f"{bundles[0].name if bundles else 'what Kextrel makes'} is signed by who may sign it here")


def _doubt(asking: Asking, path: str) -> str:
    """What codesign, and of a kext spctl, have against the bundle; "" for nothing."""
    kext = path.endswith(".kext")
    lines = [told.verify_kext(path) if kext else told.verify_app(path)]
    if kext and asking.rig.facts.macos >= _NOTARIZED:
        lines.append(told.assess(path))
    for line in lines:
        done = asking.run(line)
        if done.exit_code != 0:
            return (done.err.strip().splitlines() or [f"{line.split()[0]} ended with {done.exit_code}"])[0][-80:]
    return ""


@contextmanager
def _copied(asking: Asking, bundle: Path) -> Iterator[str]:
    """The bundle in a folder of its own on the Mac, where nothing looks for extensions."""
    made = asking.run("mktemp -d /private/tmp/kextrel.XXXXXX")
    folder = made.out.strip()
    if not folder.startswith("/private/tmp/kextrel."):
        raise NotPossible(f"{asking.rig.name} gives no place to copy to: mktemp answered {folder!r}")
    try:
        limit = asking.deadline.within(asking.rig.timeouts.transfer, "the copy of the bundle")
        asking.rig.shell.upload(bundle, f"{folder}/{bundle.name}", deadline=limit)
        yield f"{folder}/{bundle.name}"
    finally:
        asking.rig.shell.run(shlex.join(["rm", "-rf", folder]), deadline=Deadline.after(_CLEARING, "clearing up"))


def management(asking: Asking) -> Finding:
    """PREP-14: both statuses of `profiles`, and an answer to a question of the server."""
    facts = asking.rig.facts
    if facts.enrollment is Enrollment.NONE:
        return passed_over("PREP-14", "the profile says that nobody manages it")
    seen = profiles.read(asking.root(commands.profiles_status(sudo="")).out)
    if not seen.mdm:
        how = "enroll it again, or mend enrollment: in the profile"
        return missing(
            "PREP-14", f"it says that no MDM server manages it, and its profile says {facts.enrollment}; {how}"
        )
    if facts.enrollment in _KINDS:
        token = profiles.read_bootstrap_token(asking.root(commands.profiles_status("bootstraptoken", sudo="")).out)
        if token.escrowed is not None and token.escrowed is not facts.bootstrap_token:
            has = "has" if token.escrowed else "has not"
            how = "run `sudo profiles install -type bootstraptoken`, or mend bootstrap_token: in the profile"
            return missing("PREP-14", f"the server {has} its bootstrap token, and the profile says otherwise; {how}")
    return _answering(asking)


def _answering(asking: Asking) -> Finding:
    wire = asking.rig.wires.mdm
    if wire is None:
        return ok("PREP-14", "an MDM server manages it; the profile has no mdm wire to ask it by")
    limit = asking.deadline.within(min(_PATIENCE, asking.rig.timeouts.mdm), "an answer to ProfileList")
    how = "look at the push certificate, at HTTPS, and whether the Mac is locked"
    try:
        answer = _asked(wire, limit)
    except BenchError as error:
        return missing("PREP-14", f"its MDM server gets no answer from it ({error}); {how}")
    if answer.status == "NotNow":
        return missing("PREP-14", f"it answers its MDM server with NotNow; {how}")
    return ok("PREP-14", f"it is managed, and answers its server: {mdm.said(answer)}")


def _asked(wire: Mdm, deadline: Deadline) -> MdmAnswer:
    """The answer to ProfileList. A question that was not answered for good, whatever ended the wait, is taken back: the
    Mac would get it later, in the midst of a scenario."""
    command = wire.send(requests.profile_list(), deadline=deadline)
    try:
        answer = wire.receive(command, deadline=deadline)
    except BaseException:
        with suppress(BenchError):  # what ended the wait is told, not that the server has gone, too
            _take_back(wire, command)
        raise
    if answer.status == "NotNow":
        _take_back(wire, command)
    return answer


def _take_back(wire: Mdm, command: MdmCommand) -> None:
    wire.withdraw(command, deadline=Deadline.after(_CLEARING, "the question being taken back"))


def old_approvals(asking: Asking) -> Finding:
    """PREP-15: what KextPolicy has as allowed by a person."""
    done = asking.root(commands.kext_policy(sudo=""))
    if done.exit_code != 0:
        return unknown("PREP-15", f"KextPolicy cannot be read (PREP-03): {done.err.strip()[:120]}")
    answer = kextpolicy.read(done.out, "kext_policy")
    if not answer.ended:
        return unknown("PREP-15", "KextPolicy was not read to its end, so what it allows is not known; is a disk full?")
    allowed = [f"{row['team_id']}/{row['bundle_id']}" for row in answer.rows if row.get("allowed")]
    if not allowed:
        return ok("PREP-15", "nobody has allowed a kext")
    how = "run panic medic in recovery (kmutil trigger-panic-medic), as a scenario's start does where it has the wires"
    return missing("PREP-15", f"approvals of an earlier run are left ({', '.join(allowed[:5])}); {how}")
