"""Bundles that are really installed under a scenario's names, and what becomes of the scenario with them.

A scenario may name a bundle itself (`extensions.X.bundle`); `--extension X=PATH` and a lab's `extensions:` name one
from outside. What a bundle is comes from its files, and what is written must agree with it, else the input is bad. One
thing gives way: a sample's identity (`com.example.kextrel.*`), for the shipped scenarios are about samples. There the
bundle's own identifier, team, version, category and architectures take the sample's place, in profiles and pins as
well; what else is said of the sample is needed, and with a bundle that is otherwise the scenario is not checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kextrel import yamltext
from kextrel.errors import UsageError
from kextrel.scenario.fields import Place
from kextrel.scenario.nodes import node_of
from kextrel.vocabulary import ExtensionKind, Signature
from kextrel.vocabulary.kpi import c_name
from kextrel.yamltext import Node, Scalar

if TYPE_CHECKING:  # a scenario without bundles needs no reader of them
    from kextrel.bundles import Given

__all__ = ["SAMPLE_TEAM", "Fitting", "described", "fitted", "named", "sample_id"]

SAMPLE_TEAM = "KXTRL00001"
_SAMPLES = "com.example.kextrel."
_YIELDS = frozenset({"bundle_id", "team_id", "version", "category", "architectures"})
_NEEDED = {"kind": ExtensionKind.KEXT.value, "signature": Signature.DEVELOPER_ID.value}  # of a sample, unwritten too


def sample_id(name: str) -> str:
    """The identifier of an extension that a scenario gives none."""
    return f"{_SAMPLES}{name}"


def named(said: Sequence[str], below: Path = Path()) -> dict[str, Path]:
    """What `--extension X=PATH` names, by extension; relative paths begin `below`. Raises UsageError for another form,
    for an extension with two bundles, and for a bundle that is not there."""
    found: dict[str, Path] = {}
    for one in said:
        name, equals, path = one.partition("=")
        if not (name and equals and path):
            raise UsageError(f"--extension {one} says nothing: write the extension's name and its bundle, driver=PATH")
        if name in found:
            raise UsageError(
                f"--extension names two bundles for '{name}', {found[name]} and {path}: leave one of them out"
            )
        found[name] = below / Path(path).expanduser()
        if found[name].is_file():
            what = "which is a file, and a bundle is a folder"
            raise UsageError(f"extension '{name}' is to be the bundle {path}, {what}; unpack it, or name another")
        if not found[name].is_dir():
            raise UsageError(f"extension '{name}' is to be the bundle {path}, which is not there; correct its path")
    return found


@dataclass(frozen=True)
class Fitting:
    """A scenario's node with its bundles in it. `bundles`: their paths, by the scenario's names. `unfit`: why it cannot
    be checked with them; the node is then as it was. `yielded`: samples gave way, so a pin may no longer agree."""

    node: yamltext.Mapping
    bundles: Mapping[str, Path]
    unfit: str = ""
    yielded: bool = False


def fitted(node: yamltext.Mapping, place: Place, given: Mapping[str, Path]) -> Fitting:
    """`node`, a scenario, with the bundles that it names itself and those that are `given` to its names.

    Raises InputError for a contradiction and for a bundle that cannot be read. One that the scenario names and that is
    not there is left to the run: a prediction needs none.
    """
    extensions = node.get("extensions")
    if not isinstance(extensions, yamltext.Mapping):
        return Fitting(node, {})
    bound = list(_bound(extensions, place, given))
    if not bound:
        return Fitting(node, {})
    paths = {one.name: one.path for one in bound}
    unfit = next((why for one in bound for why in one.unmet()), "")
    names: dict[str, str] = {}
    unfit = unfit or _named_anew(node, bound, names)
    if unfit:
        return Fitting(node, paths, unfit)
    return Fitting(_woven(node, bound, names), paths, yielded=any(one.yields for one in bound))


def described(name: str, node: Node, place: Place, path: Path) -> Node:
    """One extension's description with the bundle that is given to its name: for a Python test, which has no other
    mention of it. Raises InputError for a contradiction, and for what the bundle has not."""
    if not isinstance(node, yamltext.Mapping):
        return node
    one = _Bound(name, node, place, path, True, _found(name, node, place, path))
    for why in one.unmet():
        raise place.wrong(why, node, "give the test another name for it, or another bundle")
    return one.filled()


def _bound(extensions: yamltext.Mapping, place: Place, given: Mapping[str, Path]) -> Iterator[_Bound]:
    for key, entry in extensions.entries:
        own = entry.get("bundle") if isinstance(entry, yamltext.Mapping) else None
        if not isinstance(entry, yamltext.Mapping) or (own is not None and not isinstance(own, Scalar)):
            continue  # the schema says what is wrong with it
        outside = key.text in given
        path = given.get(key.text) or (None if own is None or own.is_null else Path(place.path).parent / own.text)
        if path is None or not (outside or path.is_dir()):
            continue
        here = place.inside(f"extension '{key.text}'")
        yield _Bound(key.text, entry, here, path, outside, _found(key.text, entry, here, path))


def _found(name: str, entry: yamltext.Mapping, place: Place, path: Path) -> Given:
    """What is at `path`; of an app's several extensions the one with the identifier or the category of `entry`."""
    from kextrel.bundles import given

    found = given(path)
    for field in ("bundle_id", "category"):
        said = entry.get(field)
        alike = [one for one in found if said is not None and _same(said, one.fields.get(field))]
        if len(found) > 1 and len(alike) == 1:
            return alike[0]
    if len(found) > 1:
        inside = ", ".join(str(one.fields["bundle_id"]) for one in found)
        hint = f"name one by its path inside the app: {path}/Contents/Library/SystemExtensions/…"
        raise place.wrong(f"{path} carries several extensions, and '{name}' may be any of {inside}", entry, hint)
    return found[0]


