"""How a command gets at Macs: the lab that was named, or the virtual lab, started and ended with the command."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kextrel.errors import InputError
from kextrel.lab import Lab, default_profile_path, load_profile, needs_serving, served

__all__ = ["named_lab", "opened"]


def named_lab(lab: str | None) -> Path:
    """The profile that `--lab`, or else KEXTREL_LAB, names; the shipped virtual lab where neither does."""
    name = lab or os.environ.get("KEXTREL_LAB") or "virtual"
    if name == "virtual":
        return default_profile_path()
    if name.startswith("virtual:"):
        raise InputError(f"--lab {name} is not implemented yet", hint="give a profile's path, or leave --lab out")
    path = Path(name)
    if not path.is_file():
        raise InputError(f"there is no lab profile at {name}", hint="give the path of a YAML file, or leave --lab out")
    return path


@contextmanager
def opened(lab: str | None, *, defects: Sequence[str] = (), faults: Sequence[str] = ()) -> Iterator[Lab]:
    """The lab, with its virtual Macs running. Raises InputError for a bad profile before anything is started."""
    path = named_lab(lab)
    profile = load_profile(path)
    if not needs_serving(profile):
        if defects or faults:
            raise InputError(
                "--defect and --fault are for virtual Macs", path=str(path), hint="leave --lab out to break one"
            )
        yield Lab(profile)
        return
    with served(path, profile, defects=defects, faults=faults) as wired:
        yield Lab(load_profile(wired))
