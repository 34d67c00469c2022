"""SshShell against real servers: OpenSSH's sshd, and an asyncssh server that gives commands no process group."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import paramiko
import pytest

from kextrel.bench import remote, sshlink
from kextrel.bench.hostkey import HostKey
from kextrel.bench.protocols import BootId, Shell
from kextrel.bench.retry import Transient
from kextrel.bench.shell import SshShell
from kextrel.bench.sshlink import Login
from kextrel.errors import BenchError, DeadlineExceeded, UnreadableAnswer, UsageError
from kextrel.evidence import MASK, EvidenceLog
from kextrel.timing import Deadline
from until import until


def soon(seconds: float = 30) -> Deadline:
    return Deadline.after(seconds, "the test's command")


@pytest.fixture(autouse=True)
def _lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine's sshd has time for a second session and for what is to be killed."""
    monkeypatch.setattr(remote, "GRACE", 30.0)
    monkeypatch.setattr(remote, "COLLECTED", 30.0)


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """A file that a command makes when it is under way."""
    return tmp_path / "begun"


@pytest.fixture
def when_begun(tmp_path: Path) -> Iterator[Callable[[Callable[[], object]], str]]:
    """Has a call made as soon as a command is under way; gives the line that the command begins with."""
    pipe, threads = tmp_path / "pipe", []
    os.mkfifo(pipe)

    def once(call: Callable[[], object]) -> str:
        def wait() -> None:
            pipe.read_bytes()
            call()

        threads.append(threading.Thread(target=wait))
        threads[-1].start()
        return f"echo > {pipe}"

    yield once
    for thread in threads:
        with contextlib.suppress(OSError):  # ENXIO: nobody waits any more
            os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        thread.join(30)


def running(word: str) -> list[str]:
    """The processes with `word` in their command line, once those that are being killed have had their time."""
    limit = soon()
    while True:
        found = subprocess.run(["pgrep", "-f", word], capture_output=True, text=True, check=False).stdout.split()
        left = [pid for pid in found if int(pid) != os.getpid()]
        if not left or limit.expired:
            return left


def test_it_is_a_shell_wire(shell: SshShell) -> None:
    wire: Shell = shell
    assert wire.name == "mini.shell"


def test_streams_are_apart_and_the_exit_code_is_exact(shell: SshShell) -> None:
    done = shell.run("printf 'a\\0b'; printf 'c\\377' >&2; exit 7", deadline=soon())
    assert (done.exit_code, done.stdout, done.stderr) == (7, b"a\0b", b"c\xff")
    assert done.command == "printf 'a\\0b'; printf 'c\\377' >&2; exit 7"


def test_input_is_what_the_command_reads_and_its_end(shell: SshShell) -> None:
    data = bytes(range(256)) * 40_000
    done = shell.run("cat", input=data, deadline=soon())
    assert done.stdout == data
    assert shell.run("cat; echo end", deadline=soon()).stdout == b"end\n"


def test_a_command_need_not_read_its_input(shell: SshShell) -> None:
    done = shell.run("exec <&-; echo ready", input=b"x" * (8 << 20), deadline=soon())
    assert done.stdout == b"ready\n"


def test_a_signal_is_an_exit_code_over_128(shell: SshShell) -> None:
    assert shell.run("kill -9 $$", deadline=soon()).exit_code == 137
    assert shell.run("sh -c 'kill -TERM $$'", deadline=soon()).exit_code == 143


@pytest.mark.parametrize(
    "command", ["echo 'unbalanced", "echo )", "# only a comment", "", "cat <<E\nhere\nE", "true \\"]
)
def test_odd_command_lines_do_what_the_login_shell_does(shell: SshShell, command: str) -> None:
    ours = shell.run(command, deadline=soon())
    theirs = subprocess.run(["bash", "-c", command], capture_output=True, check=False, stdin=subprocess.DEVNULL)
    assert (ours.exit_code, ours.stdout) == (theirs.returncode, theirs.stdout)
    assert ours.stderr == theirs.stderr


