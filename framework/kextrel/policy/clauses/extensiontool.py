"""systemextensionsctl: what it does besides listing (SYS-15)."""

from __future__ import annotations

from kextrel.policy.copying import replace
from kextrel.policy.rule import Law
from kextrel.policy.ruling import Expected, Prediction, refused, ruled
from kextrel.policy.situation import Situation
from kextrel.policy.sysext import SYS_15
from kextrel.vocabulary import Outcome, Reason, Version
from kextrel.vocabulary.actions import DeveloperMode, ResetExtensions

__all__ = ["all_reset", "developer_mode_set"]

_MAY_ASK = Version(15)


def all_reset(situation: Situation, action: ResetExtensions, law: Law) -> Prediction:
    """`reset`: every extension goes, and every decision about one."""
    return _with_sip_off(situation, replace(situation, system_extensions={}, activated={}), law)


def developer_mode_set(situation: Situation, action: DeveloperMode, law: Law) -> Prediction:
    """`developer on` and `developer off`."""
    return _with_sip_off(situation, replace(situation, developer_mode=action.on), law)


def _with_sip_off(situation: Situation, after: Situation, law: Law) -> Prediction:
    """Refused while SIP is enabled; from macOS 15 on a dialogue may ask instead, which is open."""
    done = ruled(Outcome.DONE, after, SYS_15)
    denied = refused(Reason.SIP_ENABLED, situation, SYS_15)
    if not law.says(SYS_15):
        return replace(done, outcomes=(*done.outcomes, Expected(Outcome.REFUSED, None, situation)))
    if not situation.in_force.sip:
        return done
    if situation.mac.macos < _MAY_ASK:
        return denied
    return Prediction((*denied.outcomes, *done.outcomes), done.rules, open=True)
