"""Startup Security Utility of recoveryOS: the T2's on an Intel Mac, and that of LocalPolicy on Apple silicon.

Words and keys as Apple's guides and field notes have them: the T2's stores a choice at once, Apple silicon's after the
owner's password, which it asks for at the end.
"""

from __future__ import annotations

from collections.abc import Callable

from kextrel.virtual.hardware.localpolicy import Change
from kextrel.virtual.hardware.sep import SepRefusal
from kextrel.virtual.hardware.t2 import LEVELS, T2
from kextrel.virtual.ui.choices import CheckBox, Radios
from kextrel.virtual.ui.host import Account, Enclave, Host
from kextrel.virtual.ui.marks import WIDTH, Rect
from kextrel.virtual.ui.owners import PANEL, PasswordPage, Picker, owners
from kextrel.virtual.ui.widgets import Button, Label, Listing, Widget
from kextrel.virtual.ui.window import Frame, Stack, Window

__all__ = ["NAME", "open_utility"]

NAME = "Startup Security Utility"
_WRONG = "The password you entered is incorrect."
_MEDIA = (
    "Disallow booting from external or removable media",
    "Allow booting from external or removable media",
)
_LEFT = PANEL.x + 60


def open_utility(host: Host, stack: Stack) -> None:
    """Opens it, or brings it to the front. Nothing on a Mac that has none."""
    if stack.raise_application(NAME):
        return
    if host.t2 is not None:
        _T2Utility(host, stack, host.t2).verify()
    elif host.spec.architecture == "apple-silicon":
        _PolicyUtility(host, stack).volumes()


class _Utility:
    """The pages follow one another in one window's place."""

    def __init__(self, host: Host, stack: Stack) -> None:
        self._host, self._stack = host, stack

    def _show(self, window: Window) -> None:
        self._stack.quit(NAME)
        self._stack.open(window)

    def quit(self) -> None:
        """The windows go."""
        self._stack.quit(NAME)


