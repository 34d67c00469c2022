"""FileVault's unlock before the boot: every start of macOS waits for a password, and whoever waits for macOS gives it.

Where there are a keyboard and a screen it is typed, for that logs the administrator in as an automatic login would; the
screen looks as the login window does, so what tells them apart is that no shell answers. Else it is given to the SSH
before the boot, where the Mac has that (macOS 26, Apple silicon). `fdesetup authrestart` is not used: a restart that
keeps the key is another one than the restart that a scenario speaks of, and a power cut or recovery could not use it.
"""

from __future__ import annotations

from kextrel.bench.protocols import BootId
from kextrel.bench.retry import Transient
from kextrel.device.flows.screens import Shown, has, shown, shows
from kextrel.device.rig import Rig
from kextrel.errors import BenchError, DeadlineExceeded
from kextrel.timing import Deadline

__all__ = ["await_macos", "check_way", "waits", "way"]

_TRIES = 2  # nobody sees whether the keyboard lost a key of a password, and ten wrong ones lock the Mac for ever
_AGAIN = 1.0  # Mac seconds until the SSH before the boot is looked for again


def way(rig: Rig) -> str:
    """How FileVault is unlocked on this bench, in words; "" where it cannot be."""
    if rig.wires.keyboard is not None and rig.wires.screen is not None:
        return "by the keyboard"
    return "over the SSH before the boot" if rig.wires.unlock is not None else ""


def check_way(rig: Rig) -> None:
    """Raises BenchError where the profile states FileVault and the Mac would be left waiting for its unlock."""
    if rig.facts.filevault and not way(rig):
        what = "would not come back from a start: FileVault is on, and nothing here types its password"
        how = "add keyboard and screen wires (the SSH before the boot is macOS 26's), or turn FileVault off (PREP-05)"
        raise BenchError(what, wire=rig.name, hint=how)


def waits(rig: Rig, *, deadline: Deadline) -> bool:
    """Whether this Mac, of which the profile states FileVault, waits for its unlock now."""
    if not rig.facts.filevault or rig.wires.shell is None or _answers(rig, deadline):
        return False
    if rig.wires.screen is not None:
        return shown(rig.screen.text(deadline=deadline.within(rig.timeouts.command))) is Shown.LOGIN
    return _is_waiting(rig, deadline)


def await_macos(rig: Rig, *, deadline: Deadline, other_than: BootId | None = None) -> BootId:
    """As Shell.wait_for_boot; FileVault is unlocked on the way, where the profile states it and the Mac waits for it.

    `other_than` is the boot that is about to end: what the screen shows until then is its own. BenchError where the
    password is not taken, or there is no way to give it.
    """
    if rig.facts.filevault:
        check_way(rig)
        if other_than is not None:
            rig.shell.wait_until_gone(deadline=deadline.within(rig.timeouts.shutdown, "the end of macOS"))
        _unlock(rig, deadline)
    try:
        return rig.shell.wait_for_boot(deadline=deadline, other_than=other_than)
    except DeadlineExceeded as error:
        if not rig.facts.filevault and _looks_locked(rig):
            how = "a login window is on the screen: if FileVault is on, say filevault: true in the profile (PREP-05)"
            raise DeadlineExceeded(error.what, wire=error.wire, hint=how) from error
        raise


def _looks_locked(rig: Rig) -> bool:
    """One look, after the time was up, at what a Mac shows that did not come back."""
    if rig.wires.screen is None:
        return False
    try:
        text = rig.screen.text(deadline=Deadline.after(rig.timeouts.settle, "a look at the screen"))
    except BenchError as error:
        rig.note(f"it was not seen what the Mac shows: {error}")
        return False
    return shown(text) is Shown.LOGIN


def _unlock(rig: Rig, deadline: Deadline) -> None:
    """Until a shell answers: a Mac may restart by itself as soon as it is up, for an MDM command was due."""
    if rig.wires.keyboard is None or rig.wires.screen is None:
        _over_network(rig, deadline)
        return

    while True:
        _await_field_or_macos(rig, deadline)
        if _answers(rig, deadline):  # a login window with a shell behind it is macOS's own
            return
        _check_not_refused(rig)
        with rig.screen.private():
            _type_password(rig, deadline)
        rig.note("FileVault was unlocked by the keyboard")


