"""Which macOS a scenario wants: one version ("14.5") or comparisons, all of which must be met (">=11.3,<12")."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from kextrel.vocabulary import Version

__all__ = ["WantedMacos"]

_OPERATORS: dict[str, Callable[[Version, Version], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
_PART = re.compile(r"\s*(>=|<=|==|!=|>|<)?\s*(.*?)\s*\Z", re.DOTALL)


@dataclass(frozen=True)
class WantedMacos:
    """`text` is what was written; `parts` are (operator, version), and every one must be true."""

    text: str
    parts: tuple[tuple[str, Version], ...]

    @classmethod
    def parse(cls, text: str) -> WantedMacos:
        """Reads "14.5" or ">=11.3,<12". Raises ValueError with a sentence on anything else."""
        parts = tuple(_part(piece, text) for piece in text.split(","))
        if len(parts) > 1 and any(sign == "" for sign, _ in parts):
            raise ValueError(
                f"{text!r} mixes a version with comparisons: write one version, or comparisons such as >=11.3,<12"
            )
        return cls(text.strip(), tuple((sign or "==", version) for sign, version in parts))

    @property
    def exact(self) -> Version | None:
        """The one version that it names, or None for comparisons."""
        sign, version = self.parts[0]
        return version if len(self.parts) == 1 and sign == "==" else None

    @property
    def named(self) -> Version | None:
        """The first version that it names and that meets it; None for one that only names others, as `<12` does."""
        return next((version for _, version in self.parts if self.met_by(version)), None)

    def met_by(self, version: Version) -> bool:
        """Whether `version` passes every comparison."""
        return all(_OPERATORS[sign](version, bound) for sign, bound in self.parts)

    def __str__(self) -> str:
        return self.text


def _part(piece: str, whole: str) -> tuple[str, Version]:
    match = _PART.match(piece)
    if match is None or not match.group(2):
        raise ValueError(f"{whole!r} is not a macOS version such as 14.5, nor comparisons such as >=11.3,<12")
    return match.group(1) or "", Version.parse(match.group(2))
