"""Which drivers in user space run, and of what version: from the kernel's registry, and from sysextd's copies.

The registry says what the process of a driver must be signed as (its cdhash), and no version; codesign says the cdhash
of each copy that sysextd has, and sysextd's database which version that copy is. So a driver that goes on after it was
replaced can be told from the new one, which `systemextensionsctl list` calls enabled while the old one still runs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from kextrel.macos.codesign import SignatureAnswer
from kextrel.macos.derive import Answers
from kextrel.macos.extensionstore import StoredExtension
from kextrel.macos.fields import Field, known
from kextrel.macos.ioreg import IoregAnswer, RegistryDriver
from kextrel.macos.sysext import SystemExtension
from kextrel.vocabulary import UNKNOWN, Version

__all__ = ["RunningDriver", "against_the_list", "running"]

_ENABLED = "activated enabled"
# An older record in one of these states still runs, whatever the list says of the newer one.
_RUNNING_ON = frozenset(
    {
        "terminating for upgrade via delegate",
        "terminating for uninstall via delegate",
        "terminating for disable but still running",
        "terminating for uninstall but still running",
    }
)
# What is on its way may run or not: such a record contradicts nothing.
_STILL = (
    "activated disabled",
    "activated waiting for user",
    "terminated waiting to uninstall on reboot",
    "uninstalled",
)
_DRIVERS = "driver_extension"
_END = "the new one begins when the old one ends, at the latest at the next restart"


@dataclass(frozen=True)
class RunningDriver:
    """One driver that the registry has, whatever the number of its devices. `version`, `build`, `team_id` and `state`
    are of sysextd's copy with that cdhash, None where there is none; `pids` are its processes'."""

    bundle_id: str
    cdhash: str | None = None
    version: str | None = None
    build: str | None = None
    team_id: str | None = None
    state: str | None = None
    user_classes: tuple[str, ...] = ()
    pids: tuple[int, ...] = ()

    @property
    def full_version(self) -> str:
        """ "2.0/8", as the list has it; "" where it is not known."""
        return f"{self.version}/{self.build}" if self.version and self.build else ""

    def facts(self) -> dict[str, Any]:
        return {**self.__dict__, "user_classes": list(self.user_classes), "pids": list(self.pids)}


def running(answers: Answers, macos: Field[Version]) -> Field[tuple[RunningDriver, ...]]:
    """Those that are not Apple's and not about to end, by their names."""
    if isinstance(macos.value, Version) and macos.value < Version(10, 15):
        return known((), "before macOS 10.15 no driver runs in user space")
    copies = list(_copies(answers))
    found = answers.drivers.field(lambda registry: tuple(_those(registry, copies)))
    if found.value is UNKNOWN or not found.value:
        return found
    names = {one.bundle_id for one in found.value} | {one.cdhash for one in found.value if one.cdhash}
    return answers.drivers.field(lambda _: found.value, *(f'" = "{name}"' for name in sorted(names)))


def _those(registry: IoregAnswer, copies: list[RunningDriver]) -> Iterator[RunningDriver]:
    services = defaultdict[tuple[str, str], list[RegistryDriver]](list)
    for one in registry.drivers:
        # Where nothing says who published it, a personality may name Apple's kernel part only.
        names = [name for name in (one.bundle_id, one.server) if name and not name.startswith("com.apple.")]
        if names and one.active is not False:
            services[names[0], one.cdhash or ""].append(one)
    for (name, cdhash), same in sorted(services.items()):
        copy = next((copy for copy in copies if copy.cdhash == cdhash and copy.bundle_id == name), None)
        pids = [server.pid for one in same if (server := registry.serving(one)) is not None and server.pid]
        yield RunningDriver(
            name,
            cdhash or None,
            copy.version if copy else None,
            copy.build if copy else None,
            copy.team_id if copy else None,
            copy.state if copy else None,
            tuple(sorted({one.user_class for one in same if one.user_class})),
            tuple(sorted(set(pids))),
        )


