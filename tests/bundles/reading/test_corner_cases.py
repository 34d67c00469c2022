"""Bundles at the edges of what makers make: what is found of each, by one row a bundle."""

from __future__ import annotations

import plistlib
import struct
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kextrel.bundles.macho import kext_slice, universal
from kextrel.bundles.reading import inspect, kpi
from kextrel.bundles.reading.found import Component
from kextrel.errors import InputError
from kextrel.vocabulary import Category, Signature

ES = "com.apple.developer.endpoint-security.client"
NE = "com.apple.developer.networking.networkextension"
HOST, USB, HID = "com.apple.iokit.IOUSBHostFamily", "com.apple.iokit.IOUSBFamily", "com.apple.iokit.IOHIDFamily"
NET, SERIAL, PCI = (f"com.apple.iokit.IO{one}Family" for one in ("Networking", "Serial", "PCI"))
STORAGE = "com.apple.iokit.IOStorageFamily"
_PPC_HEADER = struct.pack(">7I", 0xFEEDFACE, 18, 0, 11, 0, 0, 0)


def recpu(content: bytes, cpu: int, subtype: int) -> bytes:
    """A slice under another CPU's name."""
    return content[:4] + struct.pack("<2I", cpu, subtype) + content[12:]


def x86(*symbols: str) -> bytes:
    return kext_slice("x86_64", "com.example.c", "1.0", symbols)


def arm(*symbols: str) -> bytes:
    return kext_slice("arm64e", "com.example.c", "1.0", symbols)


