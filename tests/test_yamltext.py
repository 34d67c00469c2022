"""YAML keeps what was written and refuses what would make it mean something else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from kextrel import certification
from kextrel.errors import InputError
from kextrel.yamltext import (
    Mapping,
    Node,
    Scalar,
    Sequence,
    line_at,
    load,
    plain,
    read,
)

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "word", ["on", "no", "yes", "10.10", "1.0", "0012345670", "0x10", "1e3", "2020-01-01", "12:30:00"]
)
def test_scalars_stay_text(word: str) -> None:
    assert plain(load(f"key: {word}\n{word}: key\n", "f")) == {"key": word, word: "key"}


def test_null_is_what_is_empty_and_not_quoted() -> None:
    node = load('a:\nb: null\nc: ~\nd: "null"\ne: ""\n', "f")
    assert plain(node) == {"a": None, "b": None, "c": None, "d": "null", "e": ""}


def test_nodes_know_their_lines() -> None:
    node = load("# comment\nsteps:\n  - rebuild:\n  - load: driver\n    expect: {outcome: refused}\n", "f")
    assert isinstance(node, Mapping)
    steps = node.get("steps")
    assert isinstance(steps, Sequence)
    assert [item.line for item in steps.items] == [3, 4]
    assert steps.items[0] == Mapping(((Scalar("rebuild", 3), Scalar("", 3)),), 3)
    assert line_at(node, ("steps", 1, "expect", "outcome")) == 5
    assert line_at(node, ("steps", 1, "missing")) == 4
    assert line_at(node, ("steps", 0, "a union's tag", "rebuild")) == 3


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "'a' is here twice; the first one is on line 1"),
        ("a: &x 1\nb: *x\n", 1, "anchor &x"),
        ("b: *x\n", 1, "alias *x"),
        ("a: 1\nb: !!int 3\n", 2, "tag tag:yaml.org,2002:int"),
        ("a: ! 3\n", 1, "tag !"),
        ("a: !python/object:os.system x\n", 1, "tag"),
        ("a: &x [1]\n", 1, "anchor &x"),
        ("? [1, 2]\n: 3\n", 1, "a key must be a word"),
        ("a: 1\n---\nb: 2\n", 2, "second document"),
        ("a: 1\n b: 2\n", 2, "not YAML"),
        ("a: [1\n", 2, "not YAML"),
        ("a: 1\nb: \x07\n", 2, "not YAML"),
        ("", 1, "empty"),
        ("# only a comment\n", 1, "empty"),
    ],
)
def test_what_is_refused_says_where(text: str, line: int, said: str) -> None:
    with pytest.raises(InputError) as caught:
        load(text, "lab.yaml")
    assert caught.value.line == line
    assert str(caught.value).startswith("lab.yaml:")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_absurd_depth_is_refused_long_before_its_end(opening: str) -> None:
    with pytest.raises(InputError, match="nested deeper"):
        load(opening * 20_000, "f")


def test_absurd_length_is_refused() -> None:
    with pytest.raises(InputError, match="longer than 1 MiB"):
        load("a: " + "x" * (1 << 20), "f")


def test_files_are_utf8_and_may_begin_with_a_mark(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "lab.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: caf\xc3\xa9\n")
    assert plain(read(path)) == {"name": "café"}
    path.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(InputError, match=r"lab\.yaml:2: it is not UTF-8"):
        read(path)
    with pytest.raises(InputError, match="cannot read it: No such file"):
        read(tmp_path / "absent.yaml")


def scalars(node: Node) -> Iterator[tuple[str, int]]:
    if isinstance(node, Scalar):
        yield from [(node.text, node.line)] if node.text else []
        return
    for child in node.items if isinstance(node, Sequence) else [part for entry in node.entries for part in entry]:
        yield from scalars(child)


@pytest.mark.parametrize(
    "path", [*certification.paths(), ROOT / "device_profiles" / "virtual-lab.yaml"], ids=lambda path: path.name
)
def test_another_parser_reads_the_same_words_on_the_same_lines(path: Path) -> None:
    events = YAML(typ="rt", pure=True).parse(path.read_text())
    theirs = [(one.value, one.start_mark.line + 1) for one in events if type(one).__name__ == "ScalarEvent"]
    assert list(scalars(read(path))) == [one for one in theirs if one[0]]
