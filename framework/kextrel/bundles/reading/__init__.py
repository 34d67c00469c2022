"""Reads bundles that anybody may have made: `inspect(path)`. Nothing of them is run, and nothing leads out of them.

opening          a path -> the bundles in it                 tree      what a folder or an archive holds, as a map
ziparchive, xar, cpio, streams, package                      archives into trees
slices, extents, executable   Mach-O      codesign, certificates, seal   signatures
component        one bundle      kpi, needs, remarks         what follows from what is in it
found            the values that come out      jsonform      them as JSON      refusal   why something is not read
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from kextrel.bundles.reading.component import Place, read_component
from kextrel.bundles.reading.found import Component, ComponentKind, Inspected
from kextrel.bundles.reading.opening import WANTED, opened
from kextrel.bundles.reading.refusal import Refused
from kextrel.bundles.reading.remarks import remarks_on_carrier
from kextrel.errors import InputError

__all__ = ["inspect"]


def inspect(path: Path | str, now: datetime | None = None) -> Inspected:
    """Everything that a .kext, .app, .systemextension, .dext, .pkg (flat, or a folder) or .zip says of its bundles.

    `now` is when certificates are to be valid. Archives are unpacked into a temporary folder of at most 1 GiB, which is
    gone afterwards; of archives in archives only a package in a .zip is opened. Raises InputError for what is none of
    these, and for what no maker would make: paths and links that lead out, bombs, files that are cut off.
    """
    path = Path(path)
    try:
        with tempfile.TemporaryDirectory(prefix="kextrel-inspect-") as folder:
            return _inspected(path, Path(folder), now or datetime.now(UTC))
    except Refused as error:
        raise InputError(error.what, path=str(path), hint=error.hint) from error


def _inspected(path: Path, folder: Path, now: datetime) -> Inspected:
    kind, places, installers = opened(path, folder, now)
    if not places:
        raise Refused("it holds no kext, no app and no system extension", WANTED)
    components = tuple(_component(place, now, alone=len(places) == 1) for place in places)
    return Inspected(str(path), kind, tuple(_with_carried(components)), tuple(installers))


def _with_carried(components: Sequence[Component]) -> Iterator[Component]:
    """Each app with what is to be said of it and what it carries together."""
    for one in components:
        carried = [other for other in components if (other.inside, other.package) == (one.path, one.package)]
        more = tuple(remarks_on_carrier(one, carried)) if one.kind is ComponentKind.APP else ()
        yield replace(one, remarks=one.remarks + more)


def _component(place: Place, now: datetime, *, alone: bool) -> Component:
    try:
        return read_component(place, now)
    except Refused as error:
        if alone:
            raise
        raise Refused(f"{place.path}: {error.what}", error.hint) from error
