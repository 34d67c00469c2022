"""RestartDevice that rebuilds the kernel cache: the road of a Mac with nobody at it, over real HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kextrel.bundles import make
from kextrel.virtual.hardware.localpolicy import Change
from kextrel.virtual.hardware.progress import Progress
from kextrel.vocabulary import Extension, ExtensionKind, Signature

TEAM, NAME = "KXTRL00001", "com.example.kextrel.driver"
KEXTS = "com.apple.syspolicy.kernel-extension-policy"


@pytest.fixture
def put_kext(tmp_path: Path):
    """Puts a signed kext into a Mac's /Library/Extensions; its path there."""

    def put(mac: Any) -> str:
        wanted = {"name": "driver", "kind": ExtensionKind.KEXT, "bundle_id": NAME, "team_id": TEAM}
        bundle = make(Extension(**wanted, signature=Signature.DEVELOPER_ID), tmp_path)  # type: ignore[arg-type]
        top = f"/Library/Extensions/{bundle.name}"
        for entry in (bundle, *sorted(bundle.rglob("*"))):
            place = f"{top}/{entry.relative_to(bundle)}" if entry != bundle else top
            if entry.is_dir():
                mac.disk.mkdir(place, parents=True)
            else:
                mac.disk.write_bytes(place, entry.read_bytes())
        return top

    return put


@pytest.fixture
def play(office, make_profile, put_kext):
    """`play(enrollment, story, **spec)`: a Mac with the kext on it and a profile that allows its team."""

    def run(enrollment: str, story: Any, *, teams: tuple[str, ...] = (TEAM,), **spec: Any) -> None:
        async def whole(place: Any) -> None:
            mac = await place.mac(enrollment, **spec)
            path = put_kext(mac)
            content = make_profile("com.example.p", {"PayloadType": KEXTS, "AllowedTeamIdentifiers": list(teams)})
            assert (await place.install(mac, content))["Status"] == "Acknowledged"
            await story(place, mac, path)

        office(whole)

    return run


async def _restarted(place: Any, mac: Any, **keys: Any) -> None:
    booted = mac.boot_time
    assert (await place.done(mac, "RestartDevice", **keys))["Status"] == "Acknowledged"
    await place.until(lambda: mac.boot_time not in (booted, None) and mac.environment == "macos")


def _loaded(mac: Any) -> list[str]:
    return [row.name for row in mac.kernel.running.auxiliary()]


def test_automated_enrollment_needs_no_person_and_no_recovery(play):
    async def story(place, mac, path):
        assert mac.sep.policy().security_mode == "Full"
        assert mac.kernel.load(path).code == 28
        await _restarted(place, mac, RebuildKernelCache=True)
        assert _loaded(mac) == [NAME]
        policy = mac.sep.policy()
        assert (policy.security_mode, policy.smb2, policy.smb3, policy.smb4) == ("Reduced", None, None, 1)
        assert mac.kernel.load(path).code == 0

    play("automated-device", story, macos="15.1")


def test_kext_paths_find_what_nobody_asked_for_and_without_them_it_stays_out(play):
    async def story(place, mac, path):
        await _restarted(place, mac, RebuildKernelCache=True)
        assert _loaded(mac) == []
        await _restarted(place, mac, RebuildKernelCache=True, KextPaths=[path, "/Library/Extensions/nothing.kext"])
        assert _loaded(mac) == [NAME]

    play("automated-device", story)


@pytest.mark.parametrize(
    ("fields", "keys"),
    [({}, {}), ({"bootstrap_token": False}, {"RebuildKernelCache": True})],
    ids=["no rebuild asked", "no token"],
)
def test_without_the_rebuild_or_without_the_token_nothing_changes(play, fields, keys):
    async def story(place, mac, path):
        mac.kernel.load(path)
        await _restarted(place, mac, **keys)
        assert _loaded(mac) == []
        assert mac.sep.policy().security_mode == "Full"

    play("automated-device", story, **fields)


def test_a_kext_that_no_profile_allows_lowers_nothing(play):
    async def story(place, mac, path):
        mac.kernel.load(path)
        await _restarted(place, mac, RebuildKernelCache=True)
        assert _loaded(mac) == []
        assert mac.sep.policy().security_mode == "Full"

    play("automated-device", story, teams=("KXTRL00002",))


def test_the_defect_leaves_the_boot_policy_and_so_the_kext_out(play):
    async def story(place, mac, path):
        mac.kernel.load(path)
        await _restarted(place, mac, RebuildKernelCache=True)
        assert mac.sep.policy().security_mode == "Full"
        assert _loaded(mac) == []

    play("automated-device", story, defects=frozenset({"MDM-10"}))


@pytest.mark.parametrize("allowed", [True, False])
def test_device_enrollment_needs_somebody_to_have_allowed_it_in_recovery(play, allowed):
    async def story(place, mac, path):
        if allowed:
            mac.progress.reset()
            mac.progress.lock(Progress("recovery", by_button=True, paired=True))
            password = mac.spec.administrator.password
            mac.sep.change(Change({"smb0": 1, "smb3": 1}), user="admin", password=password)
            mac.progress.reset()
            mac.progress.lock(Progress("macos"))
        await _restarted(place, mac, RebuildKernelCache=True, KextPaths=[path])
        assert _loaded(mac) == ([NAME] if allowed else [])

    play("device", story, bootstrap_token=True)


@pytest.mark.parametrize(("architecture", "macos"), [("intel", "12.7"), ("intel-t2", "13.6")])
def test_on_intel_no_security_mode_and_no_token_bears_on_it(play, architecture, macos):
    async def story(place, mac, path):
        await _restarted(place, mac, RebuildKernelCache=True, KextPaths=[path])
        assert _loaded(mac) == [NAME]

    play("device", story, architecture=architecture, macos=macos)


def test_a_user_who_restarts_later_keeps_what_was_to_be_rebuilt_for_then(play):
    async def story(place, mac, path):
        keys = {"RebuildKernelCache": True, "KextPaths": [path], "NotifyUser": True}
        assert (await place.done(mac, "RestartDevice", **keys))["Status"] == "Acknowledged"
        assert mac.sep.policy().security_mode == "Full"
        booted = mac.boot_time
        mac.display.key(True, 0x28, 0)  # Return: Restart
        await place.until(lambda: mac.boot_time not in (booted, None) and mac.environment == "macos")
        assert _loaded(mac) == [NAME]

    play("automated-device", story)
