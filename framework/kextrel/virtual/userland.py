"""Every program of a virtual Mac: importing this registers them all. Whoever makes a disk has done so before.

It stands above the rooms that have them, so that none of those need know which others there are.
"""

import kextrel.virtual.macos.tools
import kextrel.virtual.shell.entry
import kextrel.virtual.unix.tools  # noqa: F401 - each registers its programs

__all__: list[str] = []
