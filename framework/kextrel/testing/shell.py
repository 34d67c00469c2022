"""What every driver of `protocols.Shell` promises, as tests; the commands are POSIX, for Linux servers and for Macs."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import pytest

from kextrel.bench.protocols import Shell
from kextrel.errors import BenchError, DeadlineExceeded, UsageError
from kextrel.testing.difference import difference
from kextrel.testing.patience import Patient

__all__ = ["HOSTILE", "ShellConformance", "ShellPeer"]

MEGABYTE = 1 << 20
ENDING = 10.0  # wall seconds that a process may still be listed after it was killed
HOSTILE = (
    "with space",
    "a'quote",
    'a"double',
    "new\nline",
    "-rf",
    "--",
    "$(touch pwned)",
    "`touch pwned`",
    "semi;colon",
    "back\\slash",
    "*",
    "~",
    "ünï-猫",
    "n" * 200,
)
"""File names that a careless driver gives to a shell, to `rm`, or to nobody."""
_ENDLESS = {
    "alone": "tail -f {0}",
    "a-family": "tail -f {0} & (trap '' TERM HUP; tail -f {0}) & tail -f {0}",
    "deaf-and-mute": "trap '' TERM HUP; exec > /dev/null 2>&1; tail -f {0}; tail -f {0}",
}


class ShellPeer(Protocol):
    """A server of yours that stands for a Mac."""

    @property
    def scratch(self) -> str:
        """The absolute path of a folder there, which the driver's user may write in. Plain characters only."""
        ...

    def shell(self) -> Shell:
        """A driver for it that has not connected yet. Each call makes another."""
        ...

    def stranger(self) -> Shell | None:
        """A driver that was told another host's key; None where the wire knows no host keys."""
        ...

    def cut(self) -> None:
        """Ends the server and its sessions at once, as when a Mac loses its mains. Nothing answers when it returns."""
        ...

    def boot(self) -> None:
        """Lets it answer again, in another boot; it need not answer yet when this returns."""
        ...


