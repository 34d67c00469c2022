"""kextload(8), kextutil(8), kextunload(8), kextstat(8), kextcache(8) of macOS 10.12 to 10.15: kextd's own tools.

Sources: their manual pages; Apple TN2459; what they printed on 10.12 to 10.14.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

from kextrel.virtual.macos.catalogue import Loaded
from kextrel.virtual.macos.kextd import KextDaemon
from kextrel.virtual.macos.kextwords import Refusal
from kextrel.virtual.macos.tools.mac import need_root
from kextrel.virtual.macos.tools.options import Options, parse
from kextrel.virtual.unix.process import Exit, Proc

__all__ = ["cache", "listing", "load", "stat", "unload", "util"]

_HEADER = "Index Refs Address            Size       Wired      Name (Version) UUID <Linked Against>\n"
_HINT = "check the system/kernel logs for errors or try kextutil(8)."
_NOT_PRIVILEGED = "(libkern/kext) not privileged"
_USAGE_CODE = 64
_SHORT = {"b": "bundle-id", "q": "quiet", "v": "verbose", "d": "dependency", "r": "repository"}


async def load(proc: Proc, daemon: KextDaemon) -> int:
    """kextload PATH… | -b IDENTIFIER…: one line for each that does not load."""
    options = parse(
        proc.args, flags=("quiet", "verbose"), values=("bundle-id", "dependency", "repository"), short=_SHORT
    )
    words = [*options.all("bundle-id"), *options.operands]
    _need_some(words, "kextload")
    need_root(proc, f"{words[0]} failed to load - {_NOT_PRIVILEGED}; {_HINT}")
    return _each(proc, daemon, options, lambda word, refusal: (f"{word} failed to load - {refusal.why}; {_HINT}",))


async def util(proc: Proc, daemon: KextDaemon) -> int:
    """kextutil [-qtv] PATH…: what is wrong, in full."""
    options = parse(
        proc.args,
        flags=("quiet", "verbose", "print-diagnostics"),
        values=("bundle-id", "dependency", "repository"),
        short=_SHORT | {"t": "print-diagnostics"},
    )
    _need_some([*options.all("bundle-id"), *options.operands], "kextutil")
    need_root(proc, "You must be running as root to load kexts into the kernel.")
    return _each(proc, daemon, options, lambda _, refusal: refusal.lines)


def _each(proc: Proc, daemon: KextDaemon, options: Options, words_of: Callable[[str, Refusal], tuple[str, ...]]) -> int:
    """Loads one after the other; the code of the last that did not."""
    code = 0
    wanted = [(word, daemon.library.by_identifier(word)) for word in options.all("bundle-id")]
    wanted += [(word, proc.fs.absolute(word).rstrip("/")) for word in options.operands]
    for word, path in wanted:
        refusal = (
            daemon.load(path) if path is not None else Refusal(71, "(libkern/kext) not found", (f"{word} not found",))
        )
        if refusal is not None:
            code = refusal.code
            proc.err("".join(f"{line}\n" for line in words_of(word, refusal)))
    return code


async def unload(proc: Proc, daemon: KextDaemon) -> int:
    """kextunload PATH… | -b IDENTIFIER…"""
    options = parse(proc.args, flags=("quiet", "verbose"), values=("bundle-id",), short=_SHORT)
    words = [*options.all("bundle-id"), *options.operands]
    _need_some(words, "kextunload")
    need_root(proc, f"Failed to unload {words[0]} - {_NOT_PRIVILEGED}.")
    names = options.all("bundle-id") + [
        daemon.library.identifier(proc.fs.absolute(path).rstrip("/")) or path for path in options.operands
    ]
    code = 0
    for name in names:
        refusal = daemon.unload(name)
        if refusal is not None:
            code = refusal.code
            proc.err("".join(f"{line}\n" for line in refusal.lines))
    return code


async def stat(proc: Proc, daemon: KextDaemon) -> int:
    """kextstat [-kl] [-b IDENTIFIER]: what is in the kernel; -k without the kernel's own."""
    options = parse(
        proc.args,
        flags=("list-only", "no-kernel", "arch"),
        values=("bundle-id",),
        short={"l": "list-only", "k": "no-kernel", "a": "arch", "b": "bundle-id"},
    )
    if "list-only" not in options:
        proc.out(_HEADER)
    await proc.write("".join(_rows(daemon, options)))
    return 0


def _rows(daemon: KextDaemon, options: Options) -> Iterator[str]:
    wanted, running = options.all("bundle-id"), daemon.running
    if running is None:
        return
    references = running.references()
    for row in running.rows():
        own = row.name.startswith("com.apple.kpi.")
        if not (wanted and row.name not in wanted) and not (own and "no-kernel" in options):
            yield listing(row, references[row.index])


def listing(row: Loaded, references: int) -> str:
    """One line of kextstat; what is linked against nothing has nothing in angle brackets."""
    linked = f" <{' '.join(map(str, row.linked))}>" if row.linked else ""
    place = f"{row.address:<#18x} {row.size:<#10x} {row.size:<#10x}"
    return f"{row.index:5d} {references:4d} {place} {row.name} ({row.version}) {row.uuid}{linked}\n"


async def cache(proc: Proc, daemon: KextDaemon) -> int:
    """kextcache -i VOLUME: writes the prelinked kernel anew."""
    parse(
        proc.args, flags=("force",), values=("invalidate",), short={"i": "invalidate", "f": "force", "u": "invalidate"}
    )
    need_root(proc, "kextcache: this tool must be run as root")
    complaints = daemon.rebuild_cache()
    identity = hashlib.md5(daemon.boot_uuid.encode(), usedforsecurity=False).hexdigest().upper()
    proc.err("".join(f"{line}\n" for line in (f"KernelCache ID: {identity}", *complaints)))
    return 0


def _need_some(words: list[str], name: str) -> None:
    if not words:
        raise Exit(_USAGE_CODE, f"{name}: no kernel extensions specified.")
