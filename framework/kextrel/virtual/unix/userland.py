"""Every program of this room: importing this module registers them all."""

from kextrel.virtual.shell import entry
from kextrel.virtual.unix.tools import (
    conditions,
    data,
    files,
    finding,
    grep,
    killing,
    lines,
    looking,
    printing,
    sudo,
    system,
)

__all__ = [
    "conditions",
    "data",
    "entry",
    "files",
    "finding",
    "grep",
    "killing",
    "lines",
    "looking",
    "printing",
    "sudo",
    "system",
]
