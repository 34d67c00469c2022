"""The policy model: what a Mac must do. Pure; `predict` is the one question, RULES the answers' names."""

from kextrel.policy.clauses.profiles import contradicts_itself
from kextrel.policy.model import RULES, begin, predict
from kextrel.policy.rule import Rule
from kextrel.policy.ruling import Expected, NotModelled, Prediction
from kextrel.policy.situation import Situation

__all__ = [
    "RULES",
    "Expected",
    "NotModelled",
    "Prediction",
    "Rule",
    "Situation",
    "begin",
    "contradicts_itself",
    "predict",
]
