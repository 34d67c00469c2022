"""DriverKit's part of the kernel: which personalities of drivers are published, and the drivers that run for a match.

A driver that is enabled has its personalities published, each with the cdhash that its process must have. What matches
is started as a process of its own. Withdrawn, a driver is asked to end, and does unless somebody uses its device: then
it goes on, whatever sysextd's list says by then, and the version that took its place begins when it ends.

The one provider that there is without a device to plug in is IOUserResources. Sources: xnu, IOUserServer.cpp and
IOCatalogue.cpp; "Implementing drivers" of Apple's DriverKit documentation.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kextrel.virtual.macos.code import Code, read_code, user_slice
from kextrel.virtual.macos.extensiondb import Record
from kextrel.virtual.macos.extensionrules import DRIVER
from kextrel.virtual.macos.library import disk_files
from kextrel.virtual.macos.signature import Invalid, parse
from kextrel.virtual.macos.sysexthost import Host
from kextrel.virtual.unix.files import WaitQueue
from kextrel.virtual.unix.process import Main, Proc
from kextrel.virtual.unix.signals import SIGKILL

__all__ = ["PROVIDER", "Drivers", "Personality", "Service"]

PROVIDER = "IOUserResources"
USER = "_driverkit"
_FIRST_ENTRY = 0x100000A00


@dataclass(frozen=True)
class Personality:
    """One entry of a driver's IOKitPersonalities as the kernel has it: `values`, its name, and whose it is."""

    name: str
    values: Mapping[str, Any]
    record: Record
    executable: str

    def text(self, key: str, default: str = "") -> str:
        value = self.values.get(key)
        return value if isinstance(value, str) else default

    @property
    def category(self) -> str:
        """One driver of a category drives a provider at a time."""
        return self.text("IOMatchCategory", "IODefaultMatchCategory")

    @property
    def score(self) -> int:
        value = self.values.get("IOProbeScore")
        return value if isinstance(value, int) else 0


@dataclass(frozen=True)
class Service:
    """A driver that runs: the number of its node and of its process's in the registry, and that process."""

    personality: Personality
    entry: int
    server: int
    process: Proc | None


class Drivers:
    """One Mac's. `services`: those that run, in the order in which they began. `ended` is called with the record of a
    withdrawn driver when the last of it is gone. `in_use`: bundle identifiers whose devices somebody uses."""

    def __init__(self, host: Host, ended: Callable[[Record], None]) -> None:
        self._host, self._tell = host, ended
        self._published: list[Personality] = []
        self._numbers = itertools.count(_FIRST_ENTRY)
        self.services: list[Service] = []
        self.in_use = set(host.spec.drivers_in_use)

    def stop(self) -> None:
        """The kernel is gone, and every driver with it."""
        self._published, self.services = [], []

    def publish(self, record: Record) -> None:
        """The driver may run. A safe boot takes no personalities of others [xnu: OSBundleRequired]; other extensions
        have none."""
        if record.category == DRIVER and not self._host.safe_mode:
            self._published += self._personalities(record)
            self._match()

    def withdraw(self, record: Record) -> bool:
        """The driver is to end; whether nothing of it runs any more."""
        self._published = [one for one in self._published if one.record.unique_id != record.unique_id]
        if record.identifier not in self.in_use:
            self._end(record)
        return not self._running(record)

    def release(self, identifier: str) -> None:
        """Nobody uses the devices of that driver any more."""
        self.in_use.discard(identifier)
        published = {one.record.unique_id for one in self._published}
        leaving = {one.personality.record for one in self.services if one.personality.record.identifier == identifier}
        for record in leaving:
            if record.unique_id not in published:
                self._end(record)
                self._tell(record)

    def _running(self, record: Record) -> list[Service]:
        return [one for one in self.services if one.personality.record.unique_id == record.unique_id]

    def _end(self, record: Record) -> None:
        for service in self._running(record):
            self.services.remove(service)
            if service.process is not None:
                service.process.signal(SIGKILL)
        self._match()

    def _match(self) -> None:
        """Starts the best that matches where nothing of its category is yet."""
        for one in sorted(self._published, key=lambda one: -one.score):
            taken = {service.personality.category for service in self.services}
            if one.text("IOProviderClass") == PROVIDER and one.category not in taken:
                self._begin(one)

    def _begin(self, personality: Personality) -> None:
        entry, server = next(self._numbers), next(self._numbers)
        system, process = self._host.system, None
        if system is not None and (user := system.users.get(USER)) is not None:
            name = personality.text("IOUserServerName")
            argv = [f"{personality.record.staged}/{personality.executable}", name, f"{entry:#x}", name]
            process = system.new_process(argv, user, parent=None)
        service = Service(personality, entry, server, process)
        self.services.append(service)
        if process is not None:
            process.start(self._serving(service))

    def _serving(self, service: Service) -> Main:
        """What the process does: it waits for the kernel's messages. Who kills it has the kernel match again."""

        async def main(proc: Proc) -> int:
            try:
                while True:
                    await proc.block(WaitQueue())
            finally:
                if service in self.services and proc.died_of is not None:
                    self._died(service)

        return main

    def _died(self, service: Service) -> None:
        self.services.remove(service)
        if self._host.system is None or self._host.system.stopped:
            return  # the Mac goes down: nothing takes its place
        record = service.personality.record
        if all(one.record.unique_id != record.unique_id for one in self._published) and not self._running(record):
            self._tell(record)
        self._match()

    def _personalities(self, record: Record) -> list[Personality]:
        """Those in sysextd's copy; none of a copy that cannot be read."""
        try:
            code = read_code(disk_files(self._host.disk).tree(record.staged), record.staged)
        except (OSError, ValueError):
            return []
        own = {"IOPersonalityPublisher": record.identifier, **self._hash(code)}
        listed = code.info.get("IOKitPersonalities")
        return [
            Personality(str(name), {**values, **own}, record, code.executable)
            for name, values in (listed.items() if isinstance(listed, dict) else ())
            if isinstance(values, dict)
        ]

    def _hash(self, code: Code) -> dict[str, str]:
        """What the process must be signed as; nothing is demanded of what is not signed."""
        part = user_slice(code.main, self._host.spec.architecture)
        try:
            return {"IOUserServerCDHash": parse(part.signature).directory.cdhash} if part and part.signature else {}
        except Invalid:
            return {}
