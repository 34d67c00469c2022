"""A kext as it lies in the file system: what its files say, and what is wrong with them.

Nothing but the files is asked: Info.plist, the Mach-O, its signature, the seal over the resources, owners and modes.
"""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from kextrel.virtual.macos import macho, plists, signature
from kextrel.virtual.macos.cms import Signer
from kextrel.virtual.macos.notarization import TICKET, is_notarized
from kextrel.virtual.macos.resources import check_seal
from kextrel.virtual.macos.signature import Invalid, Problem
from kextrel.virtual.macos.trust import Trust

__all__ = ["BadBundle", "Files", "Judgement", "Kext", "Node", "judge", "judge_code", "read"]

_INFO, _RESOURCES = "Info.plist", "_CodeSignature/CodeResources"
_IDENTIFIER = re.compile(r"[A-Za-z0-9._-]{1,63}\Z", re.ASCII)
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._]{0,62}\Z", re.ASCII)
_MAX_FILES, _MAX_BYTES = 4096, 64 << 20
_GROUP_OR_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


class BadBundle(ValueError):
    """Not a kext that could be read at all; `str()` says why."""


@dataclass(frozen=True)
class Node:
    """One entry of a bundle: its st_mode, its owner and group, and what a file holds."""

    mode: int
    uid: int
    gid: int
    content: bytes = b""


class Files(Protocol):
    """Where a bundle is read from: every entry below `path` by its relative path ("" is `path` itself)."""

    def tree(self, path: str, /) -> Mapping[str, Node]: ...


@dataclass(frozen=True)
class Kext:
    """What the files of a bundle at `path` say of themselves. `main` is the executable's Mach-O, slice by slice;
    `user_client`: whether a personality of it names a class that programs talk to."""

    path: str
    identifier: str
    version: str
    executable: str
    libraries: tuple[str, ...]
    main: tuple[macho.Slice, ...]
    user_client: bool
    nodes: Mapping[str, Node] = field(repr=False)

    @property
    def name(self) -> str:
        """ "Driver.kext" of /Library/Extensions/Driver.kext."""
        return self.path.rsplit("/", 1)[-1]

    def title(self, path: str) -> str:
        """As kernelmanagerd names it in a message, when it lies at `path`."""
        return f"Kext {self.identifier} v{self.version} in executable kext bundle {self.identifier} at {path}"

    def fingerprint(self, architecture: str) -> str:
        """What tells this kext from another of its name where no signature does: 40 hexadecimal digits."""
        part = self.slice_for(architecture) or self.main[0]
        return hashlib.sha256(self.nodes[f"Contents/{_INFO}"].content + part.content).hexdigest()[:40]

    @property
    def architectures(self) -> tuple[str, ...]:
        return tuple(one.architecture for one in self.main)

    def slice_for(self, architecture: str) -> macho.Slice | None:
        """The slice that a kernel of this architecture takes."""
        return macho.for_machine(self.main, architecture)

    def ownership(self) -> tuple[str, ...]:
        """ "501:20" for each pair of owner and group in the bundle that is not 0:0."""
        wrong = {f"{node.uid}:{node.gid}" for node in self.nodes.values() if (node.uid, node.gid) != (0, 0)}
        return tuple(sorted(wrong))

    def loose_modes(self) -> tuple[str, ...]:
        """Relative paths that group or others may write."""
        return tuple(path for path, node in self.nodes.items() if node.mode & _GROUP_OR_OTHERS_WRITE)


@dataclass(frozen=True)
class Judgement:
    """What the code signature is worth. `signer` is None for ad-hoc, unsigned and invalid code; `entitlements` are
    empty unless it holds; `notarized`: a notary's ticket for this code is stapled to the bundle."""

    problem: Problem | None
    detail: str = ""
    signer: Signer | None = None
    directory: signature.CodeDirectory | None = None
    size: int = 0
    entitlements: Mapping[str, Any] = field(default_factory=dict)
    notarized: bool = False

    @property
    def trusted(self) -> bool:
        """Valid, and signed by a team that may sign kexts."""
        return self.problem is None and self.signer is not None

    @property
    def team_id(self) -> str:
        """The team that signed, as the certificate proves it; empty where nothing is proved."""
        return self.signer.team_id if self.signer else ""

    @property
    def cdhash(self) -> str:
        return self.directory.cdhash if self.directory else ""


