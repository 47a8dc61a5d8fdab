"""Makes a virtual environment of what is declared, by uv."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from runner.errors import EnvironmentRefused, RunnerError, WrongUsage
from runner.venvs.environment import DeclaredEnvironment
from runner.venvs.names import name_of
from runner.venvs.python_version import minor_of, own_version, same_minor
from runner.venvs.requirements_file import expanded, local_path
from runner.venvs.uv import UvFailed, error_for, explanation, find_uv, is_full_disk, run_uv

# The options that uv reads in a requirements file.
_IN_A_FILE: Final = frozenset(
    {
        "--index-url",
        "--extra-index-url",
        "--find-links",
        "--no-index",
        "--no-binary",
        "--only-binary",
    }
)
_OPTION = re.compile(r"\s(--(?!hash\b)[a-z][a-z-]*|-C)\b")


@dataclass(frozen=True)
class Call:
    """The settings of the calls of uv for one environment."""

    uv: Sequence[str]
    folder: Path  # of the entry; the environment comes into its `venv`
    log: Path
    keep_open: Sequence[int] = ()


def make_by_uv(
    declared: DeclaredEnvironment, added: Sequence[str], folder: Path, log: Path, lock: int
) -> None:
    """Make <folder>/venv of what is declared, with what is added, resolved together.

    Raises WrongUsage for what can't be resolved or is not there, and EnvironmentRefused for what
    keeps uv from working: no such Python, no network, a full disk.
    """
    _check_options(declared)
    call = Call(find_uv(), folder, log, (lock,))
    _make_python(call, declared)
    python = str(folder / "venv" / "bin" / "python")
    try:
        if declared.build_tools:
            _run(call, ["pip", "install", "--python", python, *declared.build_tools])
        _run(
            call,
            ["pip", "install", "--python", python, *_flags(declared, folder), "-r", "-"],
            stdin=_lines(declared, added),
        )
    except UvFailed as failed:
        raise _resolution_error(call, declared, added, failed) from None
    finally:
        _constraints_file(folder).unlink(missing_ok=True)  # an address in it may hold a key


def _check_options(declared: DeclaredEnvironment) -> None:
    """Raise WrongUsage for what pip takes with a requirement and uv doesn't."""
    for requirement in declared.requirements:
        if found := _OPTION.search(requirement):
            raise WrongUsage(
                f"{declared.places.get(requirement, declared.source)}: uv takes no {found[1]} with"
                " a requirement: take it out, or add --env-manager local"
            )


def _resolution_error(
    call: Call, declared: DeclaredEnvironment, added: Sequence[str], failed: UvFailed
) -> RunnerError:
    """Return the error; where only what the runner adds stands in the way, it is named."""
    error = error_for(failed, declared, call.log)
    if not added or "Because " not in str(error):
        return error
    options = ["--quiet", "--python-version", minor_of(declared.python or own_version())]
    try:
        _run(
            call,
            ["pip", "compile", *options, *_flags(declared, call.folder), "-"],
            stdin=_lines(declared, ()),
        )
    except UvFailed as own:
        return error_for(own, declared, call.log)
    return WrongUsage(
        f"{declared.source}: the runner needs {' and '.join(added)} in the environment, and that"
        f" goes with no version of what is declared: {explanation(str(failed))}; declare"
        f" others, or add --env-manager local (all of it: {call.log})"
    )


def _make_python(call: Call, declared: DeclaredEnvironment) -> None:
    wanted = declared.python or own_version()
    minor = minor_of(wanted)
    # The very version that is declared, else the runner's own if the minor version is the same.
    if wanted == own_version() or (wanted == minor and same_minor(wanted)):
        python = sys.executable
    else:
        own = sys.executable if same_minor(wanted) else _find_python(call, minor)
        exact = _find_python(call, wanted) if wanted != minor else None
        python = exact or own or minor
    target = str(call.folder / "venv")
    try:
        _run(call, ["venv", "--no-project", "--python", python, target], minor=minor)
    except UvFailed as failed:
        error = error_for(failed, declared, call.log)
        if is_full_disk(str(failed)) or python != minor:
            raise error from None
        install = shlex.join([*call.uv, "python", "install", minor])
        raise EnvironmentRefused(
            f"{declared.source} declares Python {wanted}, and uv neither finds one nor can get it:"
            f" install Python {minor} (`{install}`, pyenv, or the system's), or add --env-manager"
            " local"
        ) from None


def _find_python(call: Call, version: str) -> str | None:
    """Return the path of a Python of this version, None where this machine has none."""
    arguments = ["python", "find", "--system", "--no-project", "--no-python-downloads", version]
    try:
        return _run(call, arguments, minor=minor_of(version)).strip()
    except UvFailed:
        return None


def _flags(declared: DeclaredEnvironment, folder: Path) -> list[str]:
    """Return the flags for declared options that uv takes on its command line only."""
    options = [option.partition(" ") for option in declared.options]
    names = {name for name, _, _ in options}
    flags: list[str] = []
    # Packages that uv's cache would know by name and version, whatever their content is by now.
    built_anew: set[str | None] = set()
    for name, _, value in options:
        if name == "--trusted-host":
            flags += ["--allow-insecure-host", value]
        elif name == "--find-links" and (links := Path(expanded(value))).is_dir():
            built_anew |= {path.name.partition("-")[0] for path in links.glob("*.whl")}
    for requirement in declared.requirements:
        path = local_path(requirement)
        if path is not None and path.is_dir() and not requirement.startswith("-e "):
            built_anew.add(name_of(requirement) or _name_in(path))
    if None in built_anew:
        flags += ["--refresh"]
    for package in sorted(filter(None, built_anew)):
        flags += ["--refresh-package", package]
    if "--pre" in names:
        flags += ["--prerelease", "allow"]
    if "--extra-index-url" in names and "UV_INDEX_STRATEGY" not in os.environ:
        # All indexes count the same to pip, which Azure uses; uv asks the first that has a package.
        flags += ["--index-strategy", "unsafe-best-match"]
    if declared.constraints:
        file = _constraints_file(folder)
        file.write_text("\n".join(declared.constraints) + "\n", encoding="utf-8")
        flags += ["--constraints", str(file)]
    return flags


def _name_in(project: Path) -> str | None:
    """Return the name of the package in a folder, None where no pyproject.toml says it."""
    import tomllib

    try:
        with (project / "pyproject.toml").open("rb") as file:
            name = tomllib.load(file)["project"]["name"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return name if isinstance(name, str) else None


def _constraints_file(folder: Path) -> Path:
    return folder / "constraints.txt"


def _lines(declared: DeclaredEnvironment, added: Sequence[str]) -> str:
    """Return a requirements file for uv; it goes through a pipe, as it may hold keys."""
    options = [each for each in declared.options if each.split(" ")[0] in _IN_A_FILE]
    return "\n".join([*options, *declared.requirements, *added]) + "\n"


def _run(call: Call, arguments: Sequence[str], stdin: str = "", minor: str | None = None) -> str:
    return run_uv(
        call.uv,
        arguments,
        folder=call.folder,
        log=call.log,
        stdin=stdin,
        minor=minor,
        keep_open=call.keep_open,
    )
