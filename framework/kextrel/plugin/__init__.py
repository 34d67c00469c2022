"""The pytest plugin: `*.mac.yaml` files are tests, `mac`, `mac_session` and `lab` are fixtures.

pytest loads this module in every run of every project that has Kextrel installed, so it imports nothing of Kextrel
until a scenario is collected or a fixture is asked for.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from kextrel.lab import Lab
    from kextrel.plugin.parallel import Conductor
    from kextrel.plugin.run import Run
    from kextrel.scenario import Mac

_MARK = (
    "kextrel(architecture, macos, enrollment, user_approved_mdm, bootstrap_token, online, other_macos, upgrades, on):"
    " the Mac that a test needs; on='any' takes one, 'each' all that fit"
)
_RUN = pytest.StashKey["Run"]()
_CONDUCTOR = pytest.StashKey["Conductor"]()
_FIXTURES = ("mac", "mac_session", "lab")


def pytest_addoption(parser: pytest.Parser) -> None:
    from kextrel.plugin.options import declare

    declare(parser)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _MARK)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    config = session.config
    if config.getoption("--kextrel-at-once") and not hasattr(config, "workerinput"):
        run = _run(config)
        _checked(run)
        run.begin()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if not file_path.name.endswith(".mac.yaml"):
        return None
    from kextrel.plugin.items import ScenarioFile

    return ScenarioFile.from_parent(parent, path=file_path, run=lambda: _run(parent.config))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    mark = metafunc.definition.get_closest_marker("kextrel")
    if mark is not None and mark.kwargs.get("on") == "each" and "mac" in metafunc.fixturenames:
        from kextrel.errors import NotPossible, UsageError
        from kextrel.plugin.choosing import fitting

        try:
            names = fitting(_run(metafunc.config), mark, metafunc.definition.nodeid)
        except NotPossible:
            names = []  # said by the fixture, as the reason of the skip
        except UsageError as error:
            raise pytest.Collector.CollectError(str(error)) from None
        metafunc.parametrize("mac", names or [None], ids=names or ["no Mac fits"], indirect=True)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    from kextrel.plugin.options import names_a_mac

    if names_a_mac(config) or any(_may_want_a_mac(item) for item in items):
        from kextrel.plugin.wishes import needed, wishes

        run = _checked(_run(config))
        if any(item.path.name.endswith(".mac.yaml") for item in items):
            from kextrel.plugin.items import in_order

            in_order(run, items)
        wanted = wishes(run, items)
        run.needed = needed(run, wanted)
        run.tell(wanted)


def _may_want_a_mac(item: pytest.Item) -> bool:
    return item.path.name.endswith(".mac.yaml") or any(name in _FIXTURES for name in getattr(item, "fixturenames", ()))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    conductor: Conductor | None = node.config.stash.get(_CONDUCTOR, None)
    if conductor is None:
        from kextrel.plugin.options import names_what_it_uses
        from kextrel.plugin.parallel import Conductor

        if names_what_it_uses(node.config):  # what is wrong with it is said here once, and not by every worker
            _checked(_run(node.config))
        conductor = node.config.stash[_CONDUCTOR] = Conductor(node.config, lambda: _run(node.config))
    conductor.hand(node)


def _checked(run: Run) -> Run:
    """Raises pytest.UsageError for what the run is told and cannot have, before anything runs."""
    from kextrel.errors import UsageError

    try:
        run.check()
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    return run


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    conductor = config.stash.get(_CONDUCTOR, None)
    if conductor is None or config.getoption("dist") == "each":
        return None
    from kextrel.plugin.parallel import Scheduler

    here = config.pluginmanager.get_plugin("kextrel.plugin")
    usual = config.pluginmanager.subset_hook_caller("pytest_xdist_make_scheduler", remove_plugins=[here])
    return Scheduler(usual(config=config, log=log), conductor)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    conductor = session.config.stash.get(_CONDUCTOR, None)
    if conductor is not None and exitstatus == pytest.ExitCode.INTERRUPTED:
        conductor.interrupted()


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    run = config.stash.get(_RUN, None)
    return [] if run is None else run.announcement()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    run = item.config.stash.get(_RUN, None)
    if run is not None:
        from kextrel.plugin.reporting import marked

        return marked(report, item, call, run)
    return report


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    if getattr(report, "kextrel_bench", False):
        return "bench", "B", ("BENCH FAILED", {"yellow": True, "bold": True})
    return None


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    results = getattr(report, "kextrel_results", None)
    if results:
        from kextrel.plugin.run import keep_results

        keep_results(results)


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int, config: pytest.Config) -> None:
    if exitstatus == pytest.ExitCode.USAGE_ERROR:  # nothing ran, and pytest's last word is why
        return
    if config.stash.get(_RUN, None) is not None or terminalreporter.stats.get("bench"):
        from kextrel.plugin.reporting import summarize

        summarize(terminalreporter, config.stash.get(_RUN, None))


def pytest_unconfigure(config: pytest.Config) -> None:
    run = config.stash.get(_RUN, None)
    if run is not None:
        run.close()
    conductor = config.stash.get(_CONDUCTOR, None)
    if conductor is not None:
        conductor.close()


@pytest.fixture
def mac(request: pytest.FixtureRequest) -> Iterator[Mac]:
    """A Mac that meets the test's `kextrel` mark; every verb is judged, and the Mac goes back to its baseline after."""
    from kextrel.plugin.binding import bound

    yield from bound(_run(request.config), request.node, getattr(request, "param", None))


@pytest.fixture(scope="session")
def mac_session(request: pytest.FixtureRequest) -> Iterator[Mac]:
    """A Mac for a suite that goes back to its baseline only once, at the end."""
    from kextrel.plugin.binding import bound

    yield from bound(_run(request.config), request.session, None)


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Lab:
    """The lab of this run, its virtual Macs started."""
    return _run(request.config).lab


def _run(config: pytest.Config) -> Run:
    """What this run of pytest knows of its lab; made when first asked for."""
    run = config.stash.get(_RUN, None)
    if run is None:
        from kextrel.plugin.run import Run

        run = config.stash[_RUN] = Run(config)
    return run
