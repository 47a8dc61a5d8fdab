"""Chooses which Python runs a model, a script or a training job: the runner's own, or a venv's."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from runner.counting import many
from runner.engine.disk import FULL
from runner.errors import EnvironmentRefused, RunnerError, WrongUsage
from runner.files.atomic import remove
from runner.venvs.cache import (
    Venv,
    complete,
    folder_of,
    log_of,
    making,
    now,
    python_of,
    size_of,
    write_record,
)
from runner.venvs.environment import DeclaredEnvironment
from runner.venvs.interpreter import EnvManager, Interpreter
from runner.venvs.key import key_of
from runner.venvs.names import name_of
from runner.venvs.needs import Needs, left_out
from runner.venvs.python_version import minor_of, own_version
from runner.venvs.satisfied import installed_versions, other_versions
from runner.venvs.secrets import without_keys

_OLDEST = (3, 9)  # the oldest Python in which the runner's own code runs


def choose_interpreter(
    home: Path,
    declared: DeclaredEnvironment | None,
    manager: EnvManager,
    *,
    needs: Needs,
    log: Callable[[str], object],
) -> Interpreter:
    """Return the Python for what is declared; it is made where it is missing, which may take
    minutes.

    `home` is the local workspace's folder and `log` takes lines of progress. Raises WrongUsage
    for what is declared wrongly, and EnvironmentRefused for what is missing on this machine.
    """
    if declared is None:
        return Interpreter(version=own_version())
    left = left_out(declared.requirements, needs.modules)
    wanted = replace(
        declared,
        requirements=tuple(each for each in declared.requirements if each not in left),
    )
    own = Interpreter(version=own_version(), source=declared.source, notices=declared.notices)
    if not declared.known:
        return own
    if manager in ("auto", "local"):
        others = other_versions(
            (each for each in wanted.requirements if name_of(each) not in needs.spared),
            wanted.constraints,
            None if needs.any_python and manager == "auto" else wanted.python,
        )
        if manager == "local":
            return replace(own, others=others)
        if not others and not wanted.only_conda:
            return own
    if needs.runs_runner:
        _check_age(declared)
    if manager != "conda":
        check_conda_packages(wanted)
    recipe = Recipe(wanted, "conda" if manager == "conda" else "uv", needs.adds, left)
    venv = find_or_make(home, recipe.name, recipe, log)
    python = str(python_of(folder_of(home, venv.name)))
    return replace(own, python=python, version=venv.python, venv=venv.name)


def make_again(home: Path, venv: Venv, log: Callable[[str], object]) -> None:
    """Make an environment of the very packages that its record names, unless it is there.

    The declaration may have changed meanwhile. Raises EnvironmentRefused where the packages can't
    be had any more.
    """
    if complete(home, venv.name) is not None:
        return
    what = f"the venv {venv.name} was removed, and it can't be made again as it was"
    way_out = "begin the job anew"
    if venv.manager != "uv":
        raise EnvironmentRefused(f"{what}, as {venv.manager} made it: {way_out}")
    # Its packages come from the same places again: an index, a file, an address.
    declared = DeclaredEnvironment(
        source=venv.source,
        python=venv.python,
        requirements=venv.declared,
        constraints=venv.resolved,
        build_tools=venv.build_tools,
        options=venv.options,
    )
    recipe = Recipe(declared, venv.manager, venv.added, venv.left_out)
    try:
        made = find_or_make(home, venv.name, recipe, log)
    except RunnerError as error:
        raise EnvironmentRefused(f"{what}: {way_out} ({error})") from error
    write_record(home, replace(made, declared_python=venv.declared_python))


def _check_age(declared: DeclaredEnvironment) -> None:
    """Raise EnvironmentRefused for a declared Python that the runner's own code can't run in."""
    if declared.python and tuple(map(int, declared.python.split(".")))[:2] < _OLDEST:
        raise EnvironmentRefused(
            f"{declared.source} declares Python {declared.python}, and what the runner runs in it"
            " needs 3.9 or later: declare a later one, or add --env-manager local"
        )


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what an environment is made of."""

    declared: DeclaredEnvironment
    manager: str  # uv, or conda
    added: tuple[str, ...]  # what the runner's own code needs in it
    left_out: tuple[str, ...]  # what only Azure's executor needs

    @property
    def name(self) -> str:
        """Return the name of the environment in the cache."""
        return key_of(self.declared, self.added, self.manager)


def find_or_make(home: Path, name: str, recipe: Recipe, log: Callable[[str], object]) -> Venv:
    """Return the environment of that name, made where it is not there or not complete."""
    declared = recipe.declared
    if (venv := complete(home, name)) is not None:
        return venv
    with making(home, name, log) as lock:
        if (venv := complete(home, name)) is not None:
            return venv
        folder, log_file = folder_of(home, name), log_of(home, name)
        if folder.exists():
            log(f"the venv {name} is broken or was not made to its end: it is made again")
            remove(folder)
        log_file.unlink(missing_ok=True)
        _check_manager(recipe.manager)
        python = minor_of(declared.python or own_version())
        log(
            f"making the environment of {declared.source}: Python {python},"
            f" {many(len(declared.requirements), 'declared package')}"
        )
        began = time.monotonic()
        try:
            folder.mkdir()
            if recipe.manager == "conda":
                from runner.venvs.conda import make_by_conda as make
            else:
                from runner.venvs.making import make_by_uv as make
            make(declared, recipe.added, folder, log_file, lock.fileno())
            venv = _record(folder, recipe, time.monotonic() - began)
            write_record(home, venv)
        except BaseException as error:
            with suppress(OSError):
                remove(folder)
            if not isinstance(error, OSError):
                raise
            if error.errno in FULL:
                raise EnvironmentRefused(
                    f"no space left on the disk of {folder.parent} for the environment of"
                    f" {declared.source}: free some, or remove others with"
                    " `runner venvs remove --unused`"
                ) from None
            raise EnvironmentRefused(
                f"the environment of {declared.source} can't be made in {folder}"
                f" ({error.strerror}): set RUNNER_HOME to a folder you can write to"
            ) from error
        log(f"made the venv {name}: {many(len(venv.resolved), 'package')} in {venv.seconds:.1f} s")
        if declared.python and not venv.python.startswith(declared.python):
            log(
                f"{declared.source} declares Python {declared.python}, and this machine's is"
                f" {venv.python}: the minor version decides"
            )
        return venv


def _check_manager(manager: str) -> None:
    """Raise EnvironmentRefused where what is to make the environment is not on this machine."""
    from runner.venvs.conda import needed_conda
    from runner.venvs.uv import find_uv

    if manager == "conda":
        needed_conda()
    else:
        find_uv()


def check_conda_packages(declared: DeclaredEnvironment) -> None:
    """Raise WrongUsage for packages of a conda file that PyPI has not."""
    if not declared.only_conda:
        return
    from runner.venvs.conda import find_conda

    named = ", ".join(declared.only_conda)
    several = len(declared.only_conda) > 1
    with_conda = "add --env-manager conda, " if find_conda() else ""
    raise WrongUsage(
        f"{declared.source}: {named} {'are packages' if several else 'is a package'} of conda's"
        f" that PyPI is not known to have: {with_conda}name pip's package under pip:, or add"
        " --env-manager local"
    )


def _record(folder: Path, recipe: Recipe, seconds: float) -> Venv:
    declared = recipe.declared
    packages = [str(path) for path in (folder / "venv" / "lib").glob("python*/site-packages")]
    versions = installed_versions(packages)
    return Venv(
        name=folder.name,
        manager=recipe.manager,
        source=declared.source,
        python=_python_version(folder / "venv"),
        declared_python=declared.python,
        declared=tuple(map(without_keys, declared.requirements)),
        build_tools=declared.build_tools,
        options=tuple(map(without_keys, declared.options)),
        resolved=tuple(f"{name}=={version}" for name, version in sorted(versions.items())),
        added=recipe.added,
        left_out=recipe.left_out,
        seconds=round(seconds, 1),
        size=size_of(folder),
        made=now(),
    )


def _python_version(venv: Path) -> str:
    """Return the version that pyvenv.cfg names, or the folder of the library does."""
    with suppress(OSError):
        for line in (venv / "pyvenv.cfg").read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition("=")
            if key.strip() in ("version_info", "version"):
                return value.strip()
    found = sorted((venv / "lib").glob("python3.*"))
    return found[0].name.removeprefix("python") if found else ""
