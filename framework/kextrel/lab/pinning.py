"""`lab pin`: the host key that a Mac shows, and its line in the profile that people write.

The file stays as they wrote it, comments and all: only the value of `host_keys` is put in its place, or the key after
the last one of `shell:`. What would then read as anything else than before is not written.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import yaml

from kextrel import yamltext
from kextrel.bench.hostkey import HostKey
from kextrel.errors import InputError, UsageError
from kextrel.lab.profile import LabProfile, ShellWire, load_profile
from kextrel.timing import Deadline

__all__ = ["pin", "pinned", "shown"]


_LINE = re.compile(r"[^\r\n]*")


def pinned(profile: LabProfile, name: str) -> list[HostKey]:
    """The keys that the profile pins for a Mac. Raises UsageError for a Mac that nothing can be pinned for."""
    return [HostKey.parse(line) for line in _shell(profile, name).host_keys]


def shown(profile: LabProfile, name: str, *, deadline: Deadline) -> HostKey:
    """The host key that the Mac shows now, of a pinned kind if it has one; nobody is logged in. Raises BenchError."""
    from kextrel.bench.sshlink import offered_key

    shell = _shell(profile, name)
    wire = f"{name}.shell ({shell.host}:{shell.port})"
    return offered_key(shell.host, shell.port, pinned(profile, name), wire=wire, deadline=deadline)


def pin(path: Path, name: str, key: HostKey) -> None:
    """Writes `key` into the profile as the only one of that Mac. Raises InputError where that cannot be done."""
    pinned(load_profile(path), name)  # it may have changed since somebody was asked
    with path.open(encoding="utf-8", newline="") as file:  # line ends stay what they are
        before = file.read()
    after = _with_key(before, name, key)
    if after is None or not _only_differs(before, after, name, key):
        hint = f'write it yourself: host_keys: ["{key.line}"]'
        raise InputError(
            f"there is no place for the host key of {name} that can be found safely", path=str(path), hint=hint
        )
    _replace(path.resolve(), after)


def _shell(profile: LabProfile, name: str) -> ShellWire:
    mac = profile.macs[name]
    if mac.virtual is not None:
        raise UsageError(
            f"{name} is a virtual Mac, with another key each time; `kextrel virtual serve --write-lab` pins it"
        )
    if mac.wires is None or mac.wires.shell is None:
        raise UsageError(f"{name} has no shell wire in its profile; add one under 'wires:'")
    return mac.wires.shell


def _with_key(text: str, name: str, key: HostKey) -> str | None:
    """The profile's text with that key, or None where the Mac's `shell:` has no form that is known here."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)  # the nodes only: of them nothing is made
    for part in ("macs", name, "wires", "shell"):
        node = _value(node, part)
    if not isinstance(node, yaml.MappingNode) or not node.value:
        return None
    keys = _value(node, "host_keys")
    return _appended(text, node, key) if keys is None else _exchanged(text, keys, key)


def _value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def _exchanged(text: str, keys: yaml.Node, key: HostKey) -> str | None:
    """In the place of the list that is there. A block ends with its last item: what comments follow stay."""
    if not isinstance(keys, yaml.SequenceNode):
        return None
    if keys.flow_style or not keys.value:
        return f'{text[: keys.start_mark.index]}["{key.line}"]{text[keys.end_mark.index :]}'
    return f"{text[: keys.start_mark.index]}- {key.line}{text[keys.value[-1].end_mark.index :]}"


def _appended(text: str, shell: yaml.MappingNode, key: HostKey) -> str:
    """After the last entry; in a block on a line of its own, below that entry's comment."""
    end = shell.value[-1][1].end_mark.index
    if shell.flow_style:
        return f'{text[:end]}, "host_keys": ["{key.line}"]{text[end:]}'
    end += len(_LINE.match(text, end)[0])  # type: ignore[index]  # it matches nothing, too
    line_end = "\r\n" if "\r\n" in text else "\n"
    return f'{text[:end]}{line_end}{" " * shell.start_mark.column}host_keys: ["{key.line}"]{text[end:]}'


def _only_differs(before: str, after: str, name: str, key: HostKey) -> bool:
    """Whether `after` says what `before` says, but for the keys of that Mac, which are this one."""
    try:
        said, says = _read(before), _read(after)
    except InputError:
        return False
    said["macs"][name]["wires"]["shell"]["host_keys"] = [key.line]
    return bool(said == says)


def _read(text: str) -> Any:
    return yamltext.plain(yamltext.load(text.removeprefix("\ufeff"), "the profile"))


def _replace(path: Path, text: str) -> None:
    """In one move: whoever reads the profile never sees half of it."""
    descriptor, fresh = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        shutil.copymode(path, fresh)
        Path(fresh).replace(path)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise
