"""Feeds every reader of `kextrel parse` with inputs that coverage guides: no error but the documented one may come out.

    python ci/fuzz_parsers.py [RUNS] [COMMAND]…    RUNS inputs a reader (else a million), each in its own process

Needs atheris, which is no dependency since only this uses it: `pip install 'atheris>=3'`. The captures under tests/
are where the fuzzer starts. What breaks a reader is written to crash-…, and the run ends with 1.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CAPTURES = ROOT / "tests" / "macos" / "captures"
SECONDS_AN_INPUT = 10  # on 4 KiB: what is slower is no longer linear
LONGEST = 4096
_DONE = re.compile(r"Done (\d+) runs in (\d+) second")


def main(arguments: list[str]) -> int:
    runs = int(arguments[0]) if arguments else 1_000_000
    import_path()
    from kextrel.macos.registry import COMMANDS

    broken = [command for command in arguments[1:] or COMMANDS if not survives(command, runs)]
    for command in broken:
        sys.stdout.write(f"broken: {command}\n")
    return 1 if broken else 0


def survives(command: str, runs: int) -> bool:
    """Runs one reader in a child, since libFuzzer ends its process; tells how many inputs a second."""
    with tempfile.TemporaryDirectory() as corpus:
        for number, capture in enumerate(sorted(CAPTURES.rglob("*.txt"))):
            (Path(corpus) / str(number)).write_bytes(capture.read_bytes()[:LONGEST])
        options = (f"-runs={runs}", f"-max_len={LONGEST}", f"-timeout={SECONDS_AN_INPUT}", "-seed=1", corpus)
        child = subprocess.run(
            [sys.executable, __file__, "--one", command, *options],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    done = _DONE.search(child.stderr)
    if child.returncode or done is None:
        sys.stdout.write(child.stderr[-3000:])
        return False
    sys.stdout.write(f"{command:<48} {done[1]:>9} inputs, {int(done[1]) // max(1, int(done[2])):>7} a second\n")
    sys.stdout.flush()
    return True


def import_path() -> None:
    sys.path.insert(0, str(ROOT / "framework"))


def one(command: str, options: list[str]) -> None:
    """The child: hands each input to the reader, and what it says to those who would show it."""
    import atheris

    import_path()
    with atheris.instrument_imports(include=["kextrel.macos"]):
        from kextrel.macos.registry import reader
    from kextrel.errors import UnreadableAnswer

    read = reader(command)

    def take(data: bytes) -> None:
        try:
            reading = read(data)
        except UnreadableAnswer:
            return
        json.dumps(reading.facts())
        assert all(isinstance(line, str) for line in reading.unparsed)

    atheris.Setup([sys.argv[0], *options], take)
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2], sys.argv[3:])
    else:
        sys.exit(main(sys.argv[1:]))
