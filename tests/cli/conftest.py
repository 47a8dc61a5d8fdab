from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runner.cli import main
from runner.workspace import as_json

from .memory import MemoryWorkspace


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str


Run = Callable[..., Result]


def as_printed(record: Any) -> Any:
    """Return a record, or a list of them, as a reader of the JSON gets it."""
    return json.loads(json.dumps(as_json(record)))


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("RUNNER_ENV", "RUNNER_HOME", "RUNNER_PROJECT", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def workspace() -> MemoryWorkspace:
    return MemoryWorkspace()


@pytest.fixture
def run(workspace: MemoryWorkspace, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line over the workspace in memory."""

    def opener(environment: str) -> MemoryWorkspace:
        workspace.environment = environment
        return workspace

    def run(*args: str) -> Result:
        with pytest.raises(SystemExit) as ended:
            main(args, opener)
        captured = capsys.readouterr()
        code = ended.value.code
        assert code is None or isinstance(code, int)
        return Result(code or 0, captured.out, captured.err)

    return run
