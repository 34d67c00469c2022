"""From what each tool said to the facts of an observation: which source is asked first, and what it must not be
believed. A list that was not read whole says nothing: a kext that is missing from it would be a wrong fact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from kextrel.macos import (
    bputil,
    codesign,
    csrutil,
    extensionstore,
    intel,
    ioreg,
    kextpolicy,
    kexts,
    profiler,
    profiles,
    sysext,
    system,
)
from kextrel.macos.fields import Field, Said, first_known, known, said
from kextrel.macos.frames import Frames
from kextrel.macos.kexts import KextList
from kextrel.macos.probes import SIP_WORD, T2_POLICY
from kextrel.vocabulary import (
    UNKNOWN,
    Architecture,
    Enrollment,
    Environment,
    KextManagement,
    SecurityMode,
    Unknown,
    Version,
)

__all__ = [
    "Answers",
    "architecture",
    "aux_kc",
    "bridge_mode",
    "console_user",
    "enrollment",
    "environment",
    "kext_management",
    "loaded_kexts",
    "policy_field",
    "policy_hash",
    "policy_mode",
    "security_mode",
    "sip",
    "sip_stored",
    "smb",
    "system_extensions",
    "user_approved",
    "version",
]

T = TypeVar("T")

_OS_TYPES = (
    ("one true", Environment.ONE_TRUE_RECOVERY),
    ("fallback", Environment.FALLBACK_RECOVERYOS),
    ("ordinary", Environment.RECOVERYOS),
    ("software-launched", Environment.RECOVERYOS),
)
_T2_MODES = {"%00": SecurityMode.NONE, "%01": SecurityMode.MEDIUM, "%02": SecurityMode.FULL}
_BRIDGE_ROWS = {
    "smb2": "Allow All Kernel Extensions",
    "smb3": "User Approved Privileged MDM Operations",
    "smb4": "DEP Approved Privileged MDM Operations",
}
_INTEL = (Architecture.INTEL, Architecture.INTEL_T2)
_NO_LOCAL_POLICY = "Intel Macs have no LocalPolicy"
# The SIP bits that `csrutil disable` sets on every release and architecture; more may be set beside them.
_ALL_OFF = 0x67


@dataclass(frozen=True)
class Answers:
    """Every section, read."""

    sw_vers: Said[system.SwVers]
    uname: Said[system.Uname]
    sysctl: Said[system.Sysctl]
    csrutil: Said[csrutil.CsrutilAnswer]
    bputil: Said[bputil.BputilAnswer]
    hardware: Said[profiler.Hardware]
    bridge: Said[profiler.Bridge]
    nvram_t2: Said[system.Nvram]
    nvram_sip: Said[system.Nvram]
    loaded: Said[KextList]
    aux: Said[KextList]
    kext_policy: Said[kextpolicy.KextPolicyAnswer]
    kext_policy_mdm: Said[kextpolicy.KextPolicyAnswer]
    kext_history: Said[kextpolicy.KextPolicyAnswer]
    sysext: Said[sysext.SystemExtensionList]
    drivers: Said[ioreg.IoregAnswer]
    dexts: Said[tuple[codesign.SignatureAnswer, ...]]
    dexts_db: Said[extensionstore.StoreAnswer]
    enrollment: Said[profiles.EnrollmentAnswer]
    console: Said[tuple[str | None]]
    filevault: Said[system.FileVault]

    @classmethod
    def of(cls, frames: Frames) -> Answers:
        old = "kexts-old" in frames.sections and frames.sections["kexts-old"].problem == ""
        return cls(
            said(frames, "sw-vers", system.read_sw_vers),
            said(frames, "uname", system.read_uname),
            said(frames, "sysctl", system.read_sysctl, failure_speaks=True),
            said(frames, "csrutil", csrutil.read),
            said(frames, "bputil", bputil.read, failure_speaks=True),
            said(frames, "hardware", profiler.read_hardware),
            said(frames, "bridge", profiler.read_bridge),
            said(frames, "nvram-t2", system.read_nvram, failure_speaks=True),
            said(frames, "nvram-sip", system.read_nvram, failure_speaks=True),
            said(frames, "kexts-old" if old else "kexts", kexts.read),
            said(frames, "kexts-aux", kexts.read),
            said(frames, "kext-policy", lambda text: kextpolicy.read(text, "kext_policy")),
            said(frames, "kext-policy-mdm", lambda text: kextpolicy.read(text, "kext_policy_mdm")),
            said(frames, "kext-history", lambda text: kextpolicy.read(text, "kext_load_history_v3")),
            said(frames, "sysext", sysext.read),
            said(frames, "drivers", ioreg.read),
            said(frames, "dexts", codesign.read_each, failure_speaks=True),
            said(frames, "dexts-db", extensionstore.read, file=True),
            said(frames, "enrollment", profiles.read),
            said(frames, "console", lambda text: (system.read_console_user(text),)),
            said(frames, "filevault", system.read_filevault, failure_speaks=True),
        )


def version(answers: Answers) -> Field[Version]:
    def parsed(row: system.SwVers) -> Version | Unknown:
        try:
            return Version.parse(f"{row.version or ''} {row.extra or ''}")
        except ValueError:
            return UNKNOWN

    return answers.sw_vers.field(parsed, "ProductVersion")


def architecture(answers: Answers) -> Field[Architecture]:
    """Not from uname first: its machine is x86_64 in a process under Rosetta."""
    silicon = first_known(
        answers.sysctl.field(lambda row: _or_unknown(row.flag("hw.optional.arm64")), "arm64"),
        answers.hardware.field(lambda row: row.arch == "arm64" if row.arch else UNKNOWN, "Chip", "Processor Name"),
        answers.uname.field(lambda row: True if row.machine == "arm64" else UNKNOWN),
    )
    if silicon.value is UNKNOWN:
        return Field(UNKNOWN, silicon.why, silicon.command)
    if silicon.value:
        return Field(Architecture.APPLE_SILICON, "", silicon.command, silicon.lines)
    t2 = first_known(
        answers.hardware.field(lambda row: _or_unknown(row.t2), "Boot ROM", "System Firmware"),
        answers.bridge.field(lambda row: _or_unknown(row.t2 or (None if row.present else False)), "Model Name"),
        answers.sysctl.field(lambda row: _or_unknown(intel.has_t2(row.values.get("hw.model"))), "hw.model"),
    )
    if t2.value is UNKNOWN:
        return Field(UNKNOWN, f"an Intel Mac, with or without a T2: {t2.why}", t2.command)
    return Field(Architecture.INTEL_T2 if t2.value else Architecture.INTEL, "", t2.command, t2.lines)


def policy_field(answers: Answers, pick: Callable[[bputil.Policy], T | None], *words: str) -> Field[T]:
    """A fact of the LocalPolicy that bputil shows, when it shows exactly one."""
    answer = answers.bputil.reading
    if answer is not None and len(answer.policies) != 1:
        said_no = "it is not supported on this Mac" if answer.supported is False else answer.message
        return answers.bputil.refused(said_no or f"it showed {len(answer.policies)} policies, not one")
    return answers.bputil.field(lambda row: _or_unknown(pick(row.policies[0])), *words)


def policy_hash(answers: Answers, tag: str, silicon: Field[Architecture]) -> Field[str | None]:
    """A hash, or None: the policy holds none. Too short a hash was cut, and is not said."""
    if silicon.value in _INTEL:
        return known(None, _NO_LOCAL_POLICY)

    def pick(policy: bputil.Policy) -> tuple[str | None] | None:
        value = policy.fields.get(tag, "")
        if value == bputil.ABSENT:
            return (None,)
        return (value.upper(),) if len(value) in (64, 96) and set(value) <= set("0123456789abcdefABCDEF") else None

    found = policy_field(answers, pick, f"({tag})")
    value = found.value
    return Field(value if isinstance(value, Unknown) else value[0], found.why, found.command, found.lines)


def smb(answers: Answers, tag: str, silicon: Field[Architecture]) -> Field[bool]:
    """smb2, smb3 or smb4. No Intel Mac has them."""
    if silicon.value in _INTEL:
        return known(False, _NO_LOCAL_POLICY)
    from_policy: Field[bool] = policy_field(answers, lambda policy: policy.present(tag), f"({tag})")
    row = _BRIDGE_ROWS[tag]
    return first_known(from_policy, answers.bridge.field(lambda bridge: _or_unknown(bridge.yes(row)), row))


def kext_management(user: Field[bool], by_user: Field[bool], by_dep: Field[bool]) -> Field[frozenset[KextManagement]]:
    fields = (user, by_user, by_dep)
    if not all(field.known for field in fields):
        return Field(UNKNOWN, first_known(*(field for field in fields if not field.known)).why)
    found = {KextManagement.USER} if user.value is True else set()
    found |= {KextManagement.REMOTE} if by_user.value is True or by_dep.value is True else set()
    lines = tuple(dict.fromkeys(line for field in fields for line in field.lines))
    return Field(frozenset(found), "", user.command, lines)


def security_mode(answers: Answers, silicon: Field[Architecture]) -> Field[SecurityMode | None]:
    if silicon.value is Architecture.INTEL:
        return known(None, "an Intel Mac without a T2 has no security mode")
    bridge: Field[SecurityMode | None] = bridge_mode(answers)
    if silicon.value is Architecture.INTEL_T2:
        nvram: Field[SecurityMode | None] = answers.nvram_t2.field(
            lambda row: _T2_MODES.get(row.values.get(T2_POLICY, ""), UNKNOWN)
        )
        return first_known(nvram, bridge)
    return first_known(policy_mode(answers), bridge)


def bridge_mode(answers: Answers) -> Field[SecurityMode | None]:
    """As system_profiler says it, without root."""
    return answers.bridge.field(_bridge_mode, "Secure Boot")


def policy_mode(answers: Answers) -> Field[SecurityMode | None]:
    """As bputil says it."""
    return policy_field(answers, _mode, "(smb0")


def _mode(policy: bputil.Policy) -> SecurityMode | None:
    return _mode_word(policy.security_mode)


def _bridge_mode(bridge: profiler.Bridge) -> SecurityMode | Unknown | None:
    return _or_unknown(_mode_word(bridge.values.get("Secure Boot")))


def _mode_word(text: str | None) -> SecurityMode | None:
    """ "Full", "Reduced Security", "No Security"."""
    word = (text or "").partition(" ")[0].lower()
    modes = {"no": SecurityMode.NONE, **{mode.value: mode for mode in SecurityMode}}
    return modes.get(word)


def sip(answers: Answers) -> Field[csrutil.Sip]:
    """What is in force now."""
    words: dict[str, csrutil.Sip] = {"Enabled": "enabled", "Disabled": "disabled"}
    return first_known(
        answers.csrutil.field(lambda row: _or_unknown(row.sip), "status:"),
        answers.bridge.field(
            lambda row: words.get(row.values.get("System Integrity Protection", ""), UNKNOWN),
            "System Integrity Protection",
        ),
    )


def sip_stored(answers: Answers, silicon: Field[Architecture]) -> Field[csrutil.Sip]:
    """What will be in force at the next boot: the LocalPolicy's sip0, on Intel the word in NVRAM."""
    if silicon.value in _INTEL:
        return answers.nvram_sip.field(_sip_word, SIP_WORD)
    return policy_field(answers, _sip0, "(sip0)")


