"""Apple's list of deprecated and unsupported kernel programming interfaces (S1), as data: what it names, from when, and
what takes its place. Which kext uses what is for those who read one to say (KPI-01 to KPI-11)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kextrel.vocabulary.version import Version

__all__ = [
    "FILTER_SYMBOLS",
    "KAUTH_SYMBOLS",
    "KPI_LIST",
    "SOCKET_SYMBOLS",
    "IOFamily",
    "Kpi",
    "c_name",
]


class IOFamily(StrEnum):
    """An I/O Kit family that the list speaks of; the value is its name in OSBundleLibraries."""

    HID = "com.apple.iokit.IOHIDFamily"
    USB = "com.apple.iokit.IOUSBFamily"
    USB_HOST = "com.apple.iokit.IOUSBHostFamily"
    NETWORKING = "com.apple.iokit.IONetworkingFamily"
    SERIAL = "com.apple.iokit.IOSerialFamily"
    PCI = "com.apple.iokit.IOPCIFamily"


_SOCKET = """
sock_accept sock_bind sock_close sock_connect sock_getpeername sock_getsockname sock_getsockopt sock_gettype
sock_ioctl sock_isconnected sock_isnonblocking sock_listen sock_receive sock_receivembuf sock_release sock_retain
sock_send sock_sendmbuf sock_setsockopt sock_shutdown sock_socket
"""

_FILTER = """
ipf_addv4 ipf_addv6 ipf_inject_input ipf_inject_output ipf_remove sflt_attach sflt_detach sflt_register
sflt_unregister sock_inject_data_in sock_inject_data_out sock_setpriv sockopt_copyin sockopt_copyout
sockopt_direction sockopt_level sockopt_name sockopt_valsize
"""


KAUTH_SYMBOLS = frozenset({"kauth_listen_scope", "kauth_unlisten_scope"})
SOCKET_SYMBOLS = frozenset(_SOCKET.split())
FILTER_SYMBOLS = frozenset(_FILTER.split())


def c_name(symbol: str) -> str:
    """A symbol as C and Apple's list have it: `nm` shows it with the linker's underscore in front, and people write
    both. What is left of a C++ name begins with `_Z`, which is its own."""
    return symbol if symbol.startswith("_Z") else symbol.removeprefix("_")


@dataclass(frozen=True)
class Kpi:
    """One entry of the list, under the rule that has it.

    `deprecated` and `unsupported` are the first macOS for which it is so, None where the list names none; `replacement`
    is empty where it names none. Symbols have no leading underscore here. What a kext must use for an entry to be about
    it is in the rule's text.
    """

    rule: str
    name: str
    deprecated: Version | None
    unsupported: Version | None
    replacement: str


_EL_CAPITAN, _CATALINA, _BIG_SUR = Version(10, 11), Version(10, 15), Version(11)

KPI_LIST = (
    Kpi("KPI-02", "KAUTH", _CATALINA, _BIG_SUR, "EndpointSecurity"),
    Kpi("KPI-03", "Socket", _CATALINA, None, "NetworkExtension"),
    Kpi("KPI-04", "Network filter", _CATALINA, _BIG_SUR, ""),
    Kpi("KPI-05", "IOHIDFamily", _CATALINA, _BIG_SUR, "HIDDriverKit"),
    Kpi("KPI-06", "IOUSBFamily", _EL_CAPITAN, _BIG_SUR, "IOUSBHostFamily or USBDriverKit"),
    Kpi("KPI-07", "USB networking", _CATALINA, _BIG_SUR, "USBDriverKit and NetworkingDriverKit"),
    Kpi("KPI-08", "USB serial", _CATALINA, _BIG_SUR, "USBDriverKit and SerialDriverKit or USBSerialDriverKit"),
    Kpi("KPI-09", "USB vendor-specific IPC", _CATALINA, _BIG_SUR, "USBDriverKit or the IOUSBHost framework"),
    Kpi("KPI-10", "PCI networking", _CATALINA, None, "PCIDriverKit and NetworkingDriverKit"),
)
