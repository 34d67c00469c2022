"""USB HID usages of the keyboard page (0x07) as keys of a US keyboard: what they are called and what they type.

Source: USB HID Usage Tables 1.12, section 10; the modifier byte is that of the boot keyboard's report.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SHIFT", "Key", "is_modifier", "key_of", "usage_of"]

_CONTROL, SHIFT, _OPTION, _COMMAND = 0x11, 0x22, 0x44, 0x88
_LEFT_SHIFT = 0x02
_FIRST_MODIFIER, _LAST_MODIFIER = 0xE0, 0xE7


@dataclass(frozen=True, slots=True)
class Key:
    """One key that went down. `name` is what is printed on it, `char` what it types with the modifiers held ("" for a
    key that types nothing)."""

    name: str
    char: str = ""
    command: bool = False
    control: bool = False
    shift: bool = False
    option: bool = False

    @property
    def types(self) -> str:
        """The text that it puts into a text field: nothing while Command, Control or Option turn it into a command."""
        return "" if self.command or self.control or self.option else self.char


def is_modifier(usage: int) -> bool:
    """Whether `usage` is Control, Shift, Option or Command itself."""
    return _FIRST_MODIFIER <= usage <= _LAST_MODIFIER


def key_of(usage: int, modifiers: int, layout: str = "U.S.") -> Key | None:
    """The key of `usage` under the modifier byte, or None for a usage that a keyboard of Apple's does not have.

    `layout`: what the Mac takes the keyboard for, "U.S." or "German".
    """
    shift = bool(modifiers & SHIFT)
    name, char = _NAMES.get(usage, ""), ""
    if usage in _TYPING:
        plain, shifted = _GERMAN.get(usage, _TYPING[usage]) if layout == "German" else _TYPING[usage]
        name, char = name or plain, shifted if shift else plain
    if not name:
        return None
    held = (bool(modifiers & mask) for mask in (_COMMAND, _CONTROL, SHIFT, _OPTION))
    return Key(name, char, *held)


def usage_of(character: str) -> tuple[int, int] | None:
    """The usage and the modifier byte that type `character`, newline and tab included; None when no key does."""
    for usage, (plain, shifted) in _TYPING.items():
        if character in (plain, shifted):
            return usage, 0 if character == plain else _LEFT_SHIFT
    return {"\n": (0x28, 0), "\t": (0x2B, 0)}.get(character)


def _typing() -> dict[int, tuple[str, str]]:
    """Usage -> what it types alone and with Shift."""
    table = {0x04 + i: (c, c.upper()) for i, c in enumerate("abcdefghijklmnopqrstuvwxyz")}
    table |= {0x1E + i: pair for i, pair in enumerate(zip("1234567890", "!@#$%^&*()", strict=True))}
    table[0x2C] = (" ", " ")
    table |= {0x2D + i: pair for i, pair in enumerate(zip("-=[]\\", "_+{}|", strict=True))}
    table |= {0x33 + i: pair for i, pair in enumerate(zip(";'`,./", ':"~<>?', strict=True))}
    return table


_TYPING = _typing()
_GERMAN = {0x1C: ("z", "Z"), 0x1D: ("y", "Y"), 0x2D: ("ß", "?"), 0x38: ("-", "_")}
"""Where German differs from US in what shells and people's names are made of."""
_NAMES = {
    0x28: "return", 0x29: "escape", 0x2A: "backspace", 0x2B: "tab", 0x2C: "space", 0x4A: "home", 0x4B: "page up",
    0x4C: "delete", 0x4D: "end", 0x4E: "page down", 0x4F: "right", 0x50: "left", 0x51: "down",
    0x52: "up", 0x58: "return",
    **{0x3A + i: f"f{i + 1}" for i in range(12)},
}  # fmt: skip
