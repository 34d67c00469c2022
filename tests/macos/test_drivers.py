"""Drivers in user space: what runs, of what version, and where the list of system extensions disagrees."""

from __future__ import annotations

import plistlib

import pytest

from kextrel.errors import UnreadableAnswer
from kextrel.macos import codesign, ioreg, page
from kextrel.macos.drivers import RunningDriver
from kextrel.vocabulary import UNKNOWN

NAME, TEAM = "com.example.dext", "KXTRL00001"
OLD, NEW, OTHER = "a1" * 20, "b2" * 20, "c3" * 20
PLACES = {OLD: "AAAAAAAA-0000-4000-8000-000000000001", NEW: "BBBBBBBB-0000-4000-8000-000000000002"}
VERSIONS = {OLD: ("1.0", "7"), NEW: ("2.0", "8")}
SERVICE = """\
+-o Lab  <class IOUserService, id {id:#x}, registered, matched, {active}, busy 0 (1 ms), retain 8>
    {{
      "IOUserServerCDHash" = "{cdhash}"
      "IOPersonalityPublisher" = "{name}"
      "IOUserServerName" = "{name}"
      "IOUserClass" = "LabDriver"
    }}

+-o IOUserServer({name}-{id:#x})  <class IOUserServer, id {server:#x}, registered, matched, active, busy 0, retain 11>
    {{
      "IOUserClientCreator" = "pid {pid}, {name:.16}"
      "IOUserServerName" = "{name}"
      "IOUserServerTag" = {id}
    }}

"""
ROWS = {
    "enabled": ("*\t*", "2.0/8", "activated enabled"),
    "leaving": ("\t", "1.0/7", "terminating for upgrade via delegate"),
    "gone": ("\t", "1.0/7", "terminated waiting to uninstall on reboot"),
    "waiting": ("\t*", "2.0/8", "activated waiting for user"),
    "enabling": ("\t*", "2.0/8", "activated enabling"),
}


def service(cdhash, number=0x100000A45, *, name=NAME, active="active", pid=611):
    return SERVICE.format(id=number, server=number + 1, cdhash=cdhash, name=name, active=active, pid=pid)


def signed(cdhash):
    place = f"/Library/SystemExtensions/{PLACES[cdhash]}/{NAME}.dext/{NAME}"
    return f"Executable={place}\nIdentifier={NAME}\nHash type=sha256 size=32\nCDHash={cdhash}\nTeamIdentifier={TEAM}\n"


def record(cdhash, state):
    short, build = VERSIONS[cdhash]
    version = {"CFBundleShortVersionString": short, "CFBundleVersion": build}
    return {"identifier": NAME, "uniqueID": PLACES[cdhash], "state": state, "bundleVersion": version, "teamID": TEAM}


@pytest.fixture
def driven(fake_mac):
    """`driven(registry, *rows)`: an observation of a Mac whose sysextd has a copy of either version."""
    folder = fake_mac.folder / "SystemExtensions"

    def observe(registry, *rows, copies=(OLD, NEW), form=plistlib.FMT_XML):
        titles = "enabled\tactive\tteamID\tbundleID (version)\tname\t[state]\n"
        listed = "".join(
            f"{stars}\t{TEAM}\t{NAME} ({version})\tLab Driver\t[{state}]\n"
            for stars, version, state in (ROWS[row] for row in rows)
        )
        section = f"--- com.apple.system_extension.driver_extension\n{titles}{listed}" if rows else ""
        fake_mac.says("systemextensionsctl", f"{len(rows)} extension(s)\n{section}")
        fake_mac.says("ioreg", registry)
        fake_mac.says("codesign", "".join(map(signed, copies)), stream=2)
        for cdhash in copies:
            (folder / PLACES[cdhash] / f"{NAME}.dext").mkdir(parents=True)
        states = {OLD: "terminating_for_upgrade_via_delegate", NEW: "activated_enabled"}
        folder.mkdir(exist_ok=True)
        records = [record(cdhash, states[cdhash]) for cdhash in copies]
        (folder / "db.plist").write_bytes(plistlib.dumps({"extensions": records}, fmt=form))
        return fake_mac.observe()

    return observe


