"""Why a scenario is not checked on a Mac, as far as that is known before the Mac is touched."""

from __future__ import annotations

from kextrel import bundles, policy
from kextrel.device.rig import Facts
from kextrel.scenario.language import Scenario
from kextrel.scenario.predicting import Foreseen, PinContradicted, foresee
from kextrel.scenario.protocols import Model

__all__ = ["foreseen_on", "unmet"]


def unmet(scenario: Scenario, facts: Facts, *, model: Model = policy) -> str:
    """One reason, "" where there is none: the Mac is another, a bundle is, the scenario pins what the rules do not
    expect of that bundle, or the Mac does not trust who signed one. Raises InputError for a bad scenario, and for a
    bundle that is not there."""
    found = foreseen_on(scenario, facts, model=model)
    return found if isinstance(found, str) else ""


def foreseen_on(scenario: Scenario, facts: Facts, *, model: Model = policy) -> list[Foreseen] | str:
    """What the model foresees on that Mac, or why the scenario is not checked there. Raises as `unmet`."""
    why = scenario.mac.unmet(facts) or scenario.unfit
    if why:
        return why
    scenario.need_bundles()
    try:
        foreseen = foresee(scenario, facts.macos, model=model)
    except PinContradicted as error:
        if not scenario.yielded:
            raise
        installed = ", ".join(path.name for path in scenario.bundles.values())
        return f"with {installed} it would end otherwise: {error.what}, and the model says {error.likely}"
    distrusts = (bundles.distrusted(one, facts.trusts_samples) for one in scenario.extensions.values())
    return next((why for why in distrusts if why), foreseen)
