"""The life of system extensions on one Mac: the state that each is in, and what moves it into another.

    realizing ─ staging ─ validating ─ validating by category ─┬─ activated waiting for user ─┐
                                                               └──────────────────────────────┴─ activated enabled
    activated enabled ⇄ activated disabled;  any ─► terminated waiting to uninstall on reboot ─► gone
    a driver that is in use, replaced ─► terminating for upgrade via delegate ─► terminated …

Every state is in the database on the disk (see `extensiondb`) before anything goes on, and in the log.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from kextrel.virtual.macos.driverkit import Drivers
from kextrel.virtual.macos.extensiondb import ExtensionDatabase, Record, State
from kextrel.virtual.macos.sysexthost import Host

__all__ = ["Lives"]

_LONGEST_LOG = 500


class Lives:
    """One Mac's. `log` has the lines with their moments (Mac seconds); `running`: sysextd does, and macOS with it."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.running = False
        self.log: deque[tuple[float, str]] = deque(maxlen=_LONGEST_LOG)
        self.drivers = Drivers(host, self._driver_ended)

    @property
    def database(self) -> ExtensionDatabase:
        return ExtensionDatabase(self._host.disk)

    def note(self, text: str) -> None:
        """A line for the log."""
        self.log.append((self._host.clock.now(), text))

    # What there is

    def records(self) -> list[Record]:
        """Every record, in the order in which they came."""
        return list(self.database.load().records)

    def named(self, identifier: str) -> list[Record]:
        """The records of every version of an extension."""
        return [one for one in self.records() if one.identifier == identifier]

    def current(self, identifier: str, *, besides: Record | None = None) -> Record | None:
        """The record that is the extension now, other than `besides`."""
        found = [one for one in self.named(identifier) if one.state.activated]
        return next((one for one in found if besides is None or one.unique_id != besides.unique_id), None)

    def state_of(self, record: Record) -> State | None:
        """The state that a record is in now; None when it is gone."""
        return next((one.state for one in self.records() if one.unique_id == record.unique_id), None)

    # What happens to one

    def begin(self, record: Record) -> None:
        """A new one."""
        self.note(f"initial activation decision: activateNew {record.identifier}")
        self._put(record)

    def advance(self, record: Record, state: State) -> Record:
        """Puts a record into another state."""
        now = self.state_of(record) or record.state
        self.note(
            f"[com.apple.sx:StateChanges] extension {record.team_id} {record.identifier} ({record.full_version}) "
            f"advancing state from {now.value} to {state.value}"
        )
        self._put(record.to(state))
        return record.to(state)

    def drop(self, record: Record) -> None:
        """Takes it away at once, and its staged copy."""
        self.keep([one for one in self.records() if one.unique_id != record.unique_id])

    def keep(self, records: list[Record]) -> None:
        """Takes everything away but `records`."""
        self.database.save(replace(self.database.load(), records=tuple(records)))
        self.database.sweep(records)

    def enable(self, record: Record) -> None:
        """It may run, and does."""
        self.drivers.publish(self.advance(self.advance(record, State.ENABLING), State.ENABLED))

    def disable(self, record: Record) -> None:
        """What runs is switched off; a driver whose device is in use is so when that ends."""
        record = self.advance(record, State.TERMINATING_FOR_DISABLE)
        if self.drivers.withdraw(record):
            self.advance(record, State.DISABLED)

    def uninstall(self, record: Record) -> None:
        """It goes with the next restart."""
        record = self.advance(record, State.TERMINATING_FOR_UNINSTALL)
        ended = self.drivers.withdraw(record)
        self.advance(record, State.WAITING_TO_UNINSTALL if ended else State.TERMINATING_FOR_UNINSTALL_VIA_DELEGATE)

    def give_way(self, old: Record) -> None:
        """A new version takes its place: one that ran waits for the next restart, one that never did goes at once. A
        driver whose device is in use is the kernel's to end, and runs on."""
        if old.state is State.WAITING_FOR_USER:
            self.drop(old)
        elif self.drivers.withdraw(old):
            self.advance(old, State.WAITING_TO_UNINSTALL)
        else:
            whose = f"{old.identifier}, version {old.version}"
            self.note(f"turning the responsibility for termination of {whose} over to delegate")
            self.advance(old, State.TERMINATING_FOR_UPGRADE_VIA_DELEGATE)

    def _driver_ended(self, record: Record) -> None:
        """A driver that had been in use is gone at last: what it was in the way of goes on."""
        now = self.state_of(record) if self.running else None
        if now is not None:
            disabled = now is State.TERMINATING_FOR_DISABLE
            self.advance(record, State.DISABLED if disabled else State.WAITING_TO_UNINSTALL)

    def _put(self, record: Record) -> None:
        self.database.save(self.database.load().having(record))
