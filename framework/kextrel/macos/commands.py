"""Command lines for what a person does over SSH or in recovery's Terminal. Each function returns one quoted line.

`sudo` is how root is asked ("sudo -n"; "" where the user is root already, as in recovery). No password is ever part of
a line: what asks for one is answered on its terminal. Raises UsageError for a path, a name or a mode that will not do.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

from kextrel.errors import UsageError
from kextrel.macos.kextpolicy import COLUMNS, query
from kextrel.macos.probes import KEXT_POLICY
from kextrel.vocabulary import KextManagement, SecurityMode, Version

__all__ = [
    "PREFERENCES_SECURITY",
    "SETTINGS_SECURITY",
    "SUDO",
    "boot_into_recovery_once",
    "bputil_display",
    "bputil_set",
    "click_button",
    "codesign_display",
    "csrutil_set",
    "csrutil_status",
    "install_kext",
    "kext_consent",
    "kext_load",
    "kext_loaded",
    "kext_policy",
    "kext_policy_forget",
    "kext_policy_of",
    "kext_unload",
    "kmutil_load",
    "kmutil_rebuild",
    "kmutil_showloaded",
    "kmutil_trigger_panic_medic",
    "kmutil_unload",
    "open_security_settings",
    "profiles_install",
    "profiles_renew",
    "profiles_show",
    "profiles_status",
    "quit_settings",
    "remove_kext",
    "restart",
    "shut_down",
]

SUDO = "sudo -n"
PREFERENCES_SECURITY = "x-apple.systempreferences:com.apple.preference.security?General"
SETTINGS_SECURITY = "x-apple.systempreferences:com.apple.settings.PrivacySecurity.extension?Security"

_BUNDLE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}\Z")
_TEAM_ID = re.compile(r"[A-Za-z0-9]{1,40}\Z")
_KMUTIL_SINCE = Version(11)
# Where the buttons of the pane are, for System Events; System Preferences had tabs.
_PLACES = {"System Preferences": "tab group 1 of window 1", "System Settings": "window 1"}
_REMEMBERING = ("kext_policy", "kext_load_history_v3")
_MODES = {SecurityMode.FULL: "-f", SecurityMode.REDUCED: "-g", SecurityMode.PERMISSIVE: "-n"}
_ALLOWANCES = {KextManagement.USER: "-k", KextManagement.REMOTE: "-m"}


def kmutil_load(path: str, *, sudo: str = SUDO) -> str:
    """Asks for the kext at `path`: stages, validates, asks for approval; read the answer with `load.read`."""
    return _line(sudo, "kmutil", "load", "-p", _kext(path))


def kmutil_unload(bundle_id: str, *, sudo: str = SUDO) -> str:
    """Stops a kext; exit 3 when it was not loaded [kmutil(8)]."""
    return _line(sudo, "kmutil", "unload", "-b", _identifier(bundle_id))


def kext_load(path: str, macos: Version, *, sudo: str = SUDO) -> str:
    """Asks for the kext at `path`, by the tool of that release; read the answer with `load.read`."""
    return kmutil_load(path, sudo=sudo) if macos >= _KMUTIL_SINCE else _line(sudo, "kextutil", _kext(path))


def kext_unload(bundle_id: str, macos: Version, *, sudo: str = SUDO) -> str:
    """Stops a kext; exit 3 when it was not loaded."""
    if macos >= _KMUTIL_SINCE:
        return kmutil_unload(bundle_id, sudo=sudo)
    return _line(sudo, "kextunload", "-b", _identifier(bundle_id))


def kext_loaded(bundle_id: str, macos: Version) -> str:
    """Lists the kext of that identifier, where the kernel has it; read it with `kexts.read`."""
    if macos >= _KMUTIL_SINCE:
        return kmutil_showloaded(bundle_id)
    return _line("", "kextstat", "-b", _identifier(bundle_id))


def kext_consent(*words: str, sudo: str = SUDO) -> str:
    """`spctl kext-consent` with a subcommand and, for some, a team; what changes anything works in recovery only."""
    return _line(sudo, "spctl", "kext-consent", *words)


def kext_policy_of(teams: Iterable[str], bundle_ids: Iterable[str], *, sudo: str = SUDO) -> str:
    """How many rows about kexts of those teams, or of those identifiers, KextPolicy has; a number."""
    whose = _whose(teams, bundle_ids)
    counts = " + ".join(f"(SELECT count(*) FROM {table} WHERE {whose})" for table in _REMEMBERING)  # noqa: S608
    return _line(sudo, "sqlite3", "-readonly", KEXT_POLICY, f"SELECT {counts}")


def kext_policy_forget(teams: Iterable[str], bundle_ids: Iterable[str], *, volume: str) -> str:
    """In recovery, where nothing protects them: takes those rows out of the KextPolicy of `volume`, by its own tool."""
    root, whose = _absolute(volume), _whose(teams, bundle_ids)
    statements = "; ".join(f"DELETE FROM {table} WHERE {whose}" for table in _REMEMBERING)  # noqa: S608
    return _line("", f"{root}/usr/bin/sqlite3", f"{root}/private{KEXT_POLICY}", statements)


def _whose(teams: Iterable[str], bundle_ids: Iterable[str]) -> str:
    """An SQL condition; both kinds of names are of characters that quote nothing."""
    named = ", ".join(f"'{_team(one)}'" for one in sorted(set(teams)))
    identified = ", ".join(f"'{_identifier(one)}'" for one in sorted(set(bundle_ids)))
    return f"team_id IN ({named}) OR bundle_id IN ({identified})"


def kmutil_rebuild(*, sudo: str = SUDO) -> str:
    """Builds the AuxKC again; without a person at the Mac it ends with 250."""
    return _line(sudo, "kmutil", "rebuild")


def kmutil_showloaded(bundle_id: str | None = None, *, collection: str | None = None, show: str | None = None) -> str:
    """Lists kexts; of one identifier only when it is given. `collection`: boot, sys, aux, codeless; `show`: all…"""
    words = ["kmutil", "showloaded"]
    words += ["--collection", _one_of(collection, "boot", "sys", "aux", "codeless")] if collection else []
    words += ["--show", _one_of(show, "loaded", "unloaded", "all")] if show else []
    words += ["--bundle-identifier", _identifier(bundle_id)] if bundle_id else []
    return _line("", *words)


def kmutil_trigger_panic_medic(volume_root: str) -> str:
    """In recovery: the next boot is without the AuxKC, and every approval is gone."""
    return _line("", "kmutil", "trigger-panic-medic", "--volume-root", _absolute(volume_root))


def kext_policy(table: str = "kext_policy", *, sudo: str = SUDO) -> str:
    """Reads a table of the KextPolicy database, or its schema with ".schema"; never writes."""
    if table == ".schema":
        return _line(sudo, "sqlite3", "-readonly", KEXT_POLICY, ".schema")
    return _line(sudo, "sqlite3", "-readonly", KEXT_POLICY, query(_one_of(table, *COLUMNS)))


def bputil_display(*, sudo: str = SUDO) -> str:
    """Shows the LocalPolicy. Asks which one where several macOS are installed: give it no stdin and a deadline."""
    return _line(sudo, "bputil", "-d")


def bputil_set(
    mode: SecurityMode | None = None, allow: Iterable[KextManagement] = (), volume_group: str | None = None
) -> str:
    """Changes the LocalPolicy, in 1TR as root; asks for a user name and a password on its terminal.

    `mode` None keeps the mode; reduced and permissive write the policy afresh (BOOT-06, BOOT-07). `volume_group`: whose
    policy, by UUID, where several macOS are installed.
    """
    if mode is not None and mode not in _MODES:
        raise UsageError(f"bputil has no option for {mode}; it knows full, reduced and permissive")
    options = ([_MODES[mode]] if mode else []) + [_ALLOWANCES[who] for who in sorted(set(allow), reverse=True)]
    if not options:
        raise UsageError("a change of boot policy needs a mode or somebody who may manage kexts")
    return _line("", "bputil", *options, *(["-v", volume_group] if volume_group is not None else []))


def codesign_display(path: str) -> str:
    """Shows the signature of a kext, with who signed it, on standard error; read it with `codesign.read`."""
    return _line("", "codesign", "-dvv", _kext(path))


def csrutil_status() -> str:
    return _line("", "csrutil", "status")


def csrutil_set(enabled: bool) -> str:
    """Turns SIP on or off, in recovery as root; on Apple silicon asks y/n, then for a password, on its terminal."""
    return _line("", "csrutil", "enable" if enabled else "disable")


def install_kext(staged: str, target: str, *, sudo: str = SUDO) -> str:
    """Puts an uploaded bundle in its place, owned by root:wheel, writable by root only.

    `staged` is where it was uploaded to; ownership and modes are set there, so that kernelmanagerd, which watches
    /Library/Extensions, never sees it half done. What was at `target` (an absolute path to a .kext) is replaced.
    """
    source, place = _kext(staged), _kext(target)
    steps = (
        _line(sudo, "chown", "-R", "root:wheel", source),
        _line(sudo, "chmod", "-R", "755", source),
        _line(sudo, "mkdir", "-p", place.rsplit("/", 1)[0] or "/"),
        _line(sudo, "rm", "-rf", place),
        _line(sudo, "mv", source, place),
    )
    return " && ".join(steps)


def remove_kext(target: str, *, sudo: str = SUDO) -> str:
    """Takes a bundle off the disk; the running AuxKC keeps it until a rebuild and a restart (KEXT-17)."""
    return _line(sudo, "rm", "-rf", _kext(target))


def profiles_status(kind: str = "enrollment", *, sudo: str = SUDO) -> str:
    """`kind`: "enrollment" or "bootstraptoken"; read the answers with `profiles`."""
    return _line(sudo, "profiles", "status", "-type", _one_of(kind, "enrollment", "bootstraptoken"))


def profiles_show(*, sudo: str = SUDO) -> str:
    """All installed profiles; read the answer with `installed`."""
    return _line(sudo, "profiles", "show")


def profiles_install(path: str, *, sudo: str = SUDO) -> str:
    """A .mobileconfig by hand; from macOS 11 the tool refuses [profiles(1)]."""
    return _line(sudo, "profiles", "install", "-path", _absolute(path))


def profiles_renew(*, sudo: str = SUDO) -> str:
    """Enrolls a Mac again that Apple has assigned to a server (Automated Device Enrollment)."""
    return _line(sudo, "profiles", "renew", "-type", "enrollment")


def restart(*, sudo: str = SUDO) -> str:
    """The connection breaks while this runs; that is no failure."""
    return _line(sudo, "shutdown", "-r", "now")


def shut_down(*, sudo: str = SUDO) -> str:
    return _line(sudo, "shutdown", "-h", "now")


def end_session(uid: str, *, sudo: str = SUDO) -> str:
    """Ends the login session of the user with that number: the login window comes [launchctl(1)]."""
    if not re.fullmatch(r"[1-9][0-9]{0,9}", uid):
        raise UsageError(f"{uid!r} is no number of a user who can be logged in")
    return _line(sudo, "launchctl", "bootout", f"gui/{uid}")


def set_startup_disk(volume: str) -> str:
    """In recovery: which macOS starts, and whose recovery the held button leads to, is that on `volume` [bless(8)]."""
    return _line("", "bless", "--mount", _absolute(volume), "--setBoot")


def boot_into_recovery_once(*, sudo: str = SUDO) -> str:
    """Ordinary recoveryOS at the next boot. Contested by model and release: look where it ended up."""
    return _line(sudo, "nvram", "recovery-boot-mode=unused")


def open_security_settings(url: str = SETTINGS_SECURITY) -> str:
    """Privacy & Security, in the session of the user who is logged in at the screen. Before 13 PREFERENCES_SECURITY."""
    return _line("", "open", _one_of(url, SETTINGS_SECURITY, PREFERENCES_SECURITY))


def click_button(button: str, app: str) -> str:
    """Has System Events click a button of `app`'s window: a synthetic click, which no device made."""
    named, place = _one_of(button, "Allow"), _PLACES[_one_of(app, *_PLACES)]
    script = f'tell application "System Events" to click button "{named}" of {place} of process "{app}"'
    return _line("", "osascript", "-e", script)


