from __future__ import annotations

import pytest

from kextrel.testing.difference import difference


@pytest.mark.parametrize(
    ("seen", "wanted", "said"),
    [
        (b"", b"", ""),
        (b"abc", b"abc", ""),
        (b"ab", b"abc", "2 bytes of 3; from 2 on b'' in place of b'c'"),
        (b"abcd", b"abc", "4 bytes of 3; from 3 on b'd' in place of b''"),
        (b"", b"abc", "0 bytes of 3; from 0 on b'' in place of b'abc'"),
        (b"xbc", b"abc", "3 bytes of 3; from 0 on b'xbc' in place of b'abc'"),
        (b"a" * 1000 + b"x", b"a" * 1000 + b"y", "1001 bytes of 1001; from 1000 on b'x' in place of b'y'"),
    ],
)
def test_the_first_place_is_said(seen: bytes, wanted: bytes, said: str) -> None:
    assert difference(seen, wanted) == said