@pytest.mark.parametrize("form", [plistlib.FMT_XML, plistlib.FMT_BINARY], ids=["xml", "binary"])
def test_a_driver_that_runs_is_named_with_its_version(driven, form):
    seen = driven(service(NEW) + service(NEW, 0x100000B00, pid=612) + service(OTHER, 7, name="com.apple.x"), form=form)
    running = RunningDriver(NAME, NEW, "2.0", "8", TEAM, "activated enabled", ("LabDriver",), (611, 612))
    assert seen.running_drivers.value == (running,)
    assert seen.running_drivers.command == "ioreg -r -l -w0 -d1 -k IOUserServerName"
    assert f'      "IOUserServerCDHash" = "{NEW}"' in seen.running_drivers.lines
    assert seen.to_json()["facts"]["running_drivers"] == [running.facts()]


def test_without_a_driver_there_is_none_and_nothing_else_is_asked(fake_mac):
    fake_mac.program("codesign", "echo called >>calls; exit 9")
    seen = fake_mac.observe()
    assert seen.running_drivers.value == ()
    assert not list(fake_mac.folder.rglob("calls"))


def test_a_driver_without_a_copy_is_of_unknown_version(driven):
    seen = driven(service(OTHER), "enabled", copies=())
    assert seen.running_drivers.value == (RunningDriver(NAME, OTHER, user_classes=("LabDriver",), pids=(611,)),)
    assert seen.contradictions == ()


def test_a_mac_without_the_tool_says_so(fake_mac):
    fake_mac.lacks("ioreg")
    seen = fake_mac.observe()
    assert seen.running_drivers.value is UNKNOWN
    assert "does not have the tool" in seen.unknown()["running_drivers"]


def test_a_driver_that_ends_is_not_one_that_runs(driven):
    assert driven(service(OLD, active="inactive"), "enabled").running_drivers.value == ()


END = "the new one begins when the old one ends, at the latest at the next restart"
LIST = f"systemextensionsctl says that {NAME}"
OLD_RUNS = f"1.0/7 (terminating for upgrade via delegate, cdhash {OLD})"


@pytest.mark.parametrize(
    ("registry", "rows", "told"),
    [
        ([OLD], ["enabled", "leaving"], f"{LIST} 2.0/8 is enabled, and ioreg that {OLD_RUNS} runs: {END}"),
        ([OLD], ["enabled", "gone"], f"{LIST} 2.0/8 is enabled, and ioreg that {OLD_RUNS} runs: {END}"),
        ([OLD, NEW], ["enabled", "leaving"], f"{LIST} 2.0/8 is enabled, and ioreg that {OLD_RUNS} runs: {END}"),
        ([NEW], ["enabled", "leaving"], f"of {NAME} 1.0/7 that it still runs, ioreg that only 2.0/8 runs"),
        ([], ["enabled", "leaving"], f"of {NAME} 1.0/7 that it still runs, ioreg that it does not run"),
        ([OTHER], ["enabled"], f"{LIST} 2.0/8 is enabled, which codesign says has the cdhash {NEW}; ioreg says that "),
        ([NEW], ["waiting"], f"{LIST} 2.0/8 is activated waiting for user; ioreg says that it runs"),
        ([NEW], [], f"ioreg says that {NAME} runs, and systemextensionsctl does not list it"),
        ([NEW], ["enabled"], ""),
        ([NEW], ["enabled", "gone"], ""),
        ([NEW], ["enabling"], ""),
        ([], ["enabled"], ""),
    ],
    ids=lambda value: (
        "+".join({OLD: "old", NEW: "new", OTHER: "other"}.get(one, one) for one in value) or "none"
        if isinstance(value, list)
        else ""
    ),
)
def test_the_list_and_the_registry(driven, registry, rows, told):
    seen = driven("".join(service(one, 0x100000A00 + 16 * n) for n, one in enumerate(registry)), *rows)
    assert len(seen.contradictions) == bool(told)
    assert not told or told in seen.contradictions[0]


def test_an_unread_registry_contradicts_nothing_and_the_list_still_speaks(driven, fake_mac):
    fake_mac.program("sw_vers", "exit 1")
    seen = driven("ioreg: error: Can't obtain I/O Kit's root service.\n", "enabled", "leaving")
    assert seen.running_drivers.value is UNKNOWN
    assert seen.contradictions == (f"{LIST} 2.0/8 is enabled, and of 1.0/7 that it still runs: {END}",)


