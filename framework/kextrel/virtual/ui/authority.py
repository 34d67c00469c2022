"""Who may confirm a sheet that asks for an administrator, and what such a person allows."""

from __future__ import annotations

from collections.abc import Sequence

from kextrel.virtual.ui.host import Account, ExtensionRecord, Host, Pending

__all__ = ["administrator", "allow_extensions", "approve_kexts", "approver"]


def administrator(host: Host, user: str, password: str) -> Account | None:
    """The administrator of that name, short or full, if the password is theirs."""
    account = _known(host, user, password)
    return account if account is not None and account.admin else None


def approver(host: Host, user: str, password: str) -> Account | None:
    """As `administrator`, for kexts: a profile may let standard users approve them."""
    account = _known(host, user, password)
    return account if account is not None and host.kernel.may_approve(account) else None


def _known(host: Host, user: str, password: str) -> Account | None:
    account, system = host.spec.account(user), host.system
    right = account is not None and system is not None and system.users.check(account.name, password)
    return account if right else None


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
