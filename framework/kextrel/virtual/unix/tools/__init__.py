"""The command-line tools that any Unix has. Importing this registers them all."""

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
