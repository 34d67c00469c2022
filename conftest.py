"""What this project's own tests need of pytest, and nothing else: the plugin comes by its entry point."""

import os
import signal
from collections.abc import Callable

import pytest

pytest_plugins = ["pytester"]

# Started in the background by a script or by nohup, pytest and all its children would ignore what tests send them.
for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)


@pytest.fixture(scope="session")
def lacks() -> Callable[[str], None]:
    """Ends a test whose peer is not here: skipped, or failed where KEXTREL_PEERS is `required`."""

    def lacking(what: str) -> None:
        told = f"{what}; ci/install-peers installs it"
        if os.environ.get("KEXTREL_PEERS") == "required":
            pytest.fail(told)
        pytest.skip(told)

    return lacking
