"""The shell's suite fails drivers that break one promise each: our own, spoilt, on OpenSSH's sshd."""

from __future__ import annotations

import inspect
import secrets
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kextrel.bench.protocols import BootId, Completed
from kextrel.errors import BenchError, DeadlineExceeded
from kextrel.testing import ShellConformance
from kextrel.timing import Deadline


class Spoilt:
    """A sound driver; those below change one thing."""

    def __init__(self, sound: Any) -> None:
        self.sound = sound

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sound, name)


class Merging(Spoilt):
    def run(self, command: str, **more: Any) -> Completed:
        done = self.sound.run(command, **more)
        return replace(done, stdout=done.stdout + done.stderr, stderr=b"")


class Successful(Spoilt):
    def run(self, command: str, **more: Any) -> Completed:
        return replace(self.sound.run(command, **more), exit_code=0)


class Short(Spoilt):
    def run(self, command: str, **more: Any) -> Completed:
        done = self.sound.run(command, **more)
        return replace(done, stdout=done.stdout[: 8 << 20])


class Stripping(Spoilt):
    def run(self, command: str, **more: Any) -> Completed:
        done = self.sound.run(command, **more)
        return replace(done, stdout=done.stdout.replace(b"\0", b""))


class Leaving(Spoilt):
    """On a timeout it hangs up, and leaves what it started."""

    left = ""

    def run(self, command: str, *, deadline: Deadline, **more: Any) -> Completed:
        if not command.startswith("tail"):
            done: Completed = self.sound.run(command, deadline=deadline, **more)
            return done
        started = self.sound.run(f"{command} >/dev/null 2>&1 & echo $!", deadline=Deadline.after(60))
        self.left = started.out.strip()
        raise DeadlineExceeded("too late", wire=self.sound.name)

    def close(self) -> None:
        if self.left:
            self.sound.run(f"kill -9 {self.left}", deadline=Deadline.after(60))
        self.sound.close()


class Late(Spoilt):
    def run(self, command: str, *, deadline: Deadline, **more: Any) -> Completed:
        if not deadline.expired:
            done: Completed = self.sound.run(command, deadline=deadline, **more)
            return done
        self.sound.run(command, deadline=Deadline.after(60), **more)
        raise DeadlineExceeded("too late", wire=self.sound.name)


class Denying(Spoilt):
    """A lost connection is a command that failed."""

    def run(self, command: str, **more: Any) -> Completed:
        try:
            done: Completed = self.sound.run(command, **more)
        except BenchError as error:
            return Completed(command, 255, b"", str(error).encode())
        return done


class Hopeful(Spoilt):
    def reachable(self, *, deadline: Deadline) -> bool:
        return True


class Ageless(Spoilt):
    def wait_for_boot(self, *, deadline: Deadline, other_than: BootId | None = None) -> BootId:
        boot: BootId = self.sound.wait_for_boot(deadline=deadline)
        return boot


class Unquoted(Spoilt):
    def upload(self, local: Path, remote: str, *, deadline: Deadline) -> None:
        if local.is_dir():
            self.sound.run(shlex.join(["mkdir", "-p", remote]), deadline=deadline)
            for inside in sorted(local.iterdir()):
                self.upload(inside, f"{remote}/{inside.name}", deadline=deadline)
            return
        folder, _, name = remote.rpartition("/")
        line = f"cd {shlex.quote(folder)} && cat > {name}"
        self.sound.run(line, input=local.read_bytes(), deadline=deadline)


class Appending(Spoilt):
    """It goes on where what is there ends, whatever that is."""

    def upload(self, local: Path, remote: str, *, deadline: Deadline) -> None:
        file = shlex.quote(remote)
        there = self.sound.run(f"wc -c < {file} || echo 0", deadline=deadline).out.split()[0]
        self.sound.run(f"cat >> {file}", input=local.read_bytes()[int(there) :], deadline=deadline)


class Forgetful(Spoilt):
    """It copies what files hold, and nothing else of them."""

    def upload(self, local: Path, remote: str, *, deadline: Deadline) -> None:
        if local.is_dir():
            self.sound.run(shlex.join(["mkdir", "-p", remote]), deadline=deadline)
            for inside in sorted(local.iterdir()):
                self.upload(inside, f"{remote}/{inside.name}", deadline=deadline)
        elif local.exists():
            self.sound.run(f"cat > {shlex.quote(remote)}", input=local.read_bytes(), deadline=deadline)


BROKEN: list[tuple[type[Spoilt], str, dict[str, Any]]] = [
    (Merging, "test_streams_are_apart_to_the_byte", {}),
    (Successful, "test_the_exit_code_is_the_commands", {"code": 7}),
    (Successful, "test_a_signal_is_128_and_its_number", {"signal": "KILL", "code": 137}),
    (Short, "test_ten_megabytes_go_in_and_come_out", {}),
    (Stripping, "test_streams_are_apart_to_the_byte", {}),
    (Leaving, "test_a_timeout_leaves_no_process_behind", {"kind": "alone"}),
    (Late, "test_nothing_is_begun_after_the_deadline", {}),
    (Denying, "test_a_server_that_is_killed_is_a_bench_error_and_the_wire_comes_back", {}),
    (Hopeful, "test_a_server_that_is_killed_is_a_bench_error_and_the_wire_comes_back", {}),
    (Ageless, "test_the_same_boot_is_no_other", {}),
    (Unquoted, "test_a_tree_with_hostile_names_arrives_whole", {}),
    (Appending, "test_what_an_earlier_copy_left_does_no_harm", {"kind": "another first half"}),
    (Appending, "test_what_an_earlier_copy_left_does_no_harm", {"kind": "more than all"}),
    (Forgetful, "test_modes_links_and_empty_things_are_kept", {}),
]


class Peer:
    """OpenSSH's sshd, and a stranger that is none."""

    def __init__(self, server: Any) -> None:
        self._server, self.scratch = server, str(server.folder)

    def shell(self) -> Any:
        return self._server.shell()

    stranger = shell

    def cut(self) -> None:
        self._server.stop()

    def boot(self) -> None:
        self._server.start()


def _tried(suite: ShellConformance, test: str, given: dict[str, Any]) -> None:
    method: Callable[..., None] = getattr(suite, test)
    method(**{name: given[name] for name in inspect.signature(method).parameters})


@pytest.mark.parametrize(
    ("kind", "test", "values"),
    BROKEN,
    ids=[f"{kind.__name__}-{test}-{'-'.join(map(str, values.values()))}" for kind, test, values in BROKEN],
)
def test_a_spoilt_driver_fails_the_test_of_its_promise(
    peer: Any, tmp_path: Path, kind: type[Spoilt], test: str, values: dict[str, Any]
) -> None:
    spoilt, place = kind(peer.shell()), tmp_path / f"place {secrets.token_hex(6)}"
    place.mkdir()
    (tmp_path / "local").mkdir()
    given = {"peer": Peer(peer), "shell": spoilt, "place": str(place), "tmp_path": tmp_path / "local", **values}
    try:
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            _tried(ShellConformance(), test, given)
    finally:
        spoilt.close()


def test_a_driver_that_trusts_any_host_fails(peer: Any, tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    given = {"peer": Peer(peer), "shell": peer.shell(), "place": str(tmp_path / "place"), "tmp_path": tmp_path}
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        _tried(ShellConformance(), "test_a_host_with_another_key_is_refused", given)
    given["shell"].close()
