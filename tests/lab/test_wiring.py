"""From a profile to wires: secrets first, then one opener a wire."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kextrel.bench import outlets, relayboards
from kextrel.errors import UsageError
from kextrel.evidence import EvidenceLog
from kextrel.lab import Lab, load_profile
from kextrel.lab.wiring import build, openers
from kextrel.timing import Deadline
from plugs import ShellyPlug

MANAGED = """
schema: kextrel/lab/v1
name: managed bench
macs:
  studio:
    architecture: apple-silicon
    macos: "15.1"
    enrollment: automated-device
    accounts: {admin: {user: admin, full_name: Lab Admin, password: "env:LAB_PASSWORD"}}
    timeouts: {mdm: 7}
    wires:
      mdm:
        driver: nanomdm
        url: http://127.0.0.1:1
        api_key: "file:mdm.key"
        udid: 5B1A3C0E-1111-2222-3333-444455556666
        webhook: {register: true, hmac_key: "env:LAB_HMAC"}
"""


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setenv("LAB_HMAC", "the-hmac-key-of-tests")
    (tmp_path / "mdm.key").write_text("an-api-key-of-tests\n")
    (tmp_path / "mdm.key").chmod(0o600)
    (tmp_path / "lab.yaml").write_text(MANAGED)
    return Lab(load_profile(tmp_path / "lab.yaml"))


def test_the_mdm_wire_is_opened_with_its_secrets_hidden(lab: Lab, tmp_path: Path, log: EvidenceLog) -> None:
    mac = build("studio", lab.profile.macs["studio"], lab.facts("studio"), log, tmp_path)
    assert mac.wires.mdm is not None
    assert mac.wires.mdm.name == "studio.mdm (http://127.0.0.1:1)"
    log.record("test", "said", text="an-api-key-of-tests and the-hmac-key-of-tests")
    assert "of-tests" not in log.records[-1].to_json()
    mac.close()


def test_a_missing_key_is_said_before_anything_is_opened(lab: Lab, tmp_path: Path, log: EvidenceLog) -> None:
    (tmp_path / "mdm.key").unlink()
    with pytest.raises(UsageError, match=r"mdm\.key cannot be read"):
        openers("studio", lab.profile.macs["studio"], log, tmp_path)


def test_a_server_that_is_down_is_a_dead_wire(lab: Lab, log: EvidenceLog) -> None:
    found = lab.check("studio", deadline=Deadline.after(2, "the check"), sink=log)
    assert [(one.wire, one.alive) for one in found] == [("studio.mdm (http://127.0.0.1:1)", False)]
    assert found[0].said.startswith("the MDM server is not there")


LOCKED = """
schema: kextrel/lab/v1
name: locked bench
macs:
  one:
    architecture: {architecture}
    macos: "{macos}"
    filevault: {filevault}
    accounts: {{admin: {{user: admin, full_name: Lab Admin, password: "env:LAB_PASSWORD"}}}}
    wires:
      shell: {{driver: ssh, host: 127.0.0.1, port: 1, host_keys: ["{key}"]}}
"""
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


@pytest.mark.parametrize(
    ("architecture", "macos", "filevault", "there"),
    [
        ("apple-silicon", "26.2", "true", True),
        ("apple-silicon", "26.2", "false", False),
        ("apple-silicon", "15.1", "true", False),
        ("intel-t2", "26.2", "true", False),
    ],
)
def test_the_ssh_before_the_boot_is_a_wire_where_there_is_one(
    tmp_path: Path, log: EvidenceLog, architecture: str, macos: str, filevault: str, there: bool
) -> None:
    text = LOCKED.format(architecture=architecture, macos=macos, filevault=filevault, key=KEY)
    (tmp_path / "lab.yaml").write_text(text)
    lab = Lab(load_profile(tmp_path / "lab.yaml"))
    device = build("one", lab.profile.macs["one"], lab.facts("one"), log, tmp_path)
    assert (device.wires.unlock is not None) is there
    assert lab.facts("one").filevault is (filevault == "true")
    device.close()


WIRED = [("power", 1), ("button", 2)]
POWERED = """
schema: kextrel/lab/v1
name: powered bench
macs:
  mini:
    architecture: intel
    macos: "12.7"
    accounts: {{admin: {{user: admin, password: "env:LAB_PASSWORD"}}}}
    wires:
      power: {power}