class _T2Utility(_Utility):
    def __init__(self, host: Host, stack: Stack, t2: T2) -> None:
        super().__init__(host, stack)
        self._t2 = t2

    def verify(self) -> None:
        """The first page: macOS's administrator has to say so."""
        x, y, w, h = PANEL
        widgets = [
            Label(WIDTH // 2, y + 120, "macOS needs to verify a user to continue", size=18, anchor="m", bold=True),
            Button(Rect(x + w - 260, y + h - 60, 220, 34), "Enter macOS Password…", self._pick, default=True),
        ]
        self._show(Window(NAME, PANEL, widgets, frame=Frame.ALERT, confirm=self._pick, cancel=self.quit))

    def _pick(self) -> None:
        self._show(Picker(NAME, NAME, owners(self._host), self._ask, back=self.verify))

    def _ask(self, account: Account) -> None:
        self._show(PasswordPage(NAME, NAME, account, self._enter, self._pick))

    def _enter(self, account: Account, password: str) -> str:
        if not self._host.startup.unlocks(account.name, password):
            return _WRONG
        self._show(self._page())
        return ""

    def _page(self) -> Window:
        names, y = list(LEVELS), PANEL.y
        rows = [f"{name} Security" for name in names]
        secure = Radios(_LEFT, y + 84, rows, names.index(self._t2.level), lambda at: self._t2.set(names[at]))
        media = Radios(
            _LEFT, y + 260, _MEDIA, 0 if self._t2.internal_only else 1, self._allow_media, name="Allowed Boot Media"
        )
        labels: list[Widget] = [
            Label(_LEFT, y + 64, "Secure Boot", size=16, bold=True),
            Label(_LEFT, y + 240, "Allowed Boot Media", size=16, bold=True),
        ]
        return Window(NAME, PANEL, [*labels, secure, media], title=NAME, cancel=self.quit)

    def _allow_media(self, at: int) -> None:
        self._t2.internal_only = at == 0


class _PolicyUtility(_Utility):
    """LocalPolicy's: what is chosen is put to the Secure Enclave in the owner's name."""

    def __init__(self, host: Host, stack: Stack) -> None:
        super().__init__(host, stack)
        self._sep: Enclave = host.sep

    def volumes(self) -> None:
        """The first page: which system."""
        x, y, w, h = PANEL
        listing = Listing(Rect(x + 40, y + 110, w - 80, 60), [self._host.spec.disk_name], 0, lambda _: None, pitch=60)
        widgets = [
            Label(WIDTH // 2, y + 70, "Select the system you want to use to set the security policy.", anchor="m"),
            listing,
            Button(Rect(x + w - 200, y + h - 60, 160, 34), "Security Policy…", self._choose, default=True),
        ]
        self._show(Window(NAME, PANEL, widgets, title=NAME, confirm=self._choose, cancel=self.quit))

    def _choose(self) -> None:
        policy = self._sep.policy()
        # Permissive is not among the radios: such a policy is shown as Reduced, and OK makes it that
        self._stack.open(_Sheet(self._stack, bool(policy.smb0), bool(policy.smb2), bool(policy.smb3), self._ask))

    def _ask(self, change: Change) -> None:
        people = owners(self._host)

        def password_of(account: Account) -> None:
            back = self.volumes if len(people) == 1 else pick
            self._show(PasswordPage(NAME, NAME, account, lambda who, word: self._change(change, who, word), back))

        def pick() -> None:
            self._show(Picker(NAME, NAME, people, password_of, back=self.volumes))

        if len(people) == 1:
            password_of(people[0])
        else:
            pick()

    def _change(self, change: Change, account: Account, password: str) -> str:
        try:
            self._sep.change(change, user=account.name, password=password)
        except SepRefusal as refusal:
            known = refusal.kind in ("authentication", "ownership")
            return _WRONG if known else "Security settings could not be changed. Start up to startup options first."
        self.volumes()
        return ""


class _Sheet(Window):
    """Full or Reduced, and under Reduced who may manage kernel extensions. `done` gets the change that OK asks for."""

    _MODES = ("Full Security", "Reduced Security")
    _BOXES = (
        "Allow user management of kernel extensions from identified developers",
        "Allow remote management of kernel extensions and automatic software updates",
    )

    def __init__(self, stack: Stack, reduced: bool, user: bool, remote: bool, done: Callable[[Change], None]) -> None:
        self._stack, self._done = stack, done
        self._reduced, self._allowed = reduced, [user, remote]
        super().__init__(NAME, PANEL, (), frame=Frame.ALERT, confirm=self._confirm, cancel=self._close)
        self._fill()

    def _fill(self) -> None:
        x, y, w, h = PANEL
        radios = Radios(_LEFT, y + 90, self._MODES, int(self._reduced), self._chosen)
        boxes = [
            CheckBox(_LEFT + 30, y + 180 + 40 * number, label, on=self._allowed[number], enabled=self._reduced,
                     flip=self._flipper(number))
            for number, label in enumerate(self._BOXES)
        ]  # fmt: skip
        self.fill([
            Label(_LEFT, y + 50, "Security Policy", size=18, bold=True),
            radios,
            *boxes,
            Button(Rect(x + w - 250, y + h - 60, 100, 34), "Cancel", self._close),
            Button(Rect(x + w - 130, y + h - 60, 90, 34), "OK", self._confirm, default=True),
        ])  # fmt: skip

    def _chosen(self, at: int) -> None:
        self._reduced = at == 1
        self._fill()

    def _flipper(self, number: int) -> Callable[[bool], None]:
        def flip(on: bool) -> None:
            self._allowed[number] = on

        return flip

    def _close(self) -> None:
        self._stack.close(self)

    def _confirm(self) -> None:
        self._stack.close(self)
        user, remote = self._allowed
        fields: dict[str, int | None] = {"smb0": 1} if self._reduced else {}
        fields |= {"smb2": 1} if self._reduced and user else {}
        fields |= {"smb3": 1} if self._reduced and remote else {}
        self._done(Change(fields, afresh=True))