def _sip_word(row: system.Nvram) -> csrutil.Sip | Unknown:
    if SIP_WORD in row.absent and row.error is None:
        return "enabled"
    bits = intel.sip_bits(row.values.get(SIP_WORD, ""))
    return UNKNOWN if bits is None else _sip_of(bits)


def _sip0(policy: bputil.Policy) -> csrutil.Sip | None:
    value = policy.fields.get("sip0", "")
    if value == bputil.ABSENT:
        return "enabled"
    try:
        return _sip_of(int(value, 16))
    except ValueError:
        return None


def _sip_of(bits: int) -> csrutil.Sip:
    return "enabled" if bits == 0 else "disabled" if bits & _ALL_OFF == _ALL_OFF else "custom"


def environment(
    answers: Answers, safe_boot: Field[bool], silicon: Field[Architecture], in_recovery: bool
) -> Field[Environment]:
    """Where the Mac is booted. A shell over SSH answers in macOS only; which recoveryOS it is, only bputil tells, and
    Intel Macs have one only."""
    if in_recovery and silicon.value in _INTEL:
        return known(Environment.RECOVERYOS, "Intel Macs have one recoveryOS only")
    kind: Field[str] = policy_field(answers, lambda policy: policy.os_type, "OS Type")
    if isinstance(kind.value, str) and kind.value != "macOS":
        lowered = kind.value.lower()
        found = next((place for word, place in _OS_TYPES if word in lowered), UNKNOWN)
        why = f"bputil calls it {kind.value!r}" if found is UNKNOWN else ""
        return Field(found, why, kind.command, kind.lines)
    if in_recovery and kind.value != "macOS":
        return Field(UNKNOWN, kind.why, kind.command)
    if safe_boot.value is UNKNOWN:
        return Field(UNKNOWN, safe_boot.why, safe_boot.command)
    place = Environment.SAFE_MODE if safe_boot.value else Environment.MACOS
    return Field(place, "", safe_boot.command, (*kind.lines, *safe_boot.lines))