def test_messages_of_the_shell_name_the_commands_own_lines(shell: SshShell) -> None:
    done = shell.run("true\nno-such-tool", deadline=soon())
    assert done.exit_code == 127
    assert b"line 2: no-such-tool: command not found" in done.stderr


def test_a_nul_in_a_command_line_is_a_usage_error(shell: SshShell) -> None:
    with pytest.raises(UsageError, match="NUL"):
        shell.run("echo \0", deadline=soon())


def test_quoted_words_arrive_as_they_are(shell: SshShell) -> None:
    words = ["a b", "$HOME", "'", '"', "\n", "*", "-n", "ü", "\udcff"]
    done = shell.run("printf '%s|' " + shlex.join(words), deadline=soon())
    assert done.stdout == os.fsencode("|".join(words) + "|")


def test_noise_of_a_startup_file_is_not_the_commands(peer) -> None:  # type: ignore[no-untyped-def]
    (peer.folder / ".bashrc").write_text("echo welcome; echo warning >&2\n")
    wire = peer.shell()
    done = wire.run("echo out; echo err >&2", deadline=soon())
    wire.close()
    assert (done.stdout, done.stderr) == (b"out\n", b"err\n")


def test_a_timeout_kills_the_command_and_its_children_and_says_so(shell: SshShell, begun: Path) -> None:
    word = f"31{os.getpid()}.5"
    family = f"sleep {word} & (trap '' TERM; : > {begun}; echo; sleep {word}) & sleep {word}"
    with pytest.raises(DeadlineExceeded) as caught:
        shell.run(family, deadline=until(begun.exists, "a nap"))
    assert "a nap was not done in time" in str(caught.value)
    assert "it was killed on the Mac" in str(caught.value)
    assert running(word) == []
    assert shell.run("echo alive", deadline=soon()).stdout == b"alive\n"


def test_a_command_that_the_deadline_names_is_named_once(shell: SshShell, begun: Path) -> None:
    line = f": > {begun}; echo; sleep 34"
    with pytest.raises(DeadlineExceeded) as late:
        shell.run(line, deadline=until(begun.exists, f"`{line[:60]}`"))
    assert late.value.what == f"`{line[:60]}` was not done in time; it was killed on the Mac"


def test_a_command_that_ignores_signals_and_closed_its_output_is_killed(shell: SshShell, begun: Path) -> None:
    word = f"32{os.getpid()}.5"
    deaf_and_mute = f"trap '' TERM HUP; : > {begun}; exec >&- 2>&-; sleep {word}; sleep {word}"
    with pytest.raises(DeadlineExceeded, match="it was killed on the Mac"):
        shell.run(deaf_and_mute, deadline=until(begun.exists))
    assert running(word) == []


def test_without_a_process_group_the_descendants_are_killed(stranger, begun: Path) -> None:  # type: ignore[no-untyped-def]
    word = f"33{os.getpid()}.5"
    wire = stranger.shell()
    family = f"sh -c 'sleep {word} & : > {begun}; echo; sleep {word}' & sleep {word}"
    with pytest.raises(DeadlineExceeded, match="it was killed on the Mac"):
        wire.run(family, deadline=until(begun.exists))
    assert running(word) == []
    assert wire.run("exit 3", deadline=soon()).exit_code == 3
    assert wire.run("kill -9 $$", deadline=soon()).exit_code == 137
    wire.close()


def test_more_output_than_the_limit_ends_the_command(shell: SshShell) -> None:
    with pytest.raises(BenchError) as caught:
        shell.run("yes kextrel-endless", limit=1 << 16, deadline=soon())
    assert "more than 65536 bytes on stdout" in str(caught.value)
    assert "it was killed on the Mac" in str(caught.value)
    assert running("kextrel-endless") == []
    assert len(shell.run("head -c 65536 /dev/zero", limit=1 << 16, deadline=soon()).stdout) == 1 << 16