def _await_field_or_macos(rig: Rig, deadline: Deadline) -> None:
    """A desktop without a shell is the shell's failure, not the screen's."""
    last = ""

    def is_up(text: str) -> bool:
        nonlocal last
        last = text
        return shown(text) is Shown.LOGIN or _answers(rig, deadline)

    try:
        rig.screen.wait(is_up, deadline=deadline, what="FileVault's unlock, or macOS,")
    except DeadlineExceeded as error:
        if shown(last) is not Shown.DESKTOP:
            raise
        how = "is Remote Login on, and is its network there?"
        raise DeadlineExceeded(
            "did not answer in time, with a desktop on the screen", wire=rig.shell.name, hint=how
        ) from error


def _check_not_refused(rig: Rig) -> None:
    """A refused password is not given again, by whatever step comes next: ten wrong ones lock the Mac for ever."""
    if rig.filevault_takes is False:
        how = "put accounts.admin.password right in the profile, or type it at the Mac"
        raise BenchError("waits for FileVault's password, which it has refused before", wire=rig.name, hint=how)


def _over_network(rig: Rig, deadline: Deadline) -> None:
    """The password once each time that the SSH before the boot has come, for it takes a moment to go again."""
    sent = False
    while not _answers(rig, deadline):
        waiting = _is_waiting(rig, deadline)
        sent = waiting and (sent or _send_password(rig, deadline))
        rig.clock.dwell(_AGAIN, deadline, rig.shell.name)


def _is_waiting(rig: Rig, deadline: Deadline) -> bool:
    unlock = rig.wires.unlock
    return unlock is not None and unlock.waiting(deadline=deadline.within(rig.timeouts.command))


def _send_password(rig: Rig, deadline: Deadline) -> bool:
    """Whether it was given: a connection may end before.

    Who refuses what was acknowledged once is macOS itself, for its sshd answers before it knows its users.
    """
    _check_not_refused(rig)
    admin, unlock = rig.accounts.admin, rig.wires.unlock
    assert unlock is not None, "it was seen waiting"
    limit = deadline.within(rig.timeouts.command, "FileVault being unlocked")
    try:
        heard = unlock.unlock(admin.name, admin.password, deadline=limit)
    except Transient as error:
        rig.note(f"FileVault's password was not given yet: {error}")
        return False
    except BenchError as error:
        if rig.filevault_takes:
            rig.note(f"FileVault's password was acknowledged before: {error}")
            return True
        rig.filevault_takes = False
        raise
    rig.filevault_takes = heard or rig.filevault_takes
    rig.note("FileVault was unlocked over SSH" if heard else "FileVault's password was given, and nobody said a word")
    return True


def _type_password(rig: Rig, deadline: Deadline) -> None:
    admin = rig.accounts.admin
    for attempt in range(_TRIES):
        field = deadline.within(rig.timeouts.screen)
        window = rig.screen.wait(shows(Shown.LOGIN), deadline=field, what="the field for FileVault's password")
        if not has(window, admin.full_name):
            how = "say who unlocks it under accounts.admin, with the full name, and let them (`fdesetup add`)"
            raise BenchError(f"shows nobody named {admin.full_name!r} to unlock it", wire=rig.screen.name, hint=how)
        rig.keyboard.type_secret(admin.password, deadline=deadline)
        rig.keyboard.press("return", deadline=deadline)
        if _is_past(rig, deadline):
            rig.filevault_takes = True
            return
        rig.note(f"FileVault's password was typed (try {attempt + 1} of {_TRIES}) and its field stayed")
    rig.filevault_takes = False
    how = "is it that of accounts.admin in the profile, and is the layout before the login U.S. (PREP-08)?"
    raise BenchError(
        f"typed FileVault's password {_TRIES} times and its field stayed", wire=rig.keyboard.name, hint=how
    )


def _is_past(rig: Rig, deadline: Deadline) -> bool:
    """While a password is judged there are dots where the field's words were; the name stays until it is right."""
    name, what = rig.accounts.admin.full_name, "an end of FileVault's unlock"
    return rig.sees(lambda text: not has(text, name), rig.timeouts.screen, deadline=deadline, what=what) is not None


def _answers(rig: Rig, deadline: Deadline) -> bool:
    return rig.shell.reachable(deadline=deadline.within(rig.timeouts.command))
