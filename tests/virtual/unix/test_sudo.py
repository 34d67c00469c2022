"""sudo: prepared or not, with and without a terminal, for administrators and for others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kextrel.virtual.spec import lab_accounts
from kextrel.virtual.unix.system import Finished

Run = Callable[..., Finished]
ACCOUNTS = lab_accounts()
PASSWORD = ACCOUNTS[0].password
UNPREPARED = {"accounts": ACCOUNTS, "missing": frozenset({"PREP-02"})}
NO_TERMINAL = (
    "sudo: a terminal is required to read the password; either use the -S option to read from standard input"
    " or configure an askpass helper\nsudo: a password is required\n"
)


def test_a_prepared_administrator_is_not_asked(run: Run) -> None:
    assert (
        run("sudo id -un; sudo -n -u student id -un; sudo -n true; echo $?", user="admin").out == "root\nstudent\n0\n"
    )


@pytest.mark.parametrize(
    ("line", "given", "out", "err", "code"),
    [
        ("sudo id -u", "", "", NO_TERMINAL, 1),
        ("sudo -n id -u", "", "", "sudo: a password is required\n", 1),
        ("sudo -S id -u", "PASSWORD\n", "0\n", "Password:\n", 0),
        ("sudo -S -p '' id -u", "PASSWORD\n", "0\n", "\n", 0),
        ("sudo -S id -u", "wrong\nPASSWORD\n", "0\n", "Password:\nSorry, try again.\nPassword:\n", 0),
        ("sudo -S id -u", "", "", "Password:\nsudo: no password was provided\nsudo: a password is required\n", 1),
        ("sudo -S cat", "PASSWORD\nfor cat\n", "for cat\n", "Password:\n", 0),
        ("sudo -S true; sudo -n id -u", "PASSWORD\n", "0\n", "Password:\n", 0),
        ("sudo -S true; sudo -k; sudo -n id -u", "PASSWORD\n", "", "Password:\nsudo: a password is required\n", 1),
        ("sudo -S true; sleep 301; sudo -n id -u", "PASSWORD\n", "", "Password:\nsudo: a password is required\n", 1),
    ],
)
def test_an_unprepared_one_is(run: Run, line: str, given: str, out: str, err: str, code: int) -> None:
    done = run(line, user="admin", input=given.replace("PASSWORD", PASSWORD).encode(), **UNPREPARED)
    assert (done.out, done.err, done.status) == (out, err, code)


def test_three_wrong_passwords_are_enough(run: Run) -> None:
    done = run("sudo -S id", user="admin", input=b"a\nb\nc\nd\n", **UNPREPARED)
    assert done.err.endswith("sudo: 3 incorrect password attempts\n")
    assert done.status == 1


def test_a_standard_user_may_not(run: Run) -> None:
    done = run("sudo -S id", user="student", input=ACCOUNTS[1].password.encode() + b"\n", accounts=ACCOUNTS)
    assert "student is not in the sudoers file.\n" in done.err
    assert (done.out, done.status) == ("", 1)


def test_what_the_program_is_told(run: Run) -> None:
    told = "X=1 sudo Y=2 sh -c 'echo $USER $SUDO_USER $SUDO_UID $HOME [$X] $Y'"
    done = run(f"{told}; sudo -H sh -c 'echo $HOME'; X=1 sudo -E sh -c 'echo [$X]'", user="admin")
    assert done.out == "root admin 501 /Users/admin [] 2\n/var/root\n[1]\n"


def test_what_cannot_be_meant(run: Run) -> None:
    assert run("sudo nosuch", user="admin").err == "sudo: nosuch: command not found\n"
    assert run("sudo -u ghost id", user="admin").err.startswith("sudo: unknown user ghost\n")
    assert run("sudo", user="admin").err.startswith("usage: sudo")
    assert run("sudo -x id", user="admin").err.startswith("sudo: invalid option -- 'x'\n")
    assert run("sudo false; echo $?; sudo sh -c 'exit 7'; echo $?", user="admin").out == "1\n7\n"


def test_rights_are_read_from_the_disk(run: Run) -> None:
    given = f"{PASSWORD}\n".encode()
    put = (
        "sudo -k -S sh -c 'echo \"admin ALL = (ALL) NOPASSWD: ALL\" > /etc/sudoers.d/lab; chmod 440 /etc/sudoers.d/lab'"
    )
    done = run(f"{put}; sudo -n -l", user="admin", input=given, **UNPREPARED)
    rights = "User admin may run the following commands on mini:\n    (ALL) ALL\n    (ALL) NOPASSWD: ALL\n"
    assert (done.out, done.status) == (rights, 0)


@pytest.mark.parametrize(
    ("name", "mode", "line", "code"),
    [
        ("lab", "440", "admin ALL = (ALL) NOPASSWD: ALL", 0),
        ("lab", "460", "admin ALL = (ALL) NOPASSWD: ALL", 1),  # its group could write itself rights
        ("lab.old", "440", "admin ALL = (ALL) NOPASSWD: ALL", 1),
        ("lab", "440", "student ALL = (ALL) NOPASSWD: ALL", 1),
        ("lab", "440", "admin ALL = (ALL) ALL", 1),
        ("lab", "440", "admin may do everything", 1),
    ],
)
def test_what_counts_as_a_right(run: Run, name: str, mode: str, line: str, code: int) -> None:
    file = f"/etc/sudoers.d/{name}"
    put = f"sudo -k -S sh -c 'echo \"{line}\" > {file}; chmod {mode} {file}'"
    done = run(f"{put}; sudo -n true", user="admin", input=f"{PASSWORD}\n".encode(), **UNPREPARED)
    assert done.status == code


def test_a_password_given_with_k_is_not_remembered(run: Run) -> None:
    done = run("sudo -k -S true; sudo -n true", user="admin", input=f"{PASSWORD}\n".encode(), **UNPREPARED)
    assert (done.err, done.status) == ("Password:\nsudo: a password is required\n", 1)


def test_visudo_tells_a_mistake(run: Run) -> None:
    line = "printf '# ok\\n%s\\n' '{}' > /tmp/f; visudo -cf /tmp/f"
    good = run(line.format("%admin ALL = (ALL) NOPASSWD: ALL"))
    assert (good.out, good.status) == ("/tmp/f: parsed OK\n", 0)
    bad = run(line.format("%admin ALL = ("))
    assert (bad.err, bad.status) == ("/tmp/f:2: syntax error\nparse error in /tmp/f near line 2\n", 1)


def test_a_mistake_stops_sudo(run: Run) -> None:
    done = run("sudo sh -c 'echo nonsense > /etc/sudoers.d/lab; chmod 440 /etc/sudoers.d/lab'; sudo true", user="admin")
    assert done.err.endswith("sudo: no valid sudoers sources found, quitting\n")
    assert done.status == 1
