"""One Mac is known by each end of its wires, whatever a profile calls the end; what several Macs share is no mark."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kextrel.lab import Lab, LabProfile, ends, load_profile
from kextrel.lab.ends import ends_of, known, on_one_board

Rack = Callable[..., LabProfile]

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
PRINT = "host key SHA256:kmYcvdi2GkPeWxB6XLjrZB8JHsy2Hm8luHMFp9GMvqk"
SHELL = "shell: {driver: ssh, host: mini.lab}"

MDM = (
    "{{driver: nanomdm, url: 'https://mdm.lab:9000', api_key: 'env:K', udid: {},"
    " webhook: {{listen: 0.0.0.0, port: {}, path: /hook, register: true}}}}"
)


@pytest.fixture
def lab(tmp_path: Path) -> Rack:
    """A profile of Macs with these wires."""

    def write(**macs: str) -> LabProfile:
        head = (
            "    architecture: apple-silicon\n    macos: '14.5'\n    accounts: {admin: {user: a, password: 'env:P'}}\n"
        )
        told = "".join(f"  {name}:\n{head}    wires:\n      {wires}\n" for name, wires in macs.items())
        (tmp_path / "lab.yaml").write_text(f"schema: kextrel/lab/v1\nname: rack\nmacs:\n{told}")
        return load_profile(tmp_path / "lab.yaml")

    return write


def at(profile: LabProfile, name: str = "mini") -> set[str]:
    return {end.at for end in ends_of(name, profile)}


SAME = {
    SHELL: ("shell: {driver: ssh, host: MINI.lab., user: other, port: 22}", "ssh mini.lab:22"),
    "shell: {driver: ssh, host: localhost}": ("shell: {driver: ssh, host: 127.0.0.1}", "ssh 127.0.0.1:22"),
    "shell: {driver: ssh, host: 'FD00:0::1'}": ("shell: {driver: ssh, host: 'fd00::1'}", "ssh [fd00::1]:22"),
    "console: {driver: serial, port: 'rfc2217://ser.lab:4001'}": (
        "console: {driver: serial, port: 'rfc2217://SER.lab:4001?logging=debug'}",
        "serial ser.lab:4001",
    ),
    "console: {driver: serial, port: /dev/ttyUSB7}": (
        "keyboard: {driver: ch9329, port: 'spy:///dev/ttyUSB7?file=x'}",
        "serial /dev/ttyUSB7",
    ),
    "console: {driver: serial, port: /dev/tty.usbserial-1}": (
        "console: {driver: serial, port: /dev/cu.usbserial-1}",
        "serial /dev/cu.usbserial-1",
    ),
    "power: {driver: lcus, port: /dev/ttyUSB7, channel: 3}": (
        "button: {driver: devantech, port: /dev/ttyUSB7, channel: 3}",
        "serial /dev/ttyUSB7#3",
    ),
    "power: {driver: tasmota, url: 'http://plug/'}": (
        "power: {driver: tasmota, url: 'https://PLUG:443', user: me}",
        "outlet plug#channel 1",
    ),
    "power: {driver: snmp, host: PDU.lab, pdu: apc, outlet: 3, community: 'env:P'}": (
        "power: {driver: snmp, host: pdu.lab., pdu: apc, outlet: 3, community: 'env:Q'}",
        "outlet snmp pdu.lab:161#1.3.6.1.4.1.318.1.1.4.4.2.1.3.3",
    ),
    "power: {driver: uhubctl, hub: 1-1, port: 2}": ("power: {driver: uhubctl, hub: 1-1, port: 2}", "outlet usb 1-1#2"),
    "screen: {driver: pikvm, url: 'https://kvm.lab', user: a, password: 'env:P'}": (
        "screen: {driver: pikvm, url: 'http://kvm.lab/', user: b, password: 'env:Q'}",
        "screen kvm.lab",
    ),
}


@pytest.mark.parametrize("wires", SAME, ids=lambda wires: wires.split(", ")[1].strip("}'"))
def test_one_end_has_many_names(lab: Rack, wires: str) -> None:
    again, where = SAME[wires]
    assert at(lab(mini=wires)) == at(lab(mini=again)) == {where}
    assert "mini." in ends_of("mini", lab(mini=wires))[0].wire


def test_a_link_to_a_device_is_that_device_and_known_by_the_port_it_is_plugged_in(
    lab: Rack, tmp_path: Path, relay: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "by-path").mkdir()
    steady = tmp_path / "by-path" / "usb-2.1"
    steady.symlink_to(relay.port)
    monkeypatch.setattr(ends, "_STEADY", tmp_path / "by-path")
    by_link = lab(mini=f"button: {{driver: lcus, port: {steady}, channel: 2}}")
    by_number = lab(mini=f"button: {{driver: lcus, port: {relay.port}, channel: 2}}")
    assert at(by_link) == at(by_number) == {f"serial {os.path.realpath(relay.port)}#2"}
    assert known("mini", by_link).marks & known("mini", by_number).marks == {f"serial {steady}#2"}


def test_other_ends_of_one_device_are_other_macs(lab: Rack) -> None:
    profile = lab(
        mini="power: {driver: lcus, port: /dev/ttyUSB7, channel: 1}\n      mdm: " + MDM.format("5B1A3C0E-1111", 0),
        next="power: {driver: lcus, port: /dev/ttyUSB7, channel: 2}\n      mdm: " + MDM.format("5B1A3C0E-2222", 0),
        plug="power: {driver: netio, url: 'http://strip', channel: 1}",
        other="power: {driver: netio, url: 'http://strip', channel: 2}",
    )
    names = ("mini", "next", "plug", "other")
    all_ends = [end for name in names for end in at(profile, name)]
    assert len(all_ends) == len(set(all_ends)) == 6
    assert "mdm mdm.lab:9000 5B1A3C0E-1111" in at(profile)


def test_a_port_of_this_machine_is_one_runs_and_no_mark(lab: Rack) -> None:
    beacon = "\n      beacon: {driver: http, listen: 0.0.0.0, port: 8080}"
    profile = lab(mini=SHELL + beacon + "\n      mdm: " + MDM.format("5B1A3C0E-1111", 9977))
    assert {"listener 0.0.0.0:8080", "listener 0.0.0.0:9977"} <= at(profile)
    assert known("mini", profile).marks == {"ssh mini.lab:22", "mdm mdm.lab:9000 5B1A3C0E-1111"}


def test_a_mac_is_known_by_its_host_key_at_any_address(lab: Rack) -> None:
    pinned = f"shell: {{driver: ssh, host: HOST, host_keys: ['{KEY} a comment']}}"
    by_name, by_number = lab(mini=pinned.replace("HOST", "mini.lab")), lab(mini=pinned.replace("HOST", "10.0.0.7"))
    assert known("mini", by_name).marks == {"ssh mini.lab:22", PRINT}
    assert known("mini", by_number).marks == {"ssh 10.0.0.7:22", PRINT}
    clones = lab(mini=pinned.replace("HOST", "mini.lab"), clone=pinned.replace("HOST", "clone.lab"))
    assert known("mini", clones).marks == {"ssh mini.lab:22"}
    twice = lab(mini=pinned.replace("HOST", "mini.lab"), again=pinned.replace("HOST", "MINI.LAB"))
    assert known("mini", twice).marks == known("again", twice).marks == {"ssh mini.lab:22", PRINT}


def test_a_lab_of_many_macs_looks_once_at_all_of_them(lab: Rack, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand that look at a thousand take minutes."""
    pinned = f"shell: {{driver: ssh, host: HOST, host_keys: ['{KEY}']}}"
    profile = lab(**{f"mac-{n}": pinned.replace("HOST", f"{n}.lab") for n in range(20)})
    parsed: list[str] = []
    read = ends.HostKey.parse
    monkeypatch.setattr(ends.HostKey, "parse", lambda line: parsed.append(line) or read(line))
    macs = Lab(profile)
    assert [macs.describe(name)["quarantine"] for name in macs.names()] == [None] * 20
    assert len(parsed) == 3 * 20