class ShellConformance(Patient):
    """Give it a fixture `peer` that makes a ShellPeer; one for a whole class will do: it answers after each test."""

    @pytest.fixture
    def shell(self, peer: ShellPeer) -> Iterator[Shell]:
        """A driver for one test."""
        wire = peer.shell()
        yield wire
        wire.close()

    @pytest.fixture
    def place(self, peer: ShellPeer, shell: Shell) -> Iterator[str]:
        """An empty folder on the server, with a name that no command line there has but the test's own."""
        place = f"{peer.scratch}/kextrel conformance {secrets.token_hex(6)}"
        done = shell.run(shlex.join(["mkdir", place]), deadline=self.soon())
        assert done.exit_code == 0, done.err
        yield place
        shell.run(shlex.join(["rm", "-rf", place]), deadline=self.soon())

    # -- one command

    @pytest.mark.parametrize("code", [0, 1, 7, 126, 255])
    def test_the_exit_code_is_the_commands(self, shell: Shell, code: int) -> None:
        assert shell.run(f"exit {code}", deadline=self.soon()).exit_code == code

    @pytest.mark.parametrize(("signal", "code"), [("KILL", 137), ("TERM", 143)])
    def test_a_signal_is_128_and_its_number(self, shell: Shell, signal: str, code: int) -> None:
        assert shell.run(f"kill -{signal} $$", deadline=self.soon()).exit_code == code

    def test_a_program_that_is_not_there_is_127_and_said_on_stderr(self, shell: Shell) -> None:
        done = shell.run("no-such-program-of-anybody", deadline=self.soon())
        assert (done.exit_code, done.stdout) == (127, b"")
        assert b"no-such-program-of-anybody" in done.stderr

    def test_streams_are_apart_to_the_byte(self, shell: Shell) -> None:
        done = shell.run("printf 'a\\000b'; printf 'c\\377' >&2; exit 3", deadline=self.soon())
        assert (done.stdout, done.stderr, done.exit_code) == (b"a\0b", b"c\xff", 3)
        silent = shell.run("true", deadline=self.soon())
        assert (silent.stdout, silent.stderr) == (b"", b"")

    def test_ten_megabytes_go_in_and_come_out(self, shell: Shell) -> None:
        data = bytes(range(256)) * (10 * MEGABYTE // 256)
        done = shell.run("cat", input=data, deadline=self.soon())
        assert (done.stderr, done.exit_code) == (b"", 0)
        assert difference(done.stdout, data) == ""

    def test_much_on_stderr_does_not_hold_stdout_up(self, shell: Shell, place: str) -> None:
        data = b"a line that somebody needs\n" * (3 * MEGABYTE // 27)
        file = shlex.quote(f"{place}/lines")
        done = shell.run(f"cat > {file}; cat {file} >&2; cat {file}", input=data, deadline=self.soon())
        assert (difference(done.stdout, data), difference(done.stderr, data)) == ("", "")

    def test_the_input_ends(self, shell: Shell) -> None:
        assert shell.run("cat; echo end", deadline=self.soon()).stdout == b"end\n"
        assert shell.run("cat; echo end", input=b"no newline", deadline=self.soon()).stdout == b"no newlineend\n"

    def test_a_command_need_not_read_its_input(self, shell: Shell) -> None:
        done = shell.run("exec <&-; echo ready", input=b"x" * (4 * MEGABYTE), deadline=self.soon())
        assert done.stdout == b"ready\n"

    def test_quoted_words_arrive_as_they_are(self, shell: Shell) -> None:
        words = [*HOSTILE, "", "$HOME", "!!", "#", "\t", "%s"]
        done = shell.run("printf '%s|' " + shlex.join(words), deadline=self.soon())
        assert done.stdout == "".join(f"{word}|" for word in words).encode()

    def test_a_command_of_several_lines_is_one_command(self, shell: Shell) -> None:
        done = shell.run("word=first\necho $word\nif true; then\n  exit 4\nfi\n", deadline=self.soon())
        assert (done.out, done.exit_code) == ("first\n", 4)

    def test_a_nul_character_is_the_callers_mistake(self, shell: Shell) -> None:
        with pytest.raises(UsageError):
            shell.run("echo \0", deadline=self.soon())

    # -- what does not end

    @pytest.mark.parametrize("kind", list(_ENDLESS))
    def test_a_timeout_leaves_no_process_behind(self, peer: ShellPeer, shell: Shell, place: str, kind: str) -> None:
        file = shlex.quote(f"{place}/endless")
        shell.run(f": > {file}", deadline=self.soon())
        with pytest.raises(DeadlineExceeded) as late:
            shell.run(_ENDLESS[kind].format(file), deadline=self.briefly())
        assert late.value.wire == shell.name
        assert self._left(peer, place) == []
        assert shell.run("echo alive", deadline=self.soon()).out == "alive\n"

    def test_more_than_the_limit_is_a_bench_error_and_ends_the_command(
        self, peer: ShellPeer, shell: Shell, place: str
    ) -> None:
        with pytest.raises(BenchError) as much:
            shell.run(shlex.join(["yes", place]), limit=1 << 16, deadline=self.soon())
        assert not isinstance(much.value, DeadlineExceeded)
        assert self._left(peer, place) == []
        whole = shell.run("cat", input=b"x" * (1 << 16), limit=1 << 16, deadline=self.soon())
        assert len(whole.stdout) == 1 << 16

    def test_nothing_is_begun_after_the_deadline(self, shell: Shell, place: str) -> None:
        shell.run("true", deadline=self.soon())
        with pytest.raises(DeadlineExceeded):
            shell.run(f"touch {shlex.quote(place)}/begun", deadline=self.soon(0))
        assert shell.run(f"ls {shlex.quote(place)}", deadline=self.soon()).out == ""

    # -- the server

    def test_a_server_that_is_killed_is_a_bench_error_and_the_wire_comes_back(
        self, peer: ShellPeer, shell: Shell, place: str
    ) -> None:
        before = shell.boot_id(deadline=self.soon())
        assert shell.reachable(deadline=self.soon()) is True
        failed = self._cut_in(peer, shell, place, lambda file: shell.run(f"tail -f {file}", deadline=self.soon()))
        assert isinstance(failed, BenchError)
        assert not isinstance(failed, DeadlineExceeded)
        assert failed.wire == shell.name
        shell.wait_until_gone(deadline=self.soon())
        assert shell.reachable(deadline=self.soon()) is False
        self._boot(peer)
        after = shell.wait_for_boot(deadline=self.soon(), other_than=before)
        assert after != before
        assert shell.boot_id(deadline=self.soon()) == after
        assert shell.run("echo back", deadline=self.soon()).out == "back\n"

    def test_nobody_there_is_a_bench_error(self, peer: ShellPeer) -> None:
        peer.cut()
        wire = peer.shell()
        try:
            assert wire.reachable(deadline=self.soon()) is False
            with pytest.raises(BenchError) as nobody:
                wire.run("true", deadline=self.briefly())
            assert nobody.value.wire == wire.name
            with pytest.raises(DeadlineExceeded):
                wire.wait_for_boot(deadline=self.briefly())
        finally:
            self._boot(peer)
            wire.close()

    def test_the_same_boot_is_no_other(self, shell: Shell) -> None:
        boot = shell.wait_for_boot(deadline=self.soon())
        assert shell.boot_id(deadline=self.soon()) == boot
        with pytest.raises(DeadlineExceeded):
            shell.wait_for_boot(deadline=self.briefly(), other_than=boot)
        with pytest.raises(DeadlineExceeded):
            shell.wait_until_gone(deadline=self.briefly())

    def test_a_host_with_another_key_is_refused(
        self, peer: ShellPeer, shell: Shell, place: str, tmp_path: Path
    ) -> None:
        stranger = peer.stranger()
        if stranger is None:
            pytest.skip("this wire knows no host keys")
        (tmp_path / "sent").write_text("sent")
        with pytest.raises(BenchError) as refused:
            stranger.run(f"touch {shlex.quote(place)}/ran", deadline=self.soon())
        with pytest.raises(BenchError):
            stranger.upload(tmp_path / "sent", f"{place}/sent", deadline=self.soon())
        stranger.close()
        assert not isinstance(refused.value, DeadlineExceeded)
        assert shell.run(f"ls {shlex.quote(place)}", deadline=self.soon()).out == ""

    def test_check_says_something_and_close_may_come_twice(self, shell: Shell) -> None:
        assert shell.check(deadline=self.soon()).strip()
        shell.close()
        shell.close()
        assert shell.run("echo again", deadline=self.soon()).out == "again\n"

    # -- copies

    def test_a_tree_with_hostile_names_arrives_whole(self, shell: Shell, place: str, tmp_path: Path) -> None:
        tree = tmp_path / "tree"
        (tree / "inside").mkdir(parents=True)
        for name in HOSTILE:
            (tree / name).write_bytes(name.encode() * 3)
            (tree / "inside" / name).write_bytes(name.encode())
        shell.upload(tree, f"{place}/tree", deadline=self.soon())
        for name in HOSTILE:
            assert self._content(shell, f"{place}/tree/{name}") == name.encode() * 3
            assert self._content(shell, f"{place}/tree/inside/{name}") == name.encode()
        there = shell.run(f"cd {shlex.quote(place)}/tree && set -- * && echo $#", deadline=self.soon())
        assert there.out.strip() == str(len(HOSTILE) + 1), there.err

    def test_modes_links_and_empty_things_are_kept(self, shell: Shell, place: str, tmp_path: Path) -> None:
        tree = tmp_path / "tree"
        (tree / "empty").mkdir(parents=True)
        (tree / "nothing").write_bytes(b"")
        (tree / "tool").write_text("#!/bin/sh\necho ran\n")
        (tree / "tool").chmod(0o755)
        (tree / "link").symlink_to("tool")
        (tree / "dangling").symlink_to("../gone/away")
        shell.upload(tree, f"{place}/tree", deadline=self.soon())
        look = "test -d empty && test -f nothing && ! test -s nothing && ./link && readlink link && readlink dangling"
        done = shell.run(f"cd {shlex.quote(place)}/tree && {look}", deadline=self.soon())
        assert (done.out, done.exit_code) == ("ran\ntool\n../gone/away\n", 0), done.err

    def test_a_second_copy_replaces_the_first_and_spares_what_else_is_there(
        self, shell: Shell, place: str, tmp_path: Path
    ) -> None:
        shell.run(
            f"mkdir {shlex.quote(place)}/tree; echo other > {shlex.quote(place)}/tree/other", deadline=self.soon()
        )
        (tmp_path / "tree").mkdir()
        for content in (b"the first, which is the longer one", b"the second"):
            (tmp_path / "tree" / "file").write_bytes(content)
            shell.upload(tmp_path / "tree", f"{place}/tree", deadline=self.soon())
            assert self._content(shell, f"{place}/tree/file") == content
        assert self._content(shell, f"{place}/tree/other") == b"other\n"

    def test_what_cannot_be_copied_is_said(self, shell: Shell, place: str, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("x")
        with pytest.raises(UsageError):
            shell.upload(tmp_path / "absent", f"{place}/x", deadline=self.soon())
        with pytest.raises(UsageError):
            shell.upload(tmp_path / "file", "relative/path", deadline=self.soon())
        with pytest.raises(BenchError):
            shell.upload(tmp_path / "file", f"{place}/no/such/folder/file", deadline=self.soon())

    def test_a_copy_ends_with_its_deadline_and_the_next_completes_it(
        self, shell: Shell, place: str, tmp_path: Path
    ) -> None:
        local, remote = tmp_path / "package", f"{place}/package"
        with local.open("wb") as file:
            file.truncate(1 << 30)
        shell.run("true", deadline=self.soon())
        with pytest.raises(DeadlineExceeded):
            shell.upload(local, remote, deadline=self.briefly())
        arrived = shell.run(f"wc -c < {shlex.quote(remote)}", deadline=self.soon()).out.strip()
        with local.open("r+b") as file:
            file.truncate(int(arrived or 0))
            file.seek(0, 2)
            file.write(b"the rest" * 40_000)
        shell.upload(local, remote, deadline=self.soon())
        assert difference(self._content(shell, remote), local.read_bytes()) == ""

    @pytest.mark.parametrize("kind", ["the first half", "another first half", "more than all", "all, but one byte"])
    def test_what_an_earlier_copy_left_does_no_harm(self, shell: Shell, place: str, tmp_path: Path, kind: str) -> None:
        content = bytes(range(251)) * (3 * MEGABYTE // 251)
        half = len(content) // 2
        left = {
            "the first half": content[:half],
            "another first half": bytes(half),
            "more than all": content + b"and more",
            "all, but one byte": content[:half] + b"\xff" + content[half + 1 :],
        }[kind]
        for bytes_ in (left, content):
            (tmp_path / "package").write_bytes(bytes_)
            shell.upload(tmp_path / "package", f"{place}/package", deadline=self.soon())
        assert difference(self._content(shell, f"{place}/package"), content) == ""

    def test_a_copy_that_a_killed_server_cut_off_is_completed_by_the_next(
        self, peer: ShellPeer, shell: Shell, place: str, tmp_path: Path
    ) -> None:
        local, remote = tmp_path / "package", f"{place}/package"
        with local.open("wb") as file:
            file.truncate(1 << 31)
        failed = self._cut_in(peer, shell, place, lambda _: shell.upload(local, remote, deadline=self.soon()))
        assert isinstance(failed, BenchError)
        assert not isinstance(failed, DeadlineExceeded)
        self._boot(peer)
        local.write_bytes(b"what is wanted now" * 100_000)
        shell.wait_for_boot(deadline=self.soon())
        shell.run(f"mkdir -p {shlex.quote(place)}", deadline=self.soon())
        shell.upload(local, remote, deadline=self.soon())
        assert difference(self._content(shell, remote), local.read_bytes()) == ""

    # -- what the tests need

    def _content(self, shell: Shell, path: str) -> bytes:
        done = shell.run(shlex.join(["cat", path]), deadline=self.soon(), limit=1 << 30)
        assert done.exit_code == 0, done.err
        return done.stdout

    def _left(self, peer: ShellPeer, place: str) -> list[str]:
        """The processes there whose command line names `place`, once those that are ending have had their time."""
        witness = peer.shell()
        try:
            limit = self.soon(ENDING)
            while (found := self._running(witness, place)) and not limit.expired:
                continue
        finally:
            witness.close()
        return found

    def _running(self, witness: Shell, place: str) -> list[str]:
        listed = witness.run("ps -A -o command=", deadline=self.soon())
        assert listed.exit_code == 0, listed.err
        return [line for line in listed.out.splitlines() if place in line]

    def _cut_in(self, peer: ShellPeer, shell: Shell, place: str, do: Callable[[str], object]) -> BaseException | None:
        """Cuts the server off in the middle of `do`, which gets the path of a file there; what `do` raised."""
        file = shlex.quote(f"{place}/endless")
        shell.run(f": > {file}", deadline=self.soon())
        witness = peer.shell()
        with ThreadPoolExecutor(1) as pool:
            begun: Future[object] = pool.submit(do, file)
            try:
                self._see_it(witness, place, begun)
            finally:
                witness.close()
                peer.cut()
            return begun.exception(self.patience)

    def _see_it(self, witness: Shell, place: str, begun: Future[object]) -> None:
        """Until what was begun can be seen on the server: its process, or a file that grows."""
        copied = shlex.join(["test", "-s", f"{place}/package"])
        while witness.run(copied, deadline=self.soon()).exit_code != 0 and not self._running(witness, f"-f {place}"):
            assert not begun.done(), f"it was over before the server was cut off: {begun.exception()!r}"

    def _boot(self, peer: ShellPeer) -> None:
        """Has it answer again, whatever the driver under test thinks of it."""
        peer.boot()
        witness = peer.shell()
        try:
            witness.wait_for_boot(deadline=self.soon())
        finally:
            witness.close()
