"""What is on a Mac's disk when it is new, on recoveryOS's ramdisk, and what is mounted afresh at every boot."""

from __future__ import annotations

import os
import plistlib
from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

from kextrel.virtual.unix import sudoers
from kextrel.virtual.unix.files import NullFile, OpenFile, ZeroFile
from kextrel.virtual.unix.fs import NO_GUARDS, FileSystem, Volume
from kextrel.virtual.unix.host import Host
from kextrel.virtual.unix.nodes import Device, Directory, Stat
from kextrel.virtual.unix.programs import image
from kextrel.virtual.unix.registry import TOOLS
from kextrel.virtual.unix.users import ADMIN, Users
from kextrel.virtual.unix.volumes import guards_of

__all__ = ["RandomFile", "boot_files", "new_disk", "product_name", "renew"]

_FOLDERS = (
    "/Applications", "/Library/Extensions", "/Library/StagedExtensions", "/Library/Logs", "/Library/Apple",
    "/Users/Shared", "/Library/SystemExtensions", "/Library/KernelCollections", "/Library/LaunchDaemons",
    "/Library/Preferences",
    "/System/Applications", "/System/Library/CoreServices", "/System/Library/Extensions",
    "/System/Library/KernelCollections", "/System/Volumes/Data", "/System/Volumes/Preboot",
    "/System/Volumes/iSCPreboot", "/Volumes", "/bin", "/cores", "/dev", "/opt", "/private/etc",
    "/private/tmp", "/private/var/db", "/private/var/empty", "/private/var/log", "/private/var/root",
    "/private/var/run", "/private/var/tmp", "/private/var/folders", "/sbin", "/usr/bin", "/usr/lib",
    "/usr/libexec", "/usr/local/bin", "/usr/sbin", "/usr/share", "/private/var/db/KernelExtensionManagement",
    "/private/var/db/SystemPolicyConfiguration", "/private/var/db/ConfigurationProfiles",
)  # fmt: skip
_RECOVERY_FOLDERS = (
    "/System/Library/CoreServices", "/System/Library/Extensions", "/Applications/Utilities", "/Volumes",
    "/bin", "/dev", "/private/etc", "/private/tmp", "/private/var/root", "/private/var/tmp",
    "/private/var/db", "/private/var/run", "/sbin", "/usr/bin", "/usr/lib", "/usr/libexec", "/usr/sbin",
    "/usr/share",
)  # fmt: skip
_VERSION = "/System/Library/CoreServices/SystemVersion.plist"
_COLLECTIONS_SINCE = (11,)
_SINCE = MappingProxyType(
    {
        "/System/Library/KernelCollections": _COLLECTIONS_SINCE,
        "/Library/KernelCollections": _COLLECTIONS_SINCE,
        "/System/Volumes/iSCPreboot": _COLLECTIONS_SINCE,
        "/private/var/db/KernelExtensionManagement": _COLLECTIONS_SINCE,
        "/System/Volumes": (10, 15),
        "/System/Applications": (10, 15),
        "/Library/Apple": (10, 15),
        "/Library/SystemExtensions": (10, 15),
        "/Library/StagedExtensions": (10, 13),
        "/private/var/db/SystemPolicyConfiguration": (10, 12),
    }
)
"""What came with a release later than the oldest that is known here."""
_LINKS = MappingProxyType({"/etc": "private/etc", "/tmp": "private/tmp", "/var": "private/var"})  # noqa: S108
_MODES = MappingProxyType(
    {"/private/tmp": 0o1777, "/private/var/tmp": 0o1777, "/private/var/root": 0o750, "/Users/Shared": 0o1777}
    | {"/private/var/db/SystemPolicyConfiguration": 0o700}
)
_SHELLS = "/bin/bash\n/bin/csh\n/bin/dash\n/bin/ksh\n/bin/sh\n/bin/tcsh\n/bin/zsh\n"


class RandomFile(NullFile):
    """/dev/random and /dev/urandom."""

    async def read(self, count: int, who: object) -> bytes:  # noqa: ARG002
        return os.urandom(min(count, 1 << 16))


class Console(Device):
    """/dev/console: it belongs to whoever is logged in at the screen, else to root."""

    def __init__(self, host: Host) -> None:
        super().__init__(0o600, lambda _: NullFile())
        self._host = host

    def stat(self) -> Stat:
        """As any device's, with the owner of this moment."""
        system, name = self._host.system, self._host.console_user
        user = system.users.get(name) if system is not None and name else None
        return replace(super().stat(), uid=user.uid if user else 0)


