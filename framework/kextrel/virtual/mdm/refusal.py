"""What a Mac answers when it will not do what its server asked."""

from __future__ import annotations

from typing import Any

__all__ = ["Refusal", "unsupported"]


class Refusal(Exception):
    """One entry of an ErrorChain; `str()` is its text."""

    def __init__(self, domain: str, code: int, text: str) -> None:
        super().__init__(text)
        self.domain, self.code = domain, code

    def chain(self) -> list[dict[str, Any]]:
        """The ErrorChain of a response with Status Error."""
        text = str(self)
        return [
            {
                "ErrorCode": self.code,
                "ErrorDomain": self.domain,
                "LocalizedDescription": text,
                "USEnglishDescription": text,
            }
        ]


def unsupported(request_type: str) -> Refusal:
    """A command that this enrollment or this release does not know: 12021 of MCMDMErrorDomain."""
    return Refusal("MCMDMErrorDomain", 12021, f"“{request_type}” is not a supported command.")
