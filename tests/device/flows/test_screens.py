"""A screen is known by its words, as OCR reads them."""

from __future__ import annotations

import pytest

from kextrel.device.flows.screens import Shown, fold, has, last_line, shown


@pytest.mark.parametrize(
    ("name", "screen"),
    [
        ("holding", Shown.HOLDING),
        ("loading", Shown.LOADING_OPTIONS),
        ("options", Shown.STARTUP_OPTIONS),
        ("chosen", Shown.STARTUP_OPTIONS),
        ("picker", Shown.USER_PICKER),
        ("field", Shown.USER_PASSWORD),
        ("main", Shown.RECOVERY),
        ("terminal", Shown.TERMINAL),
        ("desktop", Shown.DESKTOP),
        ("login", Shown.LOGIN),
    ],
)
def test_each_screen_of_the_walk_is_known(screens: dict[str, str], name: str, screen: Shown) -> None:
    assert shown(screens[name]) is screen


def test_nothing_and_something_else_are_not_the_same() -> None:
    assert shown(" \n ") is Shown.NOTHING
    assert shown("a progress bar") is Shown.OTHER


@pytest.mark.parametrize(
    "read",
    ["L0ading startup 0ptions...", "Loading startupoptions", "Load1ng\nstartup opt!ons", "LOADING STARTUP OPTIONS…"],
)
def test_look_alikes_lost_blanks_and_line_ends_do_not_matter(read: str) -> None:
    assert shown(read) is Shown.LOADING_OPTIONS


def test_a_terminal_that_asks_for_a_password_is_still_a_terminal(screens: dict[str, str]) -> None:
    assert shown(screens["terminal"] + "bputil -k\nEnter username: admin\nEnter password: ") is Shown.TERMINAL


def test_a_menu_that_names_terminal_is_not_terminal(screens: dict[str, str]) -> None:
    menu = screens["main"] + "Startup Security Utility\nTerminal\nShare Disk…\n"
    assert shown(menu) is Shown.RECOVERY


def test_all_phrases_must_be_there() -> None:
    assert has("Options  Shut Down", "options", "shut down")
    assert not has("Options  Shut Down", "options", "restart")


def test_fold_keeps_words_apart_from_other_words() -> None:
    assert fold("Allow") != fold("Al0w")
    assert fold("lO|1!") == "lolll"


def test_last_line_skips_empty_ones() -> None:
    assert last_line("one\n two \n\n  \n") == "two"
    assert last_line("\n") == ""
