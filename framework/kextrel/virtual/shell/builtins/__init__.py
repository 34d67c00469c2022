"""The commands that a shell does itself."""

from kextrel.virtual.shell.builtins import control, environment, jobs, limits, text
from kextrel.virtual.shell.builtins.registry import BUILTINS, SPECIAL

__all__ = ["BUILTINS", "SPECIAL", "control", "environment", "jobs", "limits", "text"]
