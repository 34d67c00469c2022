"""`lab doctor` and `lab prepare`: a Mac of the lab examined, and made ready as far as SSH can.

A Mac in quarantine is looked at as well: that is how one finds out why it is there. A Mac whose key is not installed
yet is reached by the administrator's password, which then puts the key there.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import paramiko

from kextrel.bench.sshlink import LoginRefused
from kextrel.device import TestMac
from kextrel.device.readiness import Finding, Remedied
from kextrel.device.readiness.finding import missing
from kextrel.errors import BenchError, KextrelError, NotPossible, UsageError
from kextrel.evidence import Sink
from kextrel.lab.inventory import Lab
from kextrel.lab.profile import MacProfile
from kextrel.timing import Deadline

if TYPE_CHECKING:
    from kextrel.lab.wiring import Lost

__all__ = ["examined", "made_ready"]

_KEYS = "~/.ssh/authorized_keys"
# sshd takes a key only from a file that nobody else can write. The keys of others stay, also where the last line of
# them has no end.
_ADD_KEY = """\
set -e
umask 077
mkdir -p "$HOME/.ssh"
touch "$HOME/.ssh/authorized_keys"
chmod 700 "$HOME/.ssh"
chmod 600 "$HOME/.ssh/authorized_keys"
[ -z "$(tail -c 1 "$HOME/.ssh/authorized_keys")" ] || echo >> "$HOME/.ssh/authorized_keys"
grep -qxF -e "$1" "$HOME/.ssh/authorized_keys" || printf '%s\\n' "$1" >> "$HOME/.ssh/authorized_keys"
"""


_ROW_OF = {
    "power": "PREP-09",
    "button": "PREP-09",
    "keyboard": "PREP-08",
    "screen": "PREP-08",
    "beacon": "PREP-12",
    "mdm": "PREP-14",
}
"""The row that looks at a kind of wire, and is missing when that cannot be opened."""


def examined(
    lab: Lab, name: str, sink: Sink, *, deadline: Deadline, dead: dict[str, BenchError] | None = None
) -> list[Finding]:
    """What is found of each row of the preparation. Nothing is changed on the Mac.

    `dead` takes the wires that cannot be opened, by kind: the rest of the Mac is examined, and the row that looks at
    such a wire is missing. Without `dead` the first of them raises.
    """
    with lab.open(name, sink, quarantined=True, lost=_into(dead)) as mac:
        return _with_dead(mac.examine(bundles=_bundles(lab), deadline=deadline), dead or {})


def _into(dead: dict[str, BenchError] | None) -> Lost | None:
    return dead.__setitem__ if dead is not None else None


def _with_dead(found: Sequence[Finding], dead: Mapping[str, BenchError]) -> list[Finding]:
    """Without a wire of a kind a row does not apply; with a dead one it is not fulfilled."""
    said: dict[str, str] = {}
    for kind, error in dead.items():
        if kind in _ROW_OF:
            said.setdefault(_ROW_OF[kind], str(error))
    return [missing(one.row, said[one.row]) if one.row in said else one for one in found]


def made_ready(
    lab: Lab,
    name: str,
    sink: Sink,
    *,
    done: Callable[[Remedied], None],
    deadline: Deadline,
    dead: dict[str, BenchError] | None = None,
) -> list[Finding]:
    """Puts right what SSH can, and examines the Mac afterwards; `done` hears of each remedy. One that waits for
    FileVault's unlock is unlocked first, where the profile states that. `dead`: as for `examined`."""
    with lab.open(name, sink, quarantined=True, lost=_into(dead)) as mac:
        mac.unlock(done=done, deadline=deadline)
        key = _own_key(lab, name)
        if key is not None and _is_refused(mac, deadline):
            done(_key_installed(lab, name, key, sink, deadline))
        return _with_dead(mac.make_ready(bundles=_bundles(lab), done=done, deadline=deadline), dead or {})


def _bundles(lab: Lab) -> list[Path]:
    """What the profile says is really installed; relative paths begin where it lies."""
    base = Path(lab.profile.origin).parent
    return [base / Path(path).expanduser() for path in lab.profile.extensions.values()]


def _own_key(lab: Lab, name: str) -> Path | None:
    """The private key that the profile logs in with."""
    wires = lab.profile.macs[name].wires
    if wires is None or wires.shell is None or wires.shell.key is None:
        return None
    return Path(lab.profile.origin).parent / Path(wires.shell.key).expanduser()


def _is_refused(mac: TestMac, deadline: Deadline) -> bool:
    """Whether sshd is there and does not know the key."""
    try:
        shell = mac.wires.shell
        assert shell is not None, "a Mac with a key has a shell wire"
        shell.check(deadline=deadline)
    except LoginRefused:
        return True
    except BenchError:
        return False
    return False


def _key_installed(lab: Lab, name: str, key: Path, sink: Sink, deadline: Deadline) -> Remedied:
    did = f"add the key {key.name} to {_KEYS}"
    try:
        line = _public(key)
        with _by_password(lab, name, sink) as mac:
            shell = mac.wires.shell
            assert shell is not None, "it is the same Mac by another login"
            done = shell.run(shlex.join(["/bin/sh", "-c", _ADD_KEY, "sh", line]), deadline=deadline)
        if done.exit_code != 0:
            raise NotPossible(done.err.strip()[:200] or f"it ended with {done.exit_code}")
    except KextrelError as error:
        return Remedied("PREP-01", did, str(error))
    return Remedied("PREP-01", did)


def _public(key: Path) -> str:
    """The line of authorized_keys for a private key. UsageError where it cannot be read."""
    try:
        loaded = paramiko.PKey.from_path(key)
    except (OSError, paramiko.SSHException, paramiko.pkey.UnknownKeyType, ValueError, TypeError) as error:
        raise UsageError(
            f"cannot use the private key {key}: {error}; it must be readable, without a passphrase"
        ) from error
    return f"{loaded.get_name()} {loaded.get_base64()} kextrel"


@contextmanager
def _by_password(lab: Lab, name: str, sink: Sink) -> Iterator[TestMac]:
    """The Mac with no wire but its shell, logged in with the administrator's password; it is leased already."""
    from kextrel.lab.wiring import build

    mac = _without_key(lab.profile.macs[name])
    device = build(name, mac, lab.facts(name), sink, Path(lab.profile.origin).parent)
    try:
        yield device
    finally:
        device.close()


def _without_key(mac: MacProfile) -> MacProfile:
    wires = mac.wires
    assert wires is not None, "it has a key, so it has a shell wire"
    assert wires.shell is not None, "it has a key, so it has a shell wire"
    others = dict.fromkeys(name for name in wires.names() if name != "shell")
    shell = wires.shell.model_copy(update={"key": None})
    return mac.model_copy(update={"wires": wires.model_copy(update={**others, "shell": shell})})
