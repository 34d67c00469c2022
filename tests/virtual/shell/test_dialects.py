"""Where the shells of a Mac differ: their words, and zsh's words that are not split."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kextrel.virtual.unix.system import Finished

Timed = Callable[..., tuple[Finished, float]]


@pytest.mark.parametrize(
    ("shell", "text", "said", "code"),
    [
        ("zsh", "nosuch", "zsh:1: command not found: nosuch\n", 127),
        ("sh", "nosuch", "sh: nosuch: command not found\n", 127),
        ("bash", "/etc/hosts2", "bash: /etc/hosts2: No such file or directory\n", 127),
        ("zsh", "cat < /nosuch", "zsh:1: no such file or directory: /nosuch\n", 1),
        ("sh", "cd /nosuch", "sh: cd: /nosuch: No such file or directory\n", 1),
        ("zsh", "cd /nosuch", "zsh:cd:1: no such file or directory: /nosuch\n", 1),
        ("sh", "/etc", "sh: /etc: is a directory\n", 126),
        ("sh", "if", "sh: syntax error: unexpected end of file\n", 2),
        ("sh", "fi", "sh: syntax error near unexpected token `fi'\n", 2),
        ("sh", "echo $((1/0))", "sh: division by 0\n", 1),
        ("zsh", "ls /nosuch*", "zsh:1: no matches found: /nosuch*\n", 1),
        ("bash", "ls /nosuch*", "ls: /nosuch*: No such file or directory\n", 1),
    ],
)
def test_what_they_say(timed: Timed, shell: str, text: str, said: str, code: int) -> None:
    done, _ = timed(f"{text}", shell)
    assert (done.err.replace(f"/bin/{shell}", shell), done.status) == (said, code)


def test_zsh_does_not_split_parameters_but_splits_substitutions(timed: Timed) -> None:
    text = 'x=\'a b\'; for i in $x; do echo "<$i>"; done; for i in $(echo c d); do echo "<$i>"; done'
    assert timed(text, "zsh")[0].out == "<a b>\n<c>\n<d>\n"
    assert timed(text, "bash")[0].out == "<a>\n<b>\n<c>\n<d>\n"


def test_echo_takes_escapes_in_all_but_bash(timed: Timed) -> None:
    outs = {shell: timed(r"echo 'a\tb'", shell)[0].out for shell in ("sh", "dash", "zsh", "bash")}
    assert outs == {"sh": "a\tb\n", "dash": "a\tb\n", "zsh": "a\tb\n", "bash": "a\\tb\n"}


def test_a_script_names_its_line(timed: Timed) -> None:
    done, _ = timed("printf 'echo one\\n\\nnosuch\\n' > /tmp/s; sh /tmp/s")
    assert done.err == "/tmp/s: line 3: nosuch: command not found\n"


def test_too_deep_a_recursion_is_an_error_and_not_the_end_of_the_mac(timed: Timed) -> None:
    done, _ = timed("f() { f; }; f; echo $?")
    assert "maximum function nesting level exceeded" in done.err
    assert done.status == 1


def test_a_recursion_of_hundreds_is_fine(timed: Timed) -> None:
    done, _ = timed("f() { if [ $1 -gt 0 ]; then f $(($1-1)); else echo bottom; fi; }; f 300")
    assert done.out == "bottom\n"
