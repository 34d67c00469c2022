from __future__ import annotations

import asyncio
import os

import pytest
import serial

from kextrel.virtual.wires.ports import SerialPort


def test_a_client_may_close_the_port_and_open_it_again():
    async def story() -> None:
        heard: asyncio.Queue[bytes] = asyncio.Queue()
        port = SerialPort(heard.put_nowait)
        try:
            for word in (b"first", b"second"):
                with serial.Serial(port.path, 9600, exclusive=True) as client:
                    client.write(word)
                    assert await asyncio.wait_for(heard.get(), 30) == word
                    port.write(b"\x00\n\r\xff" + word)
                    client.timeout = 30
                    assert client.read(4 + len(word)) == b"\x00\n\r\xff" + word
        finally:
            port.close()

    asyncio.run(story())


def test_what_nobody_reads_is_lost_and_stops_nothing():
    async def story() -> None:
        port = SerialPort(lambda data: None)
        try:
            for _ in range(200):
                port.write(bytes(1024))
        finally:
            port.close()
            port.close()

    asyncio.run(story())


def test_a_closed_port_hangs_up():
    """Its number may be another port's at once, so a client that was there before is asked."""

    async def story() -> None:
        port = SerialPort(lambda data: None)
        client = os.open(port.path, os.O_RDWR | os.O_NOCTTY)
        try:
            os.write(client, b"heard")
            port.close()
            with pytest.raises(OSError, match="Input/output error"):
                os.write(client, b"unheard")
        finally:
            os.close(client)

    asyncio.run(story())
