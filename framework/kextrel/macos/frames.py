"""The frame around a script's sections: written by POSIX sh on a Mac, read here.

The answer is `TOKEN begin LIMIT`, then for each section `TOKEN NAME CODE OUT ERR` and, after it, exactly OUT bytes of
stdout and ERR bytes of stderr and a line end, and last `TOKEN end`. Because bytes are counted, nothing that a tool
prints can be taken for a frame, whatever it knows. CODE is the exit code, or `timeout`, `absent` (no such tool) or
`noroot`.

Sections run side by side in folders of files that only this user can read. Each is cut off at a number of bytes and
ended after a number of seconds, and so is its tool, with sudo's help where it runs as root.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from kextrel.errors import UsageError

__all__ = ["Frames", "Probe", "Section", "build", "parse"]

_TOKEN = re.compile(r"[A-Za-z0-9]{16,64}\Z")
_BEGIN = re.compile(rb"(?:\A|\n)([A-Za-z0-9]{16,64}) begin (\d{3,9})\n")
_HEADER = re.compile(rb"([A-Za-z0-9]{16,64}) ([a-z0-9-]{1,40}) ([a-z]{1,10}|\d{1,3}) +(\d{1,9}) +(\d{1,9})\n")
_TICKS = 20
_PROBLEMS = {
    "timeout": "it did not end in time",
    "absent": "this Mac does not have the tool",
    "noroot": "it needs root, and the script had none",
}

# Runs under dash, bash 3.2 and zsh's sh alike: no local, no arrays, no arithmetic. Everything is a function, so that a
# script that arrives on stdin is read whole before its first command, and one that was cut short does nothing.
_SHELL = """\
have() { command -v "$1" >/dev/null 2>&1; }

# probe NAME user|root TOOL ARGUMENTS...: starts one section in the background.
probe() {
  name=$1
  who=$2
  shift 2
  names="$names $name"
  : >"$dir/$name.out"
  : >"$dir/$name.err"
  if ! have "$1"; then
    echo absent >"$dir/$name.code"
  elif [ "$who" = user ] || [ "$uid" = 0 ]; then
    ask "$@"
  elif [ -n "$root" ]; then
    ask $root "$@"
  else
    echo noroot >"$dir/$name.code"
  fi
}

# The subshell is ours to end even where the tool, being root's, is not: so the script never waits longer than it says.
ask() {
  (
    ulimit -f @BLOCKS@
    "$@" >"$dir/$name.out" 2>"$dir/$name.err" </dev/null &
    echo $! >"$dir/$name.pid"
    wait $!
    echo $? >"$dir/$name.code"
  ) </dev/null >/dev/null 2>&1 &
  jobs="$jobs $!"
  echo $! >"$dir/$name.job"
}

# end_late: ends the sections that have no exit code yet, first our subshells, then their tools.
end_late() {
  pids=
  for late in $names; do
    if [ ! -s "$dir/$late.code" ]; then
      pids="$pids $(cat "$dir/$late.pid")"
      kill -TERM "$(cat "$dir/$late.job")"
    fi
  done
  for pid in $pids; do
    pkill -KILL -P "$pid"
    if ! kill -KILL "$pid" && [ -n "$root" ]; then
      $root pkill -KILL -P "$pid"
      $root kill -KILL "$pid"
    fi
  done
}

watch() {
  for tick in @TICKS@; do
    sleep @TICK@
    if [ ! -d "$dir" ]; then
      return
    fi
  done
  : >"$dir/late"
  end_late
}

# measure FILE: how many of its bytes are shown, into $size. Processes are dear on a Mac, so none for an empty one.
measure() {
  size=0
  if [ -s "$1" ]; then
    size=$(wc -c <"$1")
    if [ $size -gt @BYTES@ ]; then
      size=@BYTES@
    fi
  fi
}

# part FILE SIZE: that much of it.
part() {
  if [ $2 -gt 0 ]; then
    head -c $2 "$1"
  fi
}

show() {
  code=timeout
  if [ -s "$dir/$1.code" ]; then
    read -r code <"$dir/$1.code"
  fi
  measure "$dir/$1.out"
  out=$size
  measure "$dir/$1.err"
  err=$size
  echo "@TOKEN@ $1 $code" $out $err
  part "$dir/$1.out" $out
  part "$dir/$1.err" $err
  echo
}