def read(files: Files, path: str) -> Kext:
    """Reads the bundle at `path`. Raises BadBundle, BadPlist or BadMachO (all ValueError); OSError where it is not."""
    nodes = files.tree(path)
    _check_bounds(path, nodes)
    contents = _contents(nodes)
    if _INFO not in contents:
        raise BadBundle(f"{path} has no Contents/Info.plist")
    info = plists.mapping(contents[_INFO])
    identifier, version = plists.text(info, "CFBundleIdentifier"), plists.text(info, "CFBundleVersion")
    executable = plists.text(info, "CFBundleExecutable")
    if plists.text(info, "CFBundlePackageType") != "KEXT" or not _IDENTIFIER.match(identifier):
        raise BadBundle(f"{path} is no kernel extension: its identifier or package type is not one's")
    if not _VERSION.match(version):
        raise BadBundle(f"{path} has the CFBundleVersion {version[:40]!r}, which no kext can have")
    if "/" in executable or f"MacOS/{executable}" not in contents:
        raise BadBundle(f"{path} has no executable Contents/MacOS/{executable}")
    libraries = info.get("OSBundleLibraries")
    main = macho.slices(contents[f"MacOS/{executable}"])
    if any(one.filetype != macho.KEXT_BUNDLE for one in main):
        raise macho.BadMachO("the executable is not a kext bundle (MH_KEXT_BUNDLE)")
    names = tuple(sorted(str(name) for name in libraries)) if isinstance(libraries, dict) else ()
    return Kext(path, identifier, version, executable, names, main, _has_user_client(info), nodes)


def judge(kext: Kext, architecture: str, trust: Trust, now: datetime) -> Judgement:
    """The code signature of the slice for `architecture` (or of the first one where it has none), the seal, and the
    ticket."""
    part, contents = kext.slice_for(architecture) or kext.main[0], _contents(kext.nodes)
    found = judge_code(part, contents, f"MacOS/{kext.executable}", kext.identifier, trust, now, kext=True)
    if not found.trusted:
        return found
    return replace(found, notarized=is_notarized(contents.get(TICKET), found.cdhash, trust.notaries))


def judge_code(
    part: macho.Slice,
    contents: Mapping[str, bytes],
    executable: str,
    identifier: str,
    trust: Trust,
    now: datetime,
    *,
    kext: bool,
) -> Judgement:
    """The code signature of `part`, and the seal over `contents`: every file of the bundle by its path there, of which
    `executable` holds the slice. `kext`: only a team that may sign kexts is trusted."""
    if part.signature is None:
        return Judgement(Problem.UNSIGNED, "no LC_CODE_SIGNATURE")
    try:
        found = signature.parse(part.signature)
    except Invalid as error:
        return Judgement(error.problem, str(error))
    sealed = {signature.INFO_PLIST: contents.get(_INFO), signature.CODE_RESOURCES: contents.get(_RESOURCES)}
    try:
        signer = signature.verify(found, part.content[: part.signature_offset], sealed, trust, now, kext=kext)
        check_seal(contents.get(_RESOURCES, b""), contents, executable, contents.__getitem__)
        if found.directory.identifier != identifier:
            raise Invalid(Problem.UNTRUSTED, f"signed as {found.directory.identifier!r}")
        entitlements = found.entitlements()
    except Invalid as error:
        return Judgement(error.problem, str(error), None, found.directory, found.size)
    return Judgement(None, "", signer, found.directory, found.size, entitlements)


def _has_user_client(info: Mapping[str, Any]) -> bool:
    personalities = info.get("IOKitPersonalities")
    found = personalities.values() if isinstance(personalities, dict) else ()
    return any(isinstance(one, dict) and "IOUserClientClass" in one for one in found)


def _contents(nodes: Mapping[str, Node]) -> dict[str, bytes]:
    """Files below Contents, by their path there."""
    return dict(_below_contents(nodes))


def _below_contents(nodes: Mapping[str, Node]) -> Iterator[tuple[str, bytes]]:
    for path, node in nodes.items():
        if path.startswith("Contents/") and not stat.S_ISDIR(node.mode):
            yield path.removeprefix("Contents/"), node.content


def _check_bounds(path: str, nodes: Mapping[str, Node]) -> None:
    size = sum(len(node.content) for node in nodes.values())
    if len(nodes) > _MAX_FILES or size > _MAX_BYTES:
        raise BadBundle(f"{path} is a bundle of {len(nodes)} files and {size} bytes")
    for name, node in nodes.items():
        if not (stat.S_ISREG(node.mode) or stat.S_ISDIR(node.mode)):
            raise BadBundle(f"{path} has something at {name} that is neither a file nor a directory")
