"""What LIEF reads in one slice of an executable: the libraries that it is linked with, the symbols that it needs."""

from __future__ import annotations

import lief

from kextrel.bundles.reading.found import Slice
from kextrel.bundles.reading.refusal import Refused
from kextrel.bundles.reading.slices import Thin

__all__ = ["read_slice"]

_N_STAB, _N_TYPE, _N_EXT, _N_UNDF = 0xE0, 0x0E, 0x01, 0x00
_BIG_ENDIAN = ">"


def read_slice(thin: Thin) -> Slice:
    """One slice. A PowerPC one is named and no more: nothing that is inspected here runs on it.

    Raises Refused where LIEF cannot read it.
    """
    if thin.order == _BIG_ENDIAN:
        return Slice(thin.architecture, len(thin.content))
    thin.refuse_long_names()
    binary = _parsed(thin.content)
    platform, minimum = thin.minimum
    try:
        libraries, undefined = tuple(dict.fromkeys(one.name for one in binary.libraries)), _undefined(binary)
    except UnicodeDecodeError as error:
        raise Refused("its executable has a name in it that is no text") from error
    return Slice(thin.architecture, len(thin.content), thin.file_type, platform, minimum, libraries, undefined)


def _parsed(content: bytes) -> lief.MachO.Binary:
    config = lief.MachO.ParserConfig()
    config.parse_dyld_exports = config.parse_dyld_bindings = config.parse_dyld_rebases = False
    lief.logging.disable()
    found = lief.MachO.parse(content, config)
    if found is None or found.size != 1:
        raise Refused("its executable is no Mach-O file that can be read")
    binary = found.at(0)
    assert binary is not None
    return binary


def _undefined(binary: lief.MachO.Binary) -> tuple[str, ...]:
    """Symbols that something else must define, without the leading underscore of C, sorted."""
    names = set()
    for symbol in binary.symbols:
        kind = symbol.raw_type
        if not kind & _N_STAB and kind & _N_TYPE == _N_UNDF and kind & _N_EXT and not symbol.value:
            names.add(_text(symbol.name).removeprefix("_"))
    return tuple(sorted(names))


def _text(name: str | bytes) -> str:
    """LIEF gives bytes where a name is no UTF-8."""
    return name if isinstance(name, str) else name.decode("utf-8", "backslashreplace")
