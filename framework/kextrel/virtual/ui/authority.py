"""Who may confirm a sheet that asks for an administrator."""

from __future__ import annotations

from kextrel.virtual.ui.host import Account, Host

__all__ = ["administrator"]


def administrator(host: Host, user: str, password: str) -> Account | None:
    """The administrator of that name, short or full, if the password is theirs."""
    account = host.spec.account(user)
    if account is None or not account.admin:
        return None
    system = host.system
    return account if system is not None and system.users.check(account.name, password) else None
