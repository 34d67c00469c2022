"""`kextrel inspect` as people call it: a page, one JSON object, a sentence and exit code 2 for what is not read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kextrel import bundles
from kextrel.vocabulary import Extension, ExtensionKind

Run = Callable[..., Any]
KAUTH = frozenset({"kauth_listen_scope", "sock_socket"})


def kext(folder: Path, **changes: Any) -> Path:
    return bundles.make(Extension("driver", ExtensionKind.KEXT, "com.example.driver", **changes), folder)


def test_the_page_says_what_it_is_what_each_release_does_and_what_to_use_instead(kextrel: Run, tmp_path: Path) -> None:
    done = kextrel("inspect", kext(tmp_path, symbols=KAUTH), "--macos", "14.5")
    assert (done.returncode, done.stderr) == (0, "")
    page = done.stdout
    assert "com.example.driver  1.0  kernel extension" in page
    assert "arm64e (macos 11.0), x86_64 (macos 11.0)" in page
    row = next(line for line in page.splitlines() if "KAUTH (KPI-02)" in line)
    assert row.split()[2:] == ["loads", "loads", "depr.", *["no"] * 6]
    assert "KAUTH (kauth_listen_scope) is unsupported from macOS 11.0; use EndpointSecurity  [KPI-02]" in page
    assert "com.example.driver: it does not run: load is refused (unsupported-kpi)" in page
    assert not any(line.endswith(" ") for line in page.splitlines())


def test_without_a_mac_nothing_is_foretold(kextrel: Run, tmp_path: Path) -> None:
    data = json.loads(kextrel("inspect", kext(tmp_path), "--json").stdout)
    assert data["schema"] == "kextrel/inspect/v1"
    assert "on_this_mac" not in data
    assert "On this Mac" not in kextrel("inspect", tmp_path / "com.example.driver.kext").stdout


def test_a_mac_is_made_of_the_options(kextrel: Run, tmp_path: Path) -> None:
    options = ["--macos", "14.5", "--security-mode", "reduced", "--kext-management", "user", "--json"]
    done = kextrel("inspect", kext(tmp_path), *options)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)["on_this_mac"]
    assert found["mac"] == {
        "architecture": "apple-silicon",
        "macos": "14.5",
        "enrollment": "none",
        "sip": True,
        "security_mode": "reduced",
        "kext_management": ["user"],
        "allowed": False,
    }
    (fate,) = found["extensions"]
    assert (fate["ends"], fate["bundle_id"]) == ("loaded", "com.example.driver")
    assert fate["steps"][-1] == {
        "action": "load",
        "outcomes": [{"outcome": "loaded"}],
        "rules": ["KEXT-04"],
        "open": False,
    }


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--sip"], "of which Mac? say its macOS as well"),
        (["--allowed"], "of which Mac? say its macOS as well"),
        (["--macos", "14.5", "--architecture", "appel"], "apple-silicon"),
    ],
    ids=lambda one: one[-1] if isinstance(one, list) else "",
)
def test_a_mac_that_cannot_be_is_wrong_usage(kextrel: Run, tmp_path: Path, options: list[str], said: str) -> None:
    done = kextrel("inspect", kext(tmp_path), *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_what_is_no_bundle_is_one_sentence_and_exit_code_2(kextrel: Run, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("hello")
    done = kextrel("inspect", tmp_path / "note.txt", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"kextrel: {tmp_path}/note.txt: it is no bundle, no package and no zip archive; "
        "name a .kext, .app, .systemextension, .dext, .pkg or .zip\n"
    )


def test_names_of_strangers_move_no_cursor(kextrel: Run, tmp_path: Path) -> None:
    path = kext(tmp_path)
    info = path / "Contents/Info.plist"
    info.write_bytes(info.read_bytes().replace(b"com.example.driver<", "com.example.\u202e\u0085driver<".encode(), 1))
    for options in ([], ["--json"]):
        done = kextrel("inspect", path, "--macos", "14.5", *options)
        assert done.returncode == 0
        assert all(one.isprintable() for one in done.stdout.replace("\n", ""))
