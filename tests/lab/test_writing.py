"""The lab file of running virtual Macs: other commands take it, and no password is in it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from kextrel.errors import InputError
from kextrel.lab import Lab, default_profile_path, load_profile, write_lab
from kextrel.lab.secrets import resolve
from kextrel.vocabulary import Version

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

OTHER_KEY = KEY[:-1] + "B"
SSH = {"host": "127.0.0.1", "port": 40022, "user": "admin", "password": "p-admin", "host_key": KEY}


def endpoint(name: str = "mini") -> dict[str, object]:
    return {
        "name": name,
        "architecture": "apple-silicon",
        "macos": "14.5",
        "ssh": SSH,
        "console": "/dev/pts/90",
        "relay": "/dev/pts/91",
        "keyboard": "/dev/pts/92",
        "screen": {"url": "http://127.0.0.1:40080", "user": "kvm", "password": "p-screen"},
        "mdm": None,
        "accounts": [
            {"name": "admin", "full_name": "Lab Admin", "admin": True, "password": "p-admin"},
            {"name": "student", "full_name": "Lab Student", "admin": False, "password": "p-student"},
        ],
    }


def test_a_written_lab_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "served.yaml"
    write_lab([endpoint()], path, [load_profile(default_profile_path())])
    mac = load_profile(path).macs["mini"]
    assert (mac.time_scale, mac.timeouts.boot, str(mac.macos), mac.virtual) == (50.0, 20.0, "14.5", None)
    assert mac.wires is not None
    assert mac.wires.names() == ["shell", "console", "power", "button", "keyboard", "screen", "beacon"]
    assert mac.wires.places()[:3] == ["127.0.0.1:40022", "/dev/pts/91#1", "/dev/pts/91#2"]
    assert mac.accounts is not None
    assert mac.accounts.standard is not None
    assert resolve(mac.accounts.admin.password) == "p-admin"
    assert resolve(mac.accounts.standard.password) == "p-student"
    assert mac.wires.screen is not None
    assert resolve(mac.wires.screen.password) == "p-screen"


def test_a_new_mac_does_not_inherit_a_quarantine_with_the_terminals_of_one_that_ended(tmp_path: Path) -> None:
    write_lab([endpoint()], tmp_path / "first.yaml")
    first = Lab(load_profile(tmp_path / "first.yaml"))
    first.quarantine("mini", "it did not boot")
    other_port = endpoint() | {"ssh": {**SSH, "port": 40099, "host_key": OTHER_KEY}}
    write_lab([other_port], tmp_path / "second.yaml")
    assert Lab(load_profile(tmp_path / "second.yaml")).describe("mini")["quarantine"] is None
    assert "it did not boot" in first.describe("mini")["quarantine"]


def test_what_a_mac_is_meant_for_outlasts_what_it_is_served_with(tmp_path: Path) -> None:
    shipped = load_profile(default_profile_path())
    older = {"macos": Version(15, 1), "arrives_with": Version(14, 5)}
    profile = shipped.model_copy(update={"macs": {"mini": shipped.macs["mini"].model_copy(update=older)}})
    write_lab([endpoint()], tmp_path / "served.yaml", [profile])
    mac = load_profile(tmp_path / "served.yaml").macs["mini"]
    assert (mac.macos, mac.arrives_with) == (Version(15, 1), Version(14, 5))


def test_no_password_is_in_the_file_and_its_secrets_are_ours(tmp_path: Path) -> None:
    path = tmp_path / "served.yaml"
    write_lab([endpoint()], path)
    assert "p-" not in path.read_text().replace("kextrel-", "").replace("pytest-", "").replace("tmp-", "")
    folder = tmp_path / "served.yaml.secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    write_lab([endpoint("other")], path)
    assert sorted(file.name for file in folder.iterdir()) == ["other-admin", "other-screen", "other-student"]


def test_a_managed_mac_has_its_server_and_tells_it_where_to_answer(tmp_path: Path) -> None:
    managed = endpoint("studio")
    managed["mdm"] = "http://127.0.0.1:40099"
    managed["mdm_access"] = {"udid": "5B1A3C0E-1111", "user": "nanomdm", "api_key": "p-mdm"}
    path = tmp_path / "served.yaml"
    write_lab([managed], path)
    assert "p-mdm" not in path.read_text()
    wires = load_profile(path).macs["studio"].wires
    assert wires is not None
    assert wires.mdm is not None
    assert (wires.mdm.url, wires.mdm.udid, wires.mdm.webhook.register_) == (managed["mdm"], "5B1A3C0E-1111", True)
    assert resolve(wires.mdm.api_key) == "p-mdm"


def test_without_a_profile_gestures_are_not_scaled(tmp_path: Path) -> None:
    write_lab([endpoint()], tmp_path / "served.yaml")
    assert load_profile(tmp_path / "served.yaml").macs["mini"].time_scale == 1.0


def test_endpoints_that_make_no_lab_are_found_when_it_is_read(tmp_path: Path) -> None:
    bad = endpoint()
    bad["architecture"] = "m1"
    write_lab([bad], tmp_path / "served.yaml")
    with pytest.raises(InputError, match="'m1' is not known here"):
        load_profile(tmp_path / "served.yaml")
