"""From a lab profile to the virtual Macs that it asks for: plain data, for `virtual` knows no profile."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kextrel.errors import InputError, nearest
from kextrel.lab import MacProfile, default_profile_path, load_profile
from kextrel.virtual import MacSpec

__all__ = ["specs_of"]


def specs_of(profiles: Sequence[Path], defects: frozenset[str], only: Sequence[str] = ()) -> list[MacSpec]:
    """The virtual Macs of all `profiles` (the shipped one when there are none), each with `defects`; of them, those
    named in `only` where it names some.

    Raises InputError where a profile has none, where two have the same name, or where a name is nobody's.
    """
    found: dict[str, MacSpec] = {}
    for path in profiles or [default_profile_path()]:
        macs = {name: mac for name, mac in load_profile(path).macs.items() if mac.virtual is not None}
        if not macs:
            raise InputError("this profile has no virtual Mac", path=str(path), hint="give one Mac 'virtual:'")
        for name, mac in macs.items():
            if name in found:
                raise InputError(f"a second Mac is named '{name}'", path=str(path), hint="rename one of them")
            found[name] = _spec(name, mac, defects)
    for name in only:
        if name not in found:
            raise InputError(f"there is no virtual Mac named '{name}'", hint=nearest(name, found))
    return [spec for name, spec in found.items() if not only or name in only]


def _spec(name: str, mac: MacProfile, defects: frozenset[str]) -> MacSpec:
    assert mac.virtual is not None
    return MacSpec(
        name,
        architecture=mac.architecture.value,
        macos=str(mac.arrives_with or mac.macos),
        model=mac.model,
        enrollment=mac.enrollment.value,
        bootstrap_token=mac.bootstrap_token,
        prepared=mac.virtual.prepared,
        missing=frozenset(mac.virtual.missing),
        drivers_in_use=frozenset(mac.virtual.drivers_in_use),
        defects=defects,
        gesture_rate=mac.time_scale,
        disk_name=mac.volume,
        second_macos=mac.other_macos,
        filevault=mac.filevault,
    )
