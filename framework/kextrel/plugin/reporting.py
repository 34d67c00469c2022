"""How the four verdicts read in pytest: passed, failed, skipped, and a category of its own for a bench that failed.

Plain pytest would write a bench failure as `<failure>`; it writes `<error>` for what fails before the test's own call,
so such a report is given that phase. Allure calls it broken, because its exception is not an AssertionError.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

from kextrel.errors import BenchError, KextrelError, UnreadableAnswer, UsageError
from kextrel.plugin.run import Run
from kextrel.scenario import BenchFailed, NotChecked, PolicyViolated
from kextrel.scenario.tally import tally
from kextrel.scenario.wording import action_words, printable, sides, verdict_words
from kextrel.vocabulary import Verdict

if TYPE_CHECKING:
    from kextrel.scenario import Report

__all__ = ["ScenarioEnded", "failure_text", "marked", "summarize"]


class ScenarioEnded(Exception):
    """A scenario that was not held. `report` is all of it."""

    def __init__(self, report: Report) -> None:
        self.report = report
        super().__init__(report.judgement.reason)

    @staticmethod
    def unless_held(report: Report) -> None:
        """Raises the exception of the scenario's verdict."""
        kinds: dict[Verdict, type[ScenarioEnded]] = {
            Verdict.VIOLATED: ScenarioViolated,
            Verdict.NOT_CHECKED: ScenarioNotChecked,
            Verdict.BENCH_FAILED: ScenarioBenchFailed,
        }
        if report.verdict is not Verdict.HELD:
            raise kinds[report.verdict](report)


class ScenarioViolated(ScenarioEnded, AssertionError):
    """A rule was violated."""


class ScenarioNotChecked(ScenarioEnded):
    """There was nothing to judge."""


class ScenarioBenchFailed(ScenarioEnded):
    """A wire failed: no verdict about the Mac."""


def failure_text(error: BaseException) -> str | None:
    """What people read of a test that ended so; None for what pytest shows better itself."""
    if isinstance(error, ScenarioEnded):
        return "\n".join(_scenario_lines(error.report))
    if isinstance(error, KextrelError):
        return str(error)
    return None


def _scenario_lines(report: Report) -> list[str]:
    """The step that decided, with expected and seen side by side; the wire or the reason where nothing was judged."""
    lines = [f"{report.scenario.file}: {report.scenario.name}, on {report.device}"]
    for step in report.steps:
        told = step.to_json()
        lines.append(f"  {step.number}. {action_words(told['action'])}: {verdict_words(told['verdict'])}")
        if step.judgement.verdict is report.verdict:
            lines += _why(told)
            break
    if report.quarantined:
        lines.append(f"  {report.device} is quarantined: {report.quarantined}")
    return lines


def _why(step: Mapping[str, Any]) -> list[str]:
    from kextrel.policy import RULES

    verdict = step["verdict"]
    if verdict["verdict"] != Verdict.VIOLATED.value:
        return [f"     {printable(verdict['reason'])}"]
    lines = []
    for name, expected, seen in sides(step):
        lines += [f"     {name}", f"       expected  {expected}", f"       seen      {printable(seen)}"]
    rule = RULES.get(verdict["rule"])
    return [*lines, f"     {rule.id} [{', '.join(rule.sources)}]: {rule.text}"] if rule is not None else lines


def marked(
    report: pytest.TestReport, item: pytest.Item, call: pytest.CallInfo[None], run: Run | None
) -> pytest.TestReport:
    """The report with its verdict: `kextrel_bench` for a wire that failed, skipped for what was not checked."""
    results = run.unreported() if run is not None else []
    if results:
        report.kextrel_results = results  # type: ignore[attr-defined]
    error = call.excinfo.value if call.excinfo is not None else None
    if isinstance(error, (BenchError, BenchFailed, ScenarioBenchFailed, UnreadableAnswer)):
        report.kextrel_bench = True  # type: ignore[attr-defined]
        report.when = "setup" if call.when == "call" else report.when
        report.longrepr = failure_text(error) or report.longrepr
    elif isinstance(error, (NotChecked, ScenarioNotChecked)):
        report.outcome = "skipped"
        path, line, _ = item.reportinfo()
        report.longrepr = (str(path), (line or 0) + 1, f"not checked: {error}")
    elif isinstance(error, UsageError) and call.when == "setup":
        report.longrepr = str(error)
    elif isinstance(error, PolicyViolated):
        report.sections.append(("kextrel", str(error)))
    return report


def summarize(terminal: Any, run: Run | None) -> None:
    """The last words: what the bench did wrong, the counts of the verdicts, and where the report lies."""
    for report in terminal.stats.get("bench", []):
        terminal.write_line(f"BENCH FAILED {report.nodeid}: {report.longrepr}", yellow=True)
    if run is None:
        return
    counts = tally(result["verdict"]["verdict"] for result in run.results)
    if run.results:
        terminal.section("kextrel")
        terminal.write_line(", ".join(f"{number} {name.replace('-', ' ')}" for name, number in counts.items()))
    page = run.write_report()
    if page is not None:
        terminal.write_line(f"report: {page}")