def _copies(answers: Answers) -> Iterator[RunningDriver]:
    """sysextd's copies of drivers, as if each ran."""
    stored = answers.dexts_db.reading.extensions if answers.dexts_db.reading is not None else ()
    for signature in answers.dexts.reading or ():
        place = (signature.executable or "").split("/")
        record = next((one for one in stored if one.unique_id and one.unique_id in place), None)
        name = record.bundle_id if record else signature.identifier
        if name and signature.cdhash:
            yield _copy(name, signature, record)


def _copy(name: str, signature: SignatureAnswer, record: StoredExtension | None) -> RunningDriver:
    state = record.state.replace("_", " ") if record and record.state else None
    version, build = (record.version, record.build) if record else (None, None)
    cdhash = (signature.cdhash or "").lower()
    return RunningDriver(name, cdhash, version, build, signature.team_id, state)


def against_the_list(
    answers: Answers, drivers: Field[tuple[RunningDriver, ...]], extensions: Field[tuple[SystemExtension, ...]]
) -> Iterator[str]:
    """Where `systemextensionsctl list` and the registry disagree, and where the list says so of itself."""
    if not isinstance(extensions.value, tuple):
        return
    rows = defaultdict[str, list[SystemExtension]](list)
    for row in extensions.value:
        rows[row.bundle_id].append(row)
    runs = drivers.value if isinstance(drivers.value, tuple) else ()
    told = {}
    for one in runs:
        said = _of_one(one, rows[one.bundle_id], _copies(answers)) if one.bundle_id in rows else _unlisted(one)
        if said:
            told[one.bundle_id] = said
            yield said
    for name, of_it in rows.items():
        if name not in told:
            yield from _of_the_list(name, of_it, [one for one in runs if one.bundle_id == name], known=drivers.known)


def _unlisted(one: RunningDriver) -> str:
    return f"ioreg says that {one.bundle_id} runs, and systemextensionsctl does not list it"


def _of_one(one: RunningDriver, rows: list[SystemExtension], copies: Iterable[RunningDriver]) -> str:
    """What the rows of a running driver's name say against it; "" for nothing."""
    enabled = next((row for row in rows if row.state == _ENABLED), None)
    if enabled is None:
        if all(row.state in _STILL for row in rows):
            states = ", ".join(f"{row.version}/{row.build} is {row.state}" for row in rows)
            return f"systemextensionsctl says that {one.bundle_id} {states}; ioreg says that it runs"
        return ""
    says = f"systemextensionsctl says that {one.bundle_id} {enabled.version}/{enabled.build} is enabled"
    if one.state is not None:
        runs = f"{one.full_version} ({one.state}, cdhash {one.cdhash})"
        return "" if one.state == _ENABLED else f"{says}, and ioreg that {runs} runs: {_END}"
    signed = next((copy.cdhash for copy in copies if copy.bundle_id == one.bundle_id and copy.state == _ENABLED), None)
    if one.cdhash is None or signed is None:
        return ""
    return f"{says}, which codesign says has the cdhash {signed}; ioreg says that {one.cdhash} runs"


def _of_the_list(name: str, rows: list[SystemExtension], runs: list[RunningDriver], *, known: bool) -> Iterator[str]:
    """A driver that was replaced while its device was in use: the list itself says that the old one goes on."""
    enabled = [f"{row.version}/{row.build}" for row in rows if row.state == _ENABLED]
    old = [row for row in rows if row.state in _RUNNING_ON]
    if not old:
        return
    version = f"{old[0].version}/{old[0].build}"
    driver = (old[0].category or "").endswith(_DRIVERS)
    if known and driver and all(one.state == _ENABLED for one in runs):
        rest = f"only {enabled[0]} runs" if runs and enabled else "it does not run"
        yield f"systemextensionsctl says of {name} {version} that it still runs, ioreg that {rest}"
    elif enabled:
        says = f"systemextensionsctl says that {name} {enabled[0]} is enabled"
        yield f"{says}, and of {version} that it still runs: {_END}"
