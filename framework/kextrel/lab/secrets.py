"""Secrets by reference: `env:NAME`, `keyring:SERVICE/USER`, and `file:PATH` for what a service mounts or a run makes.

A profile never holds a password. A file must be the user's own and readable by nobody else, as ssh asks of keys.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator

from kextrel.errors import UsageError

__all__ = ["SecretReference", "resolve"]

_FORM = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|keyring:[^/\s]+/\S+|file:\S.*")
_HOW = "write env:NAME, keyring:SERVICE/USER or file:PATH"
_MAX_BYTES = 4096


def _reference(value: object) -> object:
    """Refuses anything but a reference, without quoting it: it may be the password itself."""
    if not isinstance(value, str) or not _FORM.fullmatch(value):
        raise ValueError(f"a password in clear is refused here: {_HOW}")
    return value


SecretReference = Annotated[str, BeforeValidator(_reference)]


def resolve(reference: str, base: Path = Path()) -> str:
    """The secret; a relative `file:` lies below `base`. Raises UsageError with what to do, never with the secret."""
    kind, _, rest = reference.partition(":")
    if kind == "env":
        return _from_environment(rest)
    if kind == "keyring":
        return _from_keyring(rest)
    return _from_file(base / Path(rest).expanduser())


def _from_environment(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise UsageError(f"the secret env:{name} is not set; export {name} before you start this")
    if any("\ud800" <= character <= "\udfff" for character in value):  # as Python keeps a byte that is none
        raise UsageError(f"the secret env:{name} is no UTF-8; export it again, in a terminal that writes UTF-8")
    return value


def _from_keyring(place: str) -> str:
    import keyring
    from keyring.errors import KeyringError

    service, _, user = place.partition("/")
    try:
        value = keyring.get_password(service, user)
    except KeyringError as error:
        raise UsageError(f"the secret keyring:{place} cannot be read: {error}") from None
    if not value:
        raise UsageError(f"the secret keyring:{place} is not there; store it with `keyring set {service} {user}`")
    return value


def _from_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            if found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
                raise UsageError(f"the secret file:{path} can be read by others; make it yours, mode 600")
            raw = file.read(_MAX_BYTES)
    except OSError as error:
        raise UsageError(f"the secret file:{path} cannot be read: {error.strerror}") from None
    value = raw.decode(errors="replace").rstrip("\r\n")
    if not value:
        raise UsageError(f"the secret file:{path} is empty; write the password into it")
    return value
