"""The USB-HID injector: a CH9329 on a serial line, to the Mac a keyboard and a mouse.

A frame is `57 AB address command length data sum`, the sum of all before it modulo 256. The chip answers `command|80`
with data, or `command|C0` with one of its error codes (CH9329 serial protocol V1.0, sections 3 and 5): E1 a frame that
was not finished in time, E2 bytes that begin no frame, E3 an unknown command, E4 a wrong sum, E5 a wrong parameter,
E6 no computer took it. Address FF is for every chip and is not answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from kextrel.virtual.clock import Clock, Hold
from kextrel.virtual.faults import Faults
from kextrel.virtual.wires.ports import SerialPort

__all__ = ["HidInjector", "Keys"]

LOST = "keys-lost"
_HEAD = b"\x57\xab"
_BROADCAST = 0xFF
_GET_INFO, _KEYS, _MEDIA, _MOUSE_ABSOLUTE, _MOUSE_RELATIVE, _RESET = 0x01, 0x02, 0x03, 0x04, 0x05, 0x0F
_OK, _TIMEOUT, _BAD_HEAD, _BAD_COMMAND, _BAD_SUM, _BAD_PARAMETER, _NOT_DONE = 0x00, 0xE1, 0xE2, 0xE3, 0xE4, 0xE5, 0xE6
_VERSION = 0x30
_GAP = 0.05
"""Wall seconds within which a frame must be whole. The chip's own is 3 ms on a wire, which a busy host cannot keep."""
_MODIFIERS = 0xE0
_LONGEST = 64
_ALL_UP = bytes(8)


class Keys(Protocol):
    """Where the reports go: the Mac's display room. Usages are of USB HID page 7."""

    def key(self, down: bool, usage: int, modifiers: int) -> None: ...

    def pointer(self, x: int, y: int, buttons: int) -> None: ...


