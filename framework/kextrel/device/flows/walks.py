"""The walks that drift from release to release: how many Tabs, which keys, which way to a place.

One row a range of releases, newest first; a flow takes the row of the Mac's release and still looks at what comes.
Sources: prepare.md's last paragraph and the field notes of an Apple-silicon Mac mini on 14.5. The other releases' rows
are carried over from those notes and were tried on no real Mac: where one is wrong a walk ends as the keyboard's or the
screen's failure, never as a verdict about the Mac.
"""

from __future__ import annotations

from dataclasses import dataclass

from kextrel.vocabulary import Version

__all__ = ["Walk", "walk_for"]

Chord = tuple[str, ...]

_BY_CHORD: tuple[Chord, ...] = (("command", "shift", "t"),)
_BY_MENU: tuple[Chord, ...] = (
    ("control", "f2"),  # the menu bar, on its first menu
    ("right",),
    ("right",),
    ("right",),  # Utilities
    ("down",),  # opens it, on Startup Security Utility
    ("down",),  # Terminal
    ("return",),
)


@dataclass(frozen=True)
class Walk:
    """The ways of the releases from `since` on.

    `rights_to_options`: Right arrows from nothing selected to Options, with one macOS on the disk.
    `tabs_to_pending`: Tabs from the search field of Privacy & Security to the pending item's button.
    `ways_to_terminal`: key presses in recovery's main window, the first that works is kept.
    """

    since: Version
    rights_to_options: int
    tabs_to_pending: int
    ways_to_terminal: tuple[tuple[Chord, ...], ...]


_WALKS = (
    Walk(Version(13), 2, 3, (_BY_CHORD, _BY_MENU)),
    Walk(Version(11), 2, 3, (_BY_MENU, _BY_CHORD)),
)


def walk_for(macos: Version) -> Walk:
    """The row for a release; what is older than all of them goes the oldest way."""
    return next((walk for walk in _WALKS if macos >= walk.since), _WALKS[-1])
