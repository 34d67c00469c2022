"""Secrets come from the environment, a keyring or a file of one's own, and appear in no error."""

from __future__ import annotations

import os
from pathlib import Path

import keyring
import keyring.backend
import keyring.errors
import pytest

from kextrel.errors import UsageError
from kextrel.lab.secrets import resolve


class Ring(keyring.backend.KeyringBackend):
    """A keyring in memory."""

    priority = 1  # type: ignore[assignment]

    def get_password(self, service: str, username: str) -> str | None:
        if service == "locked":
            raise keyring.errors.KeyringLocked("the keyring is locked")
        return {("kextrel", "admin"): "from the ring"}.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        raise AssertionError("nothing is stored")

    def delete_password(self, service: str, username: str) -> None:
        raise AssertionError("nothing is deleted")


@pytest.fixture
def ring():  # type: ignore[no-untyped-def]
    before = keyring.get_keyring()
    keyring.set_keyring(Ring())
    yield
    keyring.set_keyring(before)


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "pa ss:wörd")
    assert resolve("env:A_SECRET") == "pa ss:wörd"
    monkeypatch.delenv("A_SECRET")
    with pytest.raises(UsageError, match="the secret env:A_SECRET is not set; export A_SECRET"):
        resolve("env:A_SECRET")
    monkeypatch.setenv("A_SECRET", "w\udcf6rd")
    with pytest.raises(UsageError, match="the secret env:A_SECRET is no UTF-8; export it again"):
        resolve("env:A_SECRET")


def test_from_a_keyring(ring) -> None:  # type: ignore[no-untyped-def]
    assert resolve("keyring:kextrel/admin") == "from the ring"
    with pytest.raises(UsageError, match="store it with `keyring set kextrel nobody`"):
        resolve("keyring:kextrel/nobody")
    with pytest.raises(UsageError, match="cannot be read: the keyring is locked"):
        resolve("keyring:locked/admin")


def test_from_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("from a file\n")
    path.chmod(0o600)
    assert resolve(f"file:{path}") == "from a file"
    assert resolve("file:secret", tmp_path) == "from a file"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o610])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secret"
    path.write_text("hunter2")
    path.chmod(mode)
    with pytest.raises(UsageError, match="can be read by others; make it yours, mode 600") as caught:
        resolve(f"file:{path}")
    assert "hunter2" not in str(caught.value)


def test_a_file_of_somebody_elses_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret"
    path.write_text("hunter2")
    path.chmod(0o600)
    somebody = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: somebody)
    with pytest.raises(UsageError, match="can be read by others"):
        resolve(f"file:{path}")


def test_a_file_that_is_not_there_or_empty(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        resolve(f"file:{tmp_path}/absent")
    (tmp_path / "empty").touch(0o600)
    with pytest.raises(UsageError, match="is empty; write the password into it"):
        resolve(f"file:{tmp_path}/empty")
