"""curl(1): real HTTP, to this computer's loopback and nowhere else: a virtual Mac's network ends there.

Of the Internet there is one host, Apple's signing server, where it is reachable (PREP-11): it answers with nothing.
"""

from __future__ import annotations

import ipaddress
import logging
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from kextrel.virtual.macos.files import read_bounded
from kextrel.virtual.macos.tools.mac import in_recovery, machine
from kextrel.virtual.macos.tools.network import ports
from kextrel.virtual.macos.tools.options import Options, parse
from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.registry import tool

__all__ = ["curl"]

log = logging.getLogger("kextrel.virtual")

_SHORT = {
    "s": "silent", "S": "show-error", "f": "fail", "o": "output", "X": "request",
    "T": "upload-file", "m": "max-time", "w": "write-out", "H": "header", "d": "data",
}  # fmt: skip
_VALUES = (
    "output", "request", "upload-file", "max-time", "write-out", "header", "data", "data-binary", "data-raw",
    "interface", "connect-timeout", "retry",  # curl retries time-outs and 5xx only, which the loopback does not have
)  # fmt: skip
_NO_HOST, _REFUSED, _HTTP_ERROR, _NO_FILE, _TIMED_OUT, _NO_INTERFACE, _EMPTY, _TOO_LARGE = 6, 7, 22, 26, 28, 45, 52, 63
_SIGNING_SERVER = "gs.apple.com"
_LONGEST = 600.0
_MOST = 64 << 20


@dataclass(frozen=True)
class _Response:
    status: int
    body: bytes


class _Failed(Exception):
    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


@tool("/usr/bin/curl")
async def curl(proc: Proc) -> int:
    """-s -S -f -o -X -T -d --data-binary @FILE|@- -H --max-time --connect-timeout -w --interface, one URL."""
    options = parse(
        proc.args,
        flags=("silent", "show-error", "fail"),
        values=_VALUES,
        short=_SHORT,
        usage="curl: try 'curl --help' for more information",
        code=2,
    )
    if len(options.operands) != 1:
        raise Exit(2, "curl: no URL specified\ncurl: try 'curl --help' for more information")
    try:
        response = await _transfer(proc, options)
        _check(options, response)
    except _Failed as error:
        if "silent" not in options or "show-error" in options:
            proc.err(f"curl: ({error.code}) {error}\n")
        return error.code
    await _deliver(proc, options, response)
    return 0


async def _transfer(proc: Proc, options: Options) -> _Response:
    url = options.operands[0] if "://" in options.operands[0] else f"http://{options.operands[0]}"
    if urlsplit(url).hostname == _SIGNING_SERVER and machine(proc).has("PREP-11"):
        return _Response(200, b"")
    _reachable(proc, url)
    _bound(proc, options.last("interface"))
    body = await _body(proc, options)
    method = options.last("request") or ("PUT" if "upload-file" in options else "POST" if body is not None else "GET")
    limit = aiohttp.ClientTimeout(total=_seconds(options, "max-time"), connect=_seconds(options, "connect-timeout"))
    try:
        async with (
            aiohttp.ClientSession(timeout=limit, trust_env=False) as session,
            session.request(method, url, data=body, headers=_headers(options), allow_redirects=False) as answer,
        ):
            return _Response(answer.status, await _whole(answer.content))
    except TimeoutError:
        raise _Failed(
            _TIMED_OUT, f"Operation timed out after {_seconds(options, 'max-time') * 1000:.0f} milliseconds"
        ) from None
    except aiohttp.ServerDisconnectedError:
        raise _Failed(_EMPTY, "Empty reply from server") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        log.info("curl on %s: %s", proc.system.hostname, error)
        parts = urlsplit(url)
        where = f"{parts.hostname} port {parts.port or 80}"
        raise _Failed(_REFUSED, f"Failed to connect to {where} after 0 ms: Couldn't connect to server") from None


async def _whole(stream: aiohttp.StreamReader) -> bytes:
    body = bytearray()
    async for chunk in stream.iter_chunked(1 << 16):
        body += chunk
        if len(body) > _MOST:
            raise _Failed(_TOO_LARGE, "Maximum file size exceeded")
    return bytes(body)


def _reachable(proc: Proc, url: str) -> None:
    """Only the loopback, and in recovery only where the bench's network reaches it (PREP-12)."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https"):
        raise _Failed(1, f'Protocol "{parts.scheme}" not supported or disabled in libcurl')
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        raise _Failed(_NO_HOST, f"Could not resolve host: {host}") from None
    if not loopback or (in_recovery(proc) and not machine(proc).has("PREP-12")):
        raise _Failed(
            _REFUSED, f"Failed to connect to {host} port {parts.port or 80} after 75003 ms: Couldn't connect to server"
        )


def _bound(proc: Proc, interface: str) -> None:
    """The interface that is to be used has an address."""
    if interface and not any(port.device == interface and port.up for port in ports(machine(proc).spec)):
        raise _Failed(_NO_INTERFACE, f"Couldn't bind to '{interface}'")


async def _body(proc: Proc, options: Options) -> bytes | None:
    if "upload-file" in options:
        return await _contents(proc, options.last("upload-file"))
    pieces = []
    for name in ("data", "data-raw", "data-binary"):
        for value in options.all(name):
            if name != "data-raw" and value.startswith("@"):
                data = await _contents(proc, value[1:])
                pieces.append(data if name == "data-binary" else data.replace(b"\r", b"").replace(b"\n", b""))
            else:
                pieces.append(value.encode(errors="surrogateescape"))
    return b"&".join(pieces) if pieces else None


async def _contents(proc: Proc, name: str) -> bytes:
    if name == "-":
        return await proc.read_all()
    try:
        return read_bounded(proc.fs, name, _MOST)
    except OSError:
        raise _Failed(_NO_FILE, f"Failed to open/read local data from file/application: {name}") from None


def _headers(options: Options) -> dict[str, str]:
    headers = {"User-Agent": "curl/8.6.0", "Accept": "*/*"}
    if "data" in options or "data-binary" in options or "data-raw" in options:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    for line in options.all("header"):
        name, _, value = line.partition(":")
        headers[name.strip()] = value.strip()
    return headers


def _seconds(options: Options, name: str) -> float:
    try:
        return min(float(options.last(name, str(_LONGEST))), _LONGEST)
    except ValueError:
        raise _Failed(2, f"option --{name}: expected a proper numerical parameter") from None


def _check(options: Options, response: _Response) -> None:
    if "fail" in options and response.status >= 400:
        raise _Failed(_HTTP_ERROR, f"The requested URL returned error: {response.status}")


async def _deliver(proc: Proc, options: Options, response: _Response) -> None:
    if "output" in options and options.last("output") != "-":
        target = proc.fs.absolute(options.last("output"))
        if target != "/dev/null":
            proc.fs.write_bytes(target, response.body)
    else:
        await proc.write(response.body)
    if "write-out" in options:
        proc.out(_written(options.last("write-out"), response))


def _written(form: str, response: _Response) -> str:
    for name, value in (
        ("http_code", response.status),
        ("response_code", response.status),
        ("size_download", len(response.body)),
    ):
        form = form.replace(f"%{{{name}}}", f"{value:03d}" if "code" in name else str(value))
    return form.replace("\\n", "\n").replace("\\t", "\t").replace("%%", "%")