class HidInjector:
    """A CH9329 on a pseudo-terminal. `connected()` says whether a computer has enumerated it.

    While any key is down the Mac's clock knows of a gesture. With the fault keys-lost the chip says that it sent a
    report, and the Mac gets none.
    """

    def __init__(self, keys: Keys, connected: Callable[[], bool], clock: Clock, faults: Faults | None = None) -> None:
        self._keys, self._connected, self._clock = keys, connected, clock
        self._faults = faults or Faults()
        self._faults.when(LOST, self._unplugged)
        self._buffer = bytearray()
        self._report = _ALL_UP
        self._gesture: Hold | None = None
        self._impatient: asyncio.TimerHandle | None = None
        self._commands = {
            _GET_INFO: (self._info, (0,)),
            _KEYS: (self._type, (8,)),
            _MEDIA: (self._media, (2, 4)),
            _MOUSE_ABSOLUTE: (self._point, (7,)),
            _MOUSE_RELATIVE: (self._move, (5,)),
            _RESET: (self._reset, (0,)),
        }
        self.port = SerialPort(self.received)

    def received(self, data: bytes) -> None:
        """Bytes from the bench."""
        self._buffer += data
        while self._buffer and self._take():
            continue
        self._wait_for_more()

    def close(self) -> None:
        """Takes the chip away."""
        self._clear_timer()
        self._release()
        self.port.close()

    # -- frames

    def _take(self) -> bool:
        """Takes one frame or one run of stray bytes; False when more bytes are needed."""
        start = self._begin()
        if start:
            del self._buffer[:start]
            self._refuse(0, _BAD_HEAD)
            return True
        if len(self._buffer) < 5:
            return False
        address, command, length = self._buffer[2:5]
        if length > _LONGEST:
            del self._buffer[:5]
            self._refuse(command, _BAD_PARAMETER)
            return True
        whole = 6 + length
        if len(self._buffer) < whole:
            return False
        frame = bytes(self._buffer[:whole])
        del self._buffer[:whole]
        self._act(address, command, frame[5:-1], sum(frame[:-1]) & 0xFF == frame[-1])
        return True

    def _begin(self) -> int:
        """How many bytes lie before what may be the head of a frame."""
        found = self._buffer.find(_HEAD)
        if found >= 0:
            return found
        return len(self._buffer) - (1 if self._buffer.endswith(_HEAD[:1]) else 0)

    def _wait_for_more(self) -> None:
        self._clear_timer()
        if self._buffer:
            self._impatient = asyncio.get_running_loop().call_later(_GAP, self._give_up)

    def _give_up(self) -> None:
        command = self._buffer[3] if len(self._buffer) > 3 else 0
        self._buffer.clear()
        self._impatient = None
        self._refuse(command, _TIMEOUT)

    def _clear_timer(self) -> None:
        if self._impatient is not None:
            self._impatient.cancel()
            self._impatient = None

    def _act(self, address: int, command: int, data: bytes, right: bool) -> None:
        known = self._commands.get(command)
        if not right:
            answer, code = b"", _BAD_SUM
        elif known is None:
            answer, code = b"", _BAD_COMMAND
        elif len(data) not in known[1]:
            answer, code = b"", _BAD_PARAMETER
        else:
            answer, code = known[0](data)
        if address == _BROADCAST:
            return
        if code:
            self._refuse(command, code)
        else:
            self._send(command | 0x80, answer or bytes([_OK]))

    def _refuse(self, command: int, code: int) -> None:
        self._send(command | 0xC0, bytes([code]))

    def _send(self, command: int, data: bytes) -> None:
        frame = _HEAD + bytes([0, command, len(data)]) + data
        self.port.write(frame + bytes([sum(frame) & 0xFF]))

    # -- commands: each gives its answer's data and an error code

    def _info(self, _data: bytes) -> tuple[bytes, int]:
        return bytes([_VERSION, int(self._connected()), 0, 0, 0, 0, 0, 0]), _OK

    def _type(self, data: bytes) -> tuple[bytes, int]:
        if data[1]:
            return b"", _BAD_PARAMETER
        if data != _ALL_UP and not self._connected():
            return b"", _NOT_DONE
        if self._faults.strikes(LOST):
            return b"", _OK
        before, self._report = self._report, data
        self._hold(data != _ALL_UP)
        self._tell(before, data)
        return b"", _OK

    def _media(self, _data: bytes) -> tuple[bytes, int]:
        return b"", _OK if self._connected() else _NOT_DONE

    def _point(self, data: bytes) -> tuple[bytes, int]:
        x, y = int.from_bytes(data[2:4], "little"), int.from_bytes(data[4:6], "little")
        if data[0] != 2 or x > 4095 or y > 4095:
            return b"", _BAD_PARAMETER
        if not self._connected():
            return b"", _NOT_DONE
        self._keys.pointer(x, y, data[1])
        return b"", _OK

    def _move(self, data: bytes) -> tuple[bytes, int]:
        if data[0] != 1:
            return b"", _BAD_PARAMETER
        return b"", _OK if self._connected() else _NOT_DONE

    def _reset(self, _data: bytes) -> tuple[bytes, int]:
        self._let_go()
        return b"", _OK

    # -- what the Mac sees

    def _unplugged(self) -> None:
        """The chip's USB side is off the Mac, which takes all keys for up; the chip does not notice."""
        self._let_go()

    def _let_go(self) -> None:
        before, self._report = self._report, _ALL_UP
        self._hold(False)
        self._tell(before, _ALL_UP)

    def _tell(self, before: bytes, after: bytes) -> None:
        """The difference between two reports, ups first, as a host's HID driver makes events of it."""
        modifiers = after[0]
        was, now = _usages(before), _usages(after)
        for usage in sorted(was - now):
            self._keys.key(False, usage, modifiers)
        for usage in sorted(now - was, key=lambda usage: (usage < _MODIFIERS, after.find(usage))):
            self._keys.key(True, usage, modifiers)

    def _hold(self, down: bool) -> None:
        if not down:
            self._release()
        elif self._gesture is None:
            self._gesture = self._clock.gesture()

    def _release(self) -> None:
        if self._gesture is not None:
            self._gesture.release()
            self._gesture = None


def _usages(report: bytes) -> set[int]:
    """The keys that are down in a keyboard report, modifiers as usages from E0."""
    held = {_MODIFIERS + bit for bit in range(8) if report[0] >> bit & 1}
    return held | {usage for usage in report[2:] if usage}
