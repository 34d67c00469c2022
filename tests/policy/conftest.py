"""Words for walking the model in tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from kextrel import policy
from kextrel.vocabulary import Action, Architecture, Extension, ExtensionKind, Mac, Profile, Start, Version

DRIVER = "com.example.kextrel.driver"


class Walk:
    """A Mac in the model, one action after the other; `last` is the latest prediction."""

    def __init__(self, mac: Mac, more: Extension | None, profiles: Sequence[Profile] = (), **extension: object) -> None:
        values: dict[str, object] = {"name": "driver", "kind": ExtensionKind.KEXT, "bundle_id": DRIVER, **extension}
        known = {"driver": Extension(**values)}  # type: ignore[arg-type]
        self.situation = policy.begin(
            Start(mac, tuple(profiles), known if more is None else {**known, more.name: more})
        )
        self.last: policy.Prediction | None = None

    def do(self, *actions: Action) -> Walk:
        for action in actions:
            self.last = policy.predict(self.situation, action)
            self.situation = self.last.outcomes[0].situation
        return self

    def answers(self) -> list[str]:
        """The allowed answers of the last action: the outcome, or the reason of a refusal."""
        assert self.last is not None
        return [str(one.reason or one.outcome) for one in self.last.outcomes]


@pytest.fixture
def walk() -> Callable[..., Walk]:
    def make(*, mac: dict[str, object] | None = None, more: Extension | None = None, **extension: Any) -> Walk:
        values: dict[str, object] = {"architecture": Architecture.APPLE_SILICON, "macos": Version.parse("14.5")}
        return Walk(Mac(**{**values, **(mac or {})}), more, **extension)  # type: ignore[arg-type]

    return make
