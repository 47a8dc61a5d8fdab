"""Projects to run whole commands in."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests import inference_server
from tests.projects import OWN_PACKAGES, ScratchProject, make_project
from tests.pythons import shared_folder

if TYPE_CHECKING:
    from tests.distribution import WholeModules

os.environ.update(OWN_PACKAGES)

# Shells start what runs in the background with SIGINT ignored, and every process that a test starts
# would inherit that, deaf to the Ctrl-C that the test is about.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = [
    "tests.emulator.batch.fixtures",
    "tests.emulator.databricks.fixtures",
    "tests.emulator.fixtures",
]


@pytest.fixture
def project(tmp_path: Path) -> ScratchProject:
    """Return a project with one batch endpoint, `echo`, whose script needs no heavy package."""
    return make_project(tmp_path / "project")


@pytest.fixture(autouse=True)
def _own_place() -> Iterator[None]:
    """Leave the process to the next test as it was: a scoring script's driver moves it, and has
    modules found in other ways, as no other comes after it in a worker. MLflow's client leaves its
    experiment in the environment, for processes that are started later."""
    here, path, hooks = Path.cwd(), list(sys.path), list(sys.path_hooks)
    variables = dict(os.environ)
    yield
    os.chdir(here)
    if os.environ != variables:
        os.environ.clear()
        os.environ.update(variables)
    sys.path[:], sys.path_hooks[:] = path, hooks


@pytest.fixture(scope="session", autouse=True)
def _shared_by_processes(tmp_path_factory: pytest.TempPathFactory) -> None:
    inference_server.share(shared_folder(tmp_path_factory))


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> WholeModules | None:
    """Give whole modules to the workers, unless another way is asked for by `--dist`."""
    from tests.distribution import WholeModules

    if config.getoption("dist") != "load":
        return None
    config.option.loadscopereorder = False  # the order is that of the tests
    return WholeModules(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin what takes long first where several workers share the tests."""
    if hasattr(config, "workerinput"):
        from tests.distribution import longest_first

        items[:] = longest_first(items)
