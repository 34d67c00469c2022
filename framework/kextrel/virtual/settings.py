"""What people and their tools set on a Mac, and what outlives a restart: sleep, screen lock, each user's defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kextrel.virtual.spec import MacSpec

__all__ = ["LOCKS_AT_ONCE", "Settings", "out_of_the_box"]

LOCKS_AT_ONCE = "immediate"
"""The screen lock as a new Mac has it: the display's sleep locks."""
_FULL_KEYBOARD = (2, 3)  # values of AppleKeyboardUIMode with which Tab goes to every control


@dataclass
class Settings:
    """`sleep` and `display_sleep` are minutes without a key, 0 for never; `screen_lock` is "off", "immediate" or
    seconds, as text. `defaults`: the global domain of each user, by short name."""

    sleep: int
    display_sleep: int
    disk_sleep: int
    screen_lock: str
    defaults: dict[str, dict[str, Any]] = field(default_factory=dict)

    def of(self, user: str) -> dict[str, Any]:
        """The global domain of `user`, to read and to write."""
        return self.defaults.setdefault(user, {"AppleLanguages": ["en-US"], "AppleLocale": "en_US"})

    def keyboard_navigation(self, user: str) -> bool:
        """Whether Tab goes to every control of what `user` opens, and not to fields and lists only."""
        return self.of(user).get("AppleKeyboardUIMode", 0) in _FULL_KEYBOARD


def out_of_the_box(spec: MacSpec) -> Settings:
    """As a Mac of that spec stands there before anybody's tool has set anything."""
    awake = spec.has("PREP-06")
    idle = (0, 0, 0, "off") if awake else (1, 10, 10, LOCKS_AT_ONCE)
    settings = Settings(*idle)
    if spec.has("PREP-07"):
        for user in ("root", *(account.name for account in spec.accounts)):
            settings.of(user)["AppleKeyboardUIMode"] = 3
    return settings
