"""softwareupdate(8), as far as it fetches whole installers of macOS, and startosinstall, which one of them carries.

Apple's server offers what virtual Macs can run; before 10.15 nothing on a Mac fetches it, so a bench has put installers
there. The installer starts the Mac into itself, puts the other system in place of this one and has the Secure Enclave
sign the same policy for it; accounts, approvals, profiles and extensions are data, at which no installer looks.
Sources: softwareupdate(8); `startosinstall --usage`; Apple Platform Security, "LocalPolicy".
"""

from __future__ import annotations

import plistlib
from dataclasses import replace

from kextrel.virtual.hardware.sep import SepRefusal
from kextrel.virtual.macos import plists
from kextrel.virtual.macos.files import read_bounded
from kextrel.virtual.macos.tools.mac import machine, need_root
from kextrel.virtual.macos.tools.options import parse
from kextrel.virtual.releases import name_of, numbers
from kextrel.virtual.spec import BUILDS, MacSpec
from kextrel.virtual.unix.disk import renew
from kextrel.virtual.unix.fs import FileSystem
from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.programs import image
from kextrel.virtual.unix.registry import tool

__all__ = ["furnish_installers", "softwareupdate", "startosinstall"]

_FETCHING, _PREPARING = 600.0, 900.0
"""Mac seconds that a whole installer takes to be fetched, and to prepare the other system."""
_FETCHES_SINCE, _FIRST_ON_SILICON = (10, 15), (11,)
_NEEDS_T2_SINCE = (26,)
_INSTALLER = "/System/Installation/startosinstall"
_RESOURCES = "/Contents/Resources/startosinstall"
_USAGE = "usage: softwareupdate [--list-full-installers | --fetch-full-installer [--full-installer-version version]]"


@tool("/usr/sbin/softwareupdate", where=("macos",), since=_FETCHES_SINCE)
async def softwareupdate(proc: Proc) -> int:
    """--list-full-installers; --fetch-full-installer, the newest or --full-installer-version VERSION (root)."""
    options = parse(
        proc.args,
        flags=("list-full-installers", "fetch-full-installer"),
        values=("full-installer-version",),
        short={},
        usage=_USAGE,
        code=1,
    )
    offered = _known_to(machine(proc).spec) if machine(proc).has("PREP-11") else []
    if "list-full-installers" in options:
        rows = [
            f"* Title: macOS {name_of(one)}, Version: {one}, Build: {BUILDS[one]}, Deferred: NO\n" for one in offered
        ]
        proc.out(f"Finding available software\nSoftware Update found the following full installers:\n{''.join(rows)}")
        return 0
    if "fetch-full-installer" not in options:
        raise Exit(1, _USAGE)
    await _fetch(proc, offered, options.last("full-installer-version") or next(iter(offered), ""))
    return 0


async def _fetch(proc: Proc, offered: list[str], wanted: str) -> None:
    need_root(proc, "softwareupdate: Must be run as root")
    proc.out(f"Scanning for {wanted} installer\n")
    if wanted not in offered:
        raise Exit(1, "Install failed with error: Update not found")
    await proc.sleep(_FETCHING)
    _put(machine(proc).disk, wanted)
    proc.out("Install finished successfully\n")


def furnish_installers(disk: FileSystem, spec: MacSpec) -> None:
    """Before 10.15: what whoever prepared the Mac has put there, the last of each release that is newer."""
    for macos in sorted(_known_to(spec), key=numbers) if spec.release < _FETCHES_SINCE else ():
        if numbers(macos) > spec.release:
            _put(disk, macos)


def _known_to(spec: MacSpec) -> list[str]:
    """The newest first."""
    first = _FIRST_ON_SILICON if spec.architecture == "apple-silicon" else ()
    end = _NEEDS_T2_SINCE if spec.architecture == "intel" else (1000,)
    return sorted((one for one in BUILDS if first <= numbers(one) < end), key=numbers, reverse=True)


def _put(disk: FileSystem, macos: str) -> None:
    """An installer application among the others, in place of one of that name."""
    app = f"/Applications/Install macOS {name_of(macos)}.app"
    disk.mkdir(f"{app}/Contents/Resources", parents=True)
    info = {"CFBundleIdentifier": f"com.apple.InstallAssistant.macOS{name_of(macos)}", "DTPlatformVersion": macos}
    disk.write_bytes(f"{app}/Contents/Info.plist", plistlib.dumps(info), mode=0o644)
    disk.write_bytes(f"{app}{_RESOURCES}", image(_INSTALLER), mode=0o755)


@tool(_INSTALLER, where=())
async def startosinstall(proc: Proc) -> int:
    """--agreetolicense, without which it asks; --applicationpath, --nointeraction, --forcequitapps; --user NAME and
    --stdinpass, which Apple silicon needs: an owner of the volume. Root only."""
    options = parse(
        proc.args,
        flags=("agreetolicense", "nointeraction", "forcequitapps", "stdinpass"),
        values=("user", "rebootdelay", "applicationpath"),
        short={},
        usage="Usage: startosinstall --agreetolicense",
        code=1,
    )
    need_root(proc, "Error: startosinstall must be run as root.", 1)
    if "agreetolicense" not in options:
        raise Exit(1, "Error: the license must be agreed to.")
    mac, macos = machine(proc), _carried(proc)
    if numbers(macos) <= mac.spec.release:
        raise Exit(1, f"Error: macOS {macos} is older than what is installed, or the same.")
    if mac.spec.architecture == "apple-silicon":
        await _authenticate(proc, options.last("user") or "", asked="stdinpass" in options)
    proc.out("Preparing to install macOS...\n")
    await proc.sleep(_PREPARING)
    proc.out("Restarting...\n")
    mac.request_upgrade(replace(mac.spec, macos=macos, build=BUILDS[macos]), lambda: _install(proc))
    return 0


def _carried(proc: Proc) -> str:
    """The release in the application that this program lies in."""
    app = proc.fs.absolute(proc.argv[0]).removesuffix(_RESOURCES)
    try:
        info = plists.mapping(read_bounded(proc.fs, f"{app}/Contents/Info.plist", plists.LIMIT))
    except (OSError, plists.BadPlist):
        info = {}
    macos = plists.text(info, "DTPlatformVersion")
    if macos not in BUILDS:
        raise Exit(1, "Error: the installation media is damaged.")
    return macos


async def _authenticate(proc: Proc, user: str, *, asked: bool) -> None:
    if not user or not asked:
        raise Exit(1, "Error: a user and a password are needed: --user and --stdinpass.")
    password = (await proc.readline()).decode(errors="replace").rstrip("\r\n")
    try:
        machine(proc).sep.authenticate(user, password)
    except SepRefusal:
        raise Exit(1, f"Error: the credentials of {user} were not accepted.") from None


def _install(proc: Proc) -> None:
    """The other system lies where this one lay."""
    mac = machine(proc)
    renew(mac.disk, mac)
    if mac.spec.architecture == "apple-silicon":
        mac.sep.personalize(mac.spec)
