"""`kextrel lab pin` against a real sshd: what it shows is what ssh-keygen shows, and it writes only what was agreed."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from kextrel.cli import main
from loopback import SSHD, free_port, until_listening

OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGGeHS5Sk0S+xw4u6lxFvBPwK9T6Nc/hu5NlOtLFmlCW"


class Said(NamedTuple):
    """What the command ended with, and its streams."""

    returncode: object
    stdout: str
    stderr: str


class Sshd:
    """OpenSSH's server, with a key of its own; nobody can log in."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "host"], check=True)
        self.host_key = " ".join((folder / "host.pub").read_text().split()[:2])
        told = subprocess.run(["ssh-keygen", "-lf", folder / "host.pub"], capture_output=True, text=True, check=True)
        self.fingerprint = told.stdout.split()[1]
        own = ["-o", "UsePAM=no", "-o", "AuthenticationMethods=publickey", "-o", f"PidFile={folder}/pid"]
        command = [SSHD, "-D", "-f", "/dev/null", "-h", folder / "host", "-E", folder / "log", *own]
        self.child = subprocess.Popen([*command, "-o", f"ListenAddress=127.0.0.1:{self.port}"], start_new_session=True)
        until_listening(self.port)

    def close(self) -> None:
        self.child.terminate()
        self.child.wait(30)


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory, lacks: Callable[[str], None]) -> Iterator[Sshd]:
    if not SSHD.exists() or not Path("/run/sshd").exists():
        lacks("OpenSSH's sshd cannot be started here")
    server = Sshd(tmp_path_factory.mktemp("sshd"))
    yield server
    server.close()


@pytest.fixture
def lab(tmp_path: Path, sshd: Sshd) -> Callable[..., Path]:
    """`lab(keys)`: a profile whose mini is that server, and pins these."""

    def write(*keys: str) -> Path:
        path = tmp_path / "lab.yaml"
        pins = f", host_keys: [{', '.join(keys)}]" if keys else ""
        path.write_text(
            "schema: kextrel/lab/v1\nname: rack\nmacs:\n  mini:\n    architecture: intel\n    macos: '12.7'\n"
            "    accounts: {admin: {user: lab, password: env:NEVER_SET}}  # never asked for\n"
            f"    wires: {{shell: {{driver: ssh, host: 127.0.0.1, port: {sshd.port}{pins}}}}}\n"
        )
        return path

    return write


def pinned(path: Path) -> str:
    return path.read_text().partition("host_keys")[2].strip('": []{}\n')


@pytest.fixture
def lab_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """`lab_command("check", "--lab", path)`: `kextrel lab` in this process, for another one costs half a second."""

    def run(*arguments: str | Path, answer: str = "") -> Said:
        monkeypatch.setattr("sys.argv", ["kextrel", "lab", *map(str, arguments)])
        typed = io.BytesIO(answer.encode("utf-8", "surrogateescape"))
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(typed, "utf-8"))
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Said(ended.value.code, said.out, said.err)

    return run


@pytest.fixture
def pin(lab_command: Callable[..., Said]) -> Callable[..., Said]:
    return partial(lab_command, "pin")


def test_a_yes_pins_the_key_that_ssh_keygen_shows(pin: Any, lab: Any, sshd: Sshd) -> None:
    path = lab()
    done = pin("mini", "--lab", path, answer="y\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"mini shows ssh-ed25519 {sshd.fingerprint}\n")
    assert done.stdout.endswith(f"pinned in {path}\n")
    assert pinned(path) == sshd.host_key


@pytest.mark.parametrize(
    "answer",
    ["n\n", "\n", "", "yeah\n", "y\udcff\n"],
    ids=["no", "nothing", "the end", "another word", "no text"],
)
def test_without_a_yes_nothing_is_written(pin: Any, lab: Any, sshd: Sshd, answer: str) -> None:
    path = lab()
    before = path.read_bytes()
    done = pin("mini", "--lab", path, answer=answer)
    assert done.returncode == 2
    assert sshd.fingerprint in done.stdout
    assert "nothing was written" in done.stderr
    assert path.read_bytes() == before


def test_yes_asks_nothing_and_a_second_time_there_is_nothing_to_do(pin: Any, lab: Any, sshd: Sshd) -> None:
    path = lab()
    first = pin("mini", "--lab", path, "--yes", "--json")
    assert json.loads(first.stdout) == {
        "mac": "mini",
        "host_key": sshd.host_key,
        "fingerprint": sshd.fingerprint,
        "pinned": True,
        "others": [],
    }
    assert pinned(path) == sshd.host_key
    written = path.stat().st_mtime_ns
    again = pin("mini", "--lab", path)
    assert (again.returncode, again.stdout) == (0, f"mini shows ssh-ed25519 {sshd.fingerprint}, which is pinned\n")
    assert path.stat().st_mtime_ns == written


def test_another_key_stays_whatever_is_said_until_it_is_to_be_replaced(pin: Any, lab: Any, sshd: Sshd) -> None:
    path = lab(OTHER)
    before = path.read_bytes()
    for done in (
        pin("mini", "--lab", path, "--yes"),
        pin("mini", "--lab", path, answer="y\n"),
    ):
        assert done.returncode == 3
        assert "pins another key" in done.stderr
        assert "say --replace" in done.stderr
        assert path.read_bytes() == before
    told = pin("mini", "--lab", path, "--replace", "--json")
    assert (told.returncode, json.loads(told.stdout)["pinned"]) == (2, False)
    assert path.read_bytes() == before
    done = pin("mini", "--lab", path, "--replace", "--yes")
    assert done.returncode == 0, done.stderr
    assert pinned(path) == sshd.host_key


def test_nobody_there_is_exit_3_and_nothing_is_written(pin: Any, lab: Any, sshd: Sshd) -> None:
    path = lab()
    path.write_text(path.read_text().replace(str(sshd.port), str(free_port())))
    before = path.read_bytes()
    done = pin("mini", "--lab", path, "--yes")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("kextrel: mini.shell (127.0.0.1:")
    assert path.read_bytes() == before


def test_a_mac_without_a_pinned_key_is_told_how_to_get_one(
    lab_command: Any, lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEVER_SET", "pass word")
    done = lab_command("check", "--lab", lab())
    assert done.returncode == 3
    assert "none is pinned" in done.stdout
    assert "kextrel lab pin" in done.stdout


def test_a_virtual_mac_and_an_unknown_one_are_exit_2(pin: Any, lab: Any) -> None:
    virtual = pin("mini", "--yes")
    assert virtual.returncode == 2
    assert "is a virtual Mac" in virtual.stderr
    unknown = pin("mono", "--lab", lab())
    assert unknown.returncode == 2
    assert "did you mean 'mini'?" in unknown.stderr
