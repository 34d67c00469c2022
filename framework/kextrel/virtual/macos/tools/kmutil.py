"""kmutil(8) and the kext tools that are thin covers over it since macOS 11; before, see `kexttools`."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Sequence

from kextrel.virtual.macos.answers import Answer, failure
from kextrel.virtual.macos.auxkc import Member
from kextrel.virtual.macos.catalogue import Loaded
from kextrel.virtual.macos.kernelmanagement import BuildFailed
from kextrel.virtual.macos.tools import kexttools
from kextrel.virtual.macos.tools.log import show_log
from kextrel.virtual.macos.tools.mac import answer, in_recovery, kernel, kextd, machine, need_root
from kextrel.virtual.macos.tools.options import Options, parse
from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.registry import tool

__all__ = ["kextload", "kextstat", "kextunload", "kmutil", "listing"]

_HEADER = "Index Refs Address            Size       Wired      Name (Version) UUID <Linked Against>\n"
_NO_VARIANT = "No variant specified, falling back to release\n"
_NOT_PRIVILEGED = "(libkern/kext) not privileged; check the system/kernel logs for errors or try kextutil(8)."
_USAGE = "Usage: kmutil <subcommand>\n  See 'kmutil --help' for more information."
_WHERE = {"p": "bundle-path", "b": "bundle-identifier", "R": "volume-root", "V": "variant-suffix", "v": "verbose"}


def listing(row: Loaded, references: int) -> str:
    """One line of `kmutil showloaded`."""
    linked = " ".join(map(str, row.linked))
    address, size = (f"{value:#x}" if value else "0" for value in (row.address, row.size))
    place = f"{address:<18} {size:<10} {size:<10}"
    return f"{row.index:5d} {references:4d} {place} {row.name} ({row.version}) {row.uuid} <{linked}>\n"


@tool("/usr/bin/kmutil", since=(11,))
async def kmutil(proc: Proc) -> int:
    """Subcommands: load, unload, showloaded, rebuild, install, clear-staging, trigger-panic-medic, log."""
    if not proc.args or proc.args[0] not in _SUBCOMMANDS:
        raise Exit(64, f"Error: Unexpected argument '{' '.join(proc.args[:1])}'\n{_USAGE}")
    return await _SUBCOMMANDS[proc.args[0]](proc, proc.args[1:])


async def _load(proc: Proc, args: Sequence[str]) -> int:
    options = parse(
        args,
        flags=("verbose", "no-authorization", "no-authentication", "no-default-repositories"),
        values=("bundle-path", "bundle-identifier", "volume-root", "variant-suffix", "repository", "load-style"),
        short=_WHERE | {"z": "no-authorization", "e": "no-default-repositories", "r": "repository"},
        usage=_USAGE,
    )
    paths = options.all("bundle-path") + [_path_of(proc, name) for name in options.all("bundle-identifier")]
    if not paths:
        raise Exit(64, f"Error: You must specify a bundle to load\n{_USAGE}")
    need_root(proc, f"{paths[0]} failed to load - {_NOT_PRIVILEGED}")
    if in_recovery(proc):
        raise Exit(71, failure(71, "Loading kernel extensions is not supported in this environment").text)
    for path in paths:
        found = kernel(proc).load(proc.fs.absolute(path).rstrip("/"))
        if found.code:
            return _say(proc, found)
    return 0


async def _unload(proc: Proc, args: Sequence[str]) -> int:
    options = parse(
        args,
        flags=("verbose", "personalities-only"),
        values=("bundle-path", "bundle-identifier", "class-name"),
        short=_WHERE | {"c": "class-name"},
        usage=_USAGE,
    )
    names = options.all("bundle-identifier") + [_identifier_of(proc, path) for path in options.all("bundle-path")]
    if not names:
        raise Exit(64, f"Error: You must specify a bundle to unload\n{_USAGE}")
    need_root(proc, f"Failed to unload {names[0]} - (libkern/kext) not privileged.")
    for name in names:
        found = kernel(proc).unload(name)
        if found.code:
            return _say(proc, found)
    return 0


async def _show_loaded(proc: Proc, args: Sequence[str]) -> int:
    options = parse(
        args,
        flags=("list-only", "verbose", "no-kernel-components", "arch-info"),
        values=("show", "collection", "bundle-identifier", "variant-suffix", "sort"),
        short={"b": "bundle-identifier", "l": "list-only", "k": "no-kernel-components", "V": "variant-suffix"},
        usage=_USAGE,
    )
    shown, collection = options.last("show", "loaded"), options.last("collection")
    for name, word, known in (
        ("show", shown, ("loaded", "unloaded", "all")),
        ("collection", collection, ("", "boot", "sys", "aux", "codeless")),
    ):
        if word not in known:
            raise Exit(64, f"Error: The value '{word}' is invalid for '--{name} <{name}>'\n{_USAGE}")
    if "variant-suffix" not in options:
        proc.err(_NO_VARIANT)
    if "list-only" not in options:
        proc.out(_HEADER)
    await proc.write("".join(_rows(proc, options, shown, collection)))
    return 0


def _rows(proc: Proc, options: Options, shown: str, collection: str) -> list[str]:
    running = kernel(proc).running
    if running is None:
        return []
    auxiliary = running.auxiliary()
    everything = running.rows()
    rows = {"": everything, "aux": auxiliary, "boot": running.apple("boot"), "sys": running.apple("sys")}
    loaded = rows.get(collection, []) if shown != "unloaded" else []
    idle = [one for name, one in running.collection.items() if name not in {row.name for row in auxiliary}]
    unloaded = [_idle(one) for one in idle] if collection in ("", "aux") and shown != "loaded" else []
    wanted = options.all("bundle-identifier")
    names = {name for name in wanted for name in name.split(",")}
    references = running.references()
    return [
        listing(row, references[row.index] if row.index else 0)
        for row in itertools.chain(loaded, unloaded)
        if (not names or row.name in names)
        and not ("no-kernel-components" in options and not row.address and row.index)
    ]


def _idle(one: Member) -> Loaded:
    """A kext of the collection that does not run: no index, no address."""
    return Loaded(0, 0, one.size, one.identifier, one.version, one.uuid, ())


async def _rebuild(proc: Proc, args: Sequence[str]) -> int:
    parse(args, flags=("verbose",), values=("volume-root",), short=_WHERE, usage=_USAGE)
    need_root(proc, "Error: kmutil rebuild must be run as root")
    if proc.tty is None:
        raise Exit(250, 'com.apple.LocalAuthentication Code=-6 "Biometry is not available on this device"')
    user = proc.env.get("SUDO_USER") or machine(proc).console_user or ""
    account = proc.system.users.get(user)
    password = await answer(proc, f"Password for {user}: ", echo=False)
    if account is None or not account.admin or not proc.system.users.check(user, password):
        raise Exit(250, 'com.apple.LocalAuthentication Code=-1 "Authentication failed."')
    try:
        changed = kernel(proc).rebuild()
    except BuildFailed as error:
        return _say(proc, error.answer)
    proc.out("rebuilding local auxiliary collection\nkmutil done\n" if changed else "No changes detected\n")
    return 0


async def _install(proc: Proc, args: Sequence[str]) -> int:
    parse(
        args,
        flags=("check-rebuild", "update-all", "update-preboot", "force", "verbose"),
        values=("volume-root", "variant-suffix"),
        short=_WHERE,
        usage=_USAGE,
    )
    need_root(proc, "Error: kmutil install must be run as root")
    proc.out("rebuilding local auxiliary collection\n")
    try:
        kernel(proc).rebuild()
    except BuildFailed as error:
        return _say(proc, error.answer)
    proc.out("kmutil done\n")
    return 0


async def _clear_staging(proc: Proc, args: Sequence[str]) -> int:
    parse(args, flags=("verbose",), short=_WHERE, usage=_USAGE)
    need_root(proc, "Error: kmutil clear-staging must be run as root")
    kernel(proc).library.clear_staging()
    return 0


async def _panic_medic(proc: Proc, args: Sequence[str]) -> int:
    options = parse(args, flags=("verbose",), values=("volume-root",), short=_WHERE, usage=_USAGE)
    if not in_recovery(proc):
        raise Exit(1, "Error: trigger-panic-medic can only be used from recoveryOS")
    root = options.last("volume-root")
    if root.rstrip("/") != f"/Volumes/{machine(proc).spec.disk_name}":
        raise Exit(1, f"Error: no macOS is installed at volume root '{root}'")
    kernel(proc).trigger_panic_medic()
    return 0


async def _log(proc: Proc, args: Sequence[str]) -> int:
    if not args or args[0] != "show":
        raise Exit(64, f"Error: kmutil log takes 'show'\n{_USAGE}")
    return await show_log(proc)


_SUBCOMMANDS: dict[str, Callable[[Proc, Sequence[str]], Awaitable[int]]] = {
    "load": _load,
    "unload": _unload,
    "showloaded": _show_loaded,
    "rebuild": _rebuild,
    "install": _install,
    "clear-staging": _clear_staging,
    "trigger-panic-medic": _panic_medic,
    "log": _log,
}


def _say(proc: Proc, found: Answer) -> int:
    proc.err(f"{found.text}\n" if found.text else "")
    return found.code


def _path_of(proc: Proc, identifier: str) -> str:
    path = kernel(proc).library.by_identifier(identifier)
    if path is None:
        raise Exit(71, failure(71, f"Could not find: Unable to find extension with identifier {identifier}").text)
    return path


def _identifier_of(proc: Proc, path: str) -> str:
    identifier = kernel(proc).library.identifier(proc.fs.absolute(path).rstrip("/"))
    if identifier is None:
        raise Exit(3, f"Could not find: Unable to read extension at {path}")
    return identifier


async def _cover(proc: Proc, *argv: str) -> int:
    """What a kext tool does since macOS 11: says what it runs, and runs it."""
    proc.err(f"Executing: /usr/bin/kmutil {' '.join(argv)}\n")
    return await _SUBCOMMANDS[argv[0]](proc, argv[1:])


def _bundles(args: Sequence[str]) -> list[str]:
    """Identifiers and paths of kextload and kextunload as kmutil's options."""
    options = parse(
        args, flags=("quiet", "verbose"), values=("bundle-id",), short={"b": "bundle-id", "q": "quiet", "v": "verbose"}
    )
    words = [word for name in options.all("bundle-id") for word in ("-b", name)]
    return words + [word for path in options.operands for word in ("-p", path)]


