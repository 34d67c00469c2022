"""Rows of `systemextensionsctl list` in other states, layouts and damages than the captures show."""

from __future__ import annotations

import pytest

from kextrel.macos.registry import reader

EXTENSIONS = {
    "a camera, and a pending one beside the live one": (
        "2 extension(s)\n--- com.apple.system_extension.cmio\n"
        "enabled\tactive\tteamID\tbundleID (version)\tname\t[state]\n"
        "\t*\tKXTRL00001\tcom.example.cam (2.0/20)\tCam\t[activated waiting for user]\n"
        "*\t*\tKXTRL00001\tcom.example.cam (1.9/19)\tCam\t[activated enabled]\n",
        [
            {"version": "2.0", "enabled": False, "active": True, "state": "activated waiting for user"},
            {"version": "1.9", "enabled": True, "active": True, "category": "com.apple.system_extension.cmio"},
        ],
    ),
    "columns of blanks": (
        "enabled active  teamID  bundleID (version)      name    [state]\n"
        "        *       KXTRL00001      com.example.a (1.15/1.15)     a  [activated waiting for user]\n"
        "*       *       KXTRL00001      com.example.a (1.13/1.13)     a  [activated enabled]\n"
        "                KXTRL00001      com.example.a (1.12/1.12)     a  [terminating for uninstall]\n",
        [
            {"enabled": False, "active": True, "build": "1.15"},
            {"enabled": True, "active": True},
            {"enabled": False, "active": False, "build": "1.12"},
        ],
    ),
    "a name with brackets that runs into the state, and a UTF-8 one": (
        "*\t*\tKXTRL00001\tcom.example.a (1/1)\tLab [x86] (beta)[activated enabled]\n"
        "*\t*\tKXTRL00001\tcom.example.b (1/1)\tФильтр 💬\t[activated enabled]\n",
        [{"name": "Lab [x86] (beta)"}, {"name": "Фильтр 💬"}],
    ),
    "a state in a broken line": (
        "\t\tKXTRL00001\tcom.example.a (1.0/1)\tLab\t[terminated waiting to unin\nstall on reboot]\n",
        [{"state": "terminated waiting to uninstall on reboot", "name": "Lab"}],
    ),
    "an identifier in a broken line, on three lines": (
        "*\t*\tKXTRL00001\tcom.example.long.na\nme.extension (1.0/1)\tLab\n[activated enabled]\n",
        [{"bundle_id": "com.example.long.name.extension", "version": "1.0", "state": "activated enabled"}],
    ),
    "the manual page's spelling": (
        "\t\tKXTRL00001\tcom.example.a (1/1)\ta\t[terminated waiting for uninstall on reboot]\n",
        [{"state": "terminated waiting to uninstall on reboot"}],
    ),
    "a state of a release to come": (
        "*\t*\tKXTRL00001\tcom.example.a (1/1)\ta\t[quarantined by policy]\n",
        [{"state": "quarantined by policy"}],
    ),
    "a state of a release to come, where tabs became blanks": (
        "*   *   KXTRL00001  com.example.filter.extension (1.0.0/1)  A Filter of Example  [quarantined by policy]\n"
        "* * KXTRL00001 com.example.filter.extension (1.0.1/2) A Filter of Example [activated waiting for others]\n",
        [
            {"version": "1.0.0", "state": "quarantined by policy"},
            {"version": "1.0.1", "state": "activated waiting for others", "name": "A Filter of Example"},
        ],
    ),
    "a record without a team": ("*\t*\t-\tcom.example.a (1/1)\ta\t[activated enabled]\n", [{"team_id": "-"}]),
    "indented by a paste": (
        "    *  *  KXTRL00001  com.example.a (1.0/1)  A  [activated enabled]\n",
        [{"enabled": True, "active": True, "team_id": "KXTRL00001"}],
    ),
}


@pytest.mark.parametrize(("text", "rows"), EXTENSIONS.values(), ids=EXTENSIONS)
def test_extensions(text, rows):
    reading = reader("systemextensionsctl list")(text)
    found = reading.facts()["extensions"]
    assert [{key: one[key] for key in row} for one, row in zip(found, rows, strict=True)] == rows
    assert reading.unparsed == ()


def test_a_row_that_was_cut_does_not_take_the_state_of_the_next():
    text = (
        "*\t*\tKXTRL00001\tcom.example.a (1/1)\tA\n"
        "\t\tKXTRL00001\tcom.example.b (1/1)\tB\t[terminating for uninstall]\n"
    )
    reading = reader("systemextensionsctl list")(text)
    assert [row["bundle_id"] for row in reading.facts()["extensions"]] == ["com.example.b"]
    assert reading.unparsed == ("*\t*\tKXTRL00001\tcom.example.a (1/1)\tA",)


def test_a_name_with_brackets_is_no_state_where_the_state_is_gone():
    blanks = "* * KXTRL00001 com.example.filter.extension (1.0.1/2) A Filter of Example [quarantined]"
    tabs = "*\t*\tKXTRL00001\tcom.example.filter.extension (1.0.2/3)\tA Filter [beta]"
    reading = reader("systemextensionsctl list")(f"1 extension(s)\n{blanks}\n{tabs}\n")
    assert reading.facts()["extensions"] == []
    assert reading.unparsed == (blanks, tabs)


def test_a_section_whose_line_is_missing_is_not_the_one_before():
    titles = "enabled\tactive\tteamID\tbundleID (version)\tname\t[state]\n"
    row = "*\t*\tKXTRL00001\tcom.example.{} (1/1)\tA\t[activated enabled]\n"
    text = f"--- com.apple.system_extension.driver_extension\n{titles}{row.format('a')}{titles}{row.format('b')}"
    found = reader("systemextensionsctl list")(text).facts()["extensions"]
    assert [one["category"] for one in found] == ["com.apple.system_extension.driver_extension", None]


def test_a_hint_in_broken_lines():
    place = "System Settings > General > Login Items & Extensions > Network Extensions"
    line = f"--- com.apple.system_extension.network_extension (Go to '{place}' to modify these system extension(s))"
    for width in range(70, len(line)):
        text = f"{line[:width]}\n{line[width:]}\n"
        facts = reader("systemextensionsctl list")(text).facts()
        assert facts["settings_hint"] in ({"com.apple.system_extension.network_extension": place}, {}), width
