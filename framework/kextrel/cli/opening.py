"""How a command gets at Macs: the lab that was named, or the virtual lab, started and ended with the command."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kextrel.errors import InputError, nearest
from kextrel.lab import Lab, default_profile_path, load_profile, needs_serving, served
from kextrel.lab.fit import FIT
from kextrel.scenario.given import named

__all__ = ["given_bundles", "is_fit", "named_lab", "opened", "without"]


def is_fit(lab: str | None) -> bool:
    """Whether the lab is one that is made to measure."""
    return (lab or os.environ.get("KEXTREL_LAB")) == FIT


def named_lab(lab: str | None) -> Path:
    """The profile that `--lab`, or else KEXTREL_LAB, names; the shipped virtual lab where neither does."""
    name = lab or os.environ.get("KEXTREL_LAB") or "virtual"
    if name == "virtual":
        return default_profile_path()
    if name == FIT:
        raise InputError(f"{FIT} makes Macs for scenarios, and here is none", hint=f"name a lab, or {without(lab)}")
    if name.startswith("virtual:"):
        raise InputError(f"there is no lab {name!r}", hint=nearest(name, ("virtual", FIT)))
    path = Path(name)
    if not path.is_file():
        raise InputError(f"there is no lab profile at {name}", hint=f"give the path of a YAML file, or {without(lab)}")
    return path


def without(lab: str | None) -> str:
    """What to do to have the shipped virtual lab: `--lab` said `lab`, or else KEXTREL_LAB named this one."""
    return "leave --lab out" if lab else "unset KEXTREL_LAB, which names this one"


def given_bundles(lab: str | None, said: Sequence[str]) -> dict[str, Path]:
    """What is really installed for extensions of these names: by the lab's word, and before that by the command's."""
    own = {} if is_fit(lab) else Lab(load_profile(named_lab(lab))).bundles
    return own | named(said)


@contextmanager
def opened(
    lab: str | None, *, only: Sequence[str | None] = (), defects: Sequence[str] = (), faults: Sequence[str] = ()
) -> Iterator[Lab]:
    """The lab, with its virtual Macs running, those named in `only` where it names some (None: the only one).

    Raises InputError for a bad profile, UsageError for a name that is nobody's, before anything is started.
    """
    path, broken = named_lab(lab), {"defects": defects, "faults": faults}
    profile = load_profile(path)
    if not needs_serving(profile):
        if defects or faults:
            raise InputError(
                "--defect and --fault are for virtual Macs", path=str(path), hint=f"{without(lab)} to break one"
            )
        yield Lab(profile)
        return
    with served(path, profile, only=[Lab(profile).only(name) for name in only], **broken) as wired:
        yield Lab(load_profile(wired))
