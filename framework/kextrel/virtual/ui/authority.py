"""Who may confirm a sheet that asks for an administrator, and what such a person allows."""

from __future__ import annotations

from collections.abc import Sequence

from kextrel.virtual.ui.host import Account, ExtensionRecord, Host, Pending

__all__ = ["administrator", "allow_extensions", "approve_kexts"]


def administrator(host: Host, user: str, password: str) -> Account | None:
    """The administrator of that name, short or full, if the password is theirs."""
    account = host.spec.account(user)
    if account is None or not account.admin:
        return None
    system = host.system
    return account if system is not None and system.users.check(account.name, password) else None


def approve_kexts(host: Host, account: Account, pending: Sequence[Pending]) -> bool:
    """Tells kernel management; False when it has other reasons to refuse."""
    try:
        for one in pending:
            host.kernel.approve(one, account.name)
    except PermissionError:
        return False
    return True


def allow_extensions(host: Host, account: Account, waiting: Sequence[ExtensionRecord]) -> bool:
    """Tells sysextd, which asks for no restart; False when it has other reasons to refuse."""
    try:
        for one in waiting:
            host.extensions.allow(one, account.name)
    except (PermissionError, LookupError):
        return False
    return True
