"""The packages a model was saved with, held against those that are installed here."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from runner.engine.drivers.result import brief, taken_name
from runner.engine.mlmodel import MlModel
from runner.installing import in_declared_environment, installed_by
from runner.package_names import normal, packages_of
from runner.spark import runs_on_databricks

_NAME = r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)"
_REQUIREMENT = re.compile(_NAME)
_EXACT = re.compile(_NAME + r"\s*(?:\[[^]]*\])?\s*==\s*([^\s;,#*]+)\s*(?:$|;|#)")
# The attributes of scikit-learn's InconsistentVersionWarning.
_SKLEARNS = ("original_sklearn_version", "current_sklearn_version")
_MOST_NAMED = 3  # packages of other versions
_OWN_ENVIRONMENT = "run it with `--env-manager uv`, in the environment that it declares"
_DECLARING = "the conda_file of the deployment's environment, or to the model's requirements.txt"


@dataclass(frozen=True)
class OtherVersion:
    """A package of which the model was saved with another version than is installed."""

    name: str
    saved: str
    installed: str


def other_versions(model: MlModel) -> list[OtherVersion]:
    """Return the packages of other versions, those of the model's own library first.

    The versions that it was saved with are known from its `MLmodel` and the exact lines of its
    `requirements.txt`. A package that is not installed at all is not one of another version.
    """
    saved = {normal(name): (name, version) for name, version in model.saved_versions.items()}
    for line in _requirements(model):
        if exact := _EXACT.match(line):
            saved.setdefault(normal(exact[1]), (exact[1], exact[2]))
    found = ((name, version, _installed(name)) for name, version in saved.values())
    return [
        OtherVersion(name, version, installed)
        for name, version, installed in found
        if installed is not None and _plain(installed) != _plain(version)
    ]


def why_not_loaded(model: MlModel, error: Exception) -> str:
    """Say why a model can't be loaded, in words that go on after its name."""
    if needed := missing_package(model, error):
        return needed
    why = taken_name(error) or other_version(model, error)
    return f"can't be loaded: {brief(error)}{f'; {why}' if why else ''}"


def missing_package(model: MlModel, error: Exception) -> str | None:
    """Say which package is missing of a model that can't be loaded, with the command that installs
    it as the model's own `requirements.txt` has it.

    None where nothing is missing, or another version of the library may be why.
    """
    if not isinstance(error, ModuleNotFoundError) or not error.name or _is_there(error.name):
        return None
    top = error.name.partition(".")[0]
    names = {normal(name) for name in packages_of(error.name)}
    for line in _requirements(model):
        requirement = _REQUIREMENT.match(line)
        if requirement and normal(requirement[1]) in names:
            plain = re.sub(r"\s+#.*$", "", line).strip()
            return f"needs the package {top}, which is not installed: {way_to_have([plain])}"
    if _concerned(model, error):
        # scikit-learn 1.6 pickles its losses as of a module `_loss`, which is no package.
        return None
    way = f"add it to {_DECLARING}" if in_declared_environment() else "install it"
    return (
        f"needs the package {top}, which is not installed and not in its requirements.txt: {way},"
        " or save the model anew with code_paths if it is a module of your own"
    )


def other_version(model: MlModel, error: Exception) -> str | None:
    """Say of which packages a model that can't be loaded was saved with other versions, and the way
    out.

    None where none is of another version than the model was saved with.
    """
    others = _concerned(model, error)
    return f"it was {_saved_with(others)}" if others else None


def doubts(model: MlModel | None, heard: Iterable[Warning]) -> tuple[str, ...]:
    """Return warnings about a model whose library warned of another version while it was loaded.

    scikit-learn's warning knows both versions, also of what a scoring script loads by itself
    (`model` None).
    """
    warned = [warning for warning in heard if "version" in str(warning).lower()]
    told = {
        OtherVersion("scikit-learn", *map(str, versions))
        for warning in warned
        if None not in (versions := [getattr(warning, name, None) for name in _SKLEARNS])
    }
    if not told and warned and model is not None:
        libraries = {normal(name) for name in model.saved_versions}
        told = {package for package in other_versions(model) if normal(package.name) in libraries}
    others = sorted(told, key=lambda package: (package.name, package.saved))
    return tuple(
        f"predictions may be wrong: the model was {_saved_with([package])}" for package in others
    )


def _saved_with(others: list[OtherVersion]) -> str:
    """Name the versions on both sides, and the way out."""
    told = others[:_MOST_NAMED]
    saved = _listed(f"{package.name} {package.saved}" for package in told)
    installed = _listed(f"{package.name} {package.installed}" for package in told)
    if len(told) == 1:
        installed = told[0].installed
    way = _way_to_change([f"{package.name}=={package.saved}" for package in told])
    plural = "versions" if len(told) > 1 else "version"
    return (
        f"saved with {saved}, and {installed} {'is' if len(told) == 1 else 'are'} installed:"
        f" {way}, or save the model anew with the installed {plural}"
    )


def way_to_have(requirements: Sequence[str], group: str | None = None) -> str:
    """Say how to get missing packages to where the model is scored, for the end of an error
    message. `group` is the group of pyproject.toml that has them, if any."""
    if runs_on_databricks() or in_declared_environment():
        return _way_to_change(requirements)
    return f"{_OWN_ENVIRONMENT}, or {installed_by(*requirements, group=group)}"


def _way_to_change(requirements: Sequence[str]) -> str:
    """Say how to have these packages where the model is scored."""
    named = ", ".join(requirements)
    if in_declared_environment():
        return f"add {named} to {_DECLARING}"
    if not runs_on_databricks():
        return _OWN_ENVIRONMENT
    if any(requirement.startswith("pyspark") for requirement in requirements):
        return f"give the cluster a spark_version whose runtime has {named}"
    return f"name {named} under pip in the conda_file of the deployment and deploy it again"


def _concerned(model: MlModel, error: Exception) -> list[OtherVersion]:
    """Return the packages of other versions that an error may come from: the model's own library,
    and those that the error passed through or names. A file that ends too early has nothing to do
    with versions."""
    if isinstance(error, (EOFError, OSError)) or "truncated" in str(error):
        return []
    named = set(re.findall(r"[A-Za-z_]\w*", str(error)))
    trace = error.__traceback__
    while trace is not None:
        named.add(str(trace.tb_frame.f_globals.get("__name__")).partition(".")[0])
        trace = trace.tb_next
    modules = {normal(name) for module in named for name in packages_of(module)}
    libraries = {normal(name) for name in model.saved_versions}
    # MLflow itself is passed through whatever goes wrong.
    return [
        package
        for package in other_versions(model)
        if normal(package.name) in libraries | (modules - {"mlflow"})
    ]


def _requirements(model: MlModel) -> Iterator[str]:
    try:
        text = (model.folder / "requirements.txt").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    yield from text.splitlines()


def _is_there(module: str) -> bool:
    """Tell whether the package of a module is installed: then this version lacks the module."""
    top = module.partition(".")[0]
    try:
        return importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return False


def _installed(name: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _plain(version: str) -> str:
    """Return a version without its local part and the zeros at its end: 2.1.0+cu118 is 2.1."""
    return re.sub(r"(\.0)+$", "", version.partition("+")[0])


def _listed(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
