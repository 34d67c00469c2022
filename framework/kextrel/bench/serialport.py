"""A serial port with one owner (pyserial): local devices exclusively, `rfc2217://HOST:PORT` for a port behind ser2net.

The second who opens a local port is told the process that has it. Reads block on the descriptor: nothing is polled.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

import serial
from serial import rfc2217

from kextrel.errors import BenchError, DeadlineExceeded
from kextrel.timing import Deadline

__all__ = ["SerialPort", "owner_of"]

CHUNK = 1 << 16


class SerialPort:
    """Bytes in and out of one port, 8N1. `wire` is the name for errors. Closed ports raise BenchError."""

    def __init__(self, port: str, baud: int, wire: str) -> None:
        """Opens `port`, a device path or an rfc2217 URL. Raises BenchError: absent, forbidden, or somebody else's."""
        self.port, self._wire = port, wire
        self._serial: Any = _opened(port, baud, wire)
        self._wake, self._waker = os.pipe()
        self._closed = False

    def write(self, data: bytes, *, deadline: Deadline) -> None:
        """Sends all of `data`; DeadlineExceeded when the port does not take it in time."""
        try:
            self._write(data, deadline)
        except (OSError, serial.SerialException) as error:
            raise self._lost(error) from error

    def read(self, *, deadline: Deadline) -> bytes:
        """What has arrived, at least one byte; b"" when the deadline is over or `interrupt` was called first."""
        try:
            return self._read(deadline.remaining)
        except (OSError, serial.SerialException) as error:
            raise self._lost(error) from error

    def available(self) -> bytes:
        """What has arrived until now; never waits."""
        try:
            return self._read(0.0)
        except (OSError, serial.SerialException) as error:
            raise self._lost(error) from error

    def interrupt(self) -> None:
        """Ends a read that another thread waits in, and every later one."""
        if self._closed:
            return
        self._closed = True
        os.write(self._waker, b"x")
        if self._serial is not None and self._descriptor() is None:
            with contextlib.suppress(OSError):
                self._serial.close()  # pyserial waits for the network by itself; only this ends that

    def close(self) -> None:
        """Gives the port up. A thread that reads is to be interrupted and joined first."""
        if self._serial is None:
            return
        self._closed = True
        with contextlib.suppress(OSError):  # an adapter that was pulled out cannot be closed in order
            self._serial.close()
        self._serial = None
        os.close(self._wake)
        os.close(self._waker)

    def _descriptor(self) -> int | None:
        """The port's own descriptor; None where pyserial reads a network connection in a thread of its own."""
        if self._serial is None:
            raise OSError("it is closed")
        return int(self._serial.fileno()) if hasattr(self._serial, "fd") else None

    def _write(self, data: bytes, deadline: Deadline) -> None:
        descriptor = self._descriptor()
        if descriptor is None:
            self._serial.write(data)
            return
        left = memoryview(data)
        while left:
            _, writable, _ = select.select([], [descriptor], [], deadline.remaining)
            if not writable:
                raise DeadlineExceeded(f"{deadline.what}: the port takes no more bytes", wire=self._wire)
            left = left[os.write(descriptor, left) :]

    def _read(self, seconds: float) -> bytes:
        descriptor = self._descriptor()
        if descriptor is None:
            # `timeout` itself would make pyserial negotiate baud rate and all with the other end, at every read.
            self._serial._timeout = seconds
            return bytes(self._serial.read(1) + self._serial.read(self._serial.in_waiting))
        readable, _, _ = select.select([descriptor, self._wake], [], [], seconds)
        if descriptor not in readable or self._closed:
            return b""
        chunk = os.read(descriptor, CHUNK)
        if not chunk:
            raise OSError("the other end hung up")
        return chunk

    def _lost(self, error: Exception) -> BenchError:
        why = getattr(error, "strerror", None) or error
        return BenchError(f"the port failed: {why}", wire=self._wire, hint="is the adapter plugged in?")


class _Network(rfc2217.Serial):
    """pyserial's RFC 2217 port, whose thread may end in silence, and who reads then waits for ever: when the other end
    goes while it is answered, and when the port is closed while it reads."""

    def _telnet_read_loop(self) -> None:
        arrived = self._read_buffer  # type: ignore[attr-defined]  # it is in no stub
        try:
            with contextlib.suppress(OSError):
                super()._telnet_read_loop()  # type: ignore[misc]
        finally:
            arrived.put(None)  # what a read takes for the end


def _opened(port: str, baud: int, wire: str) -> Any:
    try:
        if port.startswith("rfc2217://"):
            return _Network(port, baudrate=baud, timeout=0)
        local = "://" not in port
        return serial.serial_for_url(port, baudrate=baud, exclusive=True if local else None, timeout=0)
    except (serial.SerialException, OSError, ValueError) as error:
        raise _not_opened(port, error, wire) from error


def _not_opened(port: str, error: Exception, wire: str) -> BenchError:
    if "exclusively lock" in str(error):
        owner = owner_of(port)
        has_it = f"process {owner} has it open" if owner else "another process has it open"
        return BenchError(f"{port} is in use: {has_it}", wire=wire, hint="a port has one owner; end that one first")
    cut = isinstance(error, ConnectionError) and "://" in port
    if cut or "does not seem to support RFC2217" in str(error):  # and then pyserial lists what it had wanted
        hint = "a port has one owner: is somebody else connected? Is its accepter 'telnet(rfc2217)'?"
        return BenchError(f"cannot open {port}: nobody there speaks RFC 2217 to us", wire=wire, hint=hint)
    code = getattr(error, "errno", None)
    why = os.strerror(code) if code else str(error)
    return BenchError(
        f"cannot open {port}: {why}", wire=wire, hint="look at the port in the profile and its permissions"
    )


def owner_of(port: str) -> str:
    """The process that locked a local port, as `4711 (kextrel lab check)`; "" when that cannot be found out."""
    try:
        place = Path(port).stat()
    except OSError:
        return ""
    pid = _locker(place) if sys.platform == "linux" else _lsof(port)
    return f"{pid} ({command_of(pid)})" if pid else ""


def command_of(pid: int) -> str:
    """The command line of a process, shortened."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        shown = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
        raw = shown.stdout
    line = " ".join(raw.split())
    return line if len(line) <= 80 else line[:79] + "…"


def _locker(place: os.stat_result) -> int | None:
    """The holder of a flock from /proc/locks: `1: FLOCK  ADVISORY  WRITE 4711 00:18:5 0 EOF`."""
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if fields[1] == "FLOCK" and int(fields[5].rpartition(":")[2]) == place.st_ino and _has_open(fields[4], place):
            return int(fields[4])
    return None


def _has_open(pid: str, place: os.stat_result) -> bool:
    """Inode numbers repeat across file systems: is it this device that the process has open?"""
    try:
        return any(fd.stat().st_rdev == place.st_rdev for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.exists())
    except OSError:
        return True  # another user's process: the inode has to do


def _lsof(port: str) -> int | None:
    try:
        found = subprocess.run(["lsof", "-t", "--", port], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    first = found.stdout.split()
    return int(first[0]) if first else None
