"""Terminal: a window of 80 by 24 characters on a shell's terminal; keys become the bytes that a VT100 sends."""

from __future__ import annotations

from collections.abc import Iterator

from kextrel.virtual.ui.host import Host
from kextrel.virtual.ui.keys import Key
from kextrel.virtual.ui.marks import HEIGHT, WIDTH, Box, Mark, Rect, Text
from kextrel.virtual.ui.vt import COLUMNS, ROWS, Vt
from kextrel.virtual.ui.window import TITLE_BAR, Window
from kextrel.virtual.unix.tty import Tty

__all__ = ["Terminal"]

_CELL, _LINE, _SIZE, _EDGE = 12, 24, 19, 14
_W, _H = COLUMNS * _CELL + 2 * _EDGE, ROWS * _LINE + TITLE_BAR + 2 * _EDGE
_PLACE = Rect((WIDTH - _W) // 2, (HEIGHT - _H) // 2 + 20, _W, _H)
_BYTES = {
    "return": b"\r", "backspace": b"\x7f", "tab": b"\t", "escape": b"\x1b", "delete": b"\x1b[3~", "up": b"\x1b[A",
    "down": b"\x1b[B", "right": b"\x1b[C", "left": b"\x1b[D", "home": b"\x1b[H", "end": b"\x1b[F",
}  # fmt: skip
_SHELL = ("-bash",)  # a login shell's own name begins with a dash
_ENV = {"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}
_ENDED = b"\r\n[Process completed]"


class Terminal(Window):
    """The window, with root's login shell in it. Closing the window hangs the shell up."""

    def __init__(self, host: Host) -> None:
        super().__init__("Terminal", _PLACE, (), title="Terminal — bash — 80×24")
        self._vt, self._tty = Vt(), Tty(self._show, rows=ROWS, columns=COLUMNS)
        self._shell = host.system.spawn(_SHELL, tty=self._tty, env=_ENV) if host.system else None
        self._said = False

    @property
    def _alive(self) -> bool:
        return self._shell is not None and self._shell.status is None

    def _show(self, data: bytes) -> None:
        self._vt.feed(data)

    def refresh(self) -> None:
        if not self._alive and not self._said:
            self._said = True
            self._vt.feed(_ENDED)

    def key(self, key: Key) -> bool:
        if not self._alive or key.command:
            return False
        data = _bytes(key)
        if data:
            self._tty.type(data)
        return bool(data)

    def closed(self) -> None:
        self._tty.hang_up()

    def _marks(self, *, active: bool) -> Iterator[Mark]:
        yield from super()._marks(active=active)
        x, y, w, h = self.rect
        yield Box(Rect(x + 1, y + TITLE_BAR, w - 2, h - TITLE_BAR - 12), "#ffffff")
        left, top = x + _EDGE, y + TITLE_BAR + _LINE // 2 + 4
        cursor = Rect(left + min(self._vt.column, COLUMNS - 1) * _CELL, top + self._vt.row * _LINE - 11, _CELL, 22)
        yield Box(cursor, "#c4c4c8", None, 0)
        for number, line in enumerate(self._vt.lines()):
            if line:
                yield Text(left, top + number * _LINE, line, _SIZE, "#000000", cell=_CELL)


def _bytes(key: Key) -> bytes:
    """What the key sends: Control and a letter is the control character."""
    if key.name in _BYTES:
        return _BYTES[key.name]
    if key.option:
        return b""
    if key.control:
        code = ord(key.char.upper()) if key.char else 0
        return bytes([code & 0x1F]) if code == 0x20 or 0x40 <= code <= 0x5F else b""
    return key.char.encode()