observe() {
  PATH="$PATH:/usr/bin:/bin:/usr/sbin:/sbin"
  LC_ALL=C
  export PATH LC_ALL
  umask 077
  dir=@DIR@
  root='@ROOT@'
  uid=$(id -u)
  names=
  jobs=
  if ! mkdir "$dir"; then
    echo "@TOKEN@ begin @BYTES@"
    echo "@TOKEN@ folder"
    return 1
  fi
  trap 'end_late; rm -rf "$dir"; exit 1' HUP INT PIPE TERM
@PROBES@
  watch </dev/null >/dev/null 2>&1 &
  watcher=$!
  for job in $jobs; do
    wait "$job"
  done
  # Not when it has begun to end tools. Left alone it would keep our streams, and so the SSH channel, open for a tick.
  if [ ! -e "$dir/late" ]; then
    kill "$watcher"
  fi
  @SHOW@
  rm -rf "$dir"
}

show_all() {
  echo "@TOKEN@ begin @BYTES@"
  for one in $names; do
    show "$one"
  done
  echo "@TOKEN@ end"
}

observe </dev/null 2>/dev/null
"""


@dataclass(frozen=True)
class Probe:
    """One section: what is run, by whom, and the shell condition under which (empty: always)."""

    name: str
    command: tuple[str, ...]
    root: bool = False
    unless: str = ""

    @property
    def line(self) -> str:
        """The command as people type it."""
        return ("sudo " if self.root else "") + shlex.join(self.command)

    def shell(self) -> str:
        call = f"probe {self.name} {'root' if self.root else 'user'} {shlex.join(self.command)}"
        return f"  have {shlex.quote(self.unless)} || {call}" if self.unless else f"  {call}"


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
) -> str:
    """The whole script; `show` is the shell line that sends the frames off. UsageError: a bad token or limit."""
    if not _TOKEN.match(token):
        raise UsageError("the token of a script must be 16 to 64 letters and digits from a random source")
    if not (0 < limit_seconds <= 3600 and 512 <= limit_bytes <= 1 << 24):
        raise UsageError("a section's limits are 0 to 3600 seconds and 512 bytes to 16 MiB")
    folder = hashlib.sha256(f"folder {token}".encode()).hexdigest()[:24]
    values = {
        "@BLOCKS@": str(-(-limit_bytes // 512)),
        "@TICKS@": " ".join(str(n) for n in range(1, _TICKS + 1)),
        "@TICK@": f"{limit_seconds / _TICKS:g}",
        "@BYTES@": str(limit_bytes),
        "@DIR@": f"/tmp/kextrel-{folder}",  # noqa: S108 - unguessable, made with mkdir and umask 077, refused if there
        "@ROOT@": _plain_words(sudo or ""),
        "@PROBES@": "\n".join(probe.shell() for probe in probes),
        "@SHOW@": show,
        "@TOKEN@": token,
    }
    script = _SHELL
    for mark, value in values.items():
        script = script.replace(mark, value)
    return script


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
    mark, at, sections = begin[1], begin.end(), dict[str, Section]()
    if raw.startswith(mark + b" folder\n", at):
        return Frames(MappingProxyType({}), "the Mac could not make a folder under /tmp for the script")
    names = {probe.name for probe in probes}
    while not raw.startswith(mark + b" end\n", at):
        header = _HEADER.match(raw, at)
        end = header.end() + int(header[4]) + int(header[5]) if header else 0
        whole = header is not None and header[1] == mark and raw[end : end + 1 + len(mark)] == b"\n" + mark
        if not whole or header is None or header[2].decode() not in names:
            return Frames(MappingProxyType(sections), "the answer was cut off or damaged on its way")
        name = header[2].decode()
        sections[name] = _section(name, header, raw, int(begin[2]))
        at = end + 1
    return Frames(MappingProxyType(sections))


def _section(name: str, header: re.Match[bytes], raw: bytes, limit: int) -> Section:
    code, out, err = header[3].decode(), int(header[4]), int(header[5])
    start = header.end()
    problem = _PROBLEMS.get(code, "" if code.isdecimal() else f"it ended with {code!r}")
    if not problem and max(out, err) >= limit:
        problem = f"it printed more than {limit} bytes"
    exit_code = int(code) if code.isdecimal() else None
    return Section(name, exit_code, raw[start : start + out], raw[start + out : start + out + err], problem)
