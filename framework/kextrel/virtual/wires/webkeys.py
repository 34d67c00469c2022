"""The names that browsers give to keys (W3C UI Events `code`), which PiKVM's API takes, as USB HID usages."""

from __future__ import annotations

__all__ = ["WEB_KEYS"]


def _keys() -> dict[str, int]:
    keys = {f"Key{letter}": 0x04 + number for number, letter in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ")}
    keys |= {f"Digit{digit}": 0x1E + number for number, digit in enumerate("1234567890")}
    keys |= {f"F{number}": 0x39 + number for number in range(1, 13)}
    others = {
        0x28: "Enter Escape Backspace Tab Space Minus Equal BracketLeft BracketRight Backslash",
        0x33: "Semicolon Quote Backquote Comma Period Slash CapsLock",
        0x49: "Insert Home PageUp Delete End PageDown ArrowRight ArrowLeft ArrowDown ArrowUp",
        0xE0: "ControlLeft ShiftLeft AltLeft MetaLeft ControlRight ShiftRight AltRight MetaRight",
    }
    for first, names in others.items():
        keys |= {name: first + number for number, name in enumerate(names.split())}
    return keys


WEB_KEYS = _keys()
