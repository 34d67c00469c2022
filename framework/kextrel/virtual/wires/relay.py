"""The relay board between the bench and a Mac: an LCUS-2, 9600 8N1.

A frame is `A0 channel state sum`, the sum of the first three modulo 256; it is not acknowledged. A frame that is
garbled is dropped and reading goes on at the next A0. `FF` is answered with the channels' states in text, as this
board's firmware does. Channel 1 is the mains (on: present), channel 2 the contacts of the power button (on: closed).
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from kextrel.virtual.clock import Clock, Timer
from kextrel.virtual.faults import Faults
from kextrel.virtual.wires.ports import SerialPort

__all__ = ["BUTTON", "MAINS", "Contacts", "RelayBoard"]

MAINS, BUTTON = 1, 2
_START, _QUERY = 0xA0, 0xFF
STUCK, SHORT = "relay-stuck", "button-short"
_SLIPS = (0.05, 6.0)
"""Mac seconds after which contacts that cannot stay closed open: less than any hold needs."""
_FRAME_TIME = 4 * 10 / 9600
"""Wall seconds that a frame takes on the line; a client's two may be read at once here, as on no line."""


class Contacts(Protocol):
    """What a relay's contacts switch."""

    def switch(self, on: bool, /) -> None: ...


class RelayBoard:
    """An LCUS-2 on a pseudo-terminal; `states` is what its coils were told, 1 and 2.

    With the fault relay-stuck the coils are dead from that frame on: frames are taken, the mains stay as they are and
    the contacts of the button are where a spring holds them, open.
    `clock` is the Mac's: with button-short the contacts slip on it.
    """

    def __init__(self, mains: Contacts, button: Contacts, faults: Faults, clock: Clock) -> None:
        self._contacts = {MAINS: mains, BUTTON: button}
        self._faults, self._clock = faults, clock
        self._slipping: Timer | None = None
        faults.when(STUCK, lambda: button.switch(False))
        self.states = {MAINS: False, BUTTON: False}
        self._buffer = bytearray()
        self._frames: deque[tuple[int, bool]] = deque()
        self._free_at = 0.0
        self._pending: asyncio.TimerHandle | None = None
        self.port = SerialPort(self.received)

    def received(self, data: bytes) -> None:
        """Bytes from the bench."""
        self._buffer += data
        while self._buffer:
            if not self._take():
                break
        self._work()

    def close(self) -> None:
        """Takes the board away."""
        if self._pending is not None:
            self._pending.cancel()
        self.port.close()

    def _take(self) -> bool:
        """Takes one frame, one query or one stray byte off the buffer; False when more bytes are needed."""
        if self._buffer[0] == _QUERY:
            self._answer()
        elif self._buffer[0] == _START:
            if len(self._buffer) < 4:
                return False
            _, channel, state, total = self._buffer[:4]
            if (_START + channel + state) & 0xFF == total:
                self._queue(channel, state)
                del self._buffer[:3]
        del self._buffer[:1]
        return True

    def _queue(self, channel: int, state: int) -> None:
        if channel in self._contacts and state in (0, 1):
            self._frames.append((channel, bool(state)))

    def _answer(self) -> None:
        states = (f"CH{channel}:{'ON' if on else 'OFF'} \r\n" for channel, on in self.states.items())
        self.port.write("".join(states).encode())

    def _work(self) -> None:
        """Carries out frames, no faster than they come over the line."""
        loop = asyncio.get_running_loop()
        while self._frames and self._pending is None:
            wait = self._free_at - loop.time()
            if wait > 0:
                self._pending = loop.call_later(wait, self._go_on)
                return
            self._switch(*self._frames.popleft())
            self._free_at = loop.time() + _FRAME_TIME

    def _go_on(self) -> None:
        self._pending = None
        self._work()

    def _switch(self, channel: int, on: bool) -> None:
        self.states[channel] = on
        if self._faults.strikes(STUCK):
            return
        self._contacts[channel].switch(on)
        if channel == BUTTON:
            self._slip(on)

    def _slip(self, closed: bool) -> None:
        """With the fault button-short the contacts do not stay closed: a worn relay, a solder joint."""
        if self._slipping is not None:
            self._slipping.cancel()
            self._slipping = None
        if closed and self._faults.strikes(SHORT):
            after = self._faults.chance(SHORT).uniform(*_SLIPS)
            self._slipping = self._clock.call_later(after, lambda: self._contacts[BUTTON].switch(False))
