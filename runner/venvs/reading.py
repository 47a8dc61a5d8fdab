"""Reads what is declared into a declared environment: Azure's order, files and references."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from runner.declarations.document import (
    MappingNode,
    ScalarNode,
    describe,
    read_document,
)
from runner.declarations.environment import Environment
from runner.declarations.problem import DeclarationError, refusal
from runner.declarations.reader import plain, read_str
from runner.declarations.references import AssetReference
from runner.venvs.conda_file import list_of_packages, read_conda
from runner.venvs.environment import DeclaredEnvironment
from runner.venvs.names import name_of
from runner.venvs.python_version import version_in
from runner.venvs.requirements_file import (
    Line,
    read_lines,
    read_requirements,
    with_requirements,
)


def declared_environment(
    source: AssetReference | Environment | None,
    declared: Mapping[str, Environment],
    model: Path | None,
    owner: str,
    otherwise: str = "the runner's own packages are",
) -> DeclaredEnvironment | None:
    """Return the environment that a deployment or a job declares, else the one of its model.

    `declared` are the project's environments by name, `owner` names its owner in messages, such
    as `deployment blue`. `otherwise` says in a notice which packages are used where neither is
    known. None where nothing is declared. Raises DeclarationError.
    """
    known = find_environment(source, declared) if isinstance(source, AssetReference) else source
    found = _of_environment(known, owner) if known is not None else None
    if found is not None:
        return found
    own = model_environment(model) if model is not None else None
    if source is None:
        return own
    # Only Azure knows what is in an image, and what a reference of its own means.
    what = f"image {_image(known)}" if known else f"environment {source}"
    instead = "its model's own packages are" if own else otherwise
    notice = f"{owner} declares the {what}, whose packages are not known here: {instead} used"
    own = own or DeclaredEnvironment(owner, known=False)
    return replace(own, image=_image(known), elsewhere=known is None, notices=(notice,))


def model_environment(model: Path) -> DeclaredEnvironment | None:
    """Return what a model's folder declares, in MLflow's order; None where it declares nothing."""
    python_env, conda, requirements = _files(model)
    if python_env.is_file():
        found = _read_python_env(python_env)
        return replace(found, conda=plain(read_document(conda))) if conda.is_file() else found
    if conda.is_file():
        found = read_conda(read_document(conda), str(conda))
        if not requirements.is_file():
            return found
        # MLflow takes the packages from the one and Python from the other.
        return with_requirements(found, read_requirements(read_lines(requirements)))
    if requirements.is_file():
        found = DeclaredEnvironment(source=str(requirements))
        return with_requirements(found, read_requirements(read_lines(requirements)))
    return None


def find_environment(
    reference: AssetReference, declared: Mapping[str, Environment]
) -> Environment | None:
    """Return the declared environment that a reference means; None where only Azure knows it."""
    if reference.registry or reference.workspace:
        return None
    found = declared.get(reference.name)
    if found is None or (reference.version and found.version not in (None, reference.version)):
        return None
    return found


def _of_environment(environment: Environment, owner: str) -> DeclaredEnvironment | None:
    """Return what a conda file declares; None for an environment that is only an image."""
    written = environment.source.entries.get("conda_file")
    if isinstance(environment.conda_file, Path):
        found = read_conda(read_document(environment.conda_file), str(environment.conda_file))
    elif isinstance(written, MappingNode):
        found = read_conda(written, f"{written.place.file} ({owner})")
    else:
        return None
    return replace(found, image=_image(environment))


def _image(environment: Environment | None) -> str | None:
    if environment is None:
        return None
    return environment.image or (
        f"built from {environment.build.path}" if environment.build else None
    )


def _files(model: Path) -> tuple[Path, Path, Path]:
    """Return where a model has its python_env.yaml, conda.yaml and requirements.txt.

    Its MLmodel may name the first two otherwise. Source: mlflow.utils.virtualenv.
    """
    python_env, conda = "python_env.yaml", "conda.yaml"
    described = model / "MLmodel"
    if described.is_file():
        try:
            flavors = read_document(described).entries.get("flavors")
        except DeclarationError:  # the engine reports it, with what it needs of the file
            flavors = None
        flavor = (
            flavors.entries.get("python_function") if isinstance(flavors, MappingNode) else None
        )
        env = flavor.entries.get("env") if isinstance(flavor, MappingNode) else None
        if isinstance(env, MappingNode):
            python_env = _text(env, "virtualenv") or python_env
            conda = _text(env, "conda") or conda
        elif isinstance(env, ScalarNode) and env.kind == "text":
            conda = env.text
    return model / python_env, model / conda, model / "requirements.txt"


def _text(node: MappingNode, key: str) -> str | None:
    value = node.entries.get(key)
    return value.text if isinstance(value, ScalarNode) and value.kind == "text" else None


def _read_python_env(file: Path) -> DeclaredEnvironment:
    content = read_document(file)
    python = content.entries.get("python")
    version = None
    if isinstance(python, ScalarNode) and python.kind != "null":
        version = version_in(python.text)
        if version is None:
            raise refusal(python.place, "python", f"found {describe(python)}, allowed: 3.10.13")
    declared = DeclaredEnvironment(
        source=str(file),
        python=version,
        build_tools=tuple(
            line.text
            for line in _lines(content, "build_dependencies")
            if name_of(line.text) != "pip"
        ),
    )
    return with_requirements(declared, read_requirements(_lines(content, "dependencies")))


def _lines(content: MappingNode, key: str) -> list[Line]:
    items = list_of_packages(content.entries.get(key), key)
    return [Line(read_str(item, key).strip(), item.place) for item in items]