def fat_64(slices: list[bytes]) -> bytes:
    """The container for what is larger than 4 GiB."""
    table, body, offset = b"", b"", 0x4000
    for one in slices:
        table += struct.pack(">2I2Q2I", *struct.unpack_from("<2I", one, 4), offset + len(body), len(one), 14, 0)
        body += one.ljust(-(-len(one) // 0x4000) * 0x4000, b"\0")
    return (struct.pack(">2I", 0xCAFEBABF, len(slices)) + table).ljust(offset, b"\0") + body


def texts(component: Component) -> str:
    return "\n".join(one.text for one in component.remarks)


def read(path: Path) -> Component:
    return inspect(path).components[0]


SLICES: dict[str, tuple[Callable[[], list[bytes]], list[str], str]] = {
    "Haswell": (lambda: [recpu(x86(), 0x01000007, 8), arm()], ["x86_64h", "arm64e"], ""),
    "32 bits beside 64": (lambda: [_PPC_HEADER, x86()], ["ppc", "x86_64"], "it has no arm64e slice"),
    "arm64 without pointer authentication": (
        lambda: [recpu(arm(), 0x0100000C, 0), x86()],
        ["arm64", "x86_64"],
        "it has no arm64e slice, so no Mac with Apple silicon runs it",
    ),
    "apple silicon alone": (lambda: [arm()], ["arm64e"], "it has no x86_64 slice, so no Mac with Intel runs it"),
    "a CPU that nobody knows": (lambda: [recpu(x86(), 99, 0), x86()], ["cpu 99", "x86_64"], "it has no arm64e"),
}


@pytest.mark.parametrize("name", SLICES)
def test_architectures(tmp_path: Path, make: SimpleNamespace, name: str) -> None:
    slices, names, remark = SLICES[name]
    found = read(make.bundle_of(tmp_path, "com.example.c.kext", {"OSBundleLibraries": {"a": "1"}}, slices()))
    assert [one.architecture for one in found.slices] == names
    assert remark in texts(found)


def test_a_large_container(tmp_path: Path, make: SimpleNamespace) -> None:
    path = make.bundle_of(tmp_path, "com.example.c.kext", {}, [x86()])
    (path / "Contents/MacOS/main").write_bytes(fat_64([x86("a"), arm("b")]))
    found = read(path)
    assert [(one.architecture, one.undefined) for one in found.slices] == [("x86_64", ("a",)), ("arm64e", ("b",))]
    assert "its slices need different symbols" in texts(found)


KPI: dict[str, tuple[list[str], list[str], dict[str, Any], list[str], str]] = {
    # libraries, symbols, personality -> rules; what macOS 14 says
    "nothing": ([], ["printf"], {}, [], "supported"),
    "kauth, one of two": ([], ["kauth_unlisten_scope"], {}, ["KPI-02"], "unsupported"),
    "a vnode scope is no KPI of the list": ([], ["kauth_cred_get"], {}, [], "supported"),
    "sockets": ([], ["sock_socket", "sock_close"], {}, ["KPI-03"], "deprecated"),
    "filters": ([], ["sflt_register"], {}, ["KPI-04"], "unsupported"),
    "HID": ([HID], [], {}, ["KPI-05"], "unsupported"),
    "the old USB family": ([USB], [], {}, ["KPI-06"], "unsupported"),
    "the newer USB family alone": ([HOST], [], {}, [], "supported"),
    "USB and networking": ([HOST, NET], [], {}, ["KPI-07"], "unsupported"),
    "USB and serial": ([HOST, SERIAL], [], {}, ["KPI-08"], "unsupported"),
    "USB and a user client by its symbols": (
        [HOST],
        ["_ZN12IOUserClient10gMetaClassE"],
        {},
        ["KPI-09"],
        "unsupported",
    ),
    "USB and a user client by its personality": (
        [HOST],
        [],
        {"IOUserClientClass": "Mine"},
        ["KPI-09"],
        "unsupported",
    ),
    "USB with a user client in the storage family": (
        [HOST, STORAGE],
        ["_ZN12IOUserClient10gMetaClassE"],
        {},
        [],
        "supported",
    ),
    "a user client without USB": ([], ["_ZN12IOUserClient10gMetaClassE"], {}, [], "supported"),
    "PCI networking": ([NET, PCI], [], {}, ["KPI-10"], "deprecated"),
    "several": ([USB, NET], ["ipf_addv4"], {}, ["KPI-04", "KPI-06", "KPI-07"], "unsupported"),
}


@pytest.mark.parametrize("name", KPI)
def test_kernel_interfaces(tmp_path: Path, make: SimpleNamespace, name: str) -> None:
    libraries, symbols, personality, rules, verdict = KPI[name]
    info = {"OSBundleLibraries": dict.fromkeys(libraries, "1.0"), "IOKitPersonalities": {"P": personality}}
    found = read(make.bundle_of(tmp_path, "com.example.c.kext", info, [x86(*symbols), arm()]))
    assert [one.rule for one in found.kpi] == rules
    assert found.kpi_by_release["14"] == verdict
    assert found.kpi_by_release["10.13"] == ("deprecated" if USB in libraries else "supported")
    assert list(found.kpi_by_release) == ["10.13", "10.14", "10.15", "11", "12", "13", "14", "15", "26"]
    assert all(("problem" if one.unsupported else "note", one.rule) in levels(found) for one in found.kpi)


# Copied from Apple's "Deprecated Kernel Extensions and System Extension Alternatives".
NAMED = {
    "KPI-02": "kauth_listen_scope kauth_unlisten_scope",
    "KPI-03": """sock_accept sock_bind sock_close sock_connect sock_getpeername sock_getsockname sock_getsockopt
        sock_gettype sock_ioctl sock_isconnected sock_isnonblocking sock_listen sock_receive sock_receivembuf
        sock_release sock_retain sock_send sock_sendmbuf sock_setsockopt sock_shutdown sock_socket""",
    "KPI-04": """ipf_addv4 ipf_addv6 ipf_inject_input ipf_inject_output ipf_remove sflt_attach sflt_detach
        sflt_register sflt_unregister sock_inject_data_in sock_inject_data_out sock_setpriv sockopt_copyin
        sockopt_copyout sockopt_direction sockopt_level sockopt_name sockopt_valsize""",
}


@pytest.mark.parametrize(("rule", "symbol"), [(rule, name) for rule, names in NAMED.items() for name in names.split()])
def test_every_symbol_of_apple_s_list(rule: str, symbol: str) -> None:
    (found,) = kpi.uses([], [symbol, "printf"], user_client=False)
    assert (found.rule, found.shown_by) == (rule, (symbol,))
    assert kpi.uses([], [symbol + "_", "x" + symbol], user_client=False) == ()


def levels(component: Component) -> set[tuple[str, str]]:
    return {(one.level, rule) for one in component.remarks for rule in one.rules}


NEEDS = {
    "nothing says anything": ({}, None),
    "the Info.plist": ({"LSMinimumSystemVersion": "10.14.6"}, "10.14.6"),
    "a kernel of macOS 10.15": ({"OSBundleLibraries": {"com.apple.kpi.bsd": "19.6.0"}}, "10.15"),
    "a kernel of macOS 13": ({"OSBundleLibraries": {"com.apple.kpi.mach": "22.1"}}, "13.0"),
    "a kernel of macOS 26": ({"OSBundleLibraries": {"com.apple.kpi.mach": "25.0.0"}}, "26.0"),
    "the newest of both": (
        {"LSMinimumSystemVersion": "12.0", "OSBundleLibraries": {"com.apple.kpi.bsd": "8.0.0"}},
        "12.0",
    ),
    "other libraries have numbers of their own": ({"OSBundleLibraries": {STORAGE: "22.0"}}, None),
    "no version": ({"LSMinimumSystemVersion": "soon", "OSBundleLibraries": {"com.apple.kpi.bsd": "?"}}, None),
}


@pytest.mark.parametrize("name", NEEDS)
def test_the_oldest_macos(tmp_path: Path, make: SimpleNamespace, name: str) -> None:
    info, version = NEEDS[name]
    assert read(make.bundle_of(tmp_path, "com.example.c.kext", info, [x86()])).needs_macos == version


def test_a_kext_without_code(tmp_path: Path, make: SimpleNamespace) -> None:
    path = make.bundle_of(tmp_path, "com.example.codeless.kext", {"IOKitPersonalities": {"B": {}, "A": {}}}, [])
    found = read(path)
    assert (found.slices, found.personalities, found.standing) == ((), ("A", "B"), Signature.NONE)
    assert "it has no code of its own" in texts(found)
    assert inspect(path).extensions()[0].architectures == {"arm64e", "x86_64"}


def test_a_flat_kext_with_a_binary_info_plist(tmp_path: Path, make: SimpleNamespace) -> None:
    info = {"OSBundleAllowUserLoad": True}
    path = make.bundle_of(tmp_path, "com.example.flat.kext", info, [x86()], flat=True, fmt=plistlib.FMT_BINARY)
    found = read(path)
    assert (found.bundle_id, found.user_loadable) == ("com.example.flat", True)
    assert len(found.slices) == 1


def test_a_kext_in_a_kext(tmp_path: Path, make: SimpleNamespace) -> None:
    outer = make.kext(tmp_path)
    make.bundle_of(outer / "Contents", "PlugIns/com.example.inner.kext", {"CFBundleIdentifier": "inner"}, [x86()])
    first, second = inspect(outer).components
    assert (first.inside, second.inside, second.bundle_id) == (None, outer.name, "inner")
    assert [one.bundle for one in inspect(outer).extensions()] == [str(outer), None]


def test_two_with_one_last_word_have_their_whole_identifiers_as_names(tmp_path: Path, make: SimpleNamespace) -> None:
    outer = make.kext(tmp_path)
    info = {"CFBundleIdentifier": "org.example.driver"}
    make.bundle_of(outer / "Contents", "PlugIns/driver.kext", info, [x86()])
    assert [one.name for one in inspect(outer).extensions()] == ["com.example.driver", "org.example.driver"]


EXTENSIONS: dict[str, tuple[str, dict[str, Any], dict[str, Any], Category | None, str]] = {
    "endpoint security by its entitlement": ("a.b.systemextension", {}, {ES: True}, Category.ENDPOINT_SECURITY, ""),
    "endpoint security without it": (
        "a.b.systemextension",
        {"NSEndpointSecurityMachServiceName": "x"},
        {},
        Category.ENDPOINT_SECURITY,
        f"it lacks the entitlement {ES}",
    ),
    "network by its Info.plist": (
        "a.b.systemextension",
        {"NetworkExtension": {"NEProviderClasses": {}}},
        {NE: ["dns-proxy-systemextension"]},
        Category.NETWORK,
        "",
    ),
    "network by its extension point": (
        "a.b.systemextension",
        {"NSExtension": {"NSExtensionPointIdentifier": "com.apple.networkextension.filter-data"}},
        {},
        Category.NETWORK,
        f"it lacks the entitlement {NE}",
    ),
    "of two kinds": (
        "a.b.systemextension",
        {"NetworkExtension": {}},
        {ES: True, NE: ["dns-proxy-systemextension"]},
        Category.ENDPOINT_SECURITY,
        "",
    ),
    "a driver that starts early": (
        "a.b.dext",
        {"NSEndpointSecurityEarlyBoot": True},
        {"com.apple.developer.driverkit": True},
        Category.DRIVER,
        "NSEndpointSecurityEarlyBoot means nothing for its kind",
    ),
    "a camera": (
        "a.b.systemextension",
        {"CMIOExtension": {"CMIOExtensionMachServiceName": "x"}},
        {},
        None,
        "it is of a kind that no rule speaks of: camera",
    ),
    "of no kind": ("a.b.systemextension", {}, {}, None, "no rule speaks of: its Info.plist says none"),
    "a driver": ("a.b.dext", {}, {"com.apple.developer.driverkit": True}, Category.DRIVER, ""),
    "a driver that may not": ("a.b.dext", {}, {}, Category.DRIVER, "it lacks the entitlement com.apple.developer.driv"),
}


@pytest.mark.parametrize("name", EXTENSIONS)
def test_kinds_of_system_extensions(tmp_path: Path, make: SimpleNamespace, name: str) -> None:
    file, info, entitlements, category, remark = EXTENSIONS[name]
    found = read(make.signed_extension(tmp_path, file, info, entitlements))
    assert (found.category, dict(found.code.entitlements)) == (category, entitlements)
    assert remark in texts(found)
    assert ("lacks" in texts(found)) == ("lacks" in remark)
    assert found.standing is Signature.DEVELOPER_ID


def test_one_that_asks_for_early_boot_counts_as_endpoint_security(tmp_path: Path, make: SimpleNamespace) -> None:
    info = {"NetworkExtension": {}, "NSEndpointSecurityEarlyBoot": True}
    found = read(make.signed_extension(tmp_path, "a.b.systemextension", info, {NE: []}))
    assert found.early_boot
    assert found.category is Category.ENDPOINT_SECURITY
    assert f"it lacks the entitlement {ES}" in texts(found)


def test_a_file_that_sysextd_would_not_find(tmp_path: Path, make: SimpleNamespace) -> None:
    path = make.signed_extension(tmp_path, "other.systemextension", {"CFBundleIdentifier": "a.b"}, {ES: True})
    assert "its file is named 'other', and sysextd finds it only under its identifier" in texts(read(path))


def test_an_entitlement_that_is_false_is_none(tmp_path: Path, make: SimpleNamespace) -> None:
    path = make.signed_extension(
        tmp_path, "a.b.systemextension", {}, {ES: False, "com.apple.security.app-sandbox": True}
    )
    (found,) = inspect(path).extensions()
    assert found.entitlements == {"com.apple.security.app-sandbox"}


def test_an_app_without_extensions(tmp_path: Path, make: SimpleNamespace) -> None:
    path = make.bundle_of(tmp_path, "com.example.app", {"LSMinimumSystemVersion": "11.0"}, [])
    assert inspect(path).extensions() == ()
    assert "it has no executable" in texts(read(path))


def test_links_that_stay_inside_are_followed(tmp_path: Path, make: SimpleNamespace) -> None:
    path = make.kext(tmp_path)
    (path / "Contents/Real").mkdir()
    (path / "Contents/MacOS/driver").rename(path / "Contents/Real/driver")
    (path / "Contents/MacOS/driver").symlink_to("../Linked/driver")
    (path / "Contents/Linked").symlink_to("Real")
    assert len(read(path).slices) == 2


@pytest.mark.parametrize(
    ("info", "said"),
    [
        ({"CFBundleVersion": 12}, "says no text for CFBundleVersion"),
        ({"CFBundleIdentifier": ["a"]}, "says no text for CFBundleIdentifier"),
        ({"CFBundleExecutable": "missing"}, "its executable 'missing' is missing"),
        ({"CFBundleExecutable": "../../../../etc/passwd"}, "a path that leads out of its place"),
        ({"CFBundleExecutable": ".."}, "a path that leads out of its place"),
        ({"OSBundleLibraries": "all"}, "says no dictionary for OSBundleLibraries"),
        ({"IOKitPersonalities": [1]}, "says no dictionary for IOKitPersonalities"),
        ({"CFBundleVersion": "1" * 2000}, "says no text for CFBundleVersion"),
    ],
    ids=lambda one: next(iter(one)) if isinstance(one, dict) else "",
)
def test_an_info_plist_that_says_something_else(
    tmp_path: Path, make: SimpleNamespace, info: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        inspect(make.with_info(make.kext(tmp_path), **info))


def test_an_info_plist_that_says_too_little_is_remarked_on(tmp_path: Path, make: SimpleNamespace) -> None:
    found = read(make.with_info(make.kext(tmp_path), CFBundleIdentifier=None, CFBundleVersion=None))
    assert "its Info.plist has no CFBundleIdentifier" in texts(found)
    assert "its Info.plist has no CFBundleVersion" in texts(found)
    assert "it is signed as 'com.example.driver', not as its identifier" in texts(found)
    assert inspect(tmp_path / "com.example.driver.kext").extensions()[0].version == "1.0"


def test_universal_of_one_is_thin(tmp_path: Path, make: SimpleNamespace) -> None:
    assert universal([x86()]) == x86()
    assert len(read(make.bundle_of(tmp_path, "a.kext", {}, [x86()])).slices) == 1
