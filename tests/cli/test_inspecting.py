"""`kextrel inspect` as people call it: a page, one JSON object, a sentence and exit code 2 for what is not read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kextrel import bundles
from kextrel.vocabulary import Category, Extension, ExtensionKind

Run = Callable[..., Any]
KAUTH = frozenset({"kauth_listen_scope", "sock_socket"})


def kext(folder: Path, **changes: Any) -> Path:
    return bundles.make(Extension("driver", ExtensionKind.KEXT, "com.example.driver", **changes), folder)


def agent(folder: Path, category: Category = Category.ENDPOINT_SECURITY) -> Path:
    return bundles.make(
        Extension("agent", ExtensionKind.SYSTEM_EXTENSION, "com.example.agent", category=category), folder
    )


def on_this_mac(kextrel: Run, bundle: Path, *options: str) -> dict[str, Any]:
    done = kextrel("inspect", bundle, "--json", *options)
    assert (done.returncode, done.stderr) == (0, "")
    (one,) = json.loads(done.stdout)["on_this_mac"]["extensions"]
    found: dict[str, Any] = one
    return found


def verbs(fate: dict[str, Any]) -> list[str]:
    return [step["action"] for step in fate["steps"]]


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


def test_a_kext_on_a_mac_that_allows_kexts_is_walked_to_its_end(kextrel: Run, tmp_path: Path) -> None:
    path = kext(tmp_path)
    full = on_this_mac(kextrel, path, "--macos", "14.5")
    assert (full["ends"], verbs(full)) == ("refused", ["install", "load"])
    assert full["steps"][1]["outcomes"] == [{"outcome": "refused", "reason": "security-mode"}]
    reduced = on_this_mac(kextrel, path, "--macos", "14.5", "--security-mode", "reduced", "--kext-management", "user")
    assert reduced["ends"] == "loaded"
    assert verbs(reduced) == ["install", "load", "approve", "load", "restart", "load"]
    assert reduced["sentence"] == "it is loaded after an administrator's approval and a restart"


def test_a_profile_that_allows_it_takes_the_approval_away(kextrel: Run, tmp_path: Path) -> None:
    options = ["--macos", "13.6", "--architecture", "intel-t2", "--enrollment", "device", "--allowed"]
    fate = on_this_mac(kextrel, kext(tmp_path), *options)
    assert fate["sentence"] == "it is loaded after a restart"


def test_an_agent_waits_for_its_user(kextrel: Run, tmp_path: Path) -> None:
    fate = on_this_mac(kextrel, agent(tmp_path), "--macos", "14.5")
    assert verbs(fate) == ["install", "activate", "allow"]
    assert (fate["ends"], fate["bundle_id"]) == ("enabled", "com.example.agent")


def test_a_macos_older_than_the_bundle_says_is_told(kextrel: Run, tmp_path: Path) -> None:
    fate = on_this_mac(kextrel, agent(tmp_path), "--macos", "10.14", "--architecture", "intel")
    assert fate["ends"] == "refused"
    assert fate["assumed"][0] == "but the bundle says that it needs macOS 10.15, and this Mac has 10.14"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--sip"], "of which Mac? say its macOS as well"),
        (["--allowed"], "of which Mac? say its macOS as well"),
        (["--macos", "14.5", "--architecture", "appel"], "apple-silicon"),
        (["--macos", "lion"], "lion"),
        (["--macos", ">=12"], "is not one version"),
        (["--macos", "10.15"], "there is no Apple-silicon Mac with macOS 10.15"),
        (["--macos", "14.5", "--kext-management", "user"], "cannot be allowed under full security"),
        (["--macos", "14.5", "--allowed"], "no profile can allow it"),
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
    for options in ([], ["--json"], ["--macos", "14.5"], ["--macos", "14.5", "--json"]):
        done = kextrel("inspect", path, *options)
        assert done.returncode == 0
        assert all(one.isprintable() for one in done.stdout.replace("\n", ""))
