"""Tools on bytes: base64, shasum, md5, xargs, tar, expr, od."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import posixpath
import re
import shlex
import tarfile

from kextrel.virtual.unix.fs import Stat
from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.registry import tool
from kextrel.virtual.unix.tools.options import Inputs, complain, getopt, whole_number

__all__: list[str] = []


@tool("/usr/bin/base64")
async def _base64(proc: Proc) -> int:
    """-D or -d decodes, -i FILE reads it, -o FILE writes it, -b N breaks lines."""
    options, operands = getopt(proc, "Ddi:o:b:h")
    inputs = Inputs(proc, [options["i"]] if "i" in options else operands)
    data = await inputs.whole()
    if inputs.status:
        return inputs.status
    if options.keys() & {"D", "d"}:
        try:
            done = base64.b64decode(b"".join(data.split()), validate=True)
        except binascii.Error:
            raise Exit(1, "base64: stdin: (null): error decoding base64 input stream") from None
    else:
        done = _broken(base64.b64encode(data), whole_number(proc, options.get("b", "0"), "count")) + b"\n"
    if "o" in options:
        proc.fs.write_bytes(options["o"], done)
    else:
        await proc.write(done)
    return 0


def _broken(data: bytes, width: int) -> bytes:
    return b"\n".join(data[place : place + width] for place in range(0, len(data), width)) if width else data


@tool("/usr/bin/shasum", "/sbin/md5", "/sbin/sha256sum", "/sbin/sha1sum", "/sbin/md5sum")
async def _shasum(proc: Proc) -> int:
    options, paths = getopt(proc, "a:bqrs:c")
    fixed = {"md5": "md5", "md5sum": "md5", "sha256sum": "sha256", "sha1sum": "sha1"}.get(proc.name)
    algorithm = fixed or f"sha{options.get('a', '1')}"
    if algorithm not in hashlib.algorithms_available:
        raise Exit(1, f"shasum: Unrecognized algorithm\nType {proc.name} -h for help")
    status = 0
    for path in paths or ["-"]:
        inputs = Inputs(proc, [path])
        digest = hashlib.new(algorithm, usedforsecurity=False)
        async for chunk in inputs.chunks():
            digest.update(chunk)
        status = status or inputs.status
        if not inputs.status:
            proc.out(_digest_line(proc.name, digest.hexdigest(), path, bool(paths), "q" in options))
    return status


def _digest_line(name: str, digest: str, path: str, named: bool, quiet: bool) -> str:
    if name == "md5":
        return f"MD5 ({path}) = {digest}\n" if named and not quiet else f"{digest}\n"
    return f"{digest}  {path}\n"


@tool("/usr/bin/xargs")
async def _xargs(proc: Proc) -> int:
    """-n N, -0, -I TEXT, -r."""
    options, command = getopt(proc, "0n:I:rtL:P:")
    text = (await proc.read_all()).decode(errors="surrogateescape")
    command = command or ["/bin/echo"]
    if "0" in options:
        items = [item for item in text.split("\0") if item]
    elif "I" in options:
        items = [line.strip() for line in text.split("\n") if line.strip()]
    else:
        items = _items(text)
    status = 0
    for argv in _command_lines(proc, options, command, items):
        code = await proc.run(*argv)
        if code in (126, 127, 255):
            return 124 if code == 255 else code
        status = 1 if code else status
    return status


def _items(text: str) -> list[str]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters, lexer.escapedquotes = True, "", ""
    try:
        return list(lexer)
    except ValueError:
        raise Exit(1, "xargs: unterminated quote") from None


def _command_lines(proc: Proc, options: dict[str, str], command: list[str], items: list[str]) -> list[list[str]]:
    if "I" in options:
        return [[word.replace(options["I"], item) for word in command] for item in items]
    if not items:
        return []
    count = whole_number(proc, options.get("n", options.get("L", str(len(items)))), "argument count")
    return [[*command, *items[place : place + count]] for place in range(0, len(items), count)]


# -- tar


@tool("/usr/bin/tar", "/usr/bin/bsdtar")
async def _tar(proc: Proc) -> int:
    """c, x, t with f, C, v, z, p: archives of files, directories and links."""
    if proc.argv[1:] and not proc.argv[1].startswith("-"):
        proc.argv[1] = "-" + proc.argv[1]
    options, names = getopt(proc, "cxtvzpkf:C:")
    folder = options.get("C", ".")
    if "c" in options:
        return await _pack(proc, options, folder, names)
    if not options.keys() & {"x", "t"}:
        raise Exit(1, "tar: Must specify one of -c, -r, -t, -u, -x")
    inputs = Inputs(proc, [options.get("f", "-")])
    data = await inputs.whole()
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                if names and not any((member.name + "/").startswith(name.rstrip("/") + "/") for name in names):
                    continue
                if "t" in options or "v" in options:
                    name = member.name + ("/" if member.isdir() else "")
                    (proc.out if "t" in options else proc.err)(("x " if "x" in options else "") + name + "\n")
                if "x" in options:
                    _unpack(proc, archive, member, folder)
    except tarfile.TarError:
        raise Exit(1, "tar: Error opening archive: Unrecognized archive format") from None
    return inputs.status


async def _pack(proc: Proc, options: dict[str, str], folder: str, names: list[str]) -> int:
    data, status = io.BytesIO(), 0
    with tarfile.open(fileobj=data, mode="w:gz" if "z" in options else "w") as archive:
        for name in names:
            try:
                for path in proc.fs.walk(posixpath.join(folder, name)):
                    _add(
                        proc, archive, path, posixpath.join(name, posixpath.relpath(path, posixpath.join(folder, name)))
                    )
            except OSError as error:
                complain(proc, error, name)
                status = 1
    if options.get("f", "-") == "-":
        await proc.write(data.getvalue())
    else:
        proc.fs.write_bytes(options["f"], data.getvalue())
    return status


def _add(proc: Proc, archive: tarfile.TarFile, path: str, name: str) -> None:
    found: Stat = proc.fs.stat(path, follow=False)
    member = tarfile.TarInfo(posixpath.normpath(name).lstrip("/"))
    member.mode, member.uid, member.gid, member.mtime = found.mode & 0o7777, found.uid, found.gid, int(found.mtime)
    if found.is_link:
        member.type, member.linkname = tarfile.SYMTYPE, proc.fs.readlink(path)
        archive.addfile(member)
    elif found.is_dir:
        member.type = tarfile.DIRTYPE
        archive.addfile(member)
    else:
        content = proc.fs.read_bytes(path)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))


def _unpack(proc: Proc, archive: tarfile.TarFile, member: tarfile.TarInfo, folder: str) -> None:
    if member.name.startswith("/") or ".." in member.name.split("/"):
        raise Exit(1, f"tar: {member.name}: Path contains '..'")
    path = posixpath.join(folder, posixpath.normpath(member.name))
    if posixpath.dirname(path):
        proc.fs.mkdir(posixpath.dirname(path), parents=True)
    if member.isdir():
        proc.fs.mkdir(path, parents=True)
    elif member.issym():
        proc.fs.symlink(member.linkname, path)
    elif member.isfile():
        file = archive.extractfile(member)
        proc.fs.write_bytes(path, file.read() if file else b"")
    else:
        return
    if not member.issym():
        proc.fs.chmod(path, member.mode & 0o7777 if proc.user.uid == 0 else member.mode & 0o7777 & ~proc.umask)
    if proc.user.uid == 0:
        proc.fs.chown(path, member.uid, member.gid, follow=False)


# -- expr


@tool("/bin/expr")
async def _expr(proc: Proc) -> int:
    """Integers with + - * / %, comparisons, `:`, | and &; 1 when the value is empty or 0, 2 for what cannot be read."""
    value = _Expr(proc.args).whole()
    proc.out(value + "\n")
    return 1 if value in ("", "0") else 0


class _Expr:
    _LEVELS = (("|",), ("&",), ("=", "==", "!=", "<", ">", "<=", ">="), ("+", "-"), ("*", "/", "%"), (":",))

    def __init__(self, words: list[str]) -> None:
        self._words, self._place = words, 0

    def whole(self) -> str:
        value = self._level(0)
        if self._place < len(self._words):
            raise Exit(2, "expr: syntax error")
        return value

    def _level(self, level: int) -> str:
        if level == len(self._LEVELS):
            return self._primary()
        value = self._level(level + 1)
        while self._place < len(self._words) and self._words[self._place] in self._LEVELS[level]:
            operator = self._words[self._place]
            self._place += 1
            value = self._applied(operator, value, self._level(level + 1))
        return value

    def _primary(self) -> str:
        if self._place >= len(self._words):
            raise Exit(2, "expr: syntax error")
        word = self._words[self._place]
        self._place += 1
        if word == "(":
            value = self._level(0)
            self._place += 1
            return value
        return word

    def _applied(self, operator: str, left: str, right: str) -> str:
        if operator == "|":
            return left if left not in ("", "0") else right
        if operator == "&":
            return left if left not in ("", "0") and right not in ("", "0") else "0"
        if operator == ":":
            match = re.match(re.sub(r"\\([()])", r"\1", right), left)
            if re.search(r"\\\(", right):
                return (match.group(1) or "") if match else ""
            return str(match.end()) if match else "0"
        if operator in "+-*/%":
            return str(_calculated(operator, _integer(left), _integer(right)))
        return str(int(_compared(operator, left, right)))


def _integer(text: str) -> int:
    if not re.fullmatch(r"-?\d+", text):
        raise Exit(2, "expr: non-integer argument")
    return int(text)


def _calculated(operator: str, left: int, right: int) -> int:
    if operator in "/%" and right == 0:
        raise Exit(2, "expr: division by zero")
    quotient = abs(left) // abs(right or 1) * (1 if (left < 0) == (right < 0) else -1)
    results = {"+": left + right, "-": left - right, "*": left * right, "/": quotient}
    return results.get(operator, left - right * quotient)


def _compared(operator: str, left: str, right: str) -> bool:
    numbers = all(re.fullmatch(r"-?\d+", text) for text in (left, right))
    first, second = (int(left), int(right)) if numbers else (left, right)
    order = (first > second) - (first < second)  # type: ignore[operator]
    return {"=": order == 0, "==": order == 0, "!=": order != 0, "<": order < 0, ">": order > 0, "<=": order <= 0}.get(
        operator, order >= 0
    )