def enrollment(answers: Answers) -> Field[Enrollment]:
    def pick(row: profiles.EnrollmentAnswer) -> Enrollment | Unknown:
        if row.mdm is False:
            return Enrollment.NONE
        if row.mdm is None or row.dep is None:
            return UNKNOWN
        if row.note and "User Enrol" in row.note:
            return Enrollment.USER
        return Enrollment.AUTOMATED_DEVICE if row.dep else Enrollment.DEVICE

    return answers.enrollment.field(pick)


def user_approved(answers: Answers) -> Field[bool | None]:
    """Whether the user approved the enrollment; None where there is none."""

    def pick(row: profiles.EnrollmentAnswer) -> bool | Unknown | None:
        return None if row.mdm is False else _or_unknown(row.user_approved)

    return answers.enrollment.field(pick, "MDM enrollment")


def loaded_kexts(answers: Answers) -> Field[frozenset[str]]:
    """The third-party kexts in the kernel now."""
    listed = answers.loaded.reading
    if listed is not None and not listed.rows:
        return answers.loaded.refused("it lists no kext at all, which no running Mac does")
    return _names(answers.loaded)


def aux_kc(answers: Answers, macos: Field[Version]) -> Field[frozenset[str]]:
    if isinstance(macos.value, Version) and macos.value < Version(11):
        return known(frozenset(), "before macOS 11 there is no auxiliary kernel collection")
    return _names(answers.aux)


