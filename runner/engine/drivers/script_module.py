"""A scoring script as a module of Python: importing it, and explaining what it raises."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import sysconfig
from importlib import machinery
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from runner.engine.drivers.result import brief, taken_name
from runner.errors import JobFailed
from runner.installing import in_declared_environment

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


def import_script(path: Path, folder: Path, name: str, contract: str) -> ModuleType:
    """Import a script as the module `name`, with `folder` as the process's working folder.

    Raises JobFailed when it can't be imported, or lacks `init` or `run`; `contract` says in that
    message what such a script defines.
    """
    if not path.is_file():
        raise JobFailed(f"script {path} does not exist")
    if is_in_standard_library(path.stem):
        # Whatever imports that module has to get it, and not the script of the same name.
        with contextlib.suppress(ImportError):
            importlib.import_module(path.stem)
    # A script finds its neighbours as it does on Azure: in its folder and in the working folder.
    sys.path.insert(0, str(folder))
    os.chdir(folder)
    sys.path_hooks.insert(0, _finder_that_writes_nothing)
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        raise JobFailed(f"script {path} is not a Python file")
    if isinstance(specification.loader, machinery.SourceFileLoader):
        specification.loader = _Unwritten(name, str(path))
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    try:
        specification.loader.exec_module(module)
    except SystemExit as error:
        raise JobFailed(f"script {path} can't be imported: it calls exit({error.code})") from error
    except BaseException as error:
        reason = explain_within(path, error)
        way = way_out(error)
        raise JobFailed(f"script {path} can't be imported: {reason}{way}") from error
    for function in ("init", "run"):
        if not callable(getattr(module, function, None)):
            raise JobFailed(f"script {path} has no function {function}(); {contract}")
    return module


class _Unwritten(machinery.SourceFileLoader):
    """Loads a module and writes no bytecode of it."""

    def set_data(self, path: str, data: ReadableBuffer, *, _mode: int = 0o666) -> None:
        """Leave the folder of a script as it was declared."""


def _finder_that_writes_nothing(folder: str) -> machinery.FileFinder:
    """Return a finder for the modules of a folder, unless that is this Python's own: the bytecode
    of installed packages is kept, which uv leaves to the first import. A path that is no folder is
    left to other finders: an archive, or a program that is run by its path."""
    own = folder.startswith((sys.prefix + os.sep, sys.base_prefix + os.sep))
    if own or not Path(folder).is_dir():
        raise ImportError
    return machinery.FileFinder(
        folder,
        (machinery.ExtensionFileLoader, machinery.EXTENSION_SUFFIXES),
        (_Unwritten, machinery.SOURCE_SUFFIXES),
        (machinery.SourcelessFileLoader, machinery.BYTECODE_SUFFIXES),
    )


def is_in_standard_library(name: str) -> bool:
    """Tell whether a module of this name belongs to this Python."""
    if sys.version_info >= (3, 10):
        return name in sys.stdlib_module_names
    paths = sysconfig.get_paths()
    folders = [paths["stdlib"], f"{paths['platstdlib']}/lib-dynload"]
    return name in sys.builtin_module_names or (
        machinery.PathFinder.find_spec(name, folders) is not None
    )


def explain(path: Path, error: BaseException) -> str:
    """Say in one line what a script raised, with the file and the line it comes from."""
    place = _place(path, error)
    return f"{brief(error)} ({place[0]}, line {place[1]})" if place else brief(error)


def explain_within(path: Path, error: BaseException) -> str:
    """Say the same for a message that names the script already."""
    place = _place(path, error)
    if place is None or place[0] != path.name:
        return explain(path, error)
    return f"{brief(error)} (line {place[1]})"


def way_out(error: BaseException) -> str:
    """Say what to do about a package that a script lacks; empty for every other error."""
    if taken := taken_name(error):
        return f"; {taken}"
    if not isinstance(error, ModuleNotFoundError) or not in_declared_environment():
        return ""
    return "; add the package to what the deployment declares: the conda_file of its environment"


def _place(path: Path, error: BaseException) -> tuple[str, int] | None:
    """Return the last line that an error passed through of the script and the modules beside it."""
    place = None
    trace = error.__traceback__
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        if file.is_relative_to(path.parent) and "site-packages" not in file.parts:
            place = str(file.relative_to(path.parent)), trace.tb_lineno
        trace = trace.tb_next
    return place
