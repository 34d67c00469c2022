"""The frame around a script's sections: written by POSIX sh on a Mac, read here.

The answer is `TOKEN begin LIMIT`; `TOKEN sections` with a name and a code for each; what `wc -c` says of the sections'
files; `TOKEN data`; the bytes of all those files, one after the other; and last, on a line of its own, `TOKEN end`.
Because bytes are counted before they are sent, nothing that a tool prints can be taken for a frame, whatever it knows,
and a file that grew meanwhile moves the end from where it must be. A code is the exit code (127: no such
tool), or `timeout`, `absent` (no such tool, for root), `noroot` or `nofile`.

Sections run side by side in a folder of files that only this user can read. Each is cut off at a number of bytes and
ended after a number of seconds, with sudo's help where it runs as root.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from types import MappingProxyType

from kextrel.errors import UsageError

__all__ = ["Frames", "Probe", "Section", "build", "parse"]

_TOKEN = re.compile(r"[A-Za-z0-9]{16,64}\Z")
_BEGIN = re.compile(rb"(?:\A|\n)([A-Za-z0-9]{16,64}) begin (\d{3,9})\n")
_SECTIONS = re.compile(rb"([A-Za-z0-9]{16,64}) sections((?: [a-z0-9-]{1,40} (?:[a-z]{1,10}|\d{1,3}))*)\n")
_SIZE = re.compile(rb" *(\d{1,9}) ([a-z0-9-]{1,40}\.(?:out|err)|total)?\n")
_TICKS = 20
_NOT_FOUND = "127"  # sh(1)
_PROBLEMS = {
    "timeout": "it did not end in time",
    "absent": "this Mac does not have the tool",
    "noroot": "it needs root, and the script had none",
    "nofile": "there is nothing of that kind on this Mac",
}

# Runs under dash, bash 3.2 and zsh's sh alike: no local, no arrays, no arithmetic. Everything is a function, so that a
# script that arrives on stdin is read whole before its first command, and one that was cut short does nothing.
# Processes are dear on a Mac: a section costs its tool and no other, and all that they said is sent by two.
_SHELL = """\
# skip WHY NAME...: these sections are not run.
skip() {
  why=$1
  shift
  for name in "$@"; do
    sections="$sections $name $why"
  done
}

# end PID: ends a section's tool, and the one that sudo runs for us.
end() {
  if kill -0 "$1"; then
    pkill -KILL -P "$1"
    kill -KILL "$1"
  elif [ -n "$root" ] && $root kill -0 "$1"; then
    $root pkill -KILL -P "$1"
    $root kill -KILL "$1"
  fi
}

give_up() {
  for job in $jobs; do
    end "${job#*:}"
  done
  rm -rf "$dir"
  exit 1
}

# watch: tells the shell that the time is over; again and again, for a tool may outlive even SIGKILL.
watch() {
  for tick in @TICKS@; do
    sleep @TICK@
    if [ ! -d "$dir" ]; then
      return
    fi
  done
  while [ -d "$dir" ] && kill -USR1 "$self"; do
    sleep @TICK@
  done
}

# over PID: instead of wait, when the time is over.
over() {
  return 129
}

# ended CODE NAME PID: what a section ended with into $code. When the time is over, what it said until then is not sent.
ended() {
  code=$1
  if [ -n "$late" ] && [ "$code" -gt 128 ]; then
    end "$3"
    wait "$3"
    code=$?
    if [ $code -gt 126 ]; then
      code=timeout
      rm -f "$2.out" "$2.err"
    fi
  fi
}

# collect: the exit codes. The signal that the time is over ends a wait.
collect() {
  for job in $jobs; do
    code=0
    $await "${job#*:}" || ended $? "${job%%:*}" "${job#*:}"
    sections="$sections ${job%%:*} $code"
  done
}

show_all() {
  echo "$token begin @BYTES@"
  echo "$token sections$sections"
  set -- *
  wc -c "$@"
  echo "$token data"
  cat "$@"
  echo
  echo "$token end"
}

ask_all() {
@PROBES@
}

