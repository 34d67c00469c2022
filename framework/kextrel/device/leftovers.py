"""System extensions of ours that are still on a Mac: deactivated by their apps, and gone, apps and all, by a restart.

Ours is what this run knows, and what lies in an app that has the name of those that `bundles` makes: so that what an
earlier run left behind is found as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from kextrel import bundles
from kextrel.device.actions.extensions import deactivate_by_app, developer_mode, still_listed
from kextrel.device.flows import login, power
from kextrel.device.remote import answered, existing, exists, run
from kextrel.device.rig import Rig
from kextrel.errors import NotPossible, UnreadableAnswer
from kextrel.macos import applications
from kextrel.timing import Deadline
from kextrel.vocabulary import Outcome, Unknown, Version
from kextrel.vocabulary.actions import DeveloperMode

__all__ = ["leave_developer_mode", "take_extensions_away"]

_SINCE = Version(10, 15)


def take_extensions_away(rig: Rig, *, deadline: Deadline) -> bool:
    """Nothing of ours activated, pending or on the disk; restarts where something was. NotPossible where it stays.

    Whether there was anything.
    """
    if rig.facts.macos < _SINCE:
        return False
    listed = still_listed(rig, deadline=deadline)
    known = {e.bundle_id: rig.catalog.installed_at(e) for e in rig.catalog.system_extensions()}
    apps = {**(_carried(rig, deadline) if listed or known else {}), **known}
    for record in listed:
        if record.bundle_id in apps and record.state.startswith("activated"):
            _deactivate(rig, apps[record.bundle_id], record.bundle_id, deadline)
    there = existing(rig, sorted(set(apps.values())), deadline=deadline)
    for app in there:
        run(rig, applications.remove(app), deadline=deadline)
    left = bool(listed) and bool(_ours(rig, apps, deadline))
    if left:
        power.restart(rig, deadline=deadline)
        stayed = _ours(rig, apps, deadline)
        if stayed:
            raise NotPossible(f"{', '.join(stayed)} of an earlier run stayed on {rig.name} after a restart")
    return left or bool(there)


def leave_developer_mode(rig: Rig, sip: bool | Unknown | None, *, deadline: Deadline) -> None:
    """Off, where a scenario may have put it on. With SIP on it cannot be told so, and counts for nothing (SYS-15)."""
    if not rig.developer_mode or sip is not False or rig.facts.macos < _SINCE:
        return
    done = developer_mode(rig, DeveloperMode(on=False), deadline=deadline)
    rig.developer_mode = done.outcome is not Outcome.DONE
    if rig.developer_mode:
        rig.note(f"developer mode may still be on: {done.note}")


def _ours(rig: Rig, apps: Mapping[str, str], deadline: Deadline) -> list[str]:
    return [f"{r.bundle_id} [{r.state}]" for r in still_listed(rig, deadline=deadline) if r.bundle_id in apps]


def _carried(rig: Rig, deadline: Deadline) -> dict[str, str]:
    """The extensions in our apps on the disk, by identifier: the app's path."""
    found = {}
    for folder in ("/Applications", rig.catalog.home):
        line = applications.carried(folder, bundles.APP_PREFIX)
        for path in answered(run(rig, line, deadline=deadline)).out.splitlines():
            app, inside, name = path.rpartition("/Contents/Library/SystemExtensions/")
            if inside:
                found[PurePosixPath(name).stem] = app
    return found


def _deactivate(rig: Rig, app: str, bundle_id: str, deadline: Deadline) -> None:
    """An app that is gone, or that is refused, is no obstacle: the extension of an app that is gone goes at a start."""
    if not exists(rig, app, deadline=deadline):
        return
    if rig.wires.screen is not None:
        login.ensure(rig, deadline=deadline)
    try:
        answer = deactivate_by_app(rig, app, bundle_id, rig.accounts.admin, deadline=deadline)
        rig.note(f"{bundle_id} was deactivated: {answer.code or answer.result}")
    except (NotPossible, UnreadableAnswer) as error:
        rig.note(f"{bundle_id} was not deactivated by its app: {error}")
