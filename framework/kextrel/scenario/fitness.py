"""Why a scenario is not checked on a Mac, as far as that is known before the Mac is touched."""

from __future__ import annotations

from kextrel import bundles, policy
from kextrel.device.rig import Facts
from kextrel.scenario.language import Scenario
from kextrel.scenario.predicting import PinContradicted, foresee
from kextrel.scenario.protocols import Model

__all__ = ["unmet"]


def unmet(scenario: Scenario, facts: Facts, *, model: Model = policy) -> str:
    """One reason, "" where there is none: the Mac is another, a bundle is, the scenario pins what the rules do not
    expect of that bundle, or the Mac does not trust who signed one. Raises InputError for a bad scenario, and for a
    bundle that is not there."""
    why = scenario.mac.unmet(facts) or scenario.unfit
    if why:
        return why
    scenario.need_bundles()
    try:
        foresee(scenario, facts.macos, model=model)
    except PinContradicted as error:
        if not scenario.yielded:
            raise
        installed = ", ".join(path.name for path in scenario.bundles.values())
        return f"with {installed} it would end otherwise: {error.what}, and the model says {error.likely}"
    found = (bundles.distrusted(one, facts.trusts_samples) for one in scenario.extensions.values())
    return next((why for why in found if why), "")
