"""Feeds every reader of `kextrel parse`, and that of a whole observation, with inputs that coverage guides: no error
but the documented one may come out.

    python ci/fuzz_parsers.py [RUNS] [COMMAND]… [--seconds S] [--jobs N]

RUNS inputs a reader (else a million), or as many as S seconds are enough for; N readers at a time (else one a core),
each in its own process. Needs atheris, which is no dependency since only this uses it: `pip install 'atheris>=3'`.
The captures under tests/ that a reader reads are where the fuzzer starts, and one of each other kind. What breaks a
reader is written to crash-…, and the run ends with 1.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CAPTURES = ROOT / "tests" / "macos" / "captures"
SECONDS_AN_INPUT = 10  # on so few bytes: what is slower is no longer linear
# Each line costs Python as much as the others and brings nothing new after a few: at 1 KiB about twice as
# many inputs are tried as at 4. Only an observation is long before it says anything.
LONGEST, LONGEST_OBSERVATION = 1024, 4096
# That a line runs is news, how often it does is none: the same lines are reached in a third of the time, since inputs
# are not kept for being long.
STEADY = ("-use_counters=0", "-seed=1")
OBSERVATION = "observe"
BETWEEN = b"\n%%\n"
PAGE_OF_EACH = 8  # drawing it costs as much as reading, and is no reader
_DONE = re.compile(r"Done (\d+) runs in (\d+) second")

sys.path.insert(0, str(ROOT / "framework"))


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("runs", nargs="?", type=int, default=1_000_000)
    options.add_argument("commands", nargs="*")
    options.add_argument("--seconds", type=int, default=0)
    options.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    chosen = options.parse_args()
    with ThreadPoolExecutor(chosen.jobs) as jobs:
        commands = chosen.commands or list(different())
        good = list(jobs.map(lambda command: survives(command, chosen.runs, chosen.seconds), commands))
    return 0 if all(good) else 1


def different() -> Iterator[str]:
    """A command for each reader: some read for several."""
    from kextrel.macos.registry import COMMANDS, reader

    seen: list[Any] = []
    for command in COMMANDS:
        if reader(command) not in seen:
            seen.append(reader(command))
            yield command
    yield OBSERVATION


def survives(command: str, runs: int, seconds: int) -> bool:
    """Runs one reader in a child, since libFuzzer ends its process; tells how many inputs it had, and how fast."""
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds(command)):
            (Path(corpus) / str(number)).write_bytes(seed)
        longest = LONGEST_OBSERVATION if command == OBSERVATION else LONGEST
        limits = (f"-runs={runs}", f"-max_total_time={seconds}", f"-max_len={longest}", f"-timeout={SECONDS_AN_INPUT}")
        child = subprocess.run(
            [sys.executable, __file__, "--one", command, *limits, *STEADY, corpus],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    done = _DONE.search(child.stderr)
    if child.returncode or done is None:
        sys.stdout.write(f"{child.stderr[-3000:]}\nbroken: {command}\n")
        return False
    sys.stdout.write(f"{command:<48} {done[1]:>9} inputs, {int(done[1]) // max(1, int(done[2])):>7} a second\n")
    sys.stdout.flush()
    return True


def seeds(command: str) -> Iterator[bytes]:
    """What the reader can read, and one capture of each folder that it cannot."""
    if command == OBSERVATION:
        yield observed()
        return
    read, foreign = reading(command), set()
    for capture in sorted(CAPTURES.rglob("*.txt")):
        seed = capture.read_bytes()[:LONGEST]
        if read(seed) or capture.parent not in foreign:
            foreign.add(capture.parent)
            yield seed


def observed() -> bytes:
    """The answer of each section of an observation, as the captures have it, if they have."""
    from kextrel.macos import probes

    said: dict[str, bytes] = {}
    for capture in sorted(CAPTURES.rglob("*.txt")):
        command = json.loads(capture.with_suffix(".json").read_text(encoding="utf-8"))["command"]
        said.setdefault(command, capture.read_bytes())
    commands = (probe.line.removeprefix("sudo ") for probe in probes.MACOS)
    return BETWEEN.join(said.get(command, b"") for command in commands)


def framed(data: bytes) -> bytes:
    """`data` as the script would send it: what stands between two marks is what one section's tool printed."""
    from kextrel.macos import probes

    names = [probe.name for probe in probes.MACOS]
    pieces = dict(zip(names, data.split(BETWEEN), strict=False))
    token, files = (
        b"0123456789abcdef",
        [(f"{name}.{end}", pieces[name] if end == "out" else b"") for name in pieces for end in ("out", "err")],
    )
    listed = "".join(f" {name} 0" for name in pieces).encode()
    sizes = "".join(f"{len(text)} {name}\n" for name, text in files).encode()
    body = b"".join(text for _, text in files)
    return b"%s begin 262144\n%s sections%s\n%s%s data\n%s\n%s end\n" % (
        token,
        token,
        listed,
        sizes,
        token,
        body,
        token,
    )


def reading(command: str) -> Callable[[bytes], bool]:
    """Reads an input as all that show it would; False where it is refused in the documented way."""
    return observes if command == OBSERVATION else partial(reads, reader_of(command))


def observes(data: bytes) -> bool:
    from kextrel.macos import observation, page

    seen = observation.read(framed(data))
    assert not seen.problem
    if len(data) % PAGE_OF_EACH == 0:
        assert page.render(seen).replace("\n", "").isprintable()
    json.dumps(seen.to_json())
    return True


def reader_of(command: str) -> Callable[[bytes], Any]:
    from kextrel.macos.registry import reader

    return reader(command)


def reads(read: Callable[[bytes], Any], data: bytes) -> bool:
    from kextrel.errors import UnreadableAnswer

    try:
        found = read(data)
    except UnreadableAnswer:
        return False
    json.dumps(found.facts())
    assert all(isinstance(line, str) for line in found.unparsed)
    return True


def one(command: str, options: list[str]) -> None:
    """The child: hands each input to the reader."""
    import atheris

    with atheris.instrument_imports(include=["kextrel.macos"]):
        take = reading(command)
        take(b"")

    def give(data: bytes) -> None:
        take(data)

    # What is loaded now stays: looking through it for garbage again and again is a fifth of a run.
    gc.freeze()
    gc.set_threshold(100_000)
    atheris.Setup([sys.argv[0], *options], give)
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2], sys.argv[3:])
    else:
        sys.exit(main())
