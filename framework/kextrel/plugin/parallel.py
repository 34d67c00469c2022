"""pytest-xdist's controller: it starts the virtual lab once and shares the tests out by Mac.

Where no test wants a Mac, xdist's own scheduler does everything, as if Kextrel were not there.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from kextrel.errors import KextrelError
from kextrel.lab.ends import on_one_board
from kextrel.plugin.handing import KEY, Handed, Wish
from kextrel.plugin.run import Run
from kextrel.plugin.sharing import Shares

__all__ = ["Conductor", "Scheduler"]


class Conductor:
    """The controller's side of a run with workers: the folder that they share, and the lab that it starts for them."""

    def __init__(self, config: pytest.Config, run: Callable[[], Run]) -> None:
        self._config, self._run = config, run
        self._folder = tempfile.TemporaryDirectory(prefix="kextrel-workers-")
        self.handed = Handed(Path(self._folder.name))

    def hand(self, worker: Any) -> None:
        """Tells a worker of the folder, before it starts."""
        worker.workerinput[KEY] = str(self.handed.folder)

    def begin(self, wishes: dict[str, Wish]) -> None:
        """Starts the virtual Macs that the tests want. Raises pytest.UsageError for a lab that cannot be used."""
        run = self._run()
        macs = dict.fromkeys(name for wish in wishes.values() for name in wish.macs)
        try:
            run.learn(self.handed)
            run.serve(run.names if any(not wish.macs for wish in wishes.values()) else macs)
        except KextrelError as error:
            raise pytest.UsageError(str(error)) from None
        if run.lab_file is not None:
            self.handed.start(run.lab_file)
        self._announce(wishes)

    def together(self) -> dict[str, frozenset[str]]:
        """The Macs that one worker drives alone, by each of their names."""
        return on_one_board(self._run().plan.profile)

    def _announce(self, wishes: dict[str, Wish]) -> None:
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if terminal is None:
            return
        terminal.ensure_newline()
        for macs in sorted({wish.macs for wish in wishes.values() if wish.macs}):
            minutes = [wish.minutes for wish in wishes.values() if wish.macs == macs]
            where = " or ".join(macs)
            terminal.write_line(f"kextrel: on {where}, tests: {len(minutes)}, about {sum(minutes):.0f} lab minutes")

    def has_time(self) -> None:
        """A worker has nothing left to do while others go on: the moment for what the run's end will need anyway."""
        self._run().get_ready_to_report()

    def interrupted(self) -> None:
        """Workers are made to let go of their Macs, which xdist would let run on for a while."""
        self.handed.end_workers()

    def close(self) -> None:
        """Takes the folder away."""
        self._folder.cleanup()


class Scheduler:
    """An xdist Scheduling (see its protocol): `usual` until the tests are known, then ours, if they want Macs."""

    def __init__(self, usual: Any, conductor: Conductor) -> None:
        self._usual, self._conductor = usual, conductor
        self._shares: Shares | None = None
        self._tests: list[str] = []
        self._collections: dict[Any, list[str]] = {}

    @property
    def nodes(self) -> list[Any]:
        return self._shares.workers if self._shares is not None else list(self._usual.nodes)

    @property
    def collection_is_completed(self) -> bool:
        return self._shares is not None or bool(self._usual.collection_is_completed)

    @property
    def tests_finished(self) -> bool:
        if self._shares is None:
            return bool(self._usual.tests_finished)
        return not self._shares.left and all(len(self._shares.pending(one)) < 2 for one in self.nodes)

    @property
    def has_pending(self) -> bool:
        if self._shares is None:
            return bool(self._usual.has_pending)
        return bool(self._shares.left) or any(self._shares.pending(one) for one in self.nodes)

    def add_node(self, node: Any) -> None:
        if self._shares is None:
            self._usual.add_node(node)

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:
        if self._shares is None:
            self._collections[node] = list(collection)
            self._usual.add_node_collection(node, collection)
        elif list(collection) == self._tests:
            self._shares.join(node)
        else:
            node.shutdown()  # it found other tests than those that the run began with

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        if self._shares is None:
            self._usual.mark_test_complete(node, item_index, duration)
            return
        self._shares.done(node, item_index, duration)
        self._shares.feed()
        if self._shares.somebody_rests:
            self._conductor.has_time()

    def mark_test_pending(self, item: str) -> None:
        if self._shares is None:
            self._usual.mark_test_pending(item)

    def remove_pending_tests_from_node(self, node: Any, indices: Sequence[int]) -> None:
        if self._shares is None:
            self._usual.remove_pending_tests_from_node(node, indices)

    def remove_node(self, node: Any) -> str | None:
        """A worker has gone: the test that it was in the middle of, None when it had finished."""
        if self._shares is None:
            return self._usual.remove_node(node)  # type: ignore[no-any-return]
        if node not in self._shares.workers:
            return None
        crashed = self._shares.leave(node)
        self._shares.feed()
        return None if crashed is None else self._tests[crashed]

    def schedule(self) -> None:
        """All workers have collected: from here on the tests are shared out."""
        if self._shares is not None:
            self._shares.feed()
            return
        nodes = list(self._usual.nodes)
        wishes = self._conductor.handed.wishes(nodes[0].workerinput["workerid"]) if nodes else {}
        tests = self._collected(nodes)
        if not wishes or tests is None:
            self._usual.schedule()
            return
        self._conductor.begin(wishes)
        self._tests = tests
        self._shares = Shares(tests, wishes, self._conductor.handed.bind, self._conductor.together())
        for node in nodes:
            self._shares.join(node)
        self._shares.feed()

    def _collected(self, nodes: Sequence[Any]) -> list[str] | None:
        """What all workers have collected; None where they differ, which xdist's own scheduler reports."""
        found = [self._collections.get(node) for node in nodes]
        return found[0] if found and all(one == found[0] for one in found) else None