# observe TOKEN FOLDER [REPORT]
observe() {
  token=$1
  dir=$2
  report=$3
  PATH="$PATH:/usr/bin:/bin:/usr/sbin:/sbin"
  LC_ALL=C
  export PATH LC_ALL
  umask 077
  root='@ROOT@'
  noroot=
  if [ "$(id -u)" = 0 ]; then
    root=
  elif [ -z "$root" ]; then
    noroot=yes
  fi
  self=@SELF@
  jobs=
  sections=
  late=
  await=wait
  if ! mkdir "$dir" || ! cd "$dir"; then
    echo "$token begin @BYTES@"
    echo "$token folder"
    return 1
  fi
  trap give_up HUP INT PIPE TERM
  trap 'late=yes await=over' USR1
  ulimit -S -f @BLOCKS@
  ask_all
  watch >/dev/null &
  watcher=$!
  collect
  kill "$watcher"
  ulimit -S -f unlimited
  @SHOW@
  cd /
  rm -rf "$dir"
}

"""


@dataclass(frozen=True)
class Probe:
    """One section: what is run and by whom. `unless`: only without that tool. `files`: a pattern of paths, as the shell
    expands it; the section is run where there are any, and `told` gives them to the command."""

    name: str
    command: tuple[str, ...]
    root: bool = False
    unless: str = ""
    files: str = ""
    told: bool = False

    @cached_property
    def line(self) -> str:
        """The command as people type it."""
        return ("sudo " if self.root else "") + shlex.join(self.command) + (f" {self.files}" if self.told else "")

    def shell(self) -> str:
        """What starts it in the background, its streams in files of its name."""
        root = "$root " if self.root else ""
        files = ' "$@"' if self.told else ""
        run = f"{root}{shlex.join(self.command)}{files} >{self.name}.out 2>{self.name}.err &"
        return f'{run} jobs="$jobs {self.name}:$!"'


@dataclass(frozen=True)
class Section:
    """What one probe brought. `problem` says why it is not to be read, empty when it is."""

    name: str
    exit_code: int | None
    stdout: bytes = b""
    stderr: bytes = b""
    problem: str = ""


@dataclass(frozen=True)
class Frames:
    """The sections that arrived whole, in order; `problem` says what is wrong with the answer as a whole."""

    sections: Mapping[str, Section]
    problem: str = ""


def build(
    probes: Iterable[Probe],
    token: str,
    *,
    sudo: str | None,
    limit_seconds: float,
    limit_bytes: int,
    show: str = "show_all",
    report: str = "",
    alone: bool = True,
) -> str:
    """The whole script; `show` is the shell line that sends the frames off, to `$report` if it likes.

    `alone`: the shell that reads it runs it; else it may stand in a subshell, where `$$` is another process.
    Its last line alone holds what differs from run to run. UsageError: a bad token or limit.
    """
    if not _TOKEN.match(token):
        raise UsageError("the token of a script must be 16 to 64 letters and digits from a random source")
    if not (0 < limit_seconds <= 3600 and 512 <= limit_bytes <= 1 << 24):
        raise UsageError("a section's limits are 0 to 3600 seconds and 512 bytes to 16 MiB")
    values = {
        "@BLOCKS@": str(-(-limit_bytes // 512)),
        "@TICKS@": " ".join(str(n) for n in range(1, _TICKS + 1)),
        "@TICK@": f"{limit_seconds / _TICKS:g}",
        "@BYTES@": str(limit_bytes),
        "@SELF@": "$$" if alone else "$(exec sh -c 'echo $PPID')",
        "@ROOT@": _plain_words(sudo or ""),
        "@PROBES@": "\n".join(_asking(probes)),
        "@SHOW@": show,
    }
    script = _SHELL
    for mark, value in values.items():
        script = script.replace(mark, value)
    folder = hashlib.sha256(f"folder {token}".encode()).hexdigest()[:24]
    # Unguessable, made with mkdir and umask 077, and refused if it is there already.
    return f"{script}{{ observe {token} /tmp/kextrel-{folder} '{report}'; }} </dev/null 2>/dev/null\n"


def _asking(probes: Iterable[Probe]) -> Iterator[str]:
    """The lines that start the sections: a tool's sections together, so that the Mac looks for it once.

    Who has no such tool is told so by the shell (127); of one that sudo would run, it must be asked before.
    """
    for (tool, root, unless, files), sections in groupby(probes, _together):
        same = list(sections)
        names = " ".join(probe.name for probe in same)
        found = [("absent", f"! hash {shlex.quote(tool)}"), ("noroot", '[ -n "$noroot" ]')] if root else []
        found += [("nofile", '[ ! -e "$1" ]')] if files else []
        if files:
            yield f"  set -- {files}"
        if unless:
            yield f"  hash {shlex.quote(unless)} || {{"
        for number, (word, condition) in enumerate(found):
            yield f"  {'elif' if number else 'if'} {condition}; then\n    skip {word} {names}"
        yield from (["  else"] if found else [])
        yield from (f"{'    ' if found or unless else '  '}{probe.shell()}" for probe in same)
        yield from (["  fi"] if found else [])
        yield from (["  }"] if unless else [])


def _together(probe: Probe) -> tuple[str, bool, str, str]:
    return "" if probe.files else probe.command[0], probe.root, probe.unless, probe.files


def _plain_words(sudo: str) -> str:
    """sudo's words, which the script splits at blanks: nothing in them may need quoting."""
    if not re.fullmatch(r"[A-Za-z0-9/._ -]*", sudo):
        raise UsageError(f"sudo is written as plain words such as 'sudo -n', not {sudo!r}")
    return sudo.strip()


