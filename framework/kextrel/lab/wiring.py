"""From a profile to a device: resolves the secrets, opens the wires, builds the TestMac.

Secrets are resolved before the first wire is opened: a missing one is bad input, and nothing was touched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from kextrel.bench.beacon import HttpBeacon
from kextrel.bench.button import RelayButton
from kextrel.bench.console import SerialConsole
from kextrel.bench.keyboard import Ch9329Keyboard
from kextrel.bench.power import RelayPower
from kextrel.bench.screen import PikvmScreen
from kextrel.bench.shell import SshShell
from kextrel.bench.sshlink import Login
from kextrel.device import Account, Accounts, Facts, TestMac, Timeouts, Wires
from kextrel.evidence import Sink
from kextrel.lab.profile import AccountProfile, MacProfile, ShellWire, Wiring
from kextrel.lab.secrets import resolve
from kextrel.timing import Clock

__all__ = ["build"]


def build(name: str, mac: MacProfile, facts: Facts, sink: Sink) -> TestMac:
    """The device of a Mac that has wires. Raises UsageError for a secret that is not there, BenchError for a wire."""
    assert mac.wires is not None, "a virtual Mac has wires once it is served"
    accounts = _accounts(mac)
    clock = Clock(mac.time_scale)
    opening = _openers(name, mac.wires, accounts, clock, sink)
    with ExitStack() as stack:
        opened: dict[str, Any] = {}
        for kind, open_wire in opening.items():
            opened[kind] = open_wire()
            stack.callback(opened[kind].close)
        given = mac.timeouts.model_dump(exclude_none=True)
        device = TestMac(
            name,
            facts,
            Wires(**opened),
            clock=clock,
            sink=sink,
            accounts=accounts,
            timeouts=replace(Timeouts(), **given),
        )
        stack.pop_all()
    return device


def _accounts(mac: MacProfile) -> Accounts:
    assert mac.accounts is not None
    standard = mac.accounts.standard
    return Accounts(_account(mac.accounts.admin), _account(standard) if standard is not None else None)


def _account(account: AccountProfile) -> Account:
    return Account(account.user, account.full_name or account.user, resolve(account.password))


def _openers(name: str, wires: Wiring, accounts: Accounts, clock: Clock, sink: Sink) -> Mapping[str, Callable[[], Any]]:
    """A way to open each wire that is there; their secrets are resolved now."""
    found: dict[str, Callable[[], Any]] = {}
    if (shell := wires.shell) is not None:
        login = _login(shell, accounts)
        at = f"{name}.shell ({shell.host}:{shell.port})"
        found["shell"] = lambda: SshShell(at, shell.host, shell.port, login, shell.host_keys, sink)
    if (console := wires.console) is not None:
        found["console"] = lambda: SerialConsole(f"{name}.console ({console.port})", console.port, console.baud, sink)
    if (power := wires.power) is not None:
        found["power"] = lambda: RelayPower(
            f"{name}.power ({power.port} channel {power.channel})", power.port, power.channel, sink
        )
    if (button := wires.button) is not None:
        found["button"] = lambda: RelayButton(
            f"{name}.button ({button.port} channel {button.channel})", button.port, button.channel, clock, sink
        )
    return found | _seeing(name, wires, sink)


def _seeing(name: str, wires: Wiring, sink: Sink) -> dict[str, Callable[[], Any]]:
    """Keyboard, screen and beacon: what a Mac without a shell is driven by."""
    found: dict[str, Callable[[], Any]] = {}
    if (keyboard := wires.keyboard) is not None:
        found["keyboard"] = lambda: Ch9329Keyboard(f"{name}.keyboard ({keyboard.port})", keyboard.port, sink)
    if (screen := wires.screen) is not None:
        password = resolve(screen.password)
        found["screen"] = lambda: PikvmScreen(
            f"{name}.screen ({screen.url})", screen.url, screen.user, password, sink, poll=screen.poll
        )
    if (beacon := wires.beacon) is not None:
        found["beacon"] = lambda: HttpBeacon(f"{name}.beacon ({beacon.listen})", beacon.listen, beacon.port, sink)
    return found


def _login(shell: ShellWire, accounts: Accounts) -> Login:
    user = shell.user or accounts.admin.name
    if shell.key is not None:
        return Login(user, key=Path(shell.key).expanduser())
    return Login(user, password=resolve(shell.password) if shell.password is not None else accounts.admin.password)
