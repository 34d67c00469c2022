"""Profiles: every mistake is one sentence with file, line and the nearest right word; nothing is touched."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from kextrel.errors import InputError
from kextrel.lab import default_profile_path, load_profile
from kextrel.vocabulary import Architecture, Enrollment, Version

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
GOOD = f"""\
schema: kextrel/lab/v1
name: rack 4
macs:
  studio:
    architecture: apple-silicon
    model: Mac13,1
    macos: 14.10
    enrollment: automated-device
    bootstrap_token: false
    time_scale: 1
    accounts:
      admin: {{user: admin, full_name: Lab Admin, password: "keyring:kextrel/admin"}}
      standard: {{user: student, password: "file:secrets/student"}}
    timeouts: {{boot: 400, settle: 2.5}}
    wires:
      shell:
        driver: ssh
        host: 192.0.2.10
        user: runner
        key: ~/.ssh/lab
        host_keys:
          - {KEY}
      console: {{driver: serial, port: "rfc2217://bench:4001", baud: 115200}}
      power: {{driver: lcus, port: /dev/ttyUSB0, channel: 1}}
      button: {{driver: lcus, port: /dev/ttyUSB0, channel: 2}}
      keyboard: {{driver: ch9329, port: /dev/ttyUSB1}}
      screen: {{driver: pikvm, url: "https://pikvm.lab", user: lab, password: "env:KVM", certificate: pikvm.pem}}
      beacon: {{driver: http, listen: 0.0.0.0, port: 8077, host: 192.0.2.1}}
      mdm:
        driver: nanomdm
        url: https://mdm.lab
        api_key: "env:MDM"
        udid: 5B1A3C0E-1111-2222-3333-444455556666
        webhook: {{listen: 0.0.0.0, port: 9977, host: 192.0.2.1, path: /hook, hmac_key: "env:MDMKEY"}}
