"""What one run of pytest knows of its lab: which Macs there are, those in use, and what came of it all.

Collection asks the profile alone; the first test that needs a Mac opens the lab and, where its Macs are virtual, starts
them. A Mac is leased when the first of its tests runs and given back when the run ends.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kextrel.ending import as_interrupts
from kextrel.errors import UsageError, nearest
from kextrel.evidence import EvidenceLog
from kextrel.lab import Lab, LabProfile, MacProfile, Serving, begun, default_profile_path, load_profile
from kextrel.lab.fit import FIT, Fitted, Requirement
from kextrel.plugin.handing import Handed, Wish
from kextrel.plugin.options import options_of

if TYPE_CHECKING:
    from kextrel.scenario import Stay, StepReport, Visit

__all__ = ["Run", "keep_results"]

_kept: list[dict[str, Any]] = []
"""What the reports of this process brought; a Run writes them down. One process runs one pytest."""


def keep_results(results: Sequence[dict[str, Any]]) -> None:
    """Takes the results that a test's report carries."""
    _kept.extend(results)


class Run:
    """One run. Nothing is touched before `lab` or `stay` is asked for."""

    def __init__(self, config: pytest.Config) -> None:
        self.options = options_of(config)
        self.handed = Handed.to(config)
        self._stack = ExitStack()
        self._fitted = Fitted() if self.options.fit else None
        self._serving: Serving | None = None
        self._served: dict[str, MacProfile] = {}
        self.needed: Sequence[str] = ()
        self.lab_file: Path | None = None
        self._stays: dict[str, Stay] = {}
        self._logs: dict[str, EvidenceLog] = {}
        self._unreported: list[dict[str, Any]] = []
        self.visits: dict[str, Sequence[Visit]] = {}
        self._work: Counter[str] = Counter()
        self._only_collects = bool(getattr(getattr(config, "option", None), "collectonly", False))
        self._asked_for: Sequence[str] = [*getattr(config, "args", ()), *_failed_before(config)]

    @property
    def plan(self) -> Lab:
        """The lab as its profile tells it: for choosing, no wire is touched. One that is made to measure grows."""
        return self._named if self._fitted is None else Lab(self._fitted.profile)

    @cached_property
    def _named(self) -> Lab:
        path = self.options.lab or default_profile_path()
        if str(path).startswith("virtual:"):
            raise UsageError(f"there is no lab '{path}'; {nearest(str(path), ('virtual', FIT))}")
        lab = Lab(load_profile(path))
        if self.options.device is not None and self.options.device not in lab.names():
            raise UsageError(
                f"{path}: there is no Mac '{self.options.device}'; {nearest(self.options.device, lab.names())}"
            )
        return lab

    @property
    def names(self) -> Sequence[str]:
        """The Macs that this run may use."""
        return self.plan.names() if self.options.device is None else [self.options.device]

    @cached_property
    def bundles(self) -> dict[str, Path]:
        """What is really installed for extensions of these names: by the lab's word, and before that by the run's."""
        own = {} if self._fitted is not None else self._named.bundles
        if not self.options.extensions:
            return own
        from kextrel.scenario.given import named

        return own | named(self.options.extensions, self.options.below)

    def check(self) -> None:
        """Raises UsageError for a lab, a Mac, a bundle or a report's folder that cannot be had."""
        if self._fitted is not None and self.options.device is not None:
            raise UsageError(
                f"--kextrel-device {self.options.device} names a Mac, and {FIT} makes its own; leave one of them out"
            )
        _ = self.plan, self.bundles
        if self.options.report is not None and not self._only_collects:
            _make_folder(self.options.report)

    def make(self, wanted: Requirement) -> str | None:
        """Where the lab is made to measure: the name of the Mac that meets `wanted`, made up when there was none yet.
        Raises NotPossible where no virtual Mac can."""
        return None if self._fitted is None else self._fitted.mac_for(wanted)

    def share(self, names: Sequence[str], work: int) -> str:
        """Which of several Macs gets so much more work: the one with the least until now, of equals the first. All
        workers collect the same tests in the same order, so they all say the same."""
        name = min(names, key=lambda name: self._work[name])
        self._work[name] += work
        return name

    def is_asked_for(self, test: str) -> bool:
        """Whether the run was started for a test of that name: with `walk.mac.yaml::a walk[mini]` as an argument, or
        with --lf or --ff after one in which it failed."""
        return any(asked.endswith(f"::{test}") for asked in self._asked_for)

    def tell(self, wishes: Mapping[str, Wish]) -> None:
        """A worker tells the controller what its tests want, and what Macs it has made up for them."""
        if self.handed is not None:
            if self._fitted is not None:
                self._fitted.write(self.handed.fitted)
            self.handed.wish(wishes)

    def learn(self, handed: Handed) -> None:
        """The controller learns which Macs the workers have made up."""
        if self._fitted is not None:
            self._fitted.read(handed.fitted)

    @property
    def lab(self) -> Lab:
        """The lab with all its wires."""
        return self.serve(self.plan.names())

    def serve(self, names: Iterable[str]) -> Lab:
        """The lab with the wires of these Macs: virtual ones are started, unless they run already. From now on there is
        something to let go of, so whoever ends the run is made to wait for that."""
        if self.lab_file is None and self._serving is None:
            self._stack.enter_context(as_interrupts())
        plan = self.plan
        virtual = _virtual(plan.profile, names)
        if not virtual and (self.options.defects or self.options.faults):
            raise UsageError(
                f"{plan.profile.origin}: a defect or a fault is for virtual Macs; break one with --kextrel-lab virtual"
            )
        missing = [name for name in virtual if name not in self._served]
        if missing:
            self._start(plan.profile, missing)
        return plan.wired(self._served) if virtual else plan

    def begin(self) -> None:
        """Starts every virtual Mac of the lab now, to be ready when the tests have been collected. Of a lab that is
        made to measure nobody knows yet which ones those will be."""
        if self._fitted is None and _virtual(self.plan.profile, self.names):
            self._stack.enter_context(as_interrupts())
            self._serving = self._begun(self.plan.profile, _virtual(self.plan.profile, self.names))

    def _start(self, profile: LabProfile, names: Sequence[str]) -> None:
        """Starts virtual Macs or, in a worker, takes those that the controller has started."""
        if self.handed is not None:
            self._take(self.handed.lab_file())
            return
        if self._serving is not None:
            self._take(self._serving.lab())
            self._serving = None
        missing = [name for name in names if name not in self._served]
        if missing:
            self._take(self._begun(profile, missing).lab())

    def _take(self, lab_file: Path) -> None:
        self.lab_file = lab_file
        self._served |= load_profile(lab_file).macs

    def _begun(self, profile: LabProfile, names: Sequence[str]) -> Serving:
        path = Path(profile.origin) if self._fitted is None else self._stack.enter_context(self._fitted.written())
        broken = {"defects": self.options.defects, "faults": self.options.faults}
        return self._stack.enter_context(begun(path, profile, only=names, **broken))

    def stay(self, name: str) -> Stay:
        """This run's time with the Mac `name`: leased now, or already ours."""
        from kextrel.scenario import Stay

        if name not in self._stays:
            log = self.log(name)
            lab = self.serve(dict.fromkeys([*self.needed, name]))
            device = self._stack.enter_context(lab.open(name, log))
            self._stays[name] = Stay(device, lambda why: lab.quarantine(name, why), sink=log)
        return self._stays[name]

    def log(self, name: str) -> EvidenceLog:
        """The evidence of one Mac; all Macs of a run append to one file."""
        if name not in self._logs:
            report = self.options.report
            self._logs[name] = EvidenceLog(name, None if report is None else report / "evidence.jsonl")
            self._stack.callback(self._logs[name].close)
        return self._logs[name]

    def ended(
        self, data: dict[str, Any], steps: Sequence[StepReport], seconds: float, lab_minutes: float = 0.0
    ) -> None:
        """What came of a scenario or a test on a Mac: `data` as `kextrel run` prints it. The next report carries it."""
        for said, step in zip(data["steps"], steps, strict=True):
            said["evidence"] = list(step.evidence)
        name = data["device"]
        began = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
        told = {"mac": name, "started": began, "seconds": round(seconds, 3), "lab_minutes": round(lab_minutes, 1)}
        self._unreported.append(data | told | self._facts(name))

    def _facts(self, name: str) -> dict[str, Any]:
        """What rules look at in the Mac; nothing for the name of none."""
        if name not in self.plan.names():
            return {}
        facts = self.plan.facts(name)
        told = {
            "architecture": facts.architecture.value,
            "macos": str(facts.macos),
        }  # plain text: xdist carries no enum
        return {"facts": told | {"enrollment": facts.enrollment.value}}

    def unreported(self) -> list[dict[str, Any]]:
        """The results that no report of a test has carried yet."""
        taken, self._unreported = self._unreported, []
        return taken

    def announcement(self) -> list[str]:
        """What the run will cost on real Macs, a line a Mac, before it starts."""
        return [
            f"kextrel: on {name}, scenarios: {len(visits)}, about {sum(one.minutes for one in visits):.0f} lab minutes"
            for name, visits in self.visits.items()
        ]

    @property
    def results(self) -> Sequence[Mapping[str, Any]]:
        return _kept

    def get_ready_to_report(self) -> None:
        """Loads what writing a report needs, where one will be written."""
        if self.options.report is not None:
            from kextrel.report.page import get_ready

            get_ready()

    def write_report(self) -> Path | None:
        """Writes results.jsonl, coverage.json and report.html into the report's folder; None where there is none."""
        if self.options.report is None or self.handed is not None:
            return None
        from kextrel.policy import RULES
        from kextrel.report.page import write

        self.options.report.mkdir(parents=True, exist_ok=True)
        lines = "".join(json.dumps(result, ensure_ascii=False) + "\n" for result in self.results)
        (self.options.report / "results.jsonl").write_text(lines, encoding="utf-8")
        return write(self.options.report, RULES, self._about())

    def _about(self) -> dict[str, str]:
        shipped = "virtual Macs made to measure" if self.options.fit else "the shipped virtual lab"
        about = {"lab": str(self.options.lab or shipped)}
        if self.bundles:
            about["extensions"] = ", ".join(f"{name}: {path}" for name, path in self.bundles.items())
        if self.options.defects:
            about["defects"] = ", ".join(self.options.defects)
        if self.options.faults:
            about["faults"] = ", ".join(self.options.faults)
        return about

    def close(self) -> None:
        """Gives every Mac back, ends the virtual ones, and forgets the results."""
        self._stack.close()
        _kept.clear()


def _make_folder(report: Path) -> None:
    """Raises UsageError where it cannot be made or written into: else only the end of the run would say so."""
    try:
        report.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=report):
            return
    except OSError as error:
        raise UsageError(f"{report}: {error.strerror}; name another folder with --kextrel-report") from None


def _failed_before(config: pytest.Config) -> Sequence[str]:
    """The node IDs that --lf and --ff look for: pytest knows a failure again by the Mac in its name."""
    option = getattr(config, "option", None)
    if not (getattr(option, "lf", False) or getattr(option, "failedfirst", False)) or config.cache is None:
        return ()
    return list(config.cache.get("cache/lastfailed", {}))


def _virtual(profile: LabProfile, names: Iterable[str]) -> list[str]:
    return [name for name in names if profile.macs[name].virtual is not None]
