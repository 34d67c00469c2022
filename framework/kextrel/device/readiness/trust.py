"""Rows 13 to 15: whose signatures the Mac takes, who manages it, and what somebody allowed before."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kextrel.device.flows import mdm
from kextrel.device.readiness.asking import Asking
from kextrel.device.readiness.finding import Finding, missing, ok, passed_over, unknown
from kextrel.errors import BenchError, NotPossible
from kextrel.macos import commands, kextpolicy, profiles
from kextrel.macos import mdm as requests
from kextrel.macos import readiness as told
from kextrel.timing import Deadline
from kextrel.vocabulary import Enrollment, Extension, ExtensionKind

__all__ = ["management", "old_approvals", "signatures"]

_SAMPLE = Extension("sample", ExtensionKind.KEXT, "com.example.kextrel.driver")
_KINDS = (Enrollment.DEVICE, Enrollment.AUTOMATED_DEVICE)
_CLEARING = 10.0  # wall seconds
_PATIENCE = 15.0  # wall seconds for an answer to one question of the MDM server


def signatures(asking: Asking, bundles: Sequence[Path]) -> Finding:
    """PREP-13: the kexts that the profile names, or else one that Kextrel makes, copied over and shown to codesign."""
    kexts = [bundle for bundle in bundles if bundle.suffix == ".kext"]
    if bundles and not kexts:
        return passed_over(
            "PREP-13", "the profile names no kext; what carries system extensions shows it at `activate`"
        )
    for bundle in kexts or [asking.rig.catalog.bundle(_SAMPLE)]:
        with _copied(asking, bundle) as path:
            done = asking.run(told.verify_kext(path))
        if done.exit_code != 0:
            said = done.err.strip().splitlines()[:1] or ["no reason"]
            whose = bundle.name if kexts else "an extension that Kextrel makes"
            how = "name one that a team with Apple's leave to sign kexts has signed (extensions: in the profile)"
            return missing("PREP-13", f"{whose} is not signed by who may sign kexts ({said[0][-80:]}); {how}")
    return ok("PREP-13", f"{kexts[0].name if kexts else 'what Kextrel makes'} is signed by who may sign kexts here")


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
        command = wire.send(requests.profile_list(), deadline=limit)
        answer = wire.receive(command, deadline=limit)
    except BenchError as error:
        return missing("PREP-14", f"its MDM server gets no answer from it ({error}); {how}")
    if answer.status == "NotNow":
        wire.withdraw(command, deadline=asking.deadline.within(_CLEARING, "the question being taken back"))
        return missing("PREP-14", f"it answers its MDM server with NotNow; {how}")
    return ok("PREP-14", f"it is managed, and answers its server: {mdm.said(answer)}")


def old_approvals(asking: Asking) -> Finding:
    """PREP-15: what KextPolicy has as allowed by a person."""
    done = asking.root(commands.kext_policy(sudo=""))
    if done.exit_code != 0:
        return unknown("PREP-15", f"KextPolicy cannot be read (PREP-03): {done.err.strip()[:120]}")
    rows = kextpolicy.read(done.out, "kext_policy").rows
    allowed = [f"{row['team_id']}/{row['bundle_id']}" for row in rows if row.get("allowed")]
    if not allowed:
        return ok("PREP-15", "nobody has allowed a kext")
    how = "run panic medic in recovery (kmutil trigger-panic-medic), as a scenario's start does where it has the wires"
    return missing("PREP-15", f"approvals of an earlier run are left ({', '.join(allowed[:5])}); {how}")