"""


@pytest.mark.parametrize(
    ("power", "kind", "said"),
    [
        (
            '{driver: tasmota, url: "http://127.0.0.1:1", password: "env:LAB_PLUG"}',
            "NetworkPower",
            "mini.power (http://127.0.0.1:1 channel 1): Tasmota does not answer",
        ),
        (
            '{driver: shelly, url: "http://127.0.0.1:1", password: "env:LAB_PLUG"}',
            "NetworkPower",
            "mini.power (http://127.0.0.1:1 channel 0): Shelly does not answer",
        ),
        (
            '{driver: netio, url: "http://127.0.0.1:1", channel: 3, password: "env:LAB_PLUG"}',
            "NetworkPower",
            "mini.power (http://127.0.0.1:1 channel 3): NETIO does not answer",
        ),
        (
            '{driver: pdudaemon, url: "http://127.0.0.1:1", hostname: pdu03, port: 2}',
            "NetworkPower",
            "mini.power (http://127.0.0.1:1 pdu03 port 2): pdudaemon does not answer",
        ),
        (
            "{driver: uhubctl, hub: 1-1.4, port: 2}",
            "HubPower",
            "mini.power (hub 1-1.4 port 2): cannot start uhubctl: No such file or directory; install uhubctl",
        ),
        (
            '{driver: snmp, host: pdu.lab, pdu: apc, outlet: 3, community: "env:LAB_PLUG"}',
            "RackPower",
            "mini.power (snmp pdu.lab outlet 3): cannot start snmpget: No such file or directory; install net-snmp",
        ),
        (
            "{driver: snmp, host: pdu.lab, oid: 1.3.6.9, on_value: 1, off_value: 0, user: lab,"
            ' auth_password: "env:LAB_PLUG", privacy_password: "env:LAB_PLUG"}',
            "RackPower",
            "mini.power (snmp pdu.lab 1.3.6.9): cannot start snmpget: No such file or directory; install net-snmp",
        ),
    ],
    ids=["tasmota", "shelly", "netio", "pdudaemon", "uhubctl", "snmp 2c", "snmp 3"],
)
def test_each_way_to_switch_mains_is_opened_and_a_dead_one_is_said(
    tmp_path: Path, log: EvidenceLog, monkeypatch: pytest.MonkeyPatch, power: str, kind: str, said: str
) -> None:
    monkeypatch.setenv("LAB_PLUG", "a-plug-of-tests")
    monkeypatch.setenv("PATH", str(tmp_path))
    for outlet in (outlets.TasmotaOutlet, outlets.ShellyOutlet, outlets.NetioOutlet, outlets.PdudaemonOutlet):
        monkeypatch.setattr(outlet, "patience", 0.3)
    (tmp_path / "lab.yaml").write_text(POWERED.format(power=power))
    lab = Lab(load_profile(tmp_path / "lab.yaml"))
    mac = build("mini", lab.profile.macs["mini"], lab.facts("mini"), log, tmp_path)
    assert type(mac.wires.power).__name__ == kind
    mac.close()
    [found] = lab.check("mini", deadline=Deadline.after(30, "the check"), sink=log)
    assert (found.alive, f"{found.wire}: {found.said}".startswith(said)) == (False, True), found
    assert "of-tests" not in "".join(record.to_json() for record in log.records)
    monkeypatch.delenv("LAB_PLUG")
    if "LAB_PLUG" in power:
        with pytest.raises(UsageError, match="env:LAB_PLUG is not set"):
            openers("mini", lab.profile.macs["mini"], log, tmp_path)


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("a-plug-of-tests", "Shelly of generation 3 answers, switch 0 is off"),
        ("another-of-tests", "Shelly refuses us (401); look at 'password' of the power wire in the profile; from"),
    ],
    ids=["right", "wrong"],
)
def test_a_password_of_the_profile_reaches_the_plug(
    tmp_path: Path, log: EvidenceLog, monkeypatch: pytest.MonkeyPatch, password: str, said: str
) -> None:
    monkeypatch.setenv("LAB_PLUG", password)
    with closing(ShellyPlug(3, "a-plug-of-tests")) as plug:
        power = f'{{driver: shelly, url: "{plug.url}", password: "env:LAB_PLUG"}}'
        (tmp_path / "lab.yaml").write_text(POWERED.format(power=power))
        lab = Lab(load_profile(tmp_path / "lab.yaml"))
        [found] = lab.check("mini", deadline=Deadline.after(30, "the check"), sink=log)
    assert found.alive is (password == plug.password)
    assert found.said.startswith(said)
    assert len(plug.logins) == 1


@pytest.mark.parametrize("board", ["kmtronic, relays: 2", "devantech", "numato, relays: 8"])
def test_power_and_button_share_a_board_that_answers(
    tmp_path: Path, log: EvidenceLog, relay: Any, board: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wires = [f"{{driver: {board}, port: {relay.port}, channel: {channel}}}" for channel in (1, 2)]
    (tmp_path / "lab.yaml").write_text(POWERED.format(power=f"{wires[0]}\n      button: {wires[1]}"))
    lab = Lab(load_profile(tmp_path / "lab.yaml"))
    monkeypatch.setattr(relayboards, "ANSWER", 0.05)
    found = lab.check("mini", deadline=Deadline.after(30, "the check"), sink=log)
    assert [one.wire for one in found] == [f"mini.{kind} ({relay.port} channel {at})" for kind, at in WIRED]
    assert not any(one.alive for one in found)
    assert all("board does not answer: nothing came in" in one.said for one in found)
