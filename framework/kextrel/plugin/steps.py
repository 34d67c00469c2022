"""What Allure shows of a scenario: a step for each of its steps, with its evidence attached."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any

import pytest

from kextrel.evidence import EvidenceLog
from kextrel.scenario import StepReport
from kextrel.vocabulary import Verdict

__all__ = ["Steps"]


class Steps:
    """Hands every StepReport to Allure where Allure listens; else it only counts nothing and costs nothing."""

    def __init__(self, config: pytest.Config, log: EvidenceLog) -> None:
        self._log = log
        self._allure: Any = None
        if config.getoption("allure_report_dir", None):  # there where allure-pytest is, under whatever name
            import allure

            self._allure = allure

    def __enter__(self) -> Steps:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._allure = None

    def add(self, step: StepReport) -> None:
        """One step as it ended."""
        if self._allure is None:
            return
        title = f"{step.number}. {json.dumps(step.action, ensure_ascii=False)}: {step.judgement.verdict.value}"
        try:
            with self._allure.step(title):
                self._attach(step)
                _raise_for(step)
        except (AssertionError, _Broken, pytest.skip.Exception):
            return  # Allure has the step's status from it; the scenario's own verdict is told by the item

    def _attach(self, step: StepReport) -> None:
        kind = self._allure.attachment_type
        told = json.dumps(step.to_json(), ensure_ascii=False, indent=1)
        self._allure.attach(told, name="expected, seen, verdict", attachment_type=kind.JSON)
        first, last = step.evidence
        records = [record.to_json() for record in self._log.since(first - 1)[: last - first + 1]] if last else []
        if records:
            self._allure.attach("\n".join(records), name="evidence", attachment_type=kind.TEXT)


class _Broken(Exception):
    """What Allure calls broken."""


def _raise_for(step: StepReport) -> None:
    verdict = step.judgement.verdict
    if verdict is Verdict.VIOLATED:
        raise AssertionError(step.judgement.reason)
    if verdict is Verdict.BENCH_FAILED:
        raise _Broken(step.judgement.reason)
    if verdict is Verdict.NOT_CHECKED:
        pytest.skip(step.judgement.reason)
