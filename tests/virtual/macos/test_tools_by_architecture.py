"""What the tools of Intel Macs and of other releases print: identity, SIP, NVRAM, safe mode, and an observation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kextrel.macos import observation
from kextrel.virtual.hardware.t2 import POLICY
from kextrel.vocabulary import UNKNOWN, SecurityMode

DRIVER = "com.example.kextrel.driver"
MACS = {
    "intel": {"architecture": "intel", "macos": "12.7"},
    "t2": {"architecture": "intel-t2", "macos": "13.6"},
    "mini": {"architecture": "apple-silicon", "macos": "14.5"},
    "studio": {"architecture": "apple-silicon", "macos": "15.1", "model": "Mac13,1"},
}
INTEL = ("intel", "t2")
ELSEWHERE = "csrutil: This tool needs to be executed from Recovery OS."


@pytest.mark.parametrize(
    ("name", "machine", "kernel", "darwin", "build"),
    [
        ("intel", "x86_64", "RELEASE_X86_64", "21.6.0", "21G816"),
        ("t2", "x86_64", "RELEASE_X86_64", "22.6.0", "22G120"),
        ("mini", "arm64", "RELEASE_ARM64_T8103", "23.5.0", "23F79"),
        ("studio", "arm64", "RELEASE_ARM64_T6000", "24.1.0", "24B83"),
    ],
)
def test_who_it_is(lab: Any, play: Any, name: str, machine: str, kernel: str, darwin: str, build: str) -> None:
    async def story() -> None:
        mac = lab(**MACS[name])
        await mac.macos()
        uname = (await mac.run("uname", "-a")).out
        assert uname.startswith(f"Darwin minitest {darwin} ")
        assert uname.endswith(f"{kernel} {machine}\n")
        assert (await mac.run("sysctl", "-n", "hw.machine")).out == f"{machine}\n"
        assert (await mac.run("sw_vers", "-buildVersion")).out == f"{build}\n"
        assert (await mac.run("sysctl", "-n", "hw.optional.arm64")).status == (0 if machine == "arm64" else 1)

    play(story())


def test_system_profiler_knows_chips_and_processors(lab: Any, play: Any) -> None:
    async def story() -> None:
        shown = {}
        for name, spec in MACS.items():
            mac = lab(**spec)
            await mac.macos()
            data = ("SPHardwareDataType", "SPiBridgeDataType")
            shown[name] = [(await mac.run("system_profiler", kind)).out for kind in data]
        assert "Processor Name: Dual-Core Intel Core i5" in shown["intel"][0]
        assert "Chip:" not in shown["intel"][0]
        assert "iBridge" not in shown["intel"][0]
        assert shown["intel"][1] == ""
        assert "(iBridge: 20.16.6072.0.0,0)" in shown["t2"][0]
        assert "Secure Boot: Full Security" in shown["t2"][1]
        assert "Kernel CTRR" not in shown["t2"][1]
        assert "Chip: Apple M1 Max" in shown["studio"][0]
        assert "Allow All Kernel Extensions: No" in shown["studio"][1]

    play(story())


@pytest.mark.parametrize("name", INTEL)
def test_bputil_is_not_for_intel(lab: Any, play: Any, name: str) -> None:
    async def story() -> None:
        mac = lab(**MACS[name])
        await mac.macos()
        shown = await mac.run("bputil", "-d", user="admin")
        assert (shown.status, shown.err) == (1, "bputil is not yet supported on this platform\n")

    play(story())


@pytest.mark.parametrize("name", INTEL)
def test_csrutil_writes_nvram_in_recovery_and_it_counts_from_the_next_boot(lab: Any, play: Any, name: str) -> None:
    async def story() -> None:
        mac = lab(**MACS[name])
        await mac.macos()
        refused = await mac.run("csrutil", "disable")
        assert (refused.status, refused.err.strip()) == (1, ELSEWHERE)
        await mac.command_r()
        done = await mac.run("csrutil", "disable")
        assert done.out == (
            "Successfully disabled System Integrity Protection. "
            "Please restart the machine for the changes to take effect.\n"
        )
        assert (await mac.run("nvram", "csr-active-config")).out == "csr-active-config\t%7f%08%00%00\n"
        await mac.macos()
        assert (await mac.run("csrutil", "status")).out == "System Integrity Protection status: disabled.\n"
        assert mac.machine.sip == 0x87F
        await mac.command_r()
        assert (await mac.run("csrutil", "enable")).out.startswith("Successfully enabled System Integrity Protection.")
        await mac.macos()
        assert (await mac.run("csrutil", "status")).out == "System Integrity Protection status: enabled.\n"

    play(story())


def test_boot_10_lets_macos_change_sip(lab: Any, play: Any) -> None:
    async def story() -> None:
        mac = lab(**MACS["intel"], defects=frozenset({"BOOT-10"}))
        await mac.macos()
        assert (await mac.run("csrutil", "disable", user="admin")).status == 1
        assert (await mac.run("csrutil", "disable")).status == 0
        assert mac.machine.sip == 0, "in force only from the next boot"
        await mac.macos()
        assert mac.machine.sip == 0x87F

    play(story())


def test_boot_10_is_intels_alone(lab: Any, play: Any) -> None:
    async def story() -> None:
        mac = lab(defects=frozenset({"BOOT-10"}))
        await mac.macos()
        assert (await mac.run("csrutil", "disable")).err.strip() == ELSEWHERE

    play(story())


def test_nvram_guards_what_starts_the_mac_while_sip_is_on(lab: Any, play: Any) -> None:
    async def story() -> None:
        mac = lab(**MACS["t2"])
        await mac.macos()
        for name in ("recovery-boot-mode", "csr-active-config", POLICY):
            refused = await mac.run("nvram", f"{name}=x")
            assert refused.status == 1
            assert refused.err == f"nvram: Error setting variable - '{name}': (iokit/common) not permitted\n"
        assert (await mac.run("nvram", POLICY)).out == f"{POLICY}\t%02\n"
        assert (await mac.run("nvram", "boot-args=-v")).status == 0
        await mac.command_r()
        assert (await mac.run("nvram", f"{POLICY}=%00")).status == 1
        assert (await mac.run("csrutil", "disable")).status == 0
        await mac.macos()
        assert (await mac.run("nvram", "recovery-boot-mode=unused")).status == 0
        mac.machine.request_restart()
        await mac.until("recovery")
        await mac.macos()

    play(story())


def test_without_a_t2_there_is_no_secure_boot_variable(lab: Any, play: Any) -> None:
    async def story() -> None:
        mac = lab(**MACS["intel"])
        await mac.macos()
        assert (await mac.run("nvram", POLICY)).status == 1

    play(story())


@pytest.mark.parametrize("name", INTEL)
def test_shift_from_power_on_is_safe_mode_where_somebody_has_to_log_in(lab: Any, play: Any, name: str) -> None:
    async def story() -> None:
        mac = lab(**MACS[name])
        mac.machine.keyboard.key(True, 0xE1, 2)
        await mac.macos()
        mac.machine.keyboard.key(False, 0xE1, 0)
        assert (await mac.run("sysctl", "-n", "kern.safeboot")).out == "1\n"
        assert "Boot Mode: Safe" in (await mac.run("system_profiler", "SPSoftwareDataType")).out
        assert mac.machine.console_user is None
        await mac.macos()
        assert (await mac.run("sysctl", "-n", "kern.safeboot")).out == "0\n"
        assert mac.machine.console_user == "admin"

    play(story())


def test_safe_mode_of_apple_silicon_is_chosen_at_the_startup_options(lab: Any, play: Any) -> None:
    async def story() -> None:
        mac = lab()
        await mac.macos()
        mac.machine.request_shutdown()
        await mac.wait(lambda: mac.machine.environment == "off")
        mac.machine.button.switch(True)
        await mac.wait(lambda: mac.machine.environment == "startup-options")
        mac.machine.button.switch(False)
        mac.machine.boot_selected("safe-mode")
        await mac.until("macos")
        assert mac.machine.safe_mode
        assert mac.machine.os_type == "macOS"
        await mac.macos()
        assert not mac.machine.safe_mode

    play(story())


def test_the_system_collection_is_listed_on_intel_alone(lab: Any, play: Any) -> None:
    async def story() -> None:
        for name, there in (("intel", True), ("mini", False)):
            mac = lab(**MACS[name])
            await mac.macos()
            shown = (await mac.run("kmutil", "showloaded", "--list-only", "--collection", "sys")).out
            assert bool(shown) is there

    play(story())


def test_sip_guards_the_collections_file(lab: Any, play: Any, make_kext: Callable[..., Path]) -> None:
    async def story() -> None:
        mac = lab(**MACS["intel"])
        await mac.macos()
        await mac.run("kmutil", "load", "-p", mac.install(make_kext()))
        mac.machine.kernel.approve(mac.machine.kernel.pending()[0], "admin")
        path = "/Library/KernelCollections/AuxiliaryKernelExtensions.kc"
        assert (await mac.run("test", "-f", path)).status == 0
        assert "Operation not permitted" in (await mac.run("rm", path)).err
        await mac.macos()
        shown = (await mac.run("kmutil", "showloaded", "--list-only", "--collection", "aux")).out
        assert DRIVER in shown
        assert " 0xffffff80" in shown

    play(story())


@pytest.mark.parametrize("name", list(MACS))
def test_an_observation_is_whole_on_every_mac(lab: Any, play: Any, make_kext: Callable[..., Path], name: str) -> None:
    async def story() -> None:
        mac = lab(**MACS[name])
        await mac.macos()
        path = mac.install(make_kext())
        await mac.run("kmutil", "load", "-p", path)
        token = "observation0000000"
        answer = await mac.run("/bin/sh", user="admin", input=observation.script(token).encode())
        seen = observation.read(answer.stdout, token=token)
        assert seen.problem == ""
        found = {name: field for name, field in vars(seen).items() if hasattr(field, "value")}
        lacking = {"os_type", "pairing"} if name in INTEL else set()
        assert {name for name, field in found.items() if field.value is UNKNOWN} == lacking
        assert seen.security_mode.value == (None if name == "intel" else SecurityMode.FULL)
        assert seen.sip.value == "enabled"

    play(story())
