"""Applications and system extensions as they lie in the file system: Info.plist, executable, signature, entitlements.

Two shapes: with a Contents folder (.app, .systemextension), and flat (.dext). Nothing but the files is asked.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from kextrel.virtual.macos import macho, plists
from kextrel.virtual.macos.bundle import BadBundle, Judgement, Node, judge_code
from kextrel.virtual.macos.plists import Plist
from kextrel.virtual.macos.trust import Trust

__all__ = ["EXTENSIONS", "FRAMEWORK", "Code", "extensions_in", "read_code", "user_slice"]

EXTENSIONS = "Contents/Library/SystemExtensions"
FRAMEWORK = "/System/Library/Frameworks/SystemExtensions.framework/"
_SUFFIXES = (".systemextension", ".dext")
_RUNS = {"apple-silicon": ("arm64e", "arm64")}


@dataclass(frozen=True)
class Code:
    """A bundle at `path`: `contents` are its files by their path below Contents (or below itself, when it is flat),
    `executable` is one of them, `main` its Mach-O slice by slice; `nodes` is everything by its path in the bundle."""

    path: str
    info: Plist
    executable: str
    main: tuple[macho.Slice, ...]
    contents: Mapping[str, bytes] = field(repr=False)
    nodes: Mapping[str, Node] = field(repr=False)

    @property
    def identifier(self) -> str:
        return plists.text(self.info, "CFBundleIdentifier")

    @property
    def name(self) -> str:
        """What people call it."""
        return plists.text(self.info, "CFBundleDisplayName") or plists.text(self.info, "CFBundleName")

    @property
    def short_version(self) -> str:
        return plists.text(self.info, "CFBundleShortVersionString")

    @property
    def version(self) -> str:
        """CFBundleVersion, which systemextensionsctl shows behind the slash."""
        return plists.text(self.info, "CFBundleVersion")

    def judge(self, architecture: str, trust: Trust, now: datetime) -> Judgement:
        """Its signature, of the slice that a Mac of this architecture runs (else of the first one)."""
        part = user_slice(self.main, architecture) or self.main[0]
        return judge_code(part, self.contents, self.executable, self.identifier, trust, now, kext=False)


def user_slice(found: tuple[macho.Slice, ...], architecture: str) -> macho.Slice | None:
    """The slice that user space of an "apple-silicon", "intel" or "intel-t2" Mac runs; nothing is translated."""
    wanted = _RUNS.get(architecture, ("x86_64",))
    return next((part for name in wanted for part in found if part.architecture == name), None)


def read_code(nodes: Mapping[str, Node], path: str) -> Code:
    """The bundle whose entries are `nodes`. Raises BadBundle, BadPlist or BadMachO (all ValueError)."""
    contents = dict(_files(nodes))
    if "Info.plist" not in contents:
        raise BadBundle(f"{path} has no Info.plist")
    info = plists.mapping(contents["Info.plist"])
    name = plists.text(info, "CFBundleExecutable")
    executable = name if _flat(nodes) else f"MacOS/{name}"
    if not name or "/" in name or executable not in contents:
        raise BadBundle(f"{path} has no executable {executable}")
    main = macho.slices(contents[executable])
    if any(part.filetype != macho.EXECUTABLE for part in main):
        raise macho.BadMachO(f"{path}: the executable is not one (MH_EXECUTE)")
    return Code(path, info, executable, main, contents, nodes)


def extensions_in(app: Code) -> dict[str, Mapping[str, Node]]:
    """The system extensions that an application carries: path in the application -> their entries."""
    found: dict[str, dict[str, Node]] = {}
    for path, node in app.nodes.items():
        inside = path.removeprefix(f"{EXTENSIONS}/")
        bundle, _, rest = inside.partition("/")
        if inside != path and bundle.endswith(_SUFFIXES):
            found.setdefault(f"{EXTENSIONS}/{bundle}", {})[rest] = node
    return dict(found)


def _flat(nodes: Mapping[str, Node]) -> bool:
    return "Contents" not in nodes


def _files(nodes: Mapping[str, Node]) -> Iterator[tuple[str, bytes]]:
    base = "" if _flat(nodes) else "Contents/"
    for path, node in nodes.items():
        if path and path.startswith(base) and stat.S_ISREG(node.mode):
            yield path.removeprefix(base), node.content