@dataclass(frozen=True)
class _Bound:
    """One extension of a scenario and its bundle. `outside`: it was not the scenario that named it."""

    name: str
    entry: yamltext.Mapping
    place: Place
    path: Path
    outside: bool
    found: Given

    @property
    def yields(self) -> bool:
        """Whether the scenario's identity is a sample's, and gives way."""
        return self.outside and self.says("bundle_id", sample_id(self.name)).startswith(_SAMPLES)

    def says(self, field: str, default: str) -> str:
        node = self.entry.get(field)
        return node.text if isinstance(node, Scalar) and not node.is_null else default

    @property
    def names(self) -> dict[str, str]:
        """What the scenario calls the sample and its team, and what they are called."""
        if not self.yields:
            return {}
        team, own = self.says("team_id", SAMPLE_TEAM), self.says("bundle_id", sample_id(self.name))
        return {own: self.found.fields["bundle_id"], team: self.found.fields["team_id"]}

    def unmet(self) -> Iterator[str]:
        """What the scenario needs of its sample and the bundle has not. Raises InputError for a contradiction."""
        for field, node in self._differing():
            said, has = _words(yamltext.plain(node)), _words(self.found.fields[field])
            if field == "kind" or not self.yields:
                what = f"extension '{self.name}' is to have {field} {said}, and {self.path} has {has}"
                raise self.place.wrong(what, node, "name another bundle, or correct what is written")
            if field not in _YIELDS:
                yield f"it needs '{self.name}' with {field} {said}, and {self.path.name} has {has}"

    def _differing(self) -> Iterator[tuple[str, Node]]:
        written = {key.text: node for key, node in self.entry.entries}
        needed = {key: Scalar(word, self.entry.line) for key, word in _NEEDED.items()} if self.yields else {}
        for field, node in {**needed, **written}.items():
            if field in self.found.fields and not _same(node, self.found.fields[field]):
                yield field, node

    def filled(self) -> yamltext.Mapping:
        """What is written, and over it what the bundle is."""
        line, fresh = self.entry.line, {**self.found.fields, "bundle": str(self.found.path.absolute())}
        kept = ((key, node) for key, node in self.entry.entries if key.text not in fresh)
        own = ((Scalar(key, line), node_of(value)) for key, value in fresh.items())
        return yamltext.Mapping((*kept, *own), line)


def _same(node: Node, value: Any) -> bool:
    said = yamltext.plain(node)
    if isinstance(said, list) and isinstance(value, list):
        return sorted(c_name(str(one)) for one in said) == sorted(value)  # symbols; no other list has underscores
    return bool(said == (str(value).lower() if isinstance(value, bool) else value))


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value) or "none"


def _named_anew(node: yamltext.Mapping, bound: Sequence[_Bound], names: dict[str, str]) -> str:
    """Fills `names` with the samples' names and the bundles'. Why that would tear apart what the scenario keeps apart,
    or together: two bundles of one sample's team with two teams, or a name that means another in the scenario."""
    for one in bound:
        for old, new in one.names.items():
            if names.setdefault(old, new) != new:
                return f"it needs bundles of one team, and those that are given are of {names[old]} and {new}"
    taken = set(_scalars(node)) | {SAMPLE_TEAM}
    for old, new in names.items():
        if new != old and (new in taken or list(names.values()).count(new) > 1):
            return f"it needs {old} and {new} to be two, and the given bundle is {new}"
    return ""


def _scalars(node: Node) -> Iterator[str]:
    if isinstance(node, Scalar):
        yield node.text
    elif isinstance(node, yamltext.Sequence):
        for item in node.items:
            yield from _scalars(item)
    else:
        for key, value in node.entries:
            yield key.text
            yield from _scalars(value)


def _woven(node: yamltext.Mapping, bound: Sequence[_Bound], names: Mapping[str, str]) -> yamltext.Mapping:
    """The scenario with the new names wherever it has the old ones, and with the bundles' descriptions."""
    of = {one.name: one for one in bound}
    entries: list[tuple[Scalar, Node]] = []
    for key, value in node.entries:
        if key.text == "extensions" and isinstance(value, yamltext.Mapping):
            own = tuple((name, _entry(name.text, entry, of, names)) for name, entry in value.entries)
            entries.append((key, yamltext.Mapping(own, value.line)))
        else:
            entries.append((key, _renamed(value, names)))
    return yamltext.Mapping(tuple(entries), node.line)


def _entry(name: str, entry: Node, of: Mapping[str, _Bound], names: Mapping[str, str]) -> Node:
    """A bundle's own description; a sample that stays one goes with the team of those that gave way."""
    if name in of:
        return of[name].filled()
    if isinstance(entry, yamltext.Mapping) and entry.get("team_id") is None and SAMPLE_TEAM in names:
        team = (Scalar("team_id", entry.line), Scalar(names[SAMPLE_TEAM], entry.line, quoted=True))
        entry = yamltext.Mapping((*entry.entries, team), entry.line)
    return _renamed(entry, names)


def _renamed(node: Node, names: Mapping[str, str]) -> Node:
    if isinstance(node, Scalar):
        return Scalar(names[node.text], node.line, quoted=True) if node.text in names else node
    if isinstance(node, yamltext.Sequence):
        return yamltext.Sequence(tuple(_renamed(item, names) for item in node.items), node.line)
    entries = ((_renamed(key, names), _renamed(value, names)) for key, value in node.entries)
    return yamltext.Mapping(tuple((key, value) for key, value in entries if isinstance(key, Scalar)), node.line)