@tool("/sbin/kextload", where=("macos",))
async def kextload(proc: Proc) -> int:
    if (daemon := kextd(proc)) is not None:
        return await kexttools.load(proc, daemon)
    return await _cover(proc, "load", *_bundles(proc.args))


@tool("/usr/bin/kextutil", where=("macos",))
async def kextutil(proc: Proc) -> int:
    if (daemon := kextd(proc)) is not None:
        return await kexttools.util(proc, daemon)
    options = parse(proc.args, flags=("quiet", "verbose", "tests"), short={"q": "quiet", "v": "verbose", "t": "tests"})
    words = [word for path in options.operands for word in ("--bundle-path", path)]
    return await _cover(proc, "load", *words)


@tool("/sbin/kextunload", where=("macos",))
async def kextunload(proc: Proc) -> int:
    if (daemon := kextd(proc)) is not None:
        return await kexttools.unload(proc, daemon)
    return await _cover(proc, "unload", *_bundles(proc.args))


@tool("/usr/sbin/kextstat", where=("macos",))
async def kextstat(proc: Proc) -> int:
    if (daemon := kextd(proc)) is not None:
        return await kexttools.stat(proc, daemon)
    options = parse(
        proc.args,
        flags=("list-only", "no-kernel", "arch"),
        values=("bundle-id",),
        short={"l": "list-only", "k": "no-kernel", "a": "arch", "b": "bundle-id"},
    )
    words = ["--list-only"] if "list-only" in options else []
    words += ["--no-kernel-components"] if "no-kernel" in options else []
    words += [word for name in options.all("bundle-id") for word in ("--bundle-identifier", name)]
    return await _cover(proc, "showloaded", *words)


@tool("/usr/sbin/kextcache", where=("macos",))
async def kextcache(proc: Proc) -> int:
    if (daemon := kextd(proc)) is not None:
        return await kexttools.cache(proc, daemon)
    options = parse(proc.args, values=("volume",), short={"i": "volume"})
    need_root(proc, "kextcache: this tool must be run as root")
    return await _cover(proc, "install", "--volume-root", options.last("volume", "/"), "--check-rebuild")
