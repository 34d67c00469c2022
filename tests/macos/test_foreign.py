"""Text that is no answer of the command is refused: no reader takes prose, or another tool's answer, for facts."""

from __future__ import annotations

from pathlib import Path

import pytest

from kextrel.errors import UnreadableAnswer
from kextrel.macos.registry import COMMANDS, reader

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("prose", ["README.md", "LICENSE"])
@pytest.mark.parametrize("command", COMMANDS)
def test_prose_is_no_answer_of_any_command(command, prose):
    with pytest.raises(UnreadableAnswer):
        reader(command)((ROOT / prose).read_bytes())


@pytest.mark.parametrize(
    ("command", "folder"),
    [("rdma_ctl status", "SystemExtensions-db"), ("systemextensionsctl reset", "ssh"), ("bputil -d", "ssh")],
)
def test_the_answer_of_another_tool_is_refused(captures, command, folder):
    texts = [capture.text for capture in captures if capture.folder == folder]
    assert texts
    for text in texts:
        with pytest.raises(UnreadableAnswer):
            reader(command)(text)


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("bputil -d", "You need an Error and a password\nas root\n"),
        (
            "profiles show -type enrollment",
            "Do not try again later: a root requires much at this rate, without limit\n",
        ),
        ("rdma_ctl status", "all of them are enabled\n"),
        ("systemextensionsctl reset", "System successfully unlocked.\n"),
        ("sysctl kern.boottime", "README.md: a sentence\nnotes.txt = another\n"),
        ("nvram", "  name  value\n"),
        ("sqlite3 KextPolicy", "ls -l | grep x\n"),
        ("sqlite3 KextPolicy", "----------  ---------\nteam_id     bundle_id\nKXTRL00001  com.a.b\n"),
    ],
)
def test_a_sentence_is_refused(command, text):
    with pytest.raises(UnreadableAnswer):
        reader(command)(text)
