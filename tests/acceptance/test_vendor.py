"""A vendor certifies bundles of their own: from the installed wheel, on the virtual lab, in an empty folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Process = Callable[..., Any]

vendor = pytest.mark.parametrize("certified", ["vendor"], indirect=True)


@vendor
def test_what_was_certified_is_the_vendor_s(certified: Any) -> None:
    assert certified.code == 0, certified.stdout + certified.stderr
    built = certified.folder / "built"
    own = {"driver": built / "com.acme.storage.kext", "agent": built / "Kextrel-com.acme.guard.app"}
    with_them = [result for result in certified.results if result.get("bundles")]
    assert {name: path for one in with_them for name, path in one["bundles"].items()} == {
        name: str(path) for name, path in own.items()
    }
    held = {name for one in with_them if one["verdict"]["verdict"] == "held" for name in one["bundles"]}
    assert held == {"driver", "agent"}


@vendor
def test_its_identity_is_seen_on_the_mac_and_in_the_profiles(certified: Any) -> None:
    states = [step["observed"]["state"] for step in certified.steps if step["observed"]]
    assert {"com.acme.guard": "activated enabled"} in [state["system_extensions"] for state in states]
    sent = [one["data"] for one in certified.evidence if one["wire"] == "shell" and one["event"] == "upload"]
    assert {"com.acme.storage.kext", "Kextrel-com.acme.guard.app"} <= {Path(one["local"]).name for one in sent}
    commands = " ".join(str(one["data"]) for one in certified.evidence if one["wire"] == "shell")
    assert "/Library/Extensions/com.acme.storage.kext" in commands


@vendor
def test_a_scenario_that_is_about_another_kind_is_not_checked_and_says_why(certified: Any) -> None:
    (by_kind,) = [one for one in certified.results if Path(one["file"]).name.startswith("SYS-05")]
    assert by_kind["verdict"]["verdict"] == "not-checked"
    assert by_kind["verdict"]["reason"].startswith("with Kextrel-com.acme.guard.app it would end otherwise: step 2")
    assert all(step["observed"] is None for step in by_kind["steps"])
    for one in certified.tried:
        assert one["verdict"]["verdict"] == "held" or one.get("bundles"), one["verdict"]


@vendor
def test_the_same_bundle_under_a_wrong_name_is_refused_before_anything_is_started(
    certified: Any, packaged: Any, process: Process, tmp_path: Path
) -> None:
    kext = certified.folder / "built" / "com.acme.storage.kext"
    command = packaged.scripts / "kextrel"
    for said, why in (
        (f"agent={kext}", "extension 'agent' is to have kind system-extension"),
        (f"drivr={kext}", "no shipped scenario has an extension 'drivr'; did you mean 'driver'?"),
        (f"driver={kext}s", "which is not there; correct its path"),
    ):
        done = process(command, "certify", "--extension", said, PYTHONPATH="")
        assert (done.returncode, done.stdout) == (2, "")
        assert why in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@vendor
def test_a_bundle_that_nobody_signed_certifies_nothing(certified: Any, kextrel: Process, tmp_path: Path) -> None:
    kext = shutil.copytree(certified.folder / "built" / "com.acme.storage.kext", tmp_path / "Changed.kext")
    (kext / "Contents" / "Info.plist").write_bytes((kext / "Contents" / "Info.plist").read_bytes() + b"\n")
    done = kextrel("certify", "--rule", "KEXT-06", "--extension", f"driver={kext}")
    assert done.returncode == 4, done.stdout + done.stderr
    assert f"nothing was held with {kext} as 'driver': it needs 'driver' with signature developer-id" in done.stderr
