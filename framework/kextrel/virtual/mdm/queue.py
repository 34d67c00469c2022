"""What the server knows of a Mac: where its pushes go, its bootstrap token, and the commands that wait for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kextrel.virtual.macos.plists import BadPlist, Plist, mapping, text

__all__ = ["MOST", "Command", "Device"]

MOST = 1000
"""Commands that wait for one Mac at most."""
_DONE = frozenset({"Acknowledged", "Error", "CommandFormatError"})


@dataclass
class Command:
    """One command: `raw` is the property list as it was enqueued. `later`: the Mac said NotNow to it."""

    uuid: str
    request_type: str
    raw: bytes = field(repr=False)
    later: bool = False

    @classmethod
    def parse(cls, raw: bytes) -> Command:
        """Reads `{CommandUUID, Command: {RequestType, …}}`. Raises BadPlist."""
        content = mapping(raw)
        inner: Any = content.get("Command")
        kind = text(inner, "RequestType") if isinstance(inner, dict) else ""
        identifier = text(content, "CommandUUID")
        if not identifier or not kind:
            raise BadPlist("a command has CommandUUID and Command.RequestType")
        return cls(identifier, kind, raw)


class Device:
    """One enrollment. It has no `token` until its TokenUpdate, and none after CheckOut."""

    def __init__(self) -> None:
        self.token: bytes | None = None
        self.magic = ""
        self.bootstrap_token: bytes | None = None
        self.commands: list[Command] = []
        self.updates = 0

    def enqueue(self, command: Command) -> None:
        """Puts a command at the end; one with the same UUID stays as it is. OverflowError when too many wait."""
        if len(self.commands) >= MOST:
            raise OverflowError(f"{MOST} commands wait for this enrollment")
        if all(one.uuid != command.uuid for one in self.commands):
            self.commands.append(command)

    def answered(self, report: Plist) -> Command | None:
        """Takes note of what the Mac reports and gives the next command, None for none.

        A command that was done is gone. One that got NotNow waits until the Mac asks again with Idle.
        """
        status, identifier = text(report, "Status"), text(report, "CommandUUID")
        if status in _DONE:
            self.commands = [one for one in self.commands if one.uuid != identifier]
        for one in self.commands:
            one.later = status != "Idle" and (one.later or (status == "NotNow" and one.uuid == identifier))
        return next((one for one in self.commands if not one.later), None)

    def forget(self) -> None:
        """The Mac enrolls anew: nothing that was there before counts."""
        self.token, self.magic, self.bootstrap_token, self.commands, self.updates = None, "", None, [], 0
