"""What the kernel of a virtual Mac has for kexts of others, and what kernelmanagerd says where it has it not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kextrel.virtual.macos.bundle import Kext
from kextrel.virtual.macos.interfaces import withheld_libraries, withheld_symbols
from kextrel.virtual.macos.managedkexts import PAYLOAD
from kextrel.virtual.mdm.profile import Profile
from kextrel.vocabulary import Signature

DRIVER, TEAM = "com.example.kextrel.driver", "KXTRL00001"
HID, OLD_USB, USB = (f"com.apple.iokit.{name}" for name in ("IOHIDFamily", "IOUSBFamily", "IOUSBHostFamily"))
NETWORK, SERIAL, PCI, DISKS = (
    f"com.apple.iokit.{name}" for name in ("IONetworkingFamily", "IOSerialFamily", "IOPCIFamily", "IOStorageFamily")
)
CATALINA, SONOMA = "19.6.0", "23.5.0"
USER_CLIENT = frozenset({"__ZN12IOUserClient9metaClassE"})

Make = Callable[..., Path]
Macs = Callable[..., Any]


def kext(*libraries: str, user_client: bool = False) -> Kext:
    return Kext("/driver.kext", DRIVER, "1.0", "driver", libraries, (), user_client, {})


@pytest.mark.parametrize(
    ("found", "symbols", "withheld"),
    [
        pytest.param(kext("com.apple.kpi.iokit", HID), frozenset(), (HID,), id="hid"),
        pytest.param(kext(OLD_USB), frozenset(), (OLD_USB,), id="old-usb"),
        pytest.param(kext(USB), frozenset(), (), id="usb"),
        pytest.param(kext(NETWORK, USB), frozenset(), (USB,), id="usb-network"),
        pytest.param(kext(SERIAL, USB), frozenset(), (USB,), id="usb-serial"),
        pytest.param(kext(NETWORK, PCI), frozenset(), (), id="pci-network"),
        pytest.param(kext(USB, user_client=True), frozenset(), (USB,), id="usb-for-a-program"),
        pytest.param(kext(USB), USER_CLIENT, (USB,), id="usb-for-a-program-by-its-class"),
        pytest.param(kext(USB, DISKS, user_client=True), frozenset(), (), id="usb-disk"),
        pytest.param(kext(PCI, user_client=True), frozenset(), (), id="no-usb"),
    ],
)
def test_families_are_kept_from_kexts_since_macos_11(
    found: Kext, symbols: frozenset[str], withheld: tuple[str, ...]
) -> None:
    assert withheld_libraries(found, symbols, SONOMA) == withheld
    assert withheld_libraries(found, symbols, CATALINA) == ()


def test_listeners_and_filters_are_gone_and_sockets_are_there() -> None:
    symbols = frozenset({"_sock_socket", "_kauth_listen_scope", "_sflt_register", "_ipf_addv4", "_IOLog"})
    assert withheld_symbols(symbols, SONOMA) == ("_ipf_addv4", "_kauth_listen_scope", "_sflt_register")
    assert withheld_symbols(symbols, CATALINA) == ()


def on_intel(small_mac: Macs, *defects: str) -> Any:
    return small_mac(*defects, architecture="intel", macos="13.6")


def test_a_symbol_that_nobody_exports_fails_the_link_and_nobody_is_asked(small_mac: Macs, make_kext: Make) -> None:
    mac = on_intel(small_mac)
    answer = mac.kernel.load(mac.install(make_kext(symbols=frozenset({"kauth_listen_scope", "IOLog"}))))
    assert answer.code == 31
    assert f"Failed to bind '_kauth_listen_scope' in '{DRIVER}'" in answer.text
    assert "_IOLog" not in answer.text
    assert (mac.kernel.pending(), mac.display.blocked) == ([], [])


def test_a_library_that_is_withheld_is_not_found(small_mac: Macs, make_kext: Make) -> None:
    mac = on_intel(small_mac)
    answer = mac.kernel.load(mac.install(make_kext(libraries=frozenset({"com.apple.kpi.iokit", HID}))))
    assert answer.code == 71
    assert f"'{DRIVER}' names a dependency on '{HID}', which was not found." in answer.text


def test_the_signature_is_looked_at_first(small_mac: Macs, make_kext: Make) -> None:
    mac = on_intel(small_mac)
    unsigned = make_kext(signature=Signature.NONE, symbols=frozenset({"kauth_listen_scope"}))
    assert mac.kernel.load(mac.install(unsigned)).code == 29


def test_without_sip_everything_can_be_linked_and_with_it_the_next_build_fails(
    small_mac: Macs, make_kext: Make
) -> None:
    mac = on_intel(small_mac)
    mac.sip = 0x7F
    mac.boot()
    path = mac.install(make_kext(symbols=frozenset({"kauth_listen_scope"})))
    assert mac.kernel.load(path).code == 27
    mac.kernel.approve(mac.kernel.pending()[0], "admin")
    mac.boot()
    assert mac.loaded() == [DRIVER]
    mac.sip = 0
    mac.boot()
    other = mac.install(make_kext(bundle_id="com.example.kextrel.other"))
    assert mac.kernel.load(other).code == 27
    mac.kernel.approve(mac.kernel.pending()[0], "admin")
    assert f"in '{DRIVER}'" in mac.kernel.load(other).text


def manage(mac: Any) -> None:
    content = {"PayloadType": PAYLOAD, "PayloadUUID": "P", "AllowedTeamIdentifiers": [TEAM]}
    mac.management.install(Profile({"PayloadIdentifier": "p", "PayloadContent": [content]}))


def test_what_a_profile_approves_is_linked_whatever_it_uses(small_mac: Macs, make_kext: Make) -> None:
    mac = on_intel(small_mac)
    manage(mac)
    uses = make_kext(symbols=frozenset({"kauth_listen_scope"}), libraries=frozenset({HID}))
    assert mac.kernel.load(mac.install(uses)).code == 28
    mac.boot()
    assert mac.loaded() == [DRIVER]


@pytest.mark.parametrize(("policy", "code"), [({"smb0": 1, "smb2": 1}, 31), ({"smb0": 1, "smb3": 1}, 28)])
def test_a_profile_spares_nothing_where_users_alone_manage_kexts(
    small_mac: Macs, make_kext: Make, policy: dict[str, int], code: int
) -> None:
    mac = small_mac()
    manage(mac)
    mac.lower(**policy)
    assert mac.kernel.load(mac.install(make_kext(symbols=frozenset({"sflt_attach"})))).code == code


def test_defect_kpi_05_leaves_the_hid_family_open_and_nothing_else(small_mac: Macs, make_kext: Make) -> None:
    mac = on_intel(small_mac, "KPI-05")
    assert mac.kernel.load(mac.install(make_kext(libraries=frozenset({HID})))).code == 27
    assert mac.kernel.load(mac.install(make_kext(libraries=frozenset({OLD_USB})))).code == 71
    assert mac.kernel.load(mac.install(make_kext(symbols=frozenset({"sflt_attach"})))).code == 31
