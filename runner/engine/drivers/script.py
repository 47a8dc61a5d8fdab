"""A scoring script: `init()` once a process, `run(mini_batch)` for each mini-batch, `shutdown()`
at the process's end where there is one.

What `run` returns is written as Azure writes it, as far as that is known: a DataFrame with blanks
between its columns, of a list each element's own text (which of a list is Python's: `['a', 1]`).
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from runner.engine.attempt import FileResult
from runner.engine.drivers.result import Result
from runner.engine.drivers.script_module import (
    explain_within,
    import_script,
    is_in_standard_library,
)
from runner.engine.slices import Slice
from runner.errors import JobFailed
from runner.profile.sketch import Profiler, frame_columns, wanted

# Packages dear enough to import once for all workers, and known not to mind a fork.
_WORTH_SHARING = frozenset({"joblib", "mlflow", "numpy", "pandas", "pyarrow", "scipy", "sklearn"})
_UTF8 = ("utf-8", "backslashreplace")  # a file name may hold bytes that no encoding takes


class ScriptDriver:
    """Runs a scoring script as Azure's batch deployments do."""

    def __init__(self, path: Path, appends: bool) -> None:
        """Import the script and call its `init()`.

        `appends` tells whether what `run` returns is written (append_row) or only counted.
        Raises JobFailed when the script can't be imported, lacks a function, or `init` raises.
        """
        self._path = path
        self._appends = appends
        module = import_script(
            path,
            path.parent,
            _module_name(path),
            "a scoring script defines init() and run(mini_batch)",
        )
        self._run: Callable[[list[str]], Any] = module.run
        self._shutdown: Callable[[], object] | None = getattr(module, "shutdown", None)
        try:
            module.init()
        except Exception as error:
            raise JobFailed(
                f"script {path}: init() raised {explain_within(path, error)}"
            ) from error

    @property
    def has_shutdown(self) -> bool:
        """Tell whether the script defines `shutdown()`."""
        return callable(self._shutdown)

    def run(
        self, files: Sequence[Path], write: Callable[[Any], object], slice_: Slice | None = None
    ) -> Result:
        """Call `run` with the paths of a mini-batch and write a line for each element returned.

        Whatever `run` raises passes through: the mini-batch is run again. JobFailed when it
        returns neither a DataFrame nor an array nor a list, which no second attempt changes.
        """
        returned = self._run([str(file) for file in files])
        elements = len(returned) if _is_result(returned) else -1
        if elements < 0:
            raise JobFailed(
                f"script {self._path}: run() returned {type(returned).__name__};"
                " it must return a DataFrame, an array or a list"
            )
        if self._appends:
            with _unabridged():
                for line in _lines(returned):
                    write(line)
        profiler = Profiler() if self._appends and wanted() else None
        if profiler is not None:
            profiler.add({}, 0, _columns(returned), elements)
        one_each = elements == len(files)
        return Result(
            files=tuple(FileResult(file.name, 1 if one_each else None) for file in files),
            tally=_tally(returned),
            missing=max(0, len(files) - elements),
            rows=elements,
            profile=profiler.finish() if profiler is not None else None,
        )

    def close(self) -> None:
        """Call the script's `shutdown()`, if it has one. Raises JobFailed when that raises."""
        if self._shutdown is None or not self.has_shutdown:
            return
        try:
            self._shutdown()
        except Exception as error:
            raise JobFailed(
                f"script {self._path}: shutdown() raised {explain_within(self._path, error)}"
            ) from error


def modules(path: Path) -> list[str]:
    """Return the shareable packages a script imports, found by reading it: nothing of it is run."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return []
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return sorted(name for name in names if name.partition(".")[0] in _WORTH_SHARING)


def _module_name(path: Path) -> str:
    # Named as on Azure, so that the script's classes and functions pickle; but a script called
    # csv.py must not become the csv of everybody else.
    taken = path.stem in sys.modules or is_in_standard_library(path.stem)
    return f"_scoring_script_{path.stem}" if taken else path.stem


def _is_result(returned: Any) -> bool:
    if isinstance(returned, (list, tuple)):
        return True
    return hasattr(returned, "__len__") and getattr(returned, "ndim", 0) > 0


@contextmanager
def _unabridged() -> Iterator[None]:
    """Let the text of a long array or table be all of it: NumPy and pandas leave out its middle."""
    with ExitStack() as options:
        if numpy := sys.modules.get("numpy"):
            options.enter_context(numpy.printoptions(threshold=sys.maxsize, linewidth=sys.maxsize))
        if pandas := sys.modules.get("pandas"):
            limits = ("max_rows", "max_columns", "max_colwidth", "max_seq_items", "width")
            pairs = [part for name in limits for part in (f"display.{name}", None)]
            options.enter_context(pandas.option_context(*pairs))
        yield


def _lines(returned: Any) -> Iterable[bytes]:
    if hasattr(returned, "iloc") and hasattr(returned, "columns"):
        text = returned.to_csv(sep=" ", index=False, header=False, lineterminator="\n")
        return [text.encode(*_UTF8)]
    items = returned.tolist() if hasattr(returned, "tolist") else returned
    # An element is a row: a line break inside would make two of it.
    return (_in_one_line(item).encode(*_UTF8) + b"\n" for item in items)


def _in_one_line(value: Any) -> str:
    return " ".join(re.split("\r\n|\r|\n", str(value).rstrip("\r\n")))


def _columns(returned: Any) -> Mapping[str, Any]:
    """Return the columns of a DataFrame that `run` returned; the elements of a list have none.

    There are none without Arrow, which a script's environment need not have.
    """
    if not hasattr(returned, "iloc") or not hasattr(returned, "columns"):
        return {}
    try:
        return frame_columns(returned)
    except ImportError:
        return {}


def _tally(returned: Any) -> Mapping[str, Any]:
    """Count a DataFrame's column `prediction`; other results say nothing of predictions."""
    if not hasattr(returned, "iloc") or "prediction" not in getattr(returned, "columns", ()):
        return {}
    from runner.engine.drivers.predictions import tally_of

    return tally_of(returned["prediction"])