def new_disk(host: Host) -> FileSystem:
    """The disk of a Mac fresh from its first setup, as the kernel sees it."""
    release = host.spec.release
    disk = FileSystem.on(Volume(host.spec.disk_name, Directory(0o755), guards_of(release)), host.clock.now)
    _furnish(disk, "macos", _folders_of(release), release)
    disk.symlink("/", f"/Volumes/{host.spec.disk_name}")
    if host.spec.second_macos:
        disk.mkdir(f"/Volumes/{host.spec.second_macos}")
    disk.write_bytes(_VERSION, _version(host), mode=0o644)
    sudoers.furnish(disk, host)
    _homes(disk, Users(host.spec.accounts))
    return disk


def renew(disk: FileSystem, host: Host) -> None:
    """Puts the system of `host` where another one lay; the data of people and programs stays."""
    release = host.spec.release
    disk.mounts.root.guards = guards_of(release)
    for folder in _folders_of(release):
        disk.mkdir(folder, parents=True)
    for path, data in _programs("macos", release).items():
        disk.mkdir(path.rpartition("/")[0], parents=True)
        disk.write_bytes(path, data, mode=0o755)
    disk.write_bytes(_VERSION, _version(host), mode=0o644)


def boot_files(host: Host, environment: str) -> FileSystem:
    """The mount table of one boot: macOS runs from the disk, recoveryOS from a ramdisk with the disk under /Volumes."""
    ramdisk = Volume("macOS Base System", Directory(0o755), NO_GUARDS)
    root = host.disk.mounts.root if environment == "macos" else ramdisk
    files = FileSystem.on(root, host.clock.now, sip=environment == "macos" and not _sip_off(host))
    if environment != "macos":
        _furnish(files, environment, _RECOVERY_FOLDERS, host.spec.release)
        files.mkdir(f"/Volumes/{host.spec.disk_name}")
        files.mount(host.disk.mounts.root, f"/Volumes/{host.spec.disk_name}")
    _mount_volatile(files)
    files.device("/dev/console", Console(host))
    return files


def _sip_off(host: Host) -> bool:
    """Whether the file system protections (bit 2, CSR_ALLOW_UNRESTRICTED_FS) are lifted at this boot."""
    return bool(host.sip & 0x2)


def _folders_of(release: tuple[int, ...]) -> tuple[str, ...]:
    """The folders that the release has."""
    later = [name for name, since in _SINCE.items() if release < since]
    old = ("/System/Library/PrelinkedKernels",) if release < _COLLECTIONS_SINCE else ()
    return (*(path for path in _FOLDERS if not path.startswith(tuple(later))), *old)


def _furnish(disk: FileSystem, environment: str, folders: tuple[str, ...], release: tuple[int, ...]) -> None:
    for folder in folders:
        disk.mkdir(folder, parents=True)
    for path, target in _LINKS.items():
        disk.symlink(target, path)
    for path, mode in _MODES.items():
        if disk.exists(path):
            disk.chmod(path, mode)
    disk.write_bytes("/etc/shells", _SHELLS.encode(), mode=0o644)
    for path, data in _programs(environment, release).items():
        disk.mkdir(path.rpartition("/")[0], parents=True)
        disk.write_bytes(path, data, mode=0o755)


def _programs(environment: str, release: tuple[int, ...]) -> dict[str, bytes]:
    """The program files of one environment: all that were registered (see `kextrel.virtual.userland`)."""
    found = (known for known in TOOLS.values() if environment in known.where and release >= known.since)
    return {known.path: image(known.path) for known in found}


def _homes(disk: FileSystem, users: Users) -> None:
    for user in users.people():
        for folder in ("", "/Desktop", "/Documents", "/Downloads", "/Library"):
            disk.mkdir(user.home + folder)
            disk.chown(user.home + folder, user.uid, user.gid)
            disk.chmod(user.home + folder, 0o700 if folder else 0o750)
    disk.chown("/Applications", 0, ADMIN)
    disk.chmod("/Applications", 0o775)


def product_name(release: tuple[int, ...]) -> str:
    """What the system calls itself: 10.15 was the last Mac OS X."""
    return "Mac OS X" if release < _COLLECTIONS_SINCE else "macOS"


def _version(host: Host) -> bytes:
    return plistlib.dumps(
        {
            "ProductBuildVersion": host.spec.build,
            "ProductName": product_name(host.spec.release),
            "ProductUserVisibleVersion": host.spec.macos,
            "ProductVersion": host.spec.macos,
        }
    )


def _mount_volatile(files: FileSystem) -> None:
    for path, mode in (("/dev", 0o555), ("/private/tmp", 0o1777), ("/private/var/run", 0o775)):
        files.mount(Volume(path, Directory(mode)), path)
    openers: dict[str, Callable[[object], OpenFile]] = {
        "null": lambda _: NullFile(), "zero": lambda _: ZeroFile(), "random": lambda _: RandomFile(),
        "urandom": lambda _: RandomFile(),
    }  # fmt: skip
    for name, opener in openers.items():
        files.device(f"/dev/{name}", Device(0o666, opener))
