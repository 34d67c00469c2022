"""From a profile to a device: resolves the secrets, opens the wires, builds the TestMac.

Secrets are resolved before the first wire is opened: a missing one is bad input, and nothing was touched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kextrel.device import Account, Accounts, Facts, TestMac, Timeouts, Wires
from kextrel.errors import BenchError, UsageError
from kextrel.evidence import Sink
from kextrel.lab.powering import acquirer, power_opener
from kextrel.lab.profile import (
    AccountProfile,
    BeaconWire,
    KeyboardWire,
    MacProfile,
    MdmWire,
    ScreenWire,
    ShellWire,
    Wiring,
)
from kextrel.lab.secrets import resolve
from kextrel.timing import Clock
from kextrel.vocabulary import Architecture, Version

if TYPE_CHECKING:  # each driver is imported where a Mac has that wire: SSH and HTTP clients take long
    from kextrel.bench.beacon import HttpBeacon
    from kextrel.bench.keyboard import Ch9329Keyboard
    from kextrel.bench.mdm import NanoMdm
    from kextrel.bench.screen import PikvmScreen
    from kextrel.bench.sshlink import Login

__all__ = ["Lost", "build", "openers"]

Lost = Callable[[str, BenchError], None]
"""Told of a wire that cannot be opened: its kind, and why."""

_SSH_BEFORE_BOOT_SINCE = Version(26)


def build(name: str, mac: MacProfile, facts: Facts, sink: Sink, base: Path, *, lost: Lost | None = None) -> TestMac:
    """The device of a Mac that has wires. Raises UsageError for a secret that is not there, BenchError for a wire.
    Where there is `lost`, a wire that cannot be opened is told to it instead, and left out.

    The button's contacts are opened first and all keys let up: an owner that was killed may have left them down.
    """
    opening = openers(name, mac, sink, base)
    accounts = _accounts(mac, base)
    with ExitStack() as stack:
        opened: dict[str, Any] = {}
        for kind, open_wire in opening.items():
            wire = _opened(kind, open_wire, lost)
            if wire is not None:
                opened[kind] = wire
                stack.callback(wire.close)
        wires = Wires(**opened)
        _let_go(wires, sink)
        patience = replace(Timeouts(), **mac.timeouts.model_dump(exclude_none=True))
        clock = Clock(mac.time_scale)
        device = TestMac(name, facts, wires, clock=clock, sink=sink, accounts=accounts, timeouts=patience)
        stack.pop_all()
    return device


def _opened(kind: str, open_wire: Callable[[], Any], lost: Lost | None) -> Any:
    try:
        return open_wire()
    except BenchError as error:
        if lost is None:
            raise
        lost(kind, error)
        return None


def _let_go(wires: Wires, sink: Sink) -> None:
    """A keyboard that cannot let go is said in the evidence: it fails the first step that types, and no other."""
    if wires.button is not None:
        wires.button.release()
    if wires.keyboard is not None:
        try:
            wires.keyboard.release()
        except BenchError as error:
            sink.record("keyboard", "not released", error=str(error))


def openers(name: str, mac: MacProfile, sink: Sink, base: Path) -> Mapping[str, Callable[[], Any]]:
    """A way to open each wire that is there, by its kind. All secrets are resolved now, below `base` (see resolve)."""
    if mac.wires is None:
        raise UsageError(f"{name} is a virtual Mac and has no wires before it is served: use `kextrel virtual serve`")
    wires, clock, admin = mac.wires, Clock(mac.time_scale), _accounts(mac, base).admin
    found: dict[str, Callable[[], Any]] = {}
    if (shell := wires.shell) is not None:
        from kextrel.bench.shell import SshShell

        login = _login(shell, admin, base)
        at = f"{name}.shell ({shell.host}:{shell.port})"
        found["shell"] = lambda: SshShell(
            at, shell.host, shell.port, login, shell.host_keys, sink, filevault=mac.filevault
        )
        if _unlocks_over_ssh(mac):
            from kextrel.bench.unlock import SshUnlock

            before = f"{name}.unlock ({shell.host}:{shell.port})"
            found["unlock"] = lambda: SshUnlock(before, shell.host, shell.port, admin.name, shell.host_keys, sink)
    return found | _on_ports(name, wires, sink, clock, base) | _seeing(name, wires, sink, base)


def _unlocks_over_ssh(mac: MacProfile) -> bool:
    """Whether it has an SSH before the boot [apple_ssh_and_filevault(7)]."""
    silicon = mac.architecture is Architecture.APPLE_SILICON
    return mac.filevault and silicon and mac.macos >= _SSH_BEFORE_BOOT_SINCE


def _on_ports(name: str, wires: Wiring, sink: Sink, clock: Clock, base: Path) -> dict[str, Callable[[], Any]]:
    """The console, and what switches the mains and the power button: most of it hangs on serial ports."""
    found: dict[str, Callable[[], Any]] = {}
    if (console := wires.console) is not None:
        from kextrel.bench.console import SerialConsole

        found["console"] = lambda: SerialConsole(f"{name}.console ({console.port})", console.port, console.baud, sink)
    if (power := wires.power) is not None:
        found["power"] = power_opener(name, power, sink, base)
    if (button := wires.button) is not None:
        from kextrel.bench.button import RelayButton

        at_button = f"{name}.button ({button.port} channel {button.channel})"
        board = acquirer(button)
        found["button"] = lambda: RelayButton(at_button, button.port, button.channel, clock, sink, acquire=board)
    return found


def _seeing(name: str, wires: Wiring, sink: Sink, base: Path) -> dict[str, Callable[[], Any]]:
    """Keyboard, screen and beacon: what a Mac without a shell is driven by."""
    found: dict[str, Callable[[], Any]] = {}
    if wires.keyboard is not None:
        found["keyboard"] = _typing(name, wires.keyboard, sink)
    if wires.screen is not None:
        found["screen"] = _watching(name, wires.screen, sink, base)
    if wires.beacon is not None:
        found["beacon"] = _listening(name, wires.beacon, sink)
    if wires.mdm is not None:
        found["mdm"] = _managing(name, wires.mdm, sink, base)
    return found


def _typing(name: str, keyboard: KeyboardWire, sink: Sink) -> Callable[[], Ch9329Keyboard]:
    from kextrel.bench.keyboard import Ch9329Keyboard

    at = f"{name}.keyboard ({keyboard.port})"
    return lambda: Ch9329Keyboard(at, keyboard.port, sink, baud=keyboard.baud)


def _watching(name: str, screen: ScreenWire, sink: Sink, base: Path) -> Callable[[], PikvmScreen]:
    from kextrel.bench.screen import PikvmScreen

    at, password = f"{name}.screen ({screen.url})", resolve(screen.password, base)
    trusted = base / Path(screen.certificate).expanduser() if screen.certificate is not None else None
    return lambda: PikvmScreen(at, screen.url, screen.user, password, sink, poll=screen.poll, certificate=trusted)


def _listening(name: str, beacon: BeaconWire, sink: Sink) -> Callable[[], HttpBeacon]:
    from kextrel.bench.beacon import HttpBeacon

    at = f"{name}.beacon ({beacon.listen})"
    return lambda: HttpBeacon(at, beacon.listen, beacon.port, sink, host=beacon.host)


def _managing(name: str, mdm: MdmWire, sink: Sink, base: Path) -> Callable[[], NanoMdm]:
    """The MDM server, with its secrets resolved now."""
    from kextrel.bench.answers import Webhook
    from kextrel.bench.mdm import NanoMdm, Server

    hook = mdm.webhook
    key = resolve(hook.hmac_key, base) if hook.hmac_key is not None else None
    webhook = Webhook(hook.listen, hook.port, hook.host, hook.path, key)
    certificate = base / Path(mdm.certificate).expanduser() if mdm.certificate is not None else None
    server = Server(mdm.url, resolve(mdm.api_key, base), certificate, hook.register_, mdm.push)
    return lambda: NanoMdm(f"{name}.mdm ({mdm.url})", server, mdm.udid, webhook, sink)


def _accounts(mac: MacProfile, base: Path) -> Accounts:
    assert mac.accounts is not None, "a Mac with wires has accounts: the profile sees to that"
    standard = mac.accounts.standard
    return Accounts(_account(mac.accounts.admin, base), _account(standard, base) if standard is not None else None)


def _account(account: AccountProfile, base: Path) -> Account:
    return Account(account.user, account.full_name or account.user, resolve(account.password, base))


def _login(shell: ShellWire, admin: Account, base: Path) -> Login:
    from kextrel.bench.sshlink import Login

    user = shell.user or admin.name
    if shell.key is not None:
        return Login(user, key=base / Path(shell.key).expanduser())
    return Login(user, password=resolve(shell.password, base) if shell.password is not None else admin.password)
