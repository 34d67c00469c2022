"""As much of a Mac as sysextd touches, and what a test has it install."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kextrel.bundles import make_app
from kextrel.virtual.clock import Clock
from kextrel.virtual.macos.extensionrules import Refused
from kextrel.virtual.macos.sysextd import Request, SystemExtensions
from kextrel.virtual.spec import MacSpec
from kextrel.virtual.unix.disk import new_disk
from kextrel.vocabulary import Category, Extension, ExtensionKind

AGENT, TEAM = "com.example.kextrel.agent", "KXTRL00001"


class Profiles:
    """What is installed, as sysextd hears of it."""

    def __init__(self) -> None:
        self.installed: list[dict[str, Any]] = []
        self.tell: list[Callable[[], None]] = []

    def payloads(self, kind: str) -> list[dict[str, Any]]:
        return self.installed if kind == "com.apple.system-extension-policy" else []

    def on_change(self, callback: Callable[[], None]) -> None:
        self.tell.append(callback)

    def install(self, *payloads: dict[str, Any]) -> None:
        self.installed = list(payloads)
        for callback in self.tell:
            callback()


class Screen:
    """Remembers alerts; a sheet is answered by `answer`, at once or by whoever holds `sheets`."""

    def __init__(self) -> None:
        self.alerts: list[str] = []
        self.sheets: list[tuple[str, str, Callable[[str | None], None]]] = []
        self.session, self.answer = True, "admin"

    def application_blocked(self, application: str, category: str) -> None:
        self.alerts.append(application)

    def authorize(self, title: str, message: str, done: Callable[[str | None], None]) -> bool:
        if self.session:
            self.sheets.append((title, message, done))
            if self.answer != "later":
                done(self.answer or None)
        return self.session


@cache
def made(extensions: tuple[Extension, ...]) -> tuple[str, dict[str, bytes]]:
    """The application that carries them, as `bundles` makes it: its name and its files; made once for all tests."""
    with TemporaryDirectory() as folder:
        app = make_app(list(extensions), Path(folder))
        return app.name, {str(path.relative_to(app)): path.read_bytes() for path in app.rglob("*") if path.is_file()}


class Mac:
    """As much of a Mac as sysextd touches."""

    def __init__(self, **fields: Any) -> None:
        self.spec = MacSpec("small", prepared=True, **fields)
        self.clock = Clock(start=1_750_000_000.0, wall=asyncio.get_running_loop().time)
        self.system = self.in_force = self.console_user = None
        self.sip, self.safe_mode = 0, False
        self.disk = new_disk(self)
        self.management, self.display = Profiles(), Screen()
        self.extensions = SystemExtensions(self)
        self.extensions.boot()

    def defect(self, rule: str) -> bool:
        return rule in self.spec.defects

    def install(self, *extensions: Extension, into: str = "/Applications") -> str:
        name, files = made(extensions)
        target = f"{into}/{name}"
        if self.disk.exists(target):
            self.disk.remove_tree(target)
        for path, content in files.items():
            self.disk.mkdir(f"{target}/{path}".rpartition("/")[0], parents=True)
            self.disk.write_bytes(f"{target}/{path}", content)
        return target

    async def activate(self, app: str, identifier: str = AGENT, *, verb: str = "activate", session: bool = True) -> str:
        self.replaced: list[tuple[str, str]] = []
        request = Request(verb, identifier, app, session, lambda old, new: self.replaced.append((old, new)))
        try:
            return await self.extensions.submit(request)
        except Refused as refusal:
            return refusal.code.name

    async def deactivate(self, app: str, *, session: bool = True) -> str:
        return await self.activate(app, verb="deactivate", session=session)

    def restart(self) -> None:
        self.extensions.power_lost()
        self.extensions.boot()

    @property
    def states(self) -> list[str]:
        return [record.state.words for record in self.extensions.records()]


def agent(category: Category = Category.ENDPOINT_SECURITY, **fields: Any) -> Extension:
    return Extension("agent", ExtensionKind.SYSTEM_EXTENSION, AGENT, category=category, **fields)
