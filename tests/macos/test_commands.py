"""Command lines: quoted, without secrets, and refusing what would be dangerous."""

from __future__ import annotations

import shlex

import pytest

from kextrel.errors import UsageError
from kextrel.macos import commands, kextpolicy, load, registry
from kextrel.vocabulary import KextManagement, SecurityMode, Version

STAGED = "/private/tmp/kextrel.x/It's mine.kext"
TARGET = "/Library/Extensions/It's mine.kext"


def test_paths_are_quoted():
    line = commands.kmutil_load(TARGET)
    assert shlex.split(line) == ["sudo", "-n", "kmutil", "load", "-p", TARGET]
    assert registry.reader(line) is load.read_text


def test_recovery_needs_no_sudo():
    assert commands.kmutil_load(TARGET, sudo="").startswith("kmutil load -p ")


def test_a_bundle_is_given_to_root_before_it_is_moved_to_its_place():
    steps = [shlex.split(step)[2:] for step in commands.install_kext(STAGED, TARGET).split(" && ")]
    assert steps == [
        ["chown", "-R", "root:wheel", STAGED],
        ["chmod", "-R", "755", STAGED],
        ["mkdir", "-p", "/Library/Extensions"],
        ["rm", "-rf", TARGET],
        ["mv", STAGED, TARGET],
    ]


@pytest.mark.parametrize(
    "path",
    ["/", "", "x.kext", "/Library/Extensions", "/Library/Extensions/.kext", "/a/../x.kext", "/x.kext/", "/a\n.kext"],
)
def test_nothing_but_a_kext_is_ever_removed(path):
    with pytest.raises(UsageError):
        commands.remove_kext(path)


@pytest.mark.parametrize("name", ["com.example.x; reboot", "-x", "", "a b", "com.example.x\n"])
def test_an_identifier_is_one(name):
    with pytest.raises(UsageError):
        commands.kmutil_unload(name)


@pytest.mark.parametrize(
    ("mode", "allow", "line"),
    [
        (None, [KextManagement.USER], "bputil -k"),
        (SecurityMode.REDUCED, [KextManagement.REMOTE, KextManagement.USER], "bputil -g -k -m"),
        (SecurityMode.PERMISSIVE, [], "bputil -n"),
        (SecurityMode.FULL, [], "bputil -f"),
    ],
)
def test_boot_policy_options(mode, allow, line):
    assert commands.bputil_set(mode, allow) == line


def test_boot_policy_that_bputil_cannot_set():
    with pytest.raises(UsageError, match="medium"):
        commands.bputil_set(SecurityMode.MEDIUM)
    with pytest.raises(UsageError):
        commands.bputil_set()


def test_queries_read_the_columns_that_the_reader_knows():
    line = commands.kext_policy("kext_policy_mdm")
    assert "-readonly" in line
    assert registry.reader(line)("T|com.example.x|1|U\n").allowed() == {"com.example.x"}
    assert registry.reader(commands.kext_policy(".schema"))("CREATE TABLE a ( b TEXT );").tables == ("a",)
    assert kextpolicy.table_of(line) == "kext_policy_mdm"
    with pytest.raises(UsageError):
        commands.kext_policy("sqlite_master")


def test_each_release_loads_kexts_by_its_own_tools():
    path, name = "/Library/Extensions/a.kext", "com.example.a"
    old, new = Version(10, 15, 7), Version(11)
    assert commands.kext_load(path, old) == f"sudo -n kextutil {path}"
    assert commands.kext_load(path, new) == commands.kmutil_load(path)
    assert commands.kext_unload(name, old) == f"sudo -n kextunload -b {name}"
    assert commands.kext_unload(name, new) == commands.kmutil_unload(name)
    assert commands.kext_loaded(name, old) == f"kextstat -b {name}"
    assert commands.kext_loaded(name, new) == commands.kmutil_showloaded(name)


def test_what_is_forgotten_is_named_by_names_that_quote_nothing():
    line = commands.kext_policy_forget(["KXTRL00001"], ["com.example.a"], volume="/Volumes/Macintosh HD")
    tool, database, statements = shlex.split(line)
    assert tool == "/Volumes/Macintosh HD/usr/bin/sqlite3"
    assert database == "/Volumes/Macintosh HD/private/var/db/SystemPolicyConfiguration/KextPolicy"
    assert "DELETE FROM kext_policy WHERE team_id IN ('KXTRL00001') OR bundle_id IN ('com.example.a')" in statements
    for teams, names in ((["x' OR '1"], ["com.example.a"]), (["KXTRL00001"], ["a'; DROP TABLE kext_policy"])):
        with pytest.raises(UsageError):
            commands.kext_policy_of(teams, names)


def test_a_programme_clicks_allow_and_nothing_else():
    script = shlex.split(commands.click_button("Allow", "System Preferences"))[-1]
    assert 'click button "Allow" of tab group 1 of window 1 of process "System Preferences"' in script
    with pytest.raises(UsageError):
        commands.click_button('Allow" of window 1', "System Preferences")


def test_listing_one_kext():
    line = commands.kmutil_showloaded("com.example.x", collection="aux", show="all")
    assert line == "kmutil showloaded --collection aux --show all --bundle-identifier com.example.x"
    with pytest.raises(UsageError):
        commands.kmutil_showloaded(collection="mine")
