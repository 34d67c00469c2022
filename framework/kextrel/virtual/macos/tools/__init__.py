"""The command-line tools of macOS that this Mac has. Importing this registers them all."""

from kextrel.virtual.macos.tools import (
    accounts,
    bputil,
    csrutil,
    curl,
    identity,
    kmutil,
    log,
    management,
    nvram,
    power,
    settings,
    signing,
    sqlite3,
)

__all__ = [
    "accounts",
    "bputil",
    "csrutil",
    "curl",
    "identity",
    "kmutil",
    "log",
    "management",
    "nvram",
    "power",
    "settings",
    "signing",
    "sqlite3",
]
