"""codesign(1) and spctl(8), as far as they look at kexts and applications."""

from __future__ import annotations

from kextrel.virtual.macos.bundle import Judgement, read
from kextrel.virtual.macos.code import Code, read_code
from kextrel.virtual.macos.kextconsent import UNAPPROVED_KEXTS, set_switch, set_teams, switched_off, teams
from kextrel.virtual.macos.library import Found, disk_files
from kextrel.virtual.macos.tools.mac import in_recovery, kexts, machine, need_root
from kextrel.virtual.macos.tools.options import parse
from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.registry import tool

__all__ = ["codesign", "spctl"]

_CONSENT_SINCE = (10, 13)
_OF_USER_SPACE = (".app", ".dext", ".systemextension")
_FLAGS = {0: "none", 0x2: "adhoc", 0x10000: "runtime", 0x10002: "adhoc,runtime"}


@tool("/usr/bin/codesign", where=("macos",))
async def codesign(proc: Proc) -> int:
    """-d[v…] shows a signature, -v verifies it (both on standard error); with -R the chain must also end in an anchor
    that this Mac trusts, and where the requirement says `notarized` a notary's ticket be there, whatever else it says.
    """
    options = parse(
        proc.args,
        flags=("display", "verify", "verbose", "deep", "strict", "check-notarization"),
        values=("architecture", "requirements"),
        short={"d": "display", "v": "verbose", "R": "requirements", "a": "architecture"},
        usage="Usage: codesign -d [options] path",
        code=2,
    )
    if not options.operands:
        raise Exit(2, "Usage: codesign -d [options] path")
    display, wanted = "display" in options, options.last("requirements")
    return max([_codesign(proc, path, wanted, display=display) for path in options.operands])


def _codesign(proc: Proc, path: str, requirement: str | None, *, display: bool) -> int:
    if path.rstrip("/").endswith(_OF_USER_SPACE):
        return _display_code(proc, path) if display else _verify_code(proc, path)
    found = _find(proc, path)
    if found is None:
        there = "bundle format unrecognized" if proc.fs.exists(path) else "No such file or directory"
        proc.err(f"{path}: {there}\n")
        return 1
    if found.judgement.directory is None:
        proc.err(f"{path}: code object is not signed at all\n")
        return 1
    return _display_kext(proc, found) if display else _verify_kext(proc, path, found, requirement)


def _display_kext(proc: Proc, found: Found) -> int:
    kext = found.kext
    proc.err(_details(f"{kext.path}/Contents/MacOS/{kext.executable}", kext.architectures, found.judgement))
    return 0


def _verify_kext(proc: Proc, path: str, found: Found, requirement: str | None) -> int:
    judgement = found.judgement
    if judgement.problem is not None:
        proc.err(f"{path}: {judgement.problem.words}\nIn architecture: {found.architecture}\n")
        return 1
    proc.err(f"{path}: valid on disk\n{path}: satisfies its Designated Requirement\n")
    if requirement is not None and not (judgement.notarized if "notarized" in requirement else judgement.trusted):
        proc.err("test-requirement: code failed to satisfy specified code requirement(s)\n")
        return 3
    return 0


def _code(proc: Proc, path: str) -> tuple[Code, Judgement] | None:
    """An application or system extension and what its signature is worth; None, with the reason on standard error."""
    library, spec = kexts(proc).library, machine(proc).spec
    try:
        real = proc.fs.real(path.rstrip("/"))
        code = read_code(disk_files(proc.fs).tree(real), real)
    except FileNotFoundError:
        proc.err(f"{path}: No such file or directory\n")
        return None
    except (OSError, ValueError):
        proc.err(f"{path}: bundle format unrecognized, invalid, or unsuitable\n")
        return None
    return code, code.judge(spec.architecture, library.trust(), library.now())


def _display_code(proc: Proc, path: str) -> int:
    found = _code(proc, path)
    if found is None:
        return 1
    code, judgement = found
    if judgement.directory is None:
        proc.err(f"{path}: code object is not signed at all\n")
        return 1
    inside = "" if code.path.endswith(".dext") else "Contents/"
    kinds = tuple(one.architecture for one in code.main)
    proc.err(_details(f"{code.path}/{inside}{code.executable}", kinds, judgement))
    return 0


def _verify_code(proc: Proc, path: str) -> int:
    """Whether an application is whole, and its chain ends in an anchor that this Mac trusts."""
    found = _code(proc, path)
    if found is None:
        return 1
    problem = found[1].problem
    if problem is not None:
        proc.err(f"{path}: {problem.words}\n")
        return 1
    proc.err(f"{path}: valid on disk\n{path}: satisfies its Designated Requirement\n")
    return 0


