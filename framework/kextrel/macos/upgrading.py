"""A newer macOS: Apple's installers on the Mac, how one is fetched and how it is started.

Sources: softwareupdate(8); `startosinstall --usage`.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from kextrel.errors import UsageError
from kextrel.macos.commands import SUDO
from kextrel.macos.text import clean
from kextrel.vocabulary import Version

__all__ = ["INSTALLERS", "RELEASE", "fetch", "read_installers", "start"]

RELEASE = "sw_vers -productVersion"
_PREFIX, _INFO = "/Applications/Install macOS ", "Contents/Info.plist"
INSTALLERS = (
    f'for app in "{_PREFIX}"*.app; do '
    f'printf "%s\\t%s\\n" "$(defaults read "$app/{_INFO}" DTPlatformVersion 2>/dev/null)" "$app"; done'
)
"""One line an installer: the release that it brings, a tab, its path."""
_FINDS_ITSELF, _ENDS_OTHERS = Version(10, 14), Version(10, 15)


def fetch(macos: Version, *, sudo: str = SUDO) -> str:
    """Ends when the installer is among the applications: gigabytes."""
    return f"{sudo} {shlex.join(['softwareupdate', '--fetch-full-installer', '--full-installer-version', str(macos)])}"


def read_installers(text: str) -> Mapping[str, str]:
    """Path by release."""
    rows = (line.partition("\t") for line in clean(text).splitlines())
    return {release.strip(): path for release, _, path in rows if release.strip() and path.startswith(_PREFIX)}


def start(installer: str, macos: Version, owner: str | None, *, sudo: str = SUDO) -> str:
    """Prepares the other system and restarts into it; what startosinstall takes came with one release and another.
    `owner` of the volume, for Apple silicon: their password is the first line of standard input."""
    if not installer.startswith(_PREFIX):
        raise UsageError(f"{installer!r} is no installer of macOS; it lies in /Applications")
    who = ["--user", owner, "--stdinpass"] if owner is not None else []
    words = [f"{installer}/Contents/Resources/startosinstall", "--agreetolicense", "--nointeraction"]
    words += ["--applicationpath", installer] if macos < _FINDS_ITSELF else []
    words += ["--forcequitapps"] if macos >= _ENDS_OTHERS else []
    return f"{sudo} {shlex.join([*words, *who])}"
