"""sysextd's database: /Library/SystemExtensions/db.plist and the staged copies beside it.

Every question opens the file as it is now and every change puts a whole new file in its place, so that a power cut
leaves the old one or the new one. The keys are those that osquery and cnquery read.
"""

from __future__ import annotations

import plistlib
import stat
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from kextrel.virtual.macos.bundle import Node
from kextrel.virtual.macos.files import read_bounded
from kextrel.virtual.macos.plists import LIMIT, BadPlist, Plist, mapping, text
from kextrel.virtual.unix.fs import FileSystem

__all__ = ["FOLDER", "PATH", "Contents", "ExtensionDatabase", "Record", "State"]

FOLDER = "/Library/SystemExtensions"
PATH = f"{FOLDER}/db.plist"


class State(Enum):
    """Where an extension is on its way. `systemextensionsctl list` writes the words with spaces."""

    REALIZING = "realizing"
    STAGING = "staging"
    VALIDATING = "validating"
    VALIDATING_BY_CATEGORY = "validating_by_category"
    WAITING_FOR_USER = "activated_waiting_for_user"
    ENABLING = "activated_enabling"
    ENABLED = "activated_enabled"
    DISABLED = "activated_disabled"
    TERMINATING_FOR_DISABLE = "terminating_for_disable"
    TERMINATING_FOR_UPGRADE_VIA_DELEGATE = "terminating_for_upgrade_via_delegate"
    TERMINATING_FOR_UNINSTALL = "terminating_for_uninstall"
    TERMINATING_FOR_UNINSTALL_VIA_DELEGATE = "terminating_for_uninstall_via_delegate"
    WAITING_TO_UNINSTALL = "terminated_waiting_to_uninstall_on_reboot"

    @property
    def words(self) -> str:
        return self.value.replace("_", " ")

    @property
    def activated(self) -> bool:
        """Whether this record is the current one of its extension."""
        return self in (State.WAITING_FOR_USER, State.ENABLING, State.ENABLED, State.DISABLED)


@dataclass(frozen=True)
class Record:
    """One version of one extension. `name` is the extension's, `app_path` where the application lay."""

    identifier: str
    team_id: str
    short_version: str
    version: str
    category: str
    state: State
    unique_id: str
    name: str
    app_path: str
    origin_path: str

    @property
    def application(self) -> str:
        """What the application is called."""
        return self.app_path.rsplit("/", 1)[-1].removesuffix(".app")

    @property
    def full_version(self) -> str:
        """ "1.0/1", as the list has it."""
        return f"{self.short_version}/{self.version}"

    @property
    def staged(self) -> str:
        """The copy that runs."""
        return f"{FOLDER}/{self.unique_id}/{self.origin_path.rsplit('/', 1)[-1]}"

    def to(self, state: State) -> Record:
        """The same in another state."""
        return replace(self, state=state)


@dataclass(frozen=True)
class Contents:
    """The whole database. `policies` are the payloads that sysextd looked at last."""

    records: tuple[Record, ...] = ()
    developer_mode: bool = False
    policies: tuple[Plist, ...] = ()

    def having(self, record: Record) -> Contents:
        """The same with `record` in the place of the one that it was, else behind the others."""
        if not any(one.unique_id == record.unique_id for one in self.records):
            return replace(self, records=(*self.records, record))
        kept = tuple(record if one.unique_id == record.unique_id else one for one in self.records)
        return replace(self, records=kept)


class ExtensionDatabase:
    """The database and the staged copies on `disk`. A file that is missing or no database counts as an empty one."""

    def __init__(self, disk: FileSystem) -> None:
        self._disk = disk

    def load(self) -> Contents:
        """What the file says now."""
        try:
            plist = mapping(read_bounded(self._disk, PATH, LIMIT))
        except (OSError, BadPlist):
            return Contents()
        records = (_record(entry) for entry in _dictionaries(plist.get("extensions")))
        policies = tuple(_dictionaries(plist.get("extensionPolicies")))
        return Contents(tuple(one for one in records if one), plist.get("developerMode") is True, policies)

    def save(self, contents: Contents) -> None:
        """Puts a new file in the place of the old one."""
        plist = {
            "developerMode": contents.developer_mode,
            "extensionPolicies": list(contents.policies),
            "extensions": [_entry(record) for record in contents.records],
        }
        self._disk.mkdir(FOLDER, parents=True)
        self._disk.write_bytes(f"{PATH}.new", plistlib.dumps(plist), mode=0o644)
        self._disk.rename(f"{PATH}.new", PATH)

    def stage(self, nodes: Mapping[str, Node], record: Record) -> None:
        """Copies the bundle whose entries are `nodes` to where nobody can change it any more."""
        for name, node in nodes.items():
            place = f"{record.staged}/{name}" if name else record.staged
            if stat.S_ISDIR(node.mode):
                self._disk.mkdir(place, parents=True)
            else:
                self._disk.mkdir(place.rpartition("/")[0], parents=True)
                self._disk.write_bytes(place, node.content, mode=node.mode & 0o755)

    def sweep(self, records: Iterable[Record]) -> None:
        """Takes away every staged copy that none of `records` has."""
        kept = {record.unique_id for record in records}
        for name in self._disk.listdir(FOLDER) if self._disk.is_dir(FOLDER) else ():
            if _is_uuid(name) and name not in kept:
                self._disk.remove_tree(f"{FOLDER}/{name}")


def _entry(record: Record) -> Plist:
    return {
        "identifier": record.identifier,
        "teamID": record.team_id,
        "state": record.state.value,
        "categories": [record.category],
        "bundleVersion": {
            "CFBundleShortVersionString": record.short_version,
            "CFBundleVersion": record.version,
        },
        "uniqueID": record.unique_id,
        "displayName": record.name,
        "originPath": record.origin_path,
        "stagedBundleURL": {"relative": f"file://{record.staged}/"},
        "container": {"bundlePath": record.app_path},
        "references": [{"appBundlePath": record.app_path, "teamID": record.team_id}],
    }


def _record(entry: Plist) -> Record | None:
    """The record in `entry`; None for one that sysextd did not write."""
    version, container = _dictionary(entry.get("bundleVersion")), _dictionary(entry.get("container"))
    categories = entry.get("categories")
    unique = text(entry, "uniqueID")
    try:
        state = State(text(entry, "state"))
    except ValueError:
        return None
    if not _is_uuid(unique):
        return None
    return Record(
        identifier=text(entry, "identifier"),
        team_id=text(entry, "teamID"),
        short_version=text(version, "CFBundleShortVersionString"),
        version=text(version, "CFBundleVersion"),
        category=str(categories[0]) if isinstance(categories, list) and categories else "",
        state=state,
        unique_id=unique,
        name=text(entry, "displayName"),
        app_path=text(container, "bundlePath"),
        origin_path=text(entry, "originPath"),
    )


def _is_uuid(name: str) -> bool:
    try:
        return str(uuid.UUID(name)).upper() == name
    except ValueError:
        return False


def _dictionary(value: object) -> Plist:
    return {str(key): part for key, part in value.items()} if isinstance(value, dict) else {}


def _dictionaries(value: Any) -> list[Plist]:
    return [_dictionary(one) for one in value if isinstance(one, dict)] if isinstance(value, list) else []
