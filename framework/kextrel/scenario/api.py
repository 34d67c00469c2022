"""The `mac` of the Python API: every verb of the language is a method, performed on a device and judged.

    def test_refused_under_full_security(mac):
        driver = mac.extension("driver")
        mac.install(driver)
        step = mac.load(driver)
        assert step.refused and step.reason == "security-mode"
        with mac.unjudged():
            mac.restart()

The fixture makes one; the Mac is taken to its starting state by the first verb. Words are those of the language, with
`as_` and `from_` where Python keeps the word for itself; an argument left out has the language's default.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from operator import methodcaller
from pathlib import Path
from typing import Any

from kextrel import policy
from kextrel.device.baseline import Level
from kextrel.device.rig import Facts
from kextrel.errors import BenchError, InputError, NotPossible, UnreadableAnswer, UsageError, nearest
from kextrel.evidence import Sink
from kextrel.scenario.extensions import read_extension
from kextrel.scenario.fields import Fields, Place
from kextrel.scenario.given import described
from kextrel.scenario.mac import modes_of, read_mac
from kextrel.scenario.nodes import node_of
from kextrel.scenario.predicting import prediction_json
from kextrel.scenario.profiles import PROFILE_FIELDS, read_profile
from kextrel.scenario.protocols import Device, Model
from kextrel.scenario.session import Asked, Patience, Session
from kextrel.scenario.verbs import read_action
from kextrel.scenario.verdicts import BenchFailed, Judgement, NotChecked, PolicyViolated, Seen, StepReport
from kextrel.vocabulary import Action, Extension, Outcome, Profile, Reason, Start, State, Unknown, Verdict

__all__ = ["Mac", "Step", "start_on"]

Name = Extension | str
__tracebackhide__ = methodcaller("errisinstance", (PolicyViolated, BenchFailed, NotChecked, UsageError))
"""pytest ends the traceback of these in the line of the test, which is whose they are; of our own bugs it shows all."""


@dataclass(frozen=True)
class Step:
    """What came of one verb. `verdict` and `report` are None for an unjudged one; UNKNOWN is what was not observed."""

    outcome: Outcome | Unknown
    reason: Reason | None
    state: State
    verdict: Verdict | None
    rules: tuple[str, ...] = ()
    report: StepReport | None = None

    @property
    def refused(self) -> bool:
        return self.outcome is Outcome.REFUSED


def start_on(facts: Facts, *, profiles: Collection[Mapping[str, Any]] = (), **fields: Any) -> Start:
    """The start of a Python test on a Mac with these facts.

    `fields` are `mac:` fields of the language (sip, security_mode, kext_management, logged_in, online); `profiles` are
    mappings as in a scenario. Raises UsageError for what the language refuses.
    """
    said = {
        "architecture": facts.architecture.value,
        "macos": str(facts.macos),
        "enrollment": facts.enrollment.value,
        "user_approved_mdm": facts.user_approved_mdm,
        "bootstrap_token": facts.bootstrap_token,
    }
    try:
        wanted, _ = read_mac(node_of(said | fields), Place("", "mac"))
        return Start(wanted.at(facts.macos), tuple(_profile(one) for one in profiles), {})
    except InputError as error:
        raise _usage(error) from None


def _profile(said: Mapping[str, Any]) -> Profile:
    return read_profile(Fields(node_of(said), Place("", "a profile"), PROFILE_FIELDS))


class Mac:
    """A test Mac in a Python test.

    A verb returns a Step when the verdict is held. It raises PolicyViolated when a rule is violated, BenchFailed when
    a wire fails, NotChecked when there is nothing to see or an earlier step ended the judging, UsageError for a word
    that the language does not know.
    """

    def __init__(
        self,
        device: Device,
        *,
        start: Start | None = None,
        model: Model = policy,
        sink: Sink | None = None,
        patience: Patience | None = None,
        bundles: Mapping[str, Path] | None = None,
    ) -> None:
        self.device = device
        self._bundles = bundles or {}
        self.steps: list[StepReport] = []
        self._start = start or start_on(device.facts)
        self._extensions: dict[str, Extension] = dict(self._start.extensions)
        self._model, self._sink, self._patience = model, sink, patience or Patience()
        self._session: Session | None = None
        self._judging = True
        self._ended = ""
        self._count = 0
        self.level = Level.CLEAN

    @property
    def name(self) -> str:
        """The device's name in the lab."""
        return self.device.name

    def extension(self, name: str, **fields: Any) -> Extension:
        """An extension of this test, with the fields of `extensions:`; the same name again is the same extension. One
        for which the run or the lab names a bundle is what that is.

        Raises UsageError for an unknown field or value, and for one that a verb may have used described otherwise.
        """
        if name in self._extensions and not fields:
            return self._extensions[name]
        if self._session is not None and name in self._extensions:
            raise UsageError(f"extension '{name}' is described already; describe it in full before the first verb")
        place, node = Place("", f"extension '{name}'"), node_of(fields)
        try:
            if name in self._bundles:
                node = described(name, node, place, self._bundles[name])
            extension, _ = read_extension(name, node, place)
        except InputError as error:
            raise _usage(error) from None
        self._extensions[name] = extension
        if self._session is not None:
            self._session.learn(extension)
        return extension

    @contextmanager
    def unjudged(self) -> Iterator[None]:
        """Inside, verbs are plain driver calls: performed and observed, held against no rule."""
        before, self._judging = self._judging, False
        try:
            yield
        finally:
            self._judging = before

    def install(self, extension: Name) -> Step:
        return self._do("install", extension=extension)

    def remove(self, extension: Name) -> Step:
        return self._do("remove", extension=extension)

    def replace(self, extension: Name, version: str) -> Step:
        return self._do("replace", extension=extension, version=version)

    def load(self, extension: Name) -> Step:
        return self._do("load", extension=extension)

    def unload(self, extension: Name) -> Step:
        return self._do("unload", extension=extension)

    def approve(self, extension: Name, *, as_: str | None = None, input: str | None = None) -> Step:
        return self._do("approve", extension=extension, as_=as_, input=input)

    def rebuild(self) -> Step:
        return self._do("rebuild")

    def activate(self, extension: Name) -> Step:
        return self._do("activate", extension=extension)

    def allow(self, extension: Name, *, as_: str | None = None) -> Step:
        return self._do("allow", extension=extension, as_=as_)

    def disable(self, extension: Name, *, as_: str | None = None) -> Step:
        return self._do("disable", extension=extension, as_=as_)

    def enable(self, extension: Name, *, as_: str | None = None) -> Step:
        return self._do("enable", extension=extension, as_=as_)

    def deactivate(self, extension: Name, *, by: str | None = None, as_: str | None = None) -> Step:
        return self._do("deactivate", extension=extension, by=by, as_=as_)

    def reset_extensions(self) -> Step:
        return self._do("reset-extensions")

    def developer_mode(self, on: bool) -> Step:
        return self._do("developer-mode", on=on)

    def restart(
        self,
        *,
        by: str | None = None,
        rebuild_kernel_cache: bool | None = None,
        kext_paths: Collection[Name] | None = None,
        notify_user: bool | None = None,
    ) -> Step:
        names = None if kext_paths is None else [_name(one) for one in kext_paths]
        return self._do(
            "restart",
            by=by,
            rebuild_kernel_cache=rebuild_kernel_cache,
            kext_paths=names,
            notify_user=notify_user,
        )

    def boot(self, into: str) -> Step:
        return self._do("boot", into=into)

    def power_cut(self, *, during: str | None = None) -> Step:
        return self._do("power-cut", during=during)

    def set_security(
        self,
        mode: str | None = None,
        *,
        allow: Collection[str] | None = None,
        using: str | None = None,
        as_: str | None = None,
        paired: bool | None = None,
    ) -> Step:
        return self._do("set-security", mode=mode, allow=allow, using=using, as_=as_, paired=paired)

    def set_sip(self, enabled: bool, *, as_: str | None = None) -> Step:
        return self._do("set-sip", enabled=enabled, as_=as_)

    def kext_consent(self, *, add: str | None = None, enabled: bool | None = None) -> Step:
        return self._do("kext-consent", add=add, enabled=enabled)

    def panic_medic(self) -> Step:
        return self._do("panic-medic")

    def install_profile(
        self,
        id: str,
        *,
        kernel_extensions: Mapping[str, Any] | None = None,
        system_extensions: Mapping[str, Any] | None = None,
        from_: str | None = None,
    ) -> Step:
        return self._do(
            "install-profile",
            id=id,
            kernel_extensions=kernel_extensions,
            system_extensions=system_extensions,
            from_=from_,
        )

    def remove_profile(self, id: str) -> Step:
        return self._do("remove-profile", id=id)

    def enroll(
        self, enrollment: str, *, user_approved_mdm: bool | None = None, bootstrap_token: bool | None = None
    ) -> Step:
        return self._do(
            "enroll", enrollment=enrollment, user_approved_mdm=user_approved_mdm, bootstrap_token=bootstrap_token
        )

    def unenroll(self) -> Step:
        return self._do("unenroll")

    def upgrade(self, macos: str) -> Step:
        return self._do("upgrade", macos=macos)

    def wait(self, minutes: float) -> Step:
        return self._do("wait", minutes=minutes)

    def _do(self, verb: str, **fields: Any) -> Step:
        said = {key.removesuffix("_"): _name(value) for key, value in fields.items() if value is not None}
        action, written = self._action(verb, said)
        self._count += 1
        asked = Asked(self._count, action, {verb: written})
        self._remember_cost(action)
        return self._judged(asked) if self._judging else self._unjudged(asked)

    def _action(self, verb: str, said: dict[str, Any]) -> tuple[Action, Any]:
        short = set(said) == {"extension"} or verb == "remove-profile"
        value = next(iter(said.values())) if short else said or None
        place, modes = Place("", f"mac.{verb.replace('-', '_')}"), modes_of(self._start.mac.architecture)
        self._check_known(said.get("extension"), place)
        try:
            return read_action(verb, node_of(value), place, self._extensions, modes)
        except InputError as error:
            raise _usage(error) from None

    def _check_known(self, name: object, place: Place) -> None:
        """The language's own complaint sends to a scenario's `extensions:`, which a Python test has not."""
        if isinstance(name, str) and name not in self._extensions:
            what = f"{place.what}: this test has no extension {name!r}"
            also = f"; {nearest(name, list(self._extensions))}" if self._extensions else ""
            raise UsageError(f"{what}; make it by mac.extension({name!r}){also}")

    def _remember_cost(self, action: Action) -> None:
        if action.verb == "upgrade":
            self.level = Level.ERASED if self.device.facts.upgrades else self.level
        elif action.verb in ("approve", "load") and self.level is Level.CLEAN:
            self.level = Level.FORGOTTEN

    def _judged(self, asked: Asked) -> Step:
        session = self._begun(asked)
        report = session.perform(asked)
        self._keep(report)
        seen = report.seen
        assert seen is not None  # held, so it was seen
        return Step(seen.outcome, seen.reason, seen.state, report.judgement.verdict, report.rules, report)

    def _unjudged(self, asked: Asked) -> Step:
        session = self._begun(asked)
        try:
            seen: Seen = session.perform_unjudged(asked)
        except (BenchError, UnreadableAnswer) as error:
            raise self._end(session, asked, Judgement(Verdict.BENCH_FAILED, None, str(error))) from error
        except NotPossible as error:
            raise self._end(session, asked, Judgement(Verdict.NOT_CHECKED, None, str(error))) from error
        return Step(seen.outcome, seen.reason, seen.state, None)

    def _begun(self, asked: Asked) -> Session:
        """The session, begun by the first verb. Raises where there is nothing more to judge."""
        if self._session is None:
            start = Start(self._start.mac, self._start.profiles, dict(self._extensions))
            self._session = Session(self.device, start, self._model, self._sink, self._patience)
            astray = self._session.begin()
            if astray is not None:
                raise self._end(self._session, asked, astray)
        if self._ended and self._judging:
            raise self._end(self._session, asked, Judgement(Verdict.NOT_CHECKED, None, self._ended))
        return self._session

    def _end(self, session: Session, asked: Asked, why: Judgement) -> Exception:
        report = session.not_done(asked, prediction_json(None, why.reason), why.verdict, why.reason)
        self.steps.append(report)
        self._ended = self._ended or why.reason
        return _ERRORS[why.verdict](report)

    def _keep(self, report: StepReport) -> None:
        """Records a judged step; raises the error of every verdict but held."""
        self.steps.append(report)
        verdict = report.judgement.verdict
        if verdict is Verdict.HELD:
            return
        if verdict is not Verdict.NOT_CHECKED or report.seen is None:
            self._ended = f"step {report.number} ended as {verdict}"
        raise _ERRORS[verdict](report)


_ERRORS: dict[Verdict, type[PolicyViolated | BenchFailed | NotChecked]] = {
    Verdict.VIOLATED: PolicyViolated,
    Verdict.BENCH_FAILED: BenchFailed,
    Verdict.NOT_CHECKED: NotChecked,
}


def _name(value: Any) -> Any:
    return value.name if isinstance(value, Extension) else value


def _usage(error: InputError) -> UsageError:
    """The language's complaint without a file and a line: here the caller's own line is in the traceback."""
    return UsageError(f"{error.what}; {error.hint}" if error.hint else error.what)
