"""What a stranger's file is refused for, as one exception that does not know the file's name yet."""

from __future__ import annotations

__all__ = ["NOT_WHAT_ITS_MAKER_MADE", "Refused"]

NOT_WHAT_ITS_MAKER_MADE = "do not install it: get it again from its maker"


class Refused(Exception):
    """It is not read any further. `what` is what is wrong with it, `hint` what to do; `inspect` adds which file."""

    def __init__(self, what: str, hint: str = NOT_WHAT_ITS_MAKER_MADE) -> None:
        self.what, self.hint = what, hint
        super().__init__(what)