def test_the_page_shows_what_runs_and_what_contradicts(driven):
    lines = page.render(driven(service(OLD), "enabled", "leaving"), width=200).split("\n")
    assert f"  Drivers that run          {NAME} 1.0/7" in lines
    assert f"                              team {TEAM}, PID 611, cdhash {OLD}" in lines
    assert any(line.startswith(f"  {LIST} 2.0/8 is enabled, and ioreg") for line in lines)


def test_older_macs_have_no_such_drivers(fake_mac):
    fake_mac.says("sw_vers", "ProductName:\tMac OS X\nProductVersion:\t10.14.6\nBuildVersion:\t18G103\n")
    fake_mac.lacks("ioreg")
    assert fake_mac.observe().running_drivers.value == ()


# The readers, where captures do not say it


def test_no_node_at_all_is_an_answer():
    assert ioreg.read("").nodes == 0
    assert ioreg.read("\n\n") == ioreg.IoregAnswer()


@pytest.mark.parametrize(
    "text", ["usage: ioreg [-abfilrtx] [-c class]\n", '"no" "pair"\n', "<plist></plist>", b"bplist00x"]
)
def test_what_is_not_its_answer_is_refused(text):
    with pytest.raises(UnreadableAnswer):
        ioreg.read(text)


@pytest.mark.parametrize("number", [-1, True, 4096, 1 << 63], ids=str)
def test_an_entrys_number_has_64_bits_and_no_sign(number):
    node = {"IOObjectClass": "IOUserSerial", "IOUserServerName": NAME, "IORegistryEntryID": number}
    (driver,) = ioreg.read(plistlib.dumps(node, fmt=plistlib.FMT_BINARY)).drivers
    assert driver.entry_id == (number if number == 1 << 63 else None)


def test_a_binary_property_list_is_read():
    node = {
        "IOObjectClass": "IOUserServer",
        "IOUserServerName": NAME,
        "IOUserServerTag": 4294969925,
        "IOServiceState": 31,
    }
    service = {
        "IORegistryEntryID": 4294969925,
        "IOUserServerName": NAME,
        "IOServiceState": 31,
        "IOObjectClass": "IOUserSerial",
    }
    read = ioreg.read(plistlib.dumps([node, service], fmt=plistlib.FMT_BINARY))
    assert (read.nodes, read.drivers[0].active) == (2, False)
    assert read.serving(read.drivers[0]) == read.servers[0]


def test_numbers_of_any_form_without_those_cut_short_and_a_process_of_nobody():
    service = '"IOUserServerName" = "a.b"\n'
    server = '+-o IOUserServer(a.b)  <class IOUserServer>\n{\n"IOUserServerName" = "a.b"\n%s}\n'
    read = ioreg.read(service + server % '"IOAssociatedServices" = (04294967815,0x10000021f,4294967820,0x10000)\n')
    assert read.servers[0].services == (4294967815, 4294967839, 4294967820)
    assert read.serving(read.drivers[0]) is None


def test_a_node_or_a_text_that_was_cut_is_kept_as_it_came():
    read = ioreg.read('+-o A  <class IOUserSerial, id 0x1, active>\n"IOUserServerName" = "com.exa\n\n+-o B  <cla\n')
    assert [line.strip() for line in read.unparsed] == ['"IOUserServerName" = "com.exa', "+-o B  <cla"]
    assert (read.nodes, read.drivers) == (2, ())


def test_a_driver_whose_personality_names_the_kernels_part_is_known_by_its_process(driven):
    registry = service(OTHER).replace(
        f'"IOPersonalityPublisher" = "{NAME}"', '"CFBundleIdentifier" = "com.apple.kpi.x"'
    )
    assert [one.bundle_id for one in driven(registry, "enabled").running_drivers.value] == [NAME]


def test_nested_beyond_reason_ends():
    node = {"IOObjectClass": "A"}
    for _ in range(100):
        node = {"IOObjectClass": "A", "IORegistryEntryChildren": [node]}
    assert ioreg.read(plistlib.dumps([node])).nodes == 101


def test_codesign_of_several_bundles():
    each = codesign.read_each(signed(OLD) + "x: code object is not signed at all\n" + signed(NEW))
    assert [one.cdhash for one in each] == [OLD, NEW]
    assert codesign.read_each("nothing of the kind\n") == ()