def parse(raw: bytes, probes: Sequence[Probe], *, token: str | None) -> Frames:
    """Reads the frames. Never raises: what is damaged is left out, with the reason. `token` None: the first frame's."""
    begin = _BEGIN.search(raw)
    while begin is not None and token is not None and begin[1] != token.encode():
        begin = _BEGIN.search(raw, begin.end() - 1)
    if begin is None:
        return Frames(MappingProxyType({}), "the Mac did not answer the script")
    mark = begin[1]
    if raw.startswith(mark + b" folder\n", begin.end()):
        return Frames(MappingProxyType({}), "the Mac could not make a folder under /tmp for the script")
    names = {probe.name for probe in probes}
    try:
        return Frames(MappingProxyType(dict(_sections(raw, begin.end(), mark, names, int(begin[2])))))
    except _Damaged:
        return Frames(MappingProxyType({}), "the answer was cut off or damaged on its way")


class _Damaged(Exception):
    """The frames do not stand where they must."""


def _sections(raw: bytes, at: int, mark: bytes, names: set[str], limit: int) -> Iterator[tuple[str, Section]]:
    listed = _SECTIONS.match(raw, at)
    if listed is None or listed[1] != mark:
        raise _Damaged
    sizes, at = _sizes(raw, listed.end(), mark)
    if not raw.startswith(b"\n" + mark + b" end\n", at + sum(sizes.values())):
        raise _Damaged
    pieces = dict[str, bytes]()
    for file, size in sizes.items():
        pieces[file], at = raw[at : at + size], at + size
    words = iter(listed[2].decode().split())
    for name, code in zip(words, words, strict=True):
        if name not in names or (code.isdecimal() and not {f"{name}.out", f"{name}.err"} <= pieces.keys()):
            raise _Damaged
        yield name, _section(name, code, pieces.get(f"{name}.out", b""), pieces.get(f"{name}.err", b""), limit)


def _sizes(raw: bytes, at: int, mark: bytes) -> tuple[dict[str, int], int]:
    """What wc says: bytes by file, in order; and where the data begin."""
    found = dict[str, int]()
    while not raw.startswith(mark + b" data\n", at):
        row = _SIZE.match(raw, at)
        if row is None:
            raise _Damaged
        if row[2] not in (None, b"total"):
            found[row[2].decode()] = int(row[1])
        at = row.end()
    return found, at + len(mark) + len(b" data\n")


def _section(name: str, code: str, out: bytes, err: bytes, limit: int) -> Section:
    problem = _PROBLEMS.get(code, "" if code.isdecimal() else f"it ended with {code!r}")
    if code == _NOT_FOUND and not out:
        problem = _PROBLEMS["absent"]
    if not problem and max(len(out), len(err)) >= limit:
        problem = f"it printed more than {limit} bytes"
    return Section(name, int(code) if code.isdecimal() else None, out, err, problem)
