"""The command-line tools of macOS that this Mac has. Importing this registers them all."""

from kextrel.virtual.macos.tools import (
    accounts,
    bputil,
    csrutil,
    curl,
    extensions,
    hostapp,
    identity,
    kmutil,
    log,
    management,
    nvram,
    power,
    sessions,
    settings,
    signing,
    sqlite3,
)

__all__ = [
    "accounts",
    "bputil",
    "csrutil",
    "curl",
    "extensions",
    "hostapp",
    "identity",
    "kmutil",
    "log",
    "management",
    "nvram",
    "power",
    "sessions",
    "settings",
    "signing",
    "sqlite3",
]
