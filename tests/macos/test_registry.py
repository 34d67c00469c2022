"""Command lines as people type them find their reader."""

from __future__ import annotations

import pytest

from kextrel.errors import UsageError
from kextrel.macos import bputil, kextpolicy, kexts, load, sysext
from kextrel.macos.registry import COMMANDS, reader


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("sudo -n /usr/bin/bputil -d", bputil.read),
        ("sudo -u root bputil --display-all-policies", bputil.read),
        ("LANG=C sudo kmutil load -p '/Library/Extensions/a b.kext'", load.read_text),
        ("sudo kextutil -v X.kext", load.read_text),
        ("kextcache -i / && kextload -b com.example.x", load.read_text),
        ('kextstat | grep -E "A|B"', kexts.read),
        ("/usr/bin/kmutil showloaded --collection aux --show all 2>&1", kexts.read),
        ("systemextensionsctl list;", sysext.read),
    ],
)
def test_the_reader_is_found(command, found):
    assert reader(command) is found


def test_a_query_names_its_table():
    read = reader("sudo sqlite3 -readonly /var/db/SystemPolicyConfiguration/KextPolicy 'select * from settings;'")
    assert read("a|b\n").table == "settings"
    assert isinstance(read(""), kextpolicy.KextPolicyAnswer)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_the_sentence_names_is_known(command):
    assert callable(reader(command))


@pytest.mark.parametrize(
    "command", ["", "sudo -n", "| grep x", "ls -la", "systemextensionsctl reset", "kmutil", "bputil 'unclosed"]
)
def test_other_commands_are_refused(command):
    with pytest.raises(UsageError):
        reader(command)


def test_a_slip_is_told_the_nearest_command():
    with pytest.raises(UsageError, match="did you mean 'csrutil status'"):
        reader("csrutils status")