def test_an_interrupt_leaves_nothing_running(shell: SshShell, when_begun) -> None:  # type: ignore[no-untyped-def]
    word = f"34{os.getpid()}.5"
    beginning = when_begun(lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        shell.run(f"{beginning}; sleep {word}", deadline=soon())
    assert running(word) == []


def test_an_unknown_host_key_is_refused_and_one_is_told_how_to_pin(peer) -> None:  # type: ignore[no-untyped-def]
    wire = peer.shell(keys=[])
    with pytest.raises(BenchError) as caught:
        wire.run("true", deadline=soon())
    assert "none is pinned" in str(caught.value)
    kind, key = (peer.folder / "host.pub").read_text().split()[:2]
    assert f"add '{kind} {key}' to host_keys" in str(caught.value)


def test_a_changed_host_key_is_refused(peer) -> None:  # type: ignore[no-untyped-def]
    other = (peer.folder / "user.pub").read_text()
    with pytest.raises(BenchError, match="which is not one of the 1 pinned"):
        peer.shell(keys=[other]).run("true", deadline=soon())
    wire = peer.shell(keys=[other, (peer.folder / "host.pub").read_text()])
    assert wire.run("echo pinned", deadline=soon()).out == "pinned\n"
    wire.close()


@pytest.mark.parametrize(
    "line", ["", "ssh-ed25519", "ssh-ed25519 !!!", "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAA", "SHA256:abc"]
)
def test_what_is_no_host_key_is_a_usage_error(line: str) -> None:
    with pytest.raises(UsageError, match="is not a host key"):
        HostKey.parse(line)


def test_a_wrong_password_is_one_sentence_without_it(stranger) -> None:  # type: ignore[no-untyped-def]
    log = EvidenceLog()
    pins = [(stranger.folder / "host.pub").read_text()]
    login = Login(stranger.user, password="wrong-one")
    wire = SshShell("mini.shell", "127.0.0.1", stranger.port, login, pins, log)
    with pytest.raises(BenchError, match="cannot log in with the password") as caught:
        wire.run("true", deadline=soon())
    assert "wrong-one" not in str(caught.value)
    assert "wrong-one" not in repr(login)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("Authentication timeout.", "the login was not answered in time"),
        ("Authentication failed: transport shut down or saw EOF", "the connection ended in the login"),
    ],
)
def test_a_login_that_nobody_refused_is_the_wires_trouble(words: str, said: str) -> None:
    class Silent:
        auth_timeout = 0.0

        def auth_password(self, user: str, password: str) -> None:
            raise paramiko.AuthenticationException(words)

    with pytest.raises(Transient, match=said):
        sshlink._authenticate(cast("Any", Silent()), Login("admin", password="pw"), "mini.shell", soon())


def test_evidence_has_every_byte_but_no_secret(stranger) -> None:  # type: ignore[no-untyped-def]
    log = EvidenceLog()
    wire = stranger.shell(log)
    wire.run("cat; echo err >&2; exit 3", input=stranger.password.encode() + b"\n", deadline=soon())
    wire.close()
    (record,) = [r for r in log.records if r.event == "run" and "cat" in r.data["command"]]
    assert record.wire == "shell"
    assert (record.data["exit_code"], record.data["stdout"], record.data["stderr"]) == (3, f"{MASK}\n", "err\n")
    assert record.data["input"] == f"{MASK}\n"


def test_nobody_there_is_a_bench_error_and_not_reachable(tmp_path: Path, peer) -> None:  # type: ignore[no-untyped-def]
    wire = peer.shell()
    assert wire.reachable(deadline=soon()) is True
    peer.stop()
    assert wire.reachable(deadline=soon()) is False
    with pytest.raises(BenchError, match="no SSH connection: Connection refused; is the Mac running"):
        wire.run("true", deadline=soon(1))


