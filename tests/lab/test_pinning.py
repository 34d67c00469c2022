"""The key goes into the file that people wrote, and nothing else of it changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from kextrel.bench.hostkey import HostKey
from kextrel.errors import InputError, UsageError
from kextrel.lab import load_profile
from kextrel.lab.pinning import pin, pinned

OLD = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGGeHS5Sk0S+xw4u6lxFvBPwK9T6Nc/hu5NlOtLFmlCW"
NEW = HostKey.parse("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKf1a0uyJq0n3yqgcC2mYJ3dUQwMxw9nHk4mJ9c1bA2Z")
HEAD = """# our rack
schema: kextrel/lab/v1
name: räck
macs:
  other:
    architecture: intel
    macos: "12.7"
    accounts: {admin: {user: lab, password: env:LAB_PASSWORD}}
    wires: {shell: {driver: ssh, host: mini, host_keys: [%s]}}
  mini:  # by the window
    architecture: apple-silicon
    macos: "14.5"
    accounts: {admin: {user: lab, password: env:LAB_PASSWORD}}
    wires:
"""
TAIL = """      beacon: {driver: http, listen: 127.0.0.1}  # and this
# the end
"""
SHELLS = {
    "a block list": (
        f"      shell:\n        host_keys:   # pinned\n          - {OLD} a comment of its own\n          - {OLD}\n"
        "          # below\n        driver: ssh\n        host: mini\n",
        f"      shell:\n        host_keys:   # pinned\n          - {NEW.line}\n"
        "          # below\n        driver: ssh\n        host: mini\n",
    ),
    "a flow list": (
        f'      shell: {{driver: ssh, host_keys: ["{OLD}",\n         "{OLD}"], host: mini}}  # inside\n',
        f'      shell: {{driver: ssh, host_keys: ["{NEW.line}"], host: mini}}  # inside\n',
    ),
    "an empty list": (
        "      shell:\n        driver: ssh\n        host_keys: []\n        host: mini\n",
        f'      shell:\n        driver: ssh\n        host_keys: ["{NEW.line}"]\n        host: mini\n',
    ),
    "a block without": (
        "      shell:\n        driver: ssh\n        host: mini  # a name\n",
        f'      shell:\n        driver: ssh\n        host: mini  # a name\n        host_keys: ["{NEW.line}"]\n',
    ),
    "a flow without": (
        "      shell: {driver: ssh, host: mini }\n",
        f'      shell: {{driver: ssh, host: mini, "host_keys": ["{NEW.line}"] }}\n',
    ),
}


def written(folder: Path, shell: str, newline: str = "\n", start: str = "") -> Path:
    path = folder / "lab.yaml"
    path.write_bytes((start + HEAD % OLD + shell + TAIL).replace("\n", newline).encode())
    return path


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("form", SHELLS)
def test_only_the_key_changes(tmp_path: Path, form: str, newline: str) -> None:
    before, after = SHELLS[form]
    path = written(tmp_path, before, newline)
    pin(path, "mini", NEW)
    assert path.read_bytes().decode() == (HEAD % OLD + after + TAIL).replace("\n", newline)
    profile = load_profile(path)
    assert (pinned(profile, "mini"), pinned(profile, "other")) == ([NEW], [HostKey.parse(OLD)])
    assert [entry.name for entry in tmp_path.iterdir()] == ["lab.yaml"]


def test_a_file_that_ends_with_the_shell_and_no_line_end(tmp_path: Path) -> None:
    path = tmp_path / "lab.yaml"
    path.write_text(HEAD % OLD + "      shell:\n        driver: ssh\n        host: mini")
    pin(path, "mini", NEW)
    assert path.read_text().endswith(f'        host: mini\n        host_keys: ["{NEW.line}"]')


def test_a_mark_at_the_file_s_start_stays(tmp_path: Path) -> None:
    path = written(tmp_path, SHELLS["a flow without"][0], start="\ufeff")
    pin(path, "mini", NEW)
    assert path.read_text() == "\ufeff" + HEAD % OLD + SHELLS["a flow without"][1] + TAIL


def test_who_may_read_it_and_what_it_is_a_link_to_stay(tmp_path: Path) -> None:
    path = written(tmp_path, SHELLS["a flow without"][0])
    path.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    pin(link, "mini", NEW)
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert pinned(load_profile(path), "mini") == [NEW]


def test_where_no_place_is_found_nothing_is_written_and_the_line_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, "      shell:\n        driver: ssh\n        host: |-\n          mini\n")
    before = path.read_bytes()
    with pytest.raises(InputError) as caught:
        pin(path, "mini", NEW)
    assert str(caught.value).endswith(f'write it yourself: host_keys: ["{NEW.line}"]')
    assert path.read_bytes() == before


def test_a_mac_without_a_shell_and_a_virtual_one_have_nothing_to_pin(profile: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="mini has no shell wire in its profile"):
        pinned(load_profile(profile), "mini")
    virtual = tmp_path / "virtual.yaml"
    virtual.write_text(
        "schema: kextrel/lab/v1\nname: v\nmacs: {mini: {architecture: intel, macos: '12.7', virtual: {}}}\n"
    )
    with pytest.raises(UsageError, match="mini is a virtual Mac"):
        pinned(load_profile(virtual), "mini")
