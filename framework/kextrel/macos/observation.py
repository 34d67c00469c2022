"""An observation: everything that rules speak of, by one script sent once, each fact with where it comes from.

    text = observation.script(token)                      # run it as `/bin/sh -s`, with the script on stdin
    seen = observation.read(stdout, token=token)          # never raises: what could not be read is UNKNOWN, and why
    observation.diff(before, after)                       # lines for people

`recovery_script` is the same for recoveryOS, where the beacon brings the answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

from kextrel.macos import approvals, derive, drivers, frames
from kextrel.macos.contradictions import between_tools
from kextrel.macos.csrutil import Sip
from kextrel.macos.drivers import RunningDriver
from kextrel.macos.fields import Field, first_known
from kextrel.macos.probes import MACOS, RECOVERY, of
from kextrel.macos.sysext import SystemExtension
from kextrel.macos.system import BootTime
from kextrel.macos.text import plain
from kextrel.vocabulary import (
    UNKNOWN,
    Architecture,
    Enrollment,
    Environment,
    KextManagement,
    SecurityMode,
    Version,
)

__all__ = ["COMMAND", "Field", "Observation", "diff", "read", "read_recovery", "recovery_script", "script"]

# How the script is run: it is the standard input of this command. Login shells differ (zsh splits words otherwise).
COMMAND = "/bin/sh -s"

LIMIT_SECONDS = 20.0
LIMIT_BYTES = 256 << 10
# A beacon takes 1 MiB a report, and five sections with two streams each must fit.
RECOVERY_BYTES = 64 << 10


@dataclass(frozen=True)
class Observation:
    """What one Mac said at one moment. `sip` is in force now, `sip_stored` is what is stored for the next boot.

    Kexts are bundle identifiers that are not Apple's. None is a value here: a hash that the policy does not hold, the
    `security_mode` of an Intel Mac without a T2, `user_approved_mdm` without an enrollment, `console_user` when nobody
    is logged in at the screen.
    """

    macos: Field[Version]
    build: Field[str]
    architecture: Field[Architecture]
    model: Field[str]
    boot_time: Field[BootTime]
    safe_boot: Field[bool]
    environment: Field[Environment]
    os_type: Field[str]
    pairing: Field[str]
    sip: Field[Sip]
    sip_stored: Field[Sip]
    security_mode: Field[SecurityMode | None]
    smb2: Field[bool]
    smb3: Field[bool]
    smb4: Field[bool]
    kext_management: Field[frozenset[KextManagement]]
    auxp: Field[str | None]
    auxi: Field[str | None]
    auxr: Field[str | None]
    enrollment: Field[Enrollment]
    user_approved_mdm: Field[bool | None]
    loaded_kexts: Field[frozenset[str]]
    aux_kc: Field[frozenset[str]]
    approved_kexts: Field[frozenset[str]]
    mdm_allowed_kexts: Field[frozenset[str]]
    asked_for_kexts: Field[frozenset[str]]
    system_extensions: Field[tuple[SystemExtension, ...]]
    running_drivers: Field[tuple[RunningDriver, ...]]
    console_user: Field[str | None]
    filevault: Field[bool]
    contradictions: tuple[str, ...] = ()
    problem: str = ""

    def fields(self) -> dict[str, Field[Any]]:
        """Every fact by its name, in the order of the page."""
        pairs = ((one.name, getattr(self, one.name)) for one in fields(self))
        return {name: value for name, value in pairs if isinstance(value, Field)}

    def unknown(self) -> dict[str, str]:
        """What could not be observed, and why."""
        return {name: field.why for name, field in self.fields().items() if not field.known}

    def to_json(self) -> dict[str, Any]:
        """JSON values: each known fact, what is unknown and why, where each is from, and what does not agree."""
        every = self.fields()
        return {
            "facts": {name: jsonable(field.value) for name, field in every.items() if field.known},
            "unknown": self.unknown(),
            "provenance": {
                name: {"command": field.command, "lines": list(field.lines)} for name, field in every.items()
            },
            "contradictions": list(self.contradictions),
            "problem": self.problem,
        }


def script(
    token: str,
    *,
    sudo: str | None = "sudo -n",
    volume_group: str | None = None,
    limit_seconds: float = LIMIT_SECONDS,
    limit_bytes: int = LIMIT_BYTES,
) -> str:
    """The script for a running macOS; it only reads, and needs about `limit_seconds` at the very most.

    `token`: 16 to 64 random letters and digits, new for every run. `sudo`: how root is asked, None for not at all: what
    needs root is unknown then. `volume_group`: which macOS is meant, of several (see `probes.of`). Sections
    run side by side, each ended after `limit_seconds` and cut at `limit_bytes`. Raises UsageError for a token or limits
    that will not do.
    """
    return frames.build(of(MACOS, volume_group), token, sudo=sudo, limit_seconds=limit_seconds, limit_bytes=limit_bytes)


def recovery_script(
    token: str,
    *,
    report: str = "@REPORT@",
    volume_group: str | None = None,
    limit_seconds: float = LIMIT_SECONDS,
    limit_bytes: int = RECOVERY_BYTES,
) -> str:
    """The script for recoveryOS (root, no sudo): it sends its frames to the URL `report`, which the beacon fills in."""
    send = f"""show_all >.answer
  curl -sS --retry 3 --max-time {limit_seconds:g} --data-binary @.answer "$report" >/dev/null"""
    return frames.build(
        of(RECOVERY, volume_group),
        token,
        sudo=None,
        limit_seconds=limit_seconds,
        limit_bytes=limit_bytes,
        show=send,
        report=report,
        alone=False,
    )


def read(stdout: bytes, *, token: str | None = None) -> Observation:
    """Reads what `script` printed. `token`: the script's; without it the first frame's own is taken. Never raises."""
    return _observation(frames.parse(stdout, MACOS, token=token), in_recovery=False)


def read_recovery(report: bytes, *, token: str | None = None) -> Observation:
    """Reads what `recovery_script` sent. What is only known in macOS is UNKNOWN."""
    return _observation(frames.parse(report, RECOVERY, token=token), in_recovery=True)


def _observation(found: frames.Frames, *, in_recovery: bool) -> Observation:
    answers = derive.Answers.of(found)
    macos, silicon = derive.version(answers), derive.architecture(answers)
    safe_boot: Field[bool] = answers.sysctl.field(lambda row: _said(row.flag("kern.safeboot")), "safeboot")
    smb2, smb3, smb4 = (derive.smb(answers, tag, silicon) for tag in ("smb2", "smb3", "smb4"))
    loaded, aux = derive.loaded_kexts(answers), derive.aux_kc(answers, macos)
    extensions, running = derive.system_extensions(answers, macos), drivers.running(answers, macos)
    return Observation(
        macos=macos,
        build=answers.sw_vers.field(lambda row: _said(row.build), "BuildVersion"),
        architecture=silicon,
        model=first_known(
            answers.sysctl.field(lambda row: row.values.get("hw.model") or UNKNOWN, "hw.model"),
            answers.hardware.field(lambda row: _said(row.model), "Model Identifier"),
        ),
        boot_time=answers.sysctl.field(lambda row: _said(row.boot_time), "boottime"),
        safe_boot=safe_boot,
        environment=derive.environment(answers, safe_boot, silicon, in_recovery),
        os_type=derive.policy_field(answers, lambda policy: policy.os_type, "OS Type"),
        pairing=derive.policy_field(answers, lambda policy: policy.pairing, "OS Pairing Status"),
        sip=derive.sip(answers),
        sip_stored=derive.sip_stored(answers, silicon),
        security_mode=derive.security_mode(answers, silicon),
        smb2=smb2,
        smb3=smb3,
        smb4=smb4,
        kext_management=derive.kext_management(smb2, smb3, smb4),
        auxp=derive.policy_hash(answers, "auxp", silicon),
        auxi=derive.policy_hash(answers, "auxi", silicon),
        auxr=derive.policy_hash(answers, "auxr", silicon),
        enrollment=derive.enrollment(answers),
        user_approved_mdm=derive.user_approved(answers),
        loaded_kexts=loaded,
        aux_kc=aux,
        approved_kexts=approvals.kext_rows(answers.kext_policy),
        mdm_allowed_kexts=approvals.managed_kexts(answers.kext_policy_mdm, answers.kext_history),
        asked_for_kexts=approvals.asked_for_kexts(answers.kext_history),
        system_extensions=extensions,
        running_drivers=running,
        console_user=derive.console_user(answers),
        filevault=answers.filevault.field(lambda row: row.on),
        contradictions=() if in_recovery else between_tools(answers, silicon, loaded, aux, extensions, running),
        problem=found.problem,
    )


def _said(value: Any) -> Any:
    return UNKNOWN if value is None else value


def jsonable(value: Any) -> Any:
    """A fact's value as JSON: versions and words as text, sets sorted, UNKNOWN and None as null."""
    if value is UNKNOWN or value is None or isinstance(value, bool | int):
        return None if value is UNKNOWN else value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, frozenset | tuple):
        items = [jsonable(item) for item in value]
        return sorted(items) if isinstance(value, frozenset) else items
    if isinstance(value, SystemExtension | RunningDriver):
        return value.facts()
    if isinstance(value, BootTime):
        return {"sec": value.sec, "usec": value.usec}
    return str(value)


