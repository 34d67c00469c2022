"""A scenario as a value, and the reading of `*.mac.yaml` files: `load(path)` and `parse(text, path)`.

    schema: kextrel/scenario/v1
    name: full security refuses a kext
    parameters: {version: ["1.0", "2.0"]}       # optional: one scenario for each combination
    mac: {macos: ">=11"}                        # see starts.MAC_FIELDS; everything but macos has a default
    profiles: []                                # see starts.PROFILE_FIELDS
    extensions: {driver: {version: "${version}"}}
    steps:
      - install: driver                         # see verbs.VERBS
      - load: driver
        expect: {outcome: refused, reason: security-mode, state: {loaded_kexts: []}}

Every scalar is text until the schema types it. Whatever is wrong raises InputError with the file, the line and the
nearest right word, before anything is touched.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kextrel import yamltext
from kextrel.errors import InputError, UsageError, nearest
from kextrel.policy import contradicts_itself
from kextrel.scenario.extensions import read_extension
from kextrel.scenario.fields import Fields, Place, list_of, one_of, text
from kextrel.scenario.given import fitted
from kextrel.scenario.mac import WantedMac, counts_as_user_approved, modes_of, read_mac
from kextrel.scenario.parameters import combinations, substitute, uses
from kextrel.scenario.pins import Pin, read_pin
from kextrel.scenario.profiles import PROFILE_FIELDS, read_profile
from kextrel.scenario.verbs import VERBS, read_action
from kextrel.vocabulary import Action, Extension, Profile, SecurityMode, Start, Version
from kextrel.vocabulary.actions import Replace, SetSecurity, Upgrade
from kextrel.yamltext import Node, Scalar

if TYPE_CHECKING:
    from kextrel.lab.fit import Requirement

__all__ = ["SCHEMA", "SUFFIX", "Scenario", "Step", "load", "parse"]

SCHEMA = "kextrel/scenario/v1"
SUFFIX = ".mac.yaml"
_TOP = ("schema", "name", "parameters", "mac", "profiles", "extensions", "steps")


@dataclass(frozen=True)
class Step:
    """One step: the typed action, what the file says of it (JSON), a pin on top of the model, where it is written."""

    number: int
    action: Action
    written: Mapping[str, Any] = field(hash=False)
    pin: Pin | None
    line: int


@dataclass(frozen=True)
class Scenario:
    """One scenario of one file, parameters filled in. `file` is the path as it was given.

    `bundles` are those that are really installed, by the names of extensions; `unfit` says why it cannot be checked
    with them, `yielded` that a sample gave way to one (see `scenario.given`).
    """

    file: str
    name: str
    mac: WantedMac = field(hash=False)
    profiles: tuple[Profile, ...]
    extensions: Mapping[str, Extension] = field(hash=False)
    steps: tuple[Step, ...]
    profiles_line: int = 1
    bundles: Mapping[str, Path] = field(default_factory=dict, hash=False)
    unfit: str = ""
    yielded: bool = False

    @property
    def requirement(self) -> Requirement:
        """What a virtual Mac that is made to measure must be; one that is upgraded here is nobody else's, be it in a
        step or before them, with the kexts of a time that asked nobody (UAK-02)."""
        upgrades = any(isinstance(step.action, Upgrade) for step in self.steps)
        unpaired = any(isinstance(step.action, SetSecurity) and not step.action.paired for step in self.steps)
        name, left = f"{self.file} {self.name}", [one.installed_before for one in self.extensions.values()]
        oldest = min((one for one in left if one is not None), default=None)
        return replace(
            self.mac.requirement,
            second_macos=unpaired,
            upgraded_by=name if upgrades else "",
            left=(name, oldest) if oldest is not None else None,
        )

    def start(self, macos: Version | str | None = None) -> Start:
        """Where it begins on `macos`; left out, the one version that it names.

        Raises UsageError where a version is needed or does not fit, InputError for a start that cannot be.
        """
        start = Start(self.mac.at(self._version(macos)), self.profiles, self.extensions)
        if self.profiles and not counts_as_user_approved(start.mac):
            mac = start.mac
            raise Place(self.file, "profiles").wrong(
                f"profiles cannot be on a Mac with enrollment {mac.enrollment}"
                + ("" if mac.user_approved_mdm else " that the user did not approve"),
                Scalar("", self.profiles_line),
                "they need enrollment: device (approved by the user before macOS 11) or automated-device",
            )
        return start

    def need_bundles(self) -> None:
        """Raises InputError where an extension's own bundle is not there: asked before a run, for a prediction needs
        none."""
        for extension in self.extensions.values():
            if extension.bundle is not None and not Path(extension.bundle).is_dir():
                what = f"extension '{extension.name}' is to be the bundle {extension.bundle}, which is not there"
                raise InputError(what, path=self.file, hint="correct its path, or leave 'bundle' out to have one made")

    def _version(self, macos: Version | str | None) -> Version:
        wanted = self.mac.macos
        if macos is None:
            if wanted.exact is None:
                raise UsageError(f"{self.file}: it is for macOS {wanted}; say which version to predict with --macos")
            return wanted.exact
        try:
            version = Version.parse(macos) if isinstance(macos, str) else macos
        except ValueError as error:
            raise UsageError(str(error)) from error
        if not wanted.met_by(version):
            raise UsageError(f"{self.file}: it is for macOS {wanted}, not for {version}")
        return wanted.exact or version


def load(path: Path | str, given: Mapping[str, Path] | None = None) -> list[Scenario]:
    """The scenarios of one file, one for each combination of its parameters. `given`: bundles that are really
    installed, by the names of extensions. Raises InputError."""
    return _scenarios(yamltext.read(Path(path)), str(path), given or {})


def parse(source: str, path: str = "scenario.mac.yaml", given: Mapping[str, Path] | None = None) -> list[Scenario]:
    """As `load`, from text; `path` is what errors and reports say."""
    return _scenarios(yamltext.load(source, path), path, given or {})


def _scenarios(node: Node, path: str, given: Mapping[str, Path]) -> list[Scenario]:
    place = Place(path, "the scenario")
    top = Fields(node, place, _TOP)
    top.need("schema", one_of(SCHEMA))
    rows = combinations(_top_node(node, "parameters"), place.inside("parameters"))
    body = yamltext.Mapping(tuple(entry for entry in _entries(node) if entry[0].text != "parameters"), node.line)
    used = uses(body)
    _refuse_unused(rows[0], used, top)
    return [_scenario(substitute(body, row, place) if used else body, path, _suffix(row, body), given) for row in rows]


def _entries(node: Node) -> tuple[tuple[Scalar, Node], ...]:
    assert isinstance(node, yamltext.Mapping)  # Fields has refused everything else
    return node.entries


def _top_node(node: Node, key: str) -> Node | None:
    return next((value for name, value in _entries(node) if name.text == key), None)


def _refuse_unused(names: Iterable[str], used: Collection[str], top: Fields) -> None:
    for name in names:
        if name not in used:
            hint = f"write ${{{name}}} where it belongs, or take it out"
            raise top.place.wrong(f"parameter '{name}' is never used", top.at("parameters"), hint)


def _suffix(row: Mapping[str, Node], body: Node) -> str:
    """` [k=v, l=w]` for the parameters that the name does not already say."""
    name = _top_node(body, "name")
    said = uses(name) if name is not None else frozenset()
    words = [f"{key}={_word(value)}" for key, value in row.items() if key not in said]
    return f" [{', '.join(words)}]" if words else ""


def _word(value: Node) -> str:
    if isinstance(value, Scalar):
        return value.text
    if isinstance(value, yamltext.Sequence):
        return "+".join(_word(item) for item in value.items) or "none"
    return "+".join(f"{key.text}:{_word(item)}" for key, item in value.entries) or "none"


def _scenario(node: Node, path: str, suffix: str, given: Mapping[str, Path]) -> Scenario:
    place = Place(path, "the scenario")
    assert isinstance(node, yamltext.Mapping)  # its Fields were read before
    fitting = fitted(node, place, given)
    top = Fields(fitting.node, place, _TOP)
    name = top.get("name", text, Path(path).name.removesuffix(SUFFIX))
    mac, _ = read_mac(top.given("mac"), place.inside("mac"))
    extensions = _extensions(top.at("extensions"), place) if top.has("extensions") else {}
    steps = _steps(top, extensions, mac)
    scenario = Scenario(
        file=path.encode("utf-8", "backslashreplace").decode(),  # reports are UTF-8, whatever bytes a name is made of
        name=name + suffix,
        mac=mac,
        profiles=_profiles(top.at("profiles"), place) if top.has("profiles") else (),
        extensions=extensions,
        steps=steps,
        profiles_line=top.at("profiles").line,
        bundles=fitting.bundles,
        unfit=fitting.unfit or _another_version(steps, fitting.bundles),
        yielded=fitting.yielded,
    )
    if mac.macos.exact is not None:
        scenario.start()
    return scenario


def _another_version(steps: Iterable[Step], given: Mapping[str, Path]) -> str:
    """Why a scenario that replaces a given bundle cannot be checked: no other version is made of it."""
    for step in steps:
        if isinstance(step.action, Replace) and step.action.extension in given:
            path = given[step.action.extension]
            return f"step {step.number} replaces '{step.action.extension}' by another version, and there is only {path}"
    return ""


def _profiles(node: Node, place: Place) -> tuple[Profile, ...]:
    inner = place.inside("'profiles'")
    read = list_of(
        lambda item, _: read_profile(Fields(item, place.inside("a profile"), PROFILE_FIELDS)), attrgetter("id")
    )
    found = read(node, inner)
    ids = [profile.id for profile in found]
    for profile in found:
        if ids.count(profile.id) > 1:
            raise place.wrong(f"two profiles have the id '{profile.id}'", node)
        if profile.system_extensions is not None and contradicts_itself(profile.system_extensions):
            hint = "no MDM can have installed it (MDM-15): correct it, or leave it to an `install-profile` step"
            raise place.wrong(f"the profile '{profile.id}' contradicts itself", node, hint)
    return found


def _extensions(node: Node, place: Place) -> dict[str, Extension]:
    if not isinstance(node, yamltext.Mapping):
        raise place.wrong("'extensions' must be a mapping of names to descriptions", node)
    found: dict[str, Extension] = {}
    for key, value in node.entries:
        extension, _ = read_extension(key.text, value, place.inside(f"extension '{key.text}'"))
        same = next((other for other in found.values() if other.bundle_id == extension.bundle_id), None)
        if same is not None:
            raise place.wrong(
                f"'{key.text}' has the bundle_id of '{same.name}'", key, "two extensions cannot share one"
            )
        found[key.text] = extension
    return found


def _steps(top: Fields, extensions: Mapping[str, Extension], mac: WantedMac) -> tuple[Step, ...]:
    node = top.given("steps")
    if not isinstance(node, yamltext.Sequence) or not node.items:
        raise top.place.wrong("'steps' must be a list of actions", node, "a step is `- install: driver`")
    modes = modes_of(mac.template.architecture)
    return tuple(_step(n, item, top.place, extensions, modes) for n, item in enumerate(node.items, start=1))


def _step(
    n: int, node: Node, place: Place, extensions: Mapping[str, Extension], modes: tuple[SecurityMode, ...]
) -> Step:
    here = place.inside(f"step {n}")
    if not isinstance(node, yamltext.Mapping):
        word = (node.text if isinstance(node, Scalar) else "") or "ACTION"
        raise here.wrong(
            f"step {n} is not an action", node, f"write it as `- {word}:`, with what it takes after the colon"
        )
    verb, value = _action_of(n, node, here)
    inside = here.inside(f"step {n} ({verb.text})")
    action, written = read_action(verb.text, value, inside, extensions, modes)
    pinned = node.get("expect")
    pin = None if pinned is None else read_pin(pinned, inside.field("expect"), VERBS[verb.text].outcomes)
    return Step(n, action, {verb.text: written}, pin, verb.line)


def _action_of(n: int, node: yamltext.Mapping, place: Place) -> tuple[Scalar, Node]:
    for key, _ in node.entries:
        if key.text != "expect" and key.text not in VERBS:
            raise place.wrong(f"unknown action '{key.text}' in step {n}", key, nearest(key.text, [*VERBS, "expect"]))
    found = [(key, value) for key, value in node.entries if key.text != "expect"]
    if not found:
        raise place.wrong(f"step {n} has no action", node, "write it as `- install: driver`")
    if len(found) > 1:
        names = " and ".join(f"'{key.text}'" for key, _ in found)
        raise place.wrong(f"step {n} has two actions, {names}", found[1][0], "make each a step of its own")
    return found[0]
