"""What apps print about their requests: Kextrel's own sample, and three seen in the field."""

from __future__ import annotations

from typing import Any

import pytest

from kextrel.errors import UnreadableAnswer, UsageError
from kextrel.macos import applications, extension_request
from kextrel.macos.extension_request import RequestError, RequestResult
from kextrel.vocabulary import Category

ID = "com.example.kextrel.agent"
BEGUN = f"request: activate {ID}\n"


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        (BEGUN, {"action": "activate", "bundle_id": ID, "result": None, "code": None}),
        (BEGUN + "needs user approval\n", {"result": "needsUserApproval"}),
        (BEGUN + "replacing 1.0 with 2.0\nfinished: completed\n", {"result": "completed", "replaced": ["1.0", "2.0"]}),
        (BEGUN + "finished: will complete after reboot\n", {"result": "willCompleteAfterReboot"}),
        (BEGUN + "failed: OSSystemExtensionErrorDomain 10\n", {"result": None, "code": 10}),
        (BEGUN + "needs user approval\r\nfailed: OSSystemExtensionErrorDomain 11\r\n", {"result": None, "code": 11}),
        (
            '12:00:00.122 Agent[10156:117023] SystemExtension "com.example.daemon" request did fail: '
            'Error Domain=OSSystemExtensionErrorDomain Code=1 "(null)"',
            {"action": None, "code": 1},
        ),
        ("Will complete after reboot.\n", {"result": "willCompleteAfterReboot"}),
        (
            "ERROR: System extension request failed: OSSystemExtensionErrorDomain code=9 extension category returned",
            {"code": 9},
        ),
    ],
)
def test_steps_and_ends_are_read(text: str, facts: dict[str, Any]) -> None:
    found = extension_request.read(text).facts()
    assert {name: found[name] for name in facts} == facts


@pytest.mark.parametrize("text", ["", "zsh: killed", "Segmentation fault: 11\n", b"\xff\xfe"])
def test_what_no_app_says_is_no_answer(text: str | bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        extension_request.read(text)


def test_what_it_does_not_know_is_kept() -> None:
    assert extension_request.read(BEGUN + "something else\n").unparsed == ("something else",)


def test_codes_are_those_of_the_header() -> None:
    assert (RequestError.FORBIDDEN_BY_SYSTEM_POLICY, RequestError.AUTHORIZATION_REQUIRED) == (10, 13)
    assert RequestResult("completed") is RequestResult.COMPLETED


def test_a_request_goes_into_the_login_session_of_who_is_there() -> None:
    app = "/Applications/Two Words.app"
    line = applications.request(app, "activate", ID, user="admin", uid=501)
    assert line == f"sudo -n launchctl asuser 501 sudo -n -u admin '{app}/Contents/MacOS/Two Words' activate {ID}"
    assert applications.request(app, "deactivate", ID, user=None, uid=0).startswith("'/Applications/Two Words.app/")


def test_finder_s_script_is_quoted_twice() -> None:
    line = applications.delete_in_finder('/Applications/A "b" c.app', user="admin", uid=501)
    assert line.endswith(
        '\'tell application "Finder" to delete (POSIX file "/Applications/A \\"b\\" c.app" as alias)\''
    )


def test_each_kind_has_its_own_place_in_settings() -> None:
    lines = {applications.open_extension_settings(kind) for kind in Category}
    assert len(lines) == 3
    assert all(".extension-point" in line for line in lines)


@pytest.mark.parametrize("path", ["/Applications", "Agent.app", "/A/../B.app", "/Applications/.app", "/", "/x.app/y"])
def test_only_apps_are_removed(path: str) -> None:
    with pytest.raises(UsageError):
        applications.remove(path)


@pytest.mark.parametrize("name", ["", "-x", "a b", "a;b", "a\nb"])
def test_only_identifiers_are_asked_for(name: str) -> None:
    with pytest.raises(UsageError):
        applications.request("/Applications/A.app", "activate", name, user="admin", uid=501)


def test_leftovers_are_looked_for_by_their_prefix() -> None:
    assert applications.carried("/Applications", "Kextrel-") == (
        "ls -1d /Applications/Kextrel-*.app/Contents/Library/SystemExtensions/* 2>/dev/null"
    )


def test_the_tools_of_developers_are_root_s() -> None:
    assert applications.reset() == "sudo -n systemextensionsctl reset"
    assert applications.developer_mode(False) == "sudo -n systemextensionsctl developer off"