def _details(executable: str, architectures: tuple[str, ...], judgement: Judgement) -> str:
    directory = judgement.directory
    assert directory is not None
    kinds = " ".join(architectures)
    hashes = f"{len(directory.pages)}+{len(directory.special)}"
    rows = [
        f"Executable={executable}",
        f"Identifier={directory.identifier}",
        f"Format=bundle with Mach-O {'thin' if len(architectures) == 1 else 'universal'} ({kinds})",
        f"CodeDirectory v={directory.version:x} size={len(directory.blob)} "
        f"flags={directory.flags:#x}({_FLAGS.get(directory.flags, 'none')}) hashes={hashes} location=embedded",
        "Hash type=sha256 size=32",
        f"CDHash={directory.cdhash}",
    ]
    signer = judgement.signer
    if directory.ad_hoc:
        rows.append("Signature=adhoc")
    else:
        rows.append(f"Signature size={judgement.size}")
        rows += [f"Authority={name}" for name in (signer.authorities if signer else ("(unavailable)",))]
    rows.append(f"TeamIdentifier={directory.team_id or 'not set'}")
    return "".join(f"{row}\n" for row in rows)


@tool("/usr/sbin/spctl")
async def spctl(proc: Proc) -> int:
    """--status; --assess PATH; kext-consent status, list and, in recoveryOS, its changes."""
    match proc.args:
        case ["--status"]:
            proc.out("assessments enabled\n")
            return 0
        case ["kext-consent", *words] if machine(proc).spec.release >= _CONSENT_SINCE:
            return _consent(proc, words)
        case ["--master-enable" | "--master-disable" | "--global-enable" | "--global-disable", *_]:
            raise Exit(1, "spctl: this operation requires an authorization")
    options = parse(
        proc.args,
        flags=("assess", "verbose"),
        values=("type",),
        short={"a": "assess", "v": "verbose", "t": "type"},
        usage="usage: spctl --assess [--type type] [-v] path ...",
        code=2,
    )
    return max([_assess(proc, path) for path in options.operands], default=2)


def _consent(proc: Proc, words: list[str]) -> int:
    """macOS tells what its kernel was started with, recoveryOS what the next one will be."""
    nvram, recovery = machine(proc).nvram, in_recovery(proc)
    match words:
        case ["status"]:
            off = switched_off(nvram) if recovery else machine(proc).sip & UNAPPROVED_KEXTS
            proc.out(f"Kernel Extension User Consent: {'DISABLED' if off else 'ENABLED'}\n")
            return 0
        case ["list"]:
            proc.out("".join(f"{line}\n" for line in ("Allowed Team Identifiers:", *teams(nvram))))
            return 0
        case ["enable" | "disable"] | ["add" | "remove", _]:
            _change_consent(proc, *words)
            return 0
    raise Exit(2, "usage: spctl kext-consent <action>: status, enable, disable, add <team-id>, list, remove <team-id>")


def _change_consent(proc: Proc, action: str, team: str = "") -> None:
    nvram = machine(proc).nvram
    if not in_recovery(proc) or machine(proc).spec.architecture == "apple-silicon":
        raise Exit(1, "spctl: kext-consent can only be modified from Recovery OS.")
    need_root(proc, "spctl: this operation requires root")
    if action in ("enable", "disable"):
        set_switch(nvram, asks=action == "enable")
        proc.out(f"Kernel Extension User Consent: {'DISABLED' if switched_off(nvram) else 'ENABLED'}\n")
    else:
        others = [one for one in teams(nvram) if one != team]
        set_teams(nvram, [*others, team] if action == "add" else others)
    proc.out("Please restart for changes to take effect.\n")


def _assess(proc: Proc, path: str) -> int:
    found = _find(proc, path)
    if found is not None and found.worth.trusted and found.worth.signer is not None:
        source = "Notarized Developer ID" if found.by_notary else "Developer ID"
        proc.err(f"{path}: accepted\nsource={source}\norigin={found.worth.signer.authorities[0]}\n")
        return 0
    problem = found.worth.problem if found is not None else None
    proc.err(f"{path}: rejected\nsource={problem.words if problem else 'no usable signature'}\n")
    return 3


def _find(proc: Proc, path: str) -> Found | None:
    """The kext at `path` as the process sees it; None for anything else."""
    library = kexts(proc).library
    try:
        return library.judged(read(disk_files(proc.fs), proc.fs.real(path.rstrip("/"))))
    except (FileNotFoundError, ValueError):
        return None