def test_a_screen_behind_a_switch_is_one_macs_at_a_time_and_nobodys_mark(lab: Rack) -> None:
    screen = "\n      screen: {driver: pikvm, url: 'http://kvm.lab', user: a, password: 'env:P'}"
    switched = lab(mini=SHELL + screen, next=SHELL.replace("mini", "next") + screen)
    assert at(switched) & at(switched, "next") == {"screen kvm.lab"}
    assert known("mini", switched).marks == {"ssh mini.lab:22"}
    assert known("mini", lab(mini=SHELL + screen)).marks == {"ssh mini.lab:22", "screen kvm.lab"}


def test_without_any_wire_a_mac_is_its_name_in_the_profile(lab: Rack) -> None:
    profile = lab(mini="beacon: {driver: http, listen: 127.0.0.1}", next="{}")
    assert at(profile) == {f"mac mini of {profile.origin}"}
    assert at(profile, "next") == {f"mac next of {profile.origin}"}


def test_what_is_no_url_is_taken_as_it_is_written(lab: Rack) -> None:
    assert at(lab(mini="console: {driver: serial, port: 'rfc2217://[::1'}")) == {"serial rfc2217://[::1"}


def test_macs_whose_relays_are_one_boards_are_together_and_so_is_who_shares_another_with_them(lab: Rack) -> None:
    profile = lab(
        a="power: {driver: lcus, port: /dev/ttyUSB7, channel: 1}\n      button: {driver: numato, port: /dev/ttyACM0,"
        " channel: 2, relays: 8}",
        b="power: {driver: lcus, port: /dev/../dev/ttyUSB7, channel: 2}",
        c="button: {driver: numato, port: /dev/ttyACM0, channel: 3, relays: 8}",
        d="power: {driver: netio, url: 'http://strip', channel: 2}",
        e="button: {driver: lcus, port: /dev/ttyUSB8, channel: 1}",
    )
    abc = frozenset("abc")
    assert on_one_board(profile) == {"a": abc, "b": abc, "c": abc, "e": frozenset("e")}