def test_it_comes_back_after_a_restart_and_knows_it(peer) -> None:  # type: ignore[no-untyped-def]
    wire = peer.shell()
    before = wire.boot_id(deadline=soon())
    assert before == BootId(1789196391, 979990)
    peer.stop()
    wire.wait_until_gone(deadline=soon())
    peer.boot("{ sec = 1789200000, usec = 5 } Sat Sep 12 01:00:00 2026")
    threading.Timer(0.5, peer.start).start()
    after = wire.wait_for_boot(deadline=soon(), other_than=before)
    assert after == BootId(1789200000, 5)
    assert wire.run("echo back", deadline=soon()).out == "back\n"
    wire.close()


def test_a_restart_between_two_looks_is_still_seen(peer) -> None:  # type: ignore[no-untyped-def]
    wire = peer.shell()
    wire.run("true", deadline=soon())
    peer.stop()
    peer.boot("{ sec = 1789200000, usec = 5 } Sat Sep 12 01:00:00 2026")
    peer.start()
    wire.wait_until_gone(deadline=soon(5))
    wire.close()


def test_the_same_boot_is_no_restart(peer) -> None:  # type: ignore[no-untyped-def]
    wire = peer.shell()
    before = wire.boot_id(deadline=soon())
    with pytest.raises(DeadlineExceeded, match="the restart was not seen in time; the same boot still answers"):
        wire.wait_for_boot(deadline=soon(0.5), other_than=before)
    with pytest.raises(DeadlineExceeded, match="goes down"):
        wire.wait_until_gone(deadline=soon(0.5))
    wire.close()


def test_a_dropped_connection_is_not_a_mac_that_went_down(peer) -> None:  # type: ignore[no-untyped-def]
    wire = peer.shell()
    wire.run("true", deadline=soon())
    wire._link.transport.sock.shutdown(2)
    with pytest.raises(DeadlineExceeded, match="the same boot still answers"):
        wire.wait_until_gone(deadline=soon(1.5))
    assert wire.run("echo again", deadline=soon()).out == "again\n"
    wire.close()


def test_a_wait_for_nobody_ends_with_its_deadline(peer) -> None:  # type: ignore[no-untyped-def]
    wire = peer.shell()
    peer.stop()
    with pytest.raises(DeadlineExceeded, match="the test's command was not done in time: no SSH connection"):
        wire.wait_for_boot(deadline=soon(0.7))


def test_a_silent_server_does_not_outwait_the_deadline(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        wire = SshShell("w", "127.0.0.1", silent.getsockname()[1], Login("u", password="p"), [key], EvidenceLog())
        began = time.monotonic()
        assert wire.reachable(deadline=soon(0.5)) is False
        with pytest.raises(BenchError):
            wire.run("true", deadline=soon(0.5))
        assert time.monotonic() - began < 15, "paramiko's own limits for a silent server"


def test_a_mac_that_was_only_too_slow_for_us_is_not_taken_for_gone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as slow:
        key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        wire = SshShell("w", "127.0.0.1", slow.getsockname()[1], Login("u", password="p"), [key], EvidenceLog())
        with pytest.raises(DeadlineExceeded, match="the test's command was not done in time: the SSH handshake ended"):
            wire.wait_until_gone(deadline=soon(1))


def freeze(peer) -> list[int]:  # type: ignore[no-untyped-def]
    """Stops the sessions of an sshd, not its listener: connections stand, and nobody answers on them."""
    rows = subprocess.run(["ps", "-A", "-o", "pid=", "-o", "ppid="], capture_output=True, text=True, check=True).stdout
    parents = {int(pid): int(parent) for pid, parent in map(str.split, rows.splitlines())}
    below, found = {peer.process.pid}, []
    while new := [pid for pid, parent in parents.items() if parent in below and pid not in below]:
        below.update(new)
        found += new
    for pid in found:
        os.kill(pid, signal.SIGSTOP)
    return found


def test_a_connection_that_stands_and_answers_nothing_is_left_for_another(peer) -> None:  # type: ignore[no-untyped-def]
    wire = peer.shell()
    wire.run("true", deadline=soon())
    frozen = freeze(peer)
    try:
        assert wire.run("echo one", deadline=soon()).out == "one\n"
        assert wire.run("echo two", deadline=soon()).out == "two\n"
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGKILL)
        wire.close()