def quit_settings(app: str = "System Settings") -> str:
    """Ends Settings; before 13 it is System Preferences."""
    return _line("", "osascript", "-e", f'quit app "{_one_of(app, "System Settings", "System Preferences")}"')


def _line(sudo: str, *words: str) -> str:
    return shlex.join([*shlex.split(sudo), *words])


def _absolute(path: str) -> str:
    parts = path.split("/")
    if not path.startswith("/") or ".." in parts or "\0" in path or "\n" in path:
        raise UsageError(f"{path!r} is not an absolute path without '..'")
    return path


def _kext(path: str) -> str:
    """An absolute path to a bundle: `rm -rf` gets nothing else."""
    if not re.search(r"[^/]\.kext\Z", _absolute(path)):
        raise UsageError(f"{path!r} does not end in the name of a .kext")
    return path


def _team(team_id: str) -> str:
    if not _TEAM_ID.match(team_id):
        raise UsageError(f"{team_id!r} is not a team identifier")
    return team_id


def _identifier(bundle_id: str) -> str:
    if not _BUNDLE_ID.match(bundle_id):
        raise UsageError(f"{bundle_id!r} is not a bundle identifier")
    return bundle_id


def _one_of(word: str, *known: str) -> str:
    if word not in known:
        raise UsageError(f"{word!r} is not one of {', '.join(known)}")
    return word
