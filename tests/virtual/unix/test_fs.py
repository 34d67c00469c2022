"""The file system: permissions, links, holes, and what macOS refuses even to root."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace

import pytest

from kextrel.virtual.unix.fs import NO_GUARDS, Cred, FileSystem, Guards, Volume
from kextrel.virtual.unix.nodes import Content, Directory
from kextrel.virtual.unix.users import ROOT

SUPER = Cred.of(ROOT, full_disk_access=True)
ADA = Cred(501, 20, (20, 80))
BOB = Cred(502, 20, (20,))


@pytest.fixture
def disk() -> FileSystem:
    files = FileSystem.on(Volume("Disk", Directory(0o755), Guards()), lambda: 1000.0)
    for folder in ("/usr/bin", "/usr/local", "/Library/Extensions", "/Library/Apple", "/tmp", "/home/ada", "/Volumes"):
        files.mkdir(folder, parents=True)
    files.mkdir("/private/var/db/SystemPolicyConfiguration", parents=True)
    files.chmod("/tmp", 0o1777)
    files.chown("/home/ada", 501, 20)
    return files


def _refused(number: int, act: Callable[[], object]) -> None:
    with pytest.raises(OSError) as caught:
        act()
    assert errno.errorcode[caught.value.errno or 0] == errno.errorcode[number]


def test_files_have_owners_modes_and_times(disk: FileSystem) -> None:
    ada = disk.seen_by(ADA, cwd="/home/ada", umask=0o027)
    ada.write_bytes("note", b"hello")
    stat = ada.stat("/home/ada/note")
    assert (stat.uid, stat.gid, stat.mode & 0o777, stat.size, stat.mtime) == (501, 20, 0o640, 5, 1000.0)


@pytest.mark.parametrize(
    ("mode", "may_read", "may_write"),
    [(0o600, False, False), (0o640, True, False), (0o606, False, False), (0o660, True, True)],
)
def test_the_group_bits_hold_for_the_group(disk: FileSystem, mode: int, may_read: bool, may_write: bool) -> None:
    disk.seen_by(ADA, cwd="/tmp").write_bytes("f", b"x")
    assert disk.stat("/tmp/f").gid == 0, "a new file has the group of its directory, as BSD has it"
    disk.chown("/tmp/f", 501, 20)
    disk.chmod("/tmp/f", mode)
    bob = disk.seen_by(BOB)
    for allowed, act in (
        (may_read, lambda: bob.read_bytes("/tmp/f")),
        (may_write, lambda: bob.write_bytes("/tmp/f", b"y")),
    ):
        if allowed:
            act()
        else:
            _refused(errno.EACCES, act)


def test_only_the_owner_changes_modes_and_only_root_gives_away(disk: FileSystem) -> None:
    disk.seen_by(ADA, cwd="/tmp").write_bytes("f", b"x")
    _refused(errno.EPERM, lambda: disk.seen_by(BOB).chmod("/tmp/f", 0o777))
    _refused(errno.EPERM, lambda: disk.seen_by(ADA).chown("/tmp/f", 502, None))
    disk.seen_by(ADA).chown("/tmp/f", None, 80)
    disk.seen_by(SUPER).chown("/tmp/f", 502, 20)
    assert disk.stat("/tmp/f").uid == 502


def test_a_sticky_directory_keeps_what_is_not_mine(disk: FileSystem) -> None:
    disk.seen_by(ADA).write_bytes("/tmp/f", b"x")
    _refused(errno.EPERM, lambda: disk.seen_by(BOB).unlink("/tmp/f"))
    disk.seen_by(ADA).unlink("/tmp/f")


def test_a_directory_without_search_hides_all_below(disk: FileSystem) -> None:
    ada = disk.seen_by(ADA)
    ada.mkdir("/home/ada/private", mode=0o700)
    ada.write_bytes("/home/ada/private/f", b"x")
    _refused(errno.EACCES, lambda: disk.seen_by(BOB).read_bytes("/home/ada/private/f"))


# -- what macOS guards


def test_the_system_volume_is_read_only_for_root_too(disk: FileSystem) -> None:
    root = disk.seen_by(SUPER)
    _refused(errno.EROFS, lambda: root.write_bytes("/usr/bin/x", b""))
    _refused(errno.EROFS, lambda: root.mkdir("/usr/x"))
    _refused(errno.EROFS, lambda: root.rename("/usr/local", "/usr/other"))
    root.write_bytes("/usr/local/x", b"")
    assert not root.may("/usr/bin", 2)
    assert root.may("/usr/local", 2)


def test_sip_refuses_its_paths_until_it_is_off(disk: FileSystem) -> None:
    root = disk.seen_by(SUPER)
    _refused(errno.EPERM, lambda: root.write_bytes("/Library/Apple/x", b""))
    _refused(errno.EPERM, lambda: root.chmod("/Library/Apple", 0o777))
    root.write_bytes("/Library/Extensions/x", b"")
    disk.mounts.sip = False
    root.write_bytes("/Library/Apple/x", b"")


def test_without_full_disk_access_not_even_reading_is_allowed(disk: FileSystem) -> None:
    folder = "/private/var/db/SystemPolicyConfiguration"
    disk.write_bytes(f"{folder}/KextPolicy", b"rows")
    blind = disk.seen_by(replace(SUPER, full_disk_access=False))
    for act in (
        lambda: blind.read_bytes(f"{folder}/KextPolicy"),
        lambda: blind.listdir(folder),
        lambda: blind.stat(folder),
    ):
        _refused(errno.EPERM, act)
    assert disk.seen_by(SUPER).read_bytes(f"{folder}/KextPolicy") == b"rows"


def test_the_guards_follow_a_disk_to_where_it_is_mounted(disk: FileSystem) -> None:
    ramdisk = FileSystem.on(Volume("Base", Directory(0o755), NO_GUARDS), lambda: 0.0, sip=False)
    ramdisk.mkdir("/Volumes/Disk", parents=True)
    ramdisk.mount(disk.mounts.root, "/Volumes/Disk")
    root = ramdisk.seen_by(SUPER)
    root.mkdir("/usr")
    _refused(errno.EROFS, lambda: root.write_bytes("/Volumes/Disk/usr/bin/x", b""))
    root.write_bytes("/Volumes/Disk/Library/Apple/x", b"SIP is not asked in recovery")
    assert disk.read_bytes("/Library/Apple/x").startswith(b"SIP")
    assert root.real("/Volumes/Disk/usr/../tmp") == "/Volumes/Disk/tmp"
    _refused(errno.EXDEV, lambda: root.rename("/Volumes/Disk/tmp", "/here"))
    _refused(errno.EBUSY, lambda: root.rmdir("/Volumes/Disk"))


# -- names and links


def test_links_are_followed_relative_absolute_and_through_each_other(disk: FileSystem) -> None:
    disk.write_bytes("/home/ada/f", b"x")
    disk.symlink("ada", "/home/link")
    disk.symlink("/home/link/f", "/tmp/two")
    assert disk.read_bytes("/tmp/two") == b"x"
    assert disk.real("/tmp/two") == "/home/ada/f"
    assert disk.stat("/tmp/two", follow=False).is_link
    disk.write_bytes("/home/link/new", b"y")
    assert disk.read_bytes("/home/ada/new") == b"y"


def test_a_circle_of_links_ends(disk: FileSystem) -> None:
    disk.symlink("/tmp/b", "/tmp/a")
    disk.symlink("/tmp/a", "/tmp/b")
    _refused(errno.ELOOP, lambda: disk.read_bytes("/tmp/a"))


def test_dotdot_leaves_the_place_that_a_link_led_to(disk: FileSystem) -> None:
    disk.mkdir("/a/b/c", parents=True)
    disk.symlink("/a/b/c", "/short")
    disk.write_bytes("/a/b/f", b"x")
    assert disk.read_bytes("/short/../f") == b"x"
    assert disk.real("/../..") == "/"


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("/nosuch", errno.ENOENT),
        ("/nosuch/x", errno.ENOENT),
        ("/tmp/f/x", errno.ENOTDIR),
        ("/tmp/f/", errno.ENOTDIR),
        ("", errno.ENOENT),
        ("/tmp", errno.EISDIR),
    ],
)
def test_what_is_not_there(disk: FileSystem, path: str, number: int) -> None:
    disk.write_bytes("/tmp/f", b"")
    _refused(number, lambda: disk.read_bytes(path))


def test_renaming_replaces_like_with_like(disk: FileSystem) -> None:
    disk.write_bytes("/tmp/a", b"a")
    disk.write_bytes("/tmp/b", b"b")
    disk.rename("/tmp/a", "/tmp/b")
    assert disk.read_bytes("/tmp/b") == b"a"
    disk.mkdir("/tmp/d/e", parents=True)
    _refused(errno.EISDIR, lambda: disk.rename("/tmp/b", "/tmp/d"))
    _refused(errno.ENOTDIR, lambda: disk.rename("/tmp/d", "/tmp/b"))
    _refused(errno.EINVAL, lambda: disk.rename("/tmp/d", "/tmp/d/e/f"))
    disk.mkdir("/tmp/full")
    disk.write_bytes("/tmp/full/x", b"")
    _refused(errno.ENOTEMPTY, lambda: disk.rename("/tmp/d", "/tmp/full"))


def test_a_second_name_is_the_same_file(disk: FileSystem) -> None:
    disk.write_bytes("/tmp/a", b"a")
    disk.link("/tmp/a", "/tmp/b")
    disk.write_bytes("/tmp/a", b"changed")
    assert (disk.read_bytes("/tmp/b"), disk.stat("/tmp/b").nlink) == (b"changed", 2)
    disk.unlink("/tmp/a")
    assert disk.stat("/tmp/b").nlink == 1


def test_a_tree_goes_with_all_that_is_in_it(disk: FileSystem) -> None:
    disk.mkdir("/tmp/t/a/b", parents=True)
    disk.write_bytes("/tmp/t/a/f", b"")
    disk.symlink("/home", "/tmp/t/home")
    _refused(errno.ENOTEMPTY, lambda: disk.rmdir("/tmp/t"))
    assert list(disk.walk("/tmp/t")) == ["/tmp/t", "/tmp/t/a", "/tmp/t/a/b", "/tmp/t/a/f", "/tmp/t/home"]
    disk.remove_tree("/tmp/t")
    assert not disk.exists("/tmp/t")
    assert disk.exists("/home/ada")


# -- contents


def test_holes_take_no_room() -> None:
    content = Content()
    content.write(10 << 30, b"end")
    assert (content.size, content.stored) == ((10 << 30) + 3, 3)
    assert content.read((10 << 30) - 2, 5) == b"\0\0end"
    content.write(0, bytes(1 << 20))
    assert content.stored == 3


def test_writing_across_chunks_and_cutting() -> None:
    content = Content(b"a" * 200_000)
    content.write(65_530, b"b" * 12)
    assert content.read(65_528, 16) == b"aa" + b"b" * 12 + b"aa"
    content.truncate(65_536)
    content.truncate(65_540)
    assert content.read(65_530, 100) == b"b" * 6 + bytes(4)
    content.truncate(0)
    assert (content.size, content.stored, content.read(0, 10)) == (0, 0, b"")
