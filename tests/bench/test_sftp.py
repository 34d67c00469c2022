"""Copies to OpenSSH's sftp server: trees, permissions, links, and names that were meant to hurt."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from kextrel.bench.hostkey import HostKey
from kextrel.bench.sftp import upload
from kextrel.bench.shell import SshShell
from kextrel.bench.sshlink import Login, connect
from kextrel.errors import BenchError, DeadlineExceeded, UsageError
from kextrel.timing import Deadline
from until import until

HOSTILE = [
    "plain",
    "with space",
    "quote'\"",
    "new\nline",
    "-rf",
    "$(reboot)",
    "ünïcode",
    "\udcff\udcfe",
    "a;b",
    "..x",
    "*",
]


def soon(seconds: float = 30) -> Deadline:
    return Deadline.after(seconds, "the copy")


def tree(root: Path) -> dict[str, tuple[int, bytes | str | None]]:
    found: dict[str, tuple[int, bytes | str | None]] = {}
    for path in sorted(root.rglob("*")):
        mode = path.lstat().st_mode
        inside: bytes | str | None = None
        if stat.S_ISLNK(mode):
            inside = str(path.readlink())
        elif stat.S_ISREG(mode):
            inside = path.read_bytes()
        found[str(path.relative_to(root))] = (mode, inside)
    return found


def test_a_tree_arrives_whole(shell: SshShell, tmp_path: Path) -> None:
    source = tmp_path / "Sample.kext"
    (source / "Contents" / "MacOS").mkdir(parents=True)
    for name in HOSTILE:
        (source / "Contents" / name).write_bytes(os.fsencode(name) * 10)
    binary = source / "Contents" / "MacOS" / "Sample"
    binary.write_bytes(os.urandom(300_000))
    binary.chmod(0o755)
    (source / "Contents" / "secret").write_bytes(b"")
    (source / "Contents" / "secret").chmod(0o600)
    (source / "Current").symlink_to("Contents/MacOS/../gone")
    (source / "locked").mkdir()
    (source / "locked" / "inside").write_text("x")
    (source / "locked").chmod(0o555)
    shell.upload(source, f"{tmp_path}/there", deadline=soon())
    assert tree(tmp_path / "there") == tree(source)
    assert stat.S_IMODE((tmp_path / "there").stat().st_mode) == stat.S_IMODE(source.stat().st_mode)


def test_a_second_copy_replaces_files_and_keeps_what_else_is_there(shell: SshShell, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    (target / "other").write_text("other")
    (tmp_path / "victim").write_text("victim")
    (target / "file").symlink_to(tmp_path / "victim")
    (source / "file").write_text("new")
    shell.upload(source, str(target), deadline=soon())
    shell.upload(source, str(target), deadline=soon())
    assert {p.name: p.read_text() for p in target.iterdir()} == {"file": "new", "other": "other"}
    assert (tmp_path / "victim").read_text() == "victim"


def test_one_file_is_evidence_with_its_hash(peer, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    from kextrel.evidence import EvidenceLog

    log = EvidenceLog()
    wire = peer.shell(log)
    (tmp_path / "file").write_text("abc")
    wire.upload(tmp_path / "file", f"{tmp_path}/copy", deadline=soon())
    wire.close()
    (record,) = [r for r in log.records if r.event == "upload"]
    sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert record.data["files"] == [{"path": f"{tmp_path}/copy", "size": 3, "sha256": sha}]


def test_of_a_copy_that_was_cut_off_only_the_rest_is_sent(peer, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    from kextrel.evidence import EvidenceLog

    log = EvidenceLog()
    wire, content = peer.shell(log), os.urandom(3 << 20)
    there = tmp_path / "the Mac's copy"
    (tmp_path / "file").write_bytes(content)
    for left in (content[: 2 << 20], bytes(2 << 20), content[:1000], content + b"more", content):
        there.write_bytes(left)
        wire.upload(tmp_path / "file", str(there), deadline=soon())
        assert there.read_bytes() == content
    wire.close()
    kept = [r.data["files"][0].get("kept", 0) for r in log.records if r.event == "upload"]
    assert kept == [2 << 20, 0, 0, 0, 3 << 20]
    sums = {r.data["files"][0]["sha256"] for r in log.records if r.event == "upload"}
    assert sums == {hashlib.sha256(content).hexdigest()}


def test_where_no_second_session_is_given_the_whole_file_is_sent(servers, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    server, content, there = servers["openssh"](tmp_path), os.urandom(2 << 20), tmp_path / "there"
    server.more = ("MaxSessions 1",)
    server.start()
    (tmp_path / "file").write_bytes(content)
    there.write_bytes(content[: 1 << 20])
    pins = [HostKey.parse((tmp_path / "host.pub").read_text())]
    login, wire = Login(server.user, key=server.user_key), "mini.shell"
    transport = connect("127.0.0.1", server.port, login, pins, wire=wire, deadline=soon())
    try:
        (sent,) = upload(transport, tmp_path / "file", str(there), wire=wire, deadline=soon())
    finally:
        transport.close()
        server.stop()
    assert there.read_bytes() == content
    assert (sent.size, sent.kept) == (2 << 20, 0)


@pytest.fixture
def narrow(servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SshShell]:  # type: ignore[no-untyped-def]
    """A shell whose sshd gives one session at a time, and has all the time it needs to collect the one before."""
    monkeypatch.setattr("kextrel.bench.remote.COLLECTED", 30.0)
    server = servers["openssh"](tmp_path)
    server.more = ("MaxSessions 1",)
    server.start()
    wire = server.shell()
    yield wire
    wire.close()
    server.stop()


def test_one_session_at_a_time_is_enough_for_commands_and_copies_in_turns(narrow: SshShell, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file").write_text("arrived")
    for number in range(5):
        assert narrow.run("exit 3", deadline=soon()).exit_code == 3
        narrow.upload(tmp_path / "tree", f"{tmp_path}/copy-{number}", deadline=soon())
        assert (tmp_path / f"copy-{number}" / "file").read_text() == "arrived"


def test_an_sshd_that_gives_no_session_at_all_is_said_in_one_sentence(
    servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("kextrel.bench.shell.PATIENCE", 2.0)
    server = servers["openssh"](tmp_path)
    server.more = ("MaxSessions 0",)
    server.start()
    wire = server.shell()
    try:
        with pytest.raises(BenchError, match=r"gives no session: .*; look at MaxSessions in the Mac's sshd_config"):
            wire.upload(tmp_path / "user.pub", f"{tmp_path}/copy", deadline=soon())
    finally:
        wire.close()
        server.stop()


def test_a_connection_that_is_lost_at_the_goodbye_costs_nothing_that_was_copied(
    shell: SshShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("arrived")

    def lost(_: paramiko.Channel) -> None:
        raise EOFError

    shell.run("true", deadline=soon())
    with monkeypatch.context() as patched:
        patched.setattr(paramiko.Channel, "shutdown_write", lost)
        shell.upload(tmp_path / "file", f"{tmp_path}/one", deadline=soon())
    shell.upload(tmp_path / "file", f"{tmp_path}/two", deadline=soon())
    assert [(tmp_path / name).read_text() for name in ("one", "two")] == ["arrived"] * 2


def test_a_copy_that_is_lost_is_the_wires_error_also_when_nobody_can_say_goodbye(
    shell: SshShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")

    def lost(*_: object) -> None:
        raise EOFError

    shell.run("true", deadline=soon())
    monkeypatch.setattr(paramiko.SFTPClient, "open", lost)
    monkeypatch.setattr(paramiko.Channel, "shutdown_write", lost)
    with pytest.raises(BenchError, match="the connection ended in a copy"):
        shell.upload(tmp_path / "file", f"{tmp_path}/there", deadline=soon())


def test_what_cannot_be_copied_is_said_before_or_by_the_mac(shell: SshShell, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not an absolute path"):
        shell.upload(tmp_path, "relative", deadline=soon())
    with pytest.raises(UsageError, match="there is no"):
        shell.upload(tmp_path / "absent", "/tmp/x", deadline=soon())
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="neither a file, a directory nor a link"):
        shell.upload(tmp_path / "pipe", f"{tmp_path}/there", deadline=soon())
    (tmp_path / "file").write_text("x")
    with pytest.raises(BenchError, match="cannot write '/nowhere/deep/file'"):
        shell.upload(tmp_path / "file", "/nowhere/deep/file", deadline=soon())
    (tmp_path / "dir").mkdir()
    with pytest.raises(BenchError, match="it is there already and is no directory"):
        shell.upload(tmp_path / "dir", str(tmp_path / "file"), deadline=soon())


def test_a_copy_ends_with_its_deadline(shell: SshShell, tmp_path: Path) -> None:
    shell.run("true", deadline=soon())
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(DeadlineExceeded, match="what was copied so far is still there"):
        shell.upload(big, f"{tmp_path}/copy", deadline=until((tmp_path / "copy").exists, "the copy"))
    assert shell.run("echo alive", deadline=soon()).out == "alive\n"