def _names(listed: Said[KextList]) -> Field[frozenset[str]]:
    if listed.reading is not None and listed.reading.unparsed:
        return listed.refused(f"it holds a line that cannot be read, {listed.reading.unparsed[0][:120]!r}")
    if listed.reading is not None and not listed.reading.header:
        return listed.refused("the titles of its columns are missing, so rows may be, too")
    found = listed.field(KextList.third_party)
    if not isinstance(found.value, frozenset):
        return found
    return listed.field(KextList.third_party, *(f" {name} (" for name in sorted(found.value))) if found.value else found


def system_extensions(answers: Answers, macos: Field[Version]) -> Field[tuple[sysext.SystemExtension, ...]]:
    if isinstance(macos.value, Version) and macos.value < Version(10, 15):
        return known((), "before macOS 10.15 there are no system extensions")
    listed = answers.sysext.reading
    if listed is not None and (listed.unparsed or listed.error or listed.count not in (None, len(listed.extensions))):
        return answers.sysext.refused(
            f"it says {listed.count} extension(s), and {len(listed.extensions)} could be read"
        )
    return answers.sysext.field(lambda row: row.extensions)


def console_user(answers: Answers) -> Field[str | None]:
    """None: nobody is logged in at the screen."""
    return answers.console.field(lambda row: row[0])


def _or_unknown(value: T | None) -> T | Unknown:
    return UNKNOWN if value is None else value