extensions: {{driver: build/Sample.kext}}
"""


def refused(tmp_path: Path, text: str) -> InputError:
    path = tmp_path / "lab.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_profile(path)
    assert str(caught.value).startswith(f"{path}:")
    assert "\n" not in str(caught.value)
    return caught.value


def line_of(text: str, words: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if words in line)


def test_a_whole_profile_is_typed(tmp_path: Path) -> None:
    (tmp_path / "lab.yaml").write_text(GOOD)
    lab = load_profile(tmp_path / "lab.yaml")
    mac = lab.macs["studio"]
    assert (mac.architecture, mac.macos, mac.enrollment) == (
        Architecture.APPLE_SILICON,
        Version(14, 10),
        Enrollment.AUTOMATED_DEVICE,
    )
    assert (mac.bootstrap_token, mac.user_approved_mdm, mac.time_scale) == (False, True, 1.0)
    assert mac.wires is not None
    assert mac.wires.names() == ["shell", "console", "power", "button", "keyboard", "screen", "beacon", "mdm"]
    assert mac.wires.mdm is not None
    assert (mac.wires.mdm.udid[:8], mac.wires.mdm.webhook.port, mac.wires.mdm.push) == ("5B1A3C0E", 9977, True)
    assert mac.wires.shell is not None
    assert (mac.wires.shell.port, mac.wires.shell.host_keys) == (22, (KEY,))
    assert (mac.timeouts.boot, mac.timeouts.settle, mac.timeouts.command) == (400.0, 2.5, None)
    assert lab.extensions == {"driver": "build/Sample.kext"}
    assert lab.origin == str(tmp_path / "lab.yaml")
    with pytest.raises(ValidationError):
        mac.model = "other"  # type: ignore[misc]


def test_the_shipped_lab_is_four_prepared_virtual_macs() -> None:
    lab = load_profile(default_profile_path())
    assert {
        name: (mac.model, str(mac.macos), mac.architecture.value, mac.enrollment.value)
        for name, mac in lab.macs.items()
    } == {
        "mini": ("Macmini9,1", "14.5", "apple-silicon", "none"),
        "intel": ("Macmini7,1", "12.7", "intel", "device"),
        "t2": ("MacBookPro16,1", "13.6", "intel-t2", "user"),
        "studio": ("Mac13,1", "15.1", "apple-silicon", "automated-device"),
    }
    assert next(iter(lab.macs)) == "mini"  # what a test gets that does not say which it wants
    for mac in lab.macs.values():
        assert mac.virtual is not None
        assert (mac.virtual.prepared, mac.virtual.missing, mac.time_scale) == (True, (), 50.0)


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("  studio:", "  stu dio:", "is no name for a Mac"),
        ("    model:", "    modle:", "the key 'modle' is not known here; did you mean 'model'?"),
        ("architecture: apple-silicon", "architecture: aple-silicon", "did you mean 'apple-silicon'?"),
        ("macos: 14.10", "macos: Sonoma", "'Sonoma' is not a macOS version"),
        ("macos: 14.10", "macos: [14, 10]", "macos: a macOS version should be here, such as 14.5 or 11.6.4"),
        ("enrollment: automated-device", "enrollment: automatic-device", "did you mean 'automated-device'?"),
        ("bootstrap_token: false", "bootstrap_token: no", "'no' is neither true nor false"),
        ("time_scale: 1", "time_scale: fast", "'fast' is not a number"),
        ("time_scale: 1", "time_scale: 0", "time_scale: it must be more than 0"),
        ("boot: 400", "bott: 400", "did you mean 'boot'?"),
        ("driver: ssh", "driver: shs", "did you mean 'ssh'?"),
        ("host: 192.0.2.10", "hots: 192.0.2.10", "did you mean 'host'?"),
        (f"- {KEY}", "- ssh-ed25519 AAAA", "is not a host key"),
        ("channel: 2", "channel: 9", "channel: it must be 8 or less"),
        ("channel: 2", "channel: 1", "power and button are on one channel"),
        ("port: 8077", "port: 80777", "port: it must be 65535 or less"),
        ("port: 8077", "port: http", "'http' is not a whole number"),
        ("https://pikvm.lab", "pikvm.lab", "an address such as http://"),
        ("driver: nanomdm", "driver: nanomd", "did you mean 'nanomdm'?"),
        ("https://mdm.lab", "mdm.lab", "an address such as http://"),
        ("udid: 5B1A3C0E-1111", "udid: 5B/../1111", "is no UDID"),
        ("        webhook:", "        webhok:", "did you mean 'webhook'?"),
        ("port: 9977", "register: perhaps", "'perhaps' is neither true nor false"),
        ("port: 9977", "port: 0", "the server must find us: give 'port' and 'path'"),
        ("path: /hook", "path: /ho ok", "is no path of a URL"),
        ("schema: kextrel/lab/v1", "schema: kextrel/lab/v2", "did you mean 'kextrel/lab/v1'?"),
        ("name: rack 4", "name: &rack rack 4", "the anchor &rack is not read here"),
        ("    model: Mac13,1", "    macos: 13", "'macos' is here twice"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, right: str, wrong: str, said: str) -> None:
    assert GOOD.count(right) >= 1
    text = GOOD.replace(right, wrong, 1)
    error = refused(tmp_path, text)
    assert said in str(error)
    expected = line_of(text, wrong)
    if "twice" in said:
        expected = line_of(text, "macos: 14.10")
    if "one channel" in said:
        expected = line_of(text, "wires:")
    assert error.line == expected


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('"keyring:kextrel/admin"', "hunter2"),
        ('"keyring:kextrel/admin"', "[hunter2]"),
        ('"keyring:kextrel/admin"', "{hunter2: x}"),
        ('"file:secrets/student"', "hunter2"),
        ('"env:KVM"', "'env:hunter2 with spaces'"),
        ('"env:KVM"', '"hunter2"'),
        ("https://pikvm.lab", "https://lab:hunter2@pikvm.lab"),
        ("https://mdm.lab", "https://nanomdm:hunter2@mdm.lab"),
        ('"env:MDM"', "hunter2"),
        ('"env:MDMKEY"', "hunter2"),
    ],
)
def test_a_password_in_clear_is_refused_and_not_quoted(tmp_path: Path, right: str, wrong: str) -> None:
    error = refused(tmp_path, GOOD.replace(right, wrong, 1))
    assert "a password in clear is refused here" in str(error)
    assert "hunter2" not in str(error)
    assert error.line == line_of(GOOD, right)


POWER = "power: {driver: lcus, port: /dev/ttyUSB0, channel: 1}"
BUTTON = "button: {driver: lcus, port: /dev/ttyUSB0, channel: 2}"
RACK = "{{driver: snmp, host: pdu.lab, {}}}"
SUPPLIES = {
    "{driver: lcus, port: /dev/a, channel: 8}": "/dev/a#8",
    "{driver: kmtronic, port: /dev/a, channel: 2, relays: 2}": "/dev/a#2",
    "{driver: devantech, port: /dev/a, channel: 3}": "/dev/a#3",
    "{driver: numato, port: /dev/a, channel: 0, relays: 64}": "/dev/a#0",
    '{driver: tasmota, url: "http://plug", channel: 2, password: "env:PLUG"}': "http://plug#channel 2",
    '{driver: shelly, url: "https://plug", certificate: plug.pem, password: "env:PLUG"}': "https://plug#channel 0",
    '{driver: netio, url: "http://netio", channel: 4}': "http://netio#channel 4",
    '{driver: pdudaemon, url: "http://pdu:16421", hostname: pdu03, port: 2}': "http://pdu:16421#pdu03 port 2",
    "{driver: uhubctl, hub: 1-1.4, port: 2}": "usb 1-1.4#2",
    '{driver: snmp, host: pdu, pdu: apc, outlet: 3, community: "env:PDU"}': (
        "snmp pdu:161#1.3.6.1.4.1.318.1.1.4.4.2.1.3.3"
    ),
    '{driver: snmp, host: "2001:db8::7", pdu: eaton, outlet: 9, community: "env:PDU"}': (
        "snmp 2001:db8::7:161#1.3.6.1.4.1.534.6.6.7.6.6.1.4.0.9"
    ),
    "{driver: snmp, host: 192.0.2.7, port: 1161, oid: .1.3.6.1.4.1.42.7, on_value: 1, off_value: 0, state_oid: 1.3.6.9,"
    ' community: "env:PDU"}': "snmp 192.0.2.7:1161#1.3.6.1.4.1.42.7",
    '{driver: snmp, host: pdu, pdu: raritan, outlet: 3, user: u, auth_password: "env:A", privacy_password: "env:P"}': (
        "snmp pdu:161#1.3.6.1.4.1.13742.6.4.1.2.1.2.1.3"
    ),
}


@pytest.mark.parametrize("written", SUPPLIES, ids=lambda written: written.split()[1].strip(","))
def test_each_way_to_switch_mains_is_a_place(tmp_path: Path, written: str) -> None:
    path = tmp_path / "lab.yaml"
    path.write_text(GOOD.replace(POWER, f"power: {written}"))
    wires = load_profile(path).macs["studio"].wires
    assert wires is not None
    assert wires.places()[1:3] == [SUPPLIES[written], "/dev/ttyUSB0#2"]


@pytest.mark.parametrize(
    ("wire", "written", "said"),
    [
        ("power", "{driver: tasmotta, url: http://plug}", "'tasmotta' is not known here; did you mean 'tasmota'?"),
        ("power", "{driver: uhubcl, hub: 1-1, port: 2}", "did you mean 'uhubctl'?"),
        ("button", "{driver: kmtronik, port: /dev/a, channel: 1}", "did you mean 'kmtronic'?"),
        ("button", "{driver: shelly, url: http://plug}", "'shelly' is not known here; known are: devantech, kmtronic,"),
        ("power", "{port: /dev/a, channel: 1}", "the key 'driver' is missing"),
        (
            "power",
            "{drivr: lcus, port: /dev/a, channel: 1}",
            "the key 'drivr' is not known here; did you mean 'driver'?",
        ),
        ("button", "{1: lcus, port: /dev/a, channel: 1}", "the key 'driver' is missing"),
        ("power", "[lcus]", "keys and values should be here"),
        ("power", "{driver: tasmota}", "the key 'url' is missing"),
        ("power", "{driver: tasmota, url: plug.lab}", "an address such as http://"),
        ("power", "{driver: tasmota, url: 'http://[::1'}", "an address such as http://"),
        ("power", "{driver: tasmota, url: http://plug:100000}", "an address such as http://"),
        ("power", "{driver: tasmota, url: 'http://plug/?password=hunter2'}", "is wanted, without a query"),
        ("power", "{driver: netio, url: 'http://plug/#hunter2'}", "is wanted, without a query"),
        ("power", "{driver: tasmota, url: 'http://admin:hunter2@plug'}", "a password in clear is refused here"),
        ("power", "{driver: tasmota, url: http://plug, password: hunter2}", "a password in clear is refused here"),
        ("power", "{driver: tasmota, url: http://plug, chanel: 2}", "did you mean 'channel'?"),
        ("power", "{driver: shelly, url: http://plug, password: hunter2}", "a password in clear is refused here"),
        ("power", "{driver: shelly, url: http://plug, user: 'a:b'}", "a user's name is wanted here"),
        ("power", "{driver: netio, url: http://plug, channel: 0}", "channel: it must be 1 or more"),
        ("power", "{driver: pdudaemon, url: http://pdu, port: 2}", "the key 'hostname' is missing"),
        ("power", "{driver: pdudaemon, url: http://pdu, hostname: a b, port: 2}", "a word without blanks is wanted"),
        ("power", "{driver: uhubctl, hub: -a, port: 2}", "'-a' is no place of a hub"),
        (
            "power",
            RACK.format("pdu: apcc, outlet: 1, community: 'env:A'"),
            "'apcc' is not known here; did you mean 'apc'",
        ),
        ("power", RACK.format("pdu: apc, community: 'env:A'"), "say 'pdu' and 'outlet', or 'oid', 'on_value' and"),
        ("power", RACK.format("community: 'env:A'"), "say 'pdu' and 'outlet', or 'oid', 'on_value' and 'off_value'"),
        ("power", RACK.format("pdu: apc, outlet: 1, oid: 1.3.6, community: 'env:A'"), "say 'pdu' and 'outlet', or"),
        ("power", RACK.format("pdu: apc, outlet: 1, state_on: 1, community: 'env:A'"), "say 'pdu' and 'outlet', or"),
        ("power", RACK.format("pdu: apc, outlet: 1, community: hunter2"), "a password in clear is refused here"),
        ("power", RACK.format("pdu: apc, outlet: 1"), "say 'community', or 'user', 'auth_password' and"),
        ("power", RACK.format("pdu: apc, outlet: 1, user: lab, auth_password: 'env:A'"), "say 'community', or 'user'"),
        ("power", RACK.format("pdu: apc, outlet: 1, user: lab, community: 'env:A'"), "say 'community', or 'user'"),
        (
            "power",
            RACK.format("oid: sysDescr, on_value: 1, off_value: 0"),
            "'sysDescr' is no object: write its numbers",
        ),
        ("power", RACK.format("oid: 1.3.6, on_value: 1, off_value: 1, community: 'env:A'"), "must have two values"),
        (
            "power",
            RACK.format("oid: 1.3.6, on_value: 1, off_value: 0, state_on: 2, state_off: 2, community: 'env:A'"),
            "must have two values",
        ),
        (
            "power",
            RACK.format("oid: 1.3.6, on_value: 1, off_value: 0, state_on: 1, community: 'env:A'"),
            "say both of 'state_on' and 'state_off'",
        ),
        ("power", RACK.format("version: 3, pdu: apc, outlet: 1"), "'3' is not known here"),
        (
            "power",
            RACK.format("oid: 1.3.6, on_value: 2147483648, off_value: 0"),
            "on_value: it must be 2147483647 or less",
        ),
        ("power", "{driver: snmp, host: 'pdu.lab:161'}", "a host is wanted here, such as pdu.lab"),
        ("power", "{driver: uhubctl, hub: 1-1, port: 15}", "port: it must be 14 or less"),
        ("power", "{driver: kmtronic, port: /dev/a, channel: 1}", "the key 'relays' is missing"),
        ("power", "{driver: kmtronic, port: /dev/a, channel: 3, relays: 2}", "of 2 relays has no channel 3"),
        ("button", "{driver: numato, port: /dev/a, channel: 16, relays: 16}", "counts them from 0 to 15"),
        ("button", "{driver: numato, port: /dev/a, channel: 1, relays: 12}", "have 1, 2, 4, 8, 16, 32 or 64 relays"),
        ("button", "{driver: devantech, port: /dev/ttyUSB0, channel: 2}", "on one port as two kinds of board"),
    ],
)
def test_a_mistake_in_what_switches_is_named(tmp_path: Path, wire: str, written: str, said: str) -> None:
    text = GOOD.replace(POWER if wire == "power" else BUTTON, f"{wire}: {written}")
    error = refused(tmp_path, text)
    assert said in str(error)
    assert "hunter2" not in str(error)
    assert error.line == line_of(text, "wires:" if "two kinds" in said else written)


def test_each_commented_example_of_a_bench_is_one(tmp_path: Path) -> None:
    text = default_profile_path().with_name("bench-example.yaml").read_text()
    examples = [line.split("# ", 1)[1] for line in text.splitlines() if line.strip().startswith("# power:")]
    assert {line.split()[2].strip(",") for line in examples} == {
        written.split()[1].strip(",") for written in SUPPLIES if "lcus" not in written
    }
    for example in examples:
        (tmp_path / "lab.yaml").write_text(GOOD.replace(POWER, example))
        assert load_profile(tmp_path / "lab.yaml").macs


def test_a_mac_has_wires_or_is_virtual(tmp_path: Path) -> None:
    virtual = "schema: kextrel/lab/v1\nname: v\nmacs:\n  mini:\n    architecture: apple-silicon\n    macos: 14.5\n"
    assert "either 'wires:' or 'virtual:'" in str(refused(tmp_path, virtual))
    both = virtual + "    virtual: {prepared: true}\n    wires: {}\n"
    assert "either 'wires:' or 'virtual:'" in str(refused(tmp_path, both))
    unknown = virtual + "    virtual: {missing: [PERP-03]}\n"
    assert "'PERP-03' is no row of preparation; did you mean 'PREP-03'?" in str(refused(tmp_path, unknown))
    nobody = virtual + "    wires: {beacon: {driver: http, listen: 127.0.0.1}}\n"
    assert "a Mac with wires needs 'accounts:'" in str(refused(tmp_path, nobody))


@pytest.mark.parametrize("text", ["", "macs: [\n", "- a list\n", "schema: kextrel/lab/v1\nname: x\nmacs: {}\n"])
def test_what_is_no_profile_is_refused(tmp_path: Path, text: str) -> None:
    refused(tmp_path, text)


@pytest.mark.parametrize("path", sorted(default_profile_path().parent.glob("*.yaml")), ids=lambda path: path.name)
def test_every_shipped_profile_is_one(path: Path) -> None:
    assert load_profile(path).macs


def test_the_example_of_a_bench_says_what_there_is_and_holds_no_secret() -> None:
    lab = load_profile(default_profile_path().with_name("bench-example.yaml"))
    assert {mac.architecture.value for mac in lab.macs.values()} == {"apple-silicon", "intel"}
    studio = lab.macs["studio"].wires
    assert studio is not None
    assert studio.names() == ["shell", "console", "power", "button", "keyboard", "screen", "beacon", "mdm"]
    for mac in lab.macs.values():
        assert mac.virtual is None
        assert mac.time_scale == 1
        assert mac.accounts is not None
        assert mac.accounts.admin.password.startswith(("env:", "keyring:", "file:"))
