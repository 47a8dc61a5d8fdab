"""Workers of pytest-xdist take whole modules, and begin with the longest."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from tests.distribution import SECONDS, TOGETHER, WholeModules, longest_first, unit_of
from tests.projects import ROOT


@dataclass(eq=False)
class Worker:
    """What the scheduler knows of a worker."""

    gateway: Any
    given: list[int] = field(default_factory=list)
    shutting_down: bool = False

    def send_runtest_some(self, places: list[int]) -> None:
        self.given += places

    def shutdown(self) -> None:
        self.shutting_down = True


def test_what_is_named_is_there() -> None:
    assert [unit for unit in (*SECONDS, *TOGETHER) if not (ROOT / unit).exists()] == []
    assert [unit for unit in SECONDS if unit_of(f"{unit}::test") not in SECONDS] == []


def test_the_longest_come_first_and_the_others_keep_their_order() -> None:
    names = ["tests/b.py::b", "tests/a.py::a", "tests/test_score.py::s", "tests/walks/test_lab.py"]
    items: Any = [SimpleNamespace(nodeid=name) for name in names]
    found = [item.nodeid for item in longest_first(items)]
    assert found == [*reversed(names[2:]), *names[:2]]


def test_every_test_goes_to_one_worker_and_a_module_as_a_whole() -> None:
    modules = ("engine/spark/test_pool.py", "engine/spark/test_units.py", "test_a.py", "test_b.py")
    tests = [f"tests/{modules[number % 4]}::test_{number}" for number in range(40)]
    config: Any = SimpleNamespace(
        getvalue=lambda name: ["popen", "popen"], option=SimpleNamespace(loadscopereorder=False)
    )
    workers = [Worker(SimpleNamespace(id=name)) for name in ("first", "second")]
    scheduler: Any = WholeModules(config)
    for worker in workers:
        scheduler.add_node(worker)
        scheduler.add_node_collection(worker, tests)
    scheduler.schedule()
    for worker in workers:
        for place in worker.given:  # which grows meanwhile
            scheduler.mark_test_complete(worker, place)
    given = [place for worker in workers for place in worker.given]
    assert sorted(given) == list(range(40))
    units = [{unit_of(tests[place]) for place in worker.given} for worker in workers]
    assert units[0].isdisjoint(units[1])
    assert set.union(*units) == {"tests/engine/spark/", "tests/test_a.py", "tests/test_b.py"}