def diff(before: Observation, after: Observation) -> tuple[str, ...]:
    """One line for each fact that is not the same, safe to print: `sip: enabled -> disabled`."""
    earlier, later = before.fields(), after.fields()
    changed = [
        f"{name}: {worded(earlier[name])} -> {worded(field)}"
        for name, field in later.items()
        if field.value != earlier[name].value
    ]
    news = [f"contradiction: {text}" for text in after.contradictions if text not in before.contradictions]
    return tuple(plain(line) for line in changed + news)


def worded(field: Field[Any]) -> str:
    """A fact's value in words: "yes", "none", "unknown (why)", names with commas."""
    value = field.value
    if value is UNKNOWN:
        return f"unknown ({field.why})"
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, frozenset | tuple):
        return ", ".join(sorted(_item(item) for item in value)) or "none"
    return _item(value)


def _item(value: Any) -> str:
    if isinstance(value, SystemExtension):
        return f"{value.bundle_id} {value.version}/{value.build} [{value.state}]"
    if isinstance(value, RunningDriver):
        return f"{value.bundle_id} {value.full_version or 'of unknown version'}"
    if isinstance(value, BootTime):
        return f"{value.sec}.{value.usec:06d}"
    found: Mapping[str, Any] | Any = jsonable(value)
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
