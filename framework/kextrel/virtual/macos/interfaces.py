"""What the kernel of a release has for the kexts of others: functions to call, and kexts of Apple's to be linked with.

Darwin 20 (macOS 11) took some of it away. The kernel's own kexts go on using it, so nothing of it is missing from the
list of what is loaded: kernelmanagerd leaves it out where it links a kext that is not Apple's. Everything that is not
named here is there; that is enough for the kexts that a bench makes.
Source: Apple, "Deprecated Kernel Extensions and System Extension Alternatives".
"""

from __future__ import annotations

from kextrel.virtual.macos.bundle import Kext

__all__ = ["withheld_libraries", "withheld_symbols"]

_DARWIN_OF_BIG_SUR = 20

_LISTENERS = ("_kauth_listen_scope", "_kauth_unlisten_scope")
_SOCKET_FILTERS = (
    *("_sflt_attach", "_sflt_detach", "_sflt_register", "_sflt_unregister"),
    *("_sock_inject_data_in", "_sock_inject_data_out", "_sock_setpriv"),
    *("_sockopt_copyin", "_sockopt_copyout", "_sockopt_direction"),
    *("_sockopt_level", "_sockopt_name", "_sockopt_valsize"),
)
_IP_FILTERS = ("_ipf_addv4", "_ipf_addv6", "_ipf_inject_input", "_ipf_inject_output", "_ipf_remove")
_GONE = frozenset((*_LISTENERS, *_SOCKET_FILTERS, *_IP_FILTERS))
"""As they stand in a symbol table. The calls that only open and use sockets stayed."""

_IOKIT = "com.apple.iokit."
_HID = f"{_IOKIT}IOHIDFamily"
_CLOSED = frozenset({_HID, f"{_IOKIT}IOUSBFamily"})
"""Families that take no kext of others any more."""
_USB = frozenset({f"{_IOKIT}IOUSBFamily", f"{_IOKIT}IOUSBHostFamily"})
_NOT_WITH_USB = frozenset({f"{_IOKIT}IONetworkingFamily", f"{_IOKIT}IOSerialFamily"})
"""Adapters on USB are driven from user space, so that USB is kept from a kext of these families."""


def withheld_symbols(symbols: frozenset[str], darwin: str) -> tuple[str, ...]:
    """Those of `symbols`, sorted, that a kernel of version `darwin` ("23.5.0") has for no kext of others."""
    return tuple(sorted(symbols & _GONE)) if _is_strict(darwin) else ()


def withheld_libraries(kext: Kext, symbols: frozenset[str], darwin: str, *, hid_open: bool = False) -> tuple[str, ...]:
    """The kexts of Apple's, sorted, that `kext` names as its libraries and cannot be linked against on that kernel;
    `symbols` is what it imports. `hid_open`: IOHIDFamily was left as it had been."""
    if not _is_strict(darwin):
        return ()
    named = frozenset(kext.libraries)
    closed = named & (_CLOSED - {_HID} if hid_open else _CLOSED)
    if named & _NOT_WITH_USB or _only_hands_over(kext, symbols):
        closed |= named & _USB
    return tuple(sorted(closed))


def _only_hands_over(kext: Kext, symbols: frozenset[str]) -> bool:
    """Whether it is tied to no family but USB and talks to a program of its own: the IOUSBHost framework does that."""
    families = {one for one in kext.libraries if one.startswith(_IOKIT) and one.endswith("Family")}
    return not families - _USB and (kext.user_client or any("IOUserClient" in one for one in symbols))


def _is_strict(darwin: str) -> bool:
    return int(darwin.partition(".")[0]) >= _DARWIN_OF_BIG_SUR
