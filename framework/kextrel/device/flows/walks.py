"""The walks that drift from release to release: how many Tabs, which keys, which way to a place.

One row a range of releases, newest first; a flow takes the row of the Mac's release and still looks at what comes.
Sources: prepare.md's last paragraph, the field notes of Apple-silicon Macs on 14.5 and 15.1, and those of Intel Macs on
12.7 and 13.6. The other releases' rows are carried over from those notes and were tried on no real Mac: where one is
wrong a walk ends as the keyboard's or the screen's failure, never as a verdict about the Mac.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kextrel.macos import commands
from kextrel.vocabulary import Version

__all__ = ["TO_UTILITIES", "Chord", "Walk", "Way", "walk_for"]

Chord = tuple[str, ...]

# From recovery's main window: the menu bar, on its first menu; Utilities; and that open, on its first entry.
TO_UTILITIES: tuple[Chord, ...] = (("control", "f2"), ("right",), ("right",), ("right",), ("down",))


class Way(StrEnum):
    """To recovery's Terminal."""

    CHORD = "Command-Shift-T"
    MENU = "the Utilities menu"


@dataclass(frozen=True)
class Walk:
    """The ways of the releases from `since` on.

    `rights_to_options`: Right arrows from nothing selected to Options, with one macOS on the disk.
    `tabs_to_pending`: Tabs from the search field of the pane to the first pending item's button.
    `tabs_to_lock`: Tabs to the lock that must be opened first; None where the button itself asks for a password.
    `settings`: the name of the programme that has the pane; `pane_url` opens it there; `pane` are words on it.
    `switches`: system extensions have switches in a place of their own, and are not allowed in that pane.
    `restarts`: after an approval the pane asks for a restart; else it only takes the row away.
    `ways_to_terminal`: from recovery's main window, the first that works is kept.
    """

    since: Version
    rights_to_options: int = 2
    tabs_to_pending: int = 3
    tabs_to_lock: int | None = None
    settings: str = "System Settings"
    pane_url: str = commands.SETTINGS_SECURITY
    pane: tuple[str, ...] = ("Privacy & Security", "Allow applications")
    switches: bool = False
    restarts: bool = True
    ways_to_terminal: tuple[Way, ...] = (Way.CHORD, Way.MENU)


_WALKS = (
    Walk(Version(15), switches=True),
    Walk(Version(13)),
    Walk(
        Version(11),
        tabs_to_lock=2,
        settings="System Preferences",
        pane_url=commands.PREFERENCES_SECURITY,
        pane=("Security & Privacy", "Allow apps downloaded from"),
        ways_to_terminal=(Way.MENU, Way.CHORD),
    ),
    Walk(
        Version(10, 13),
        tabs_to_lock=2,
        settings="System Preferences",
        pane_url=commands.PREFERENCES_SECURITY,
        pane=("Security & Privacy", "Allow apps downloaded from"),
        restarts=False,
        ways_to_terminal=(Way.MENU, Way.CHORD),
    ),
)


def walk_for(macos: Version) -> Walk:
    """The row for a release; what is older than all of them goes the oldest way."""
    return next((walk for walk in _WALKS if macos >= walk.since), _WALKS[-1])