def test_a_copy_that_nobody_takes_ends_with_its_deadline(peer, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    wire, big = peer.shell(), tmp_path / "big"
    wire.run("true", deadline=soon())
    with big.open("wb") as file:
        file.truncate(64 << 20)
    began, frozen = time.monotonic(), freeze(peer)
    try:
        with pytest.raises(BenchError) as failed:
            wire.upload(big, "/tmp/kextrel-never", deadline=soon(0.5))
        assert failed.value.wire == "mini.shell"
        assert time.monotonic() - began < 10, "TCP's own limit"
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGKILL)
        wire.close()


def test_boot_time_that_cannot_be_read_is_said(peer) -> None:  # type: ignore[no-untyped-def]
    peer.boot("no such variable")
    wire = peer.shell()
    assert wire.run("echo usable", deadline=soon()).out == "usable\n"
    with pytest.raises(UnreadableAnswer, match=r"kern\.boottime: cannot read its answer at 'no such variable'"):
        wire.boot_id(deadline=soon())
    wire.close()


def test_a_lost_connection_in_a_command_is_a_bench_error(peer, when_begun) -> None:  # type: ignore[no-untyped-def]
    wire, beginning = peer.shell(), when_begun(peer.stop)
    with pytest.raises(BenchError, match=r"the connection ended before the command did: 'echo > /"):
        wire.run(f"{beginning}; sleep 35", deadline=soon())


CUT = "echo x >> {0}; test $(wc -l < {0}) -gt 1 || kill -9 $PPID; cat {0}"
"""Writes a line down and, the first time, ends the session of sshd that it runs in: its answer is lost."""


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """What the commands of a test have written down."""
    return tmp_path / "written"


def test_what_changes_nothing_is_asked_again_when_its_answer_was_lost(peer, written: Path) -> None:  # type: ignore[no-untyped-def]
    wire = peer.shell()
    assert wire.run(CUT.format(written), deadline=soon(), again=True).out == "x\nx\n"
    wire.close()


def test_what_may_have_changed_the_mac_is_never_repeated(peer, written: Path) -> None:  # type: ignore[no-untyped-def]
    wire = peer.shell()
    with pytest.raises(BenchError, match="the connection ended before the command did: 'echo x"):
        wire.run(CUT.format(written), deadline=soon())
    assert wire.run("true", deadline=soon()).exit_code == 0
    assert written.read_text() == "x\n"
    wire.close()


def test_another_boot_is_not_asked_for_the_lost_answer(peer, written: Path) -> None:  # type: ignore[no-untyped-def]
    wire = peer.shell()
    wire.run("true", deadline=soon())
    peer.boot("{ sec = 1789200000, usec = 5 } Sat Sep 12 01:00:00 2026")
    with pytest.raises(BenchError, match="the connection ended before the command did: 'echo x"):
        wire.run(CUT.format(written), deadline=soon(), again=True)
    assert written.read_text() == "x\n"
    wire.close()


def test_a_lost_answer_of_a_server_that_is_gone_says_both(peer, when_begun, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    wire, beginning = peer.shell(), when_begun(peer.stop)
    wire.run("true", deadline=soon())
    monkeypatch.setattr("kextrel.bench.shell.PATIENCE", 1.0)
    both = r"the connection ended before the command did: .*; trying again: no SSH connection: Connection refused"
    with pytest.raises(BenchError, match=both):
        wire.run(f"{beginning}; sleep 36", deadline=soon(), again=True)


def test_close_is_idempotent_and_not_the_end(shell: SshShell) -> None:
    shell.run("true", deadline=soon())
    shell.close()
    shell.close()
    assert shell.run("echo again", deadline=soon()).out == "again\n"


def test_health_says_whom_it_met(shell: SshShell) -> None:
    assert "booted at 2026-09-12" in shell.check(deadline=soon())
