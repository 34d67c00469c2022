"""paramiko, without what it imports for a word of ssh_config that nobody here uses.

For `Match exec` it imports invoke, which imports asyncio and unittest.mock: as much again as paramiko itself takes to
start. It gets a stand-in instead, which imports invoke when it is first asked for something; for everybody else invoke
is what it was.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

__all__ = ["paramiko"]


class _Later(ModuleType):
    """Stands for a module in one that has imported it, and imports it when that one uses it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self.__name__), name)


_later = sys.modules.setdefault("invoke", _Later("invoke"))
try:
    import paramiko
finally:
    if isinstance(_later, _Later):
        del sys.modules["invoke"]
