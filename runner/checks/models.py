"""Checks that models are what their type says, and that their environment can load them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from runner.checks.finding import Finding, error, warning
from runner.checks.subject import Subject, place_in
from runner.declarations import Catalog, DeclarationError, Model
from runner.declarations.problem import Place
from runner.engine.mlmodel import SCALARS, MlModel, read_mlmodel
from runner.errors import JobFailed
from runner.package_names import normal
from runner.venvs.environment import DeclaredEnvironment
from runner.venvs.names import name_of, version_of
from runner.venvs.reading import model_environment

# How far two versions of a library may be apart, as digits that must be the same, before what one
# saved is not sure to load in the other.
_ALIKE: Mapping[str, int] = {"scikit-learn": 2, "pyspark": 2}
_ALIKE_ELSEWHERE = 1
# The types of model for which Azure has a script, or a server.
_SERVED: Mapping[str, frozenset[str]] = {
    "batch": frozenset({"mlflow_model"}),
    "online": frozenset({"mlflow_model", "triton_model"}),
}


def check_subject(subject: Subject) -> Iterator[Finding]:
    """Check what a deployment asks of its model."""
    yield from check_needs_script(subject)
    yield from check_library(subject)
    yield from check_saved_version(subject)
    yield from check_saved_python(subject)
    yield from check_declared_twice(subject)
    yield from check_sample(subject)


def check_assets(catalog: Catalog) -> Iterator[Finding]:
    """Check the models that have a declaration of their own."""
    for model in catalog.models.values():
        yield from check_mlmodel(model, place_in(model.source, "path"))


def check_mlmodel(model: Model, place: Place) -> Iterator[Finding]:
    """Check that a model of type mlflow_model has an `MLmodel` that MLflow can go by."""
    if model.type != "mlflow_model" or not isinstance(model.path, Path) or not model.path.exists():
        return
    try:
        read_mlmodel(model.path)
    except JobFailed as problem:
        yield error(place, "mlmodel", str(problem))


def check_needs_script(subject: Subject) -> Iterator[Finding]:
    """Check that a model that Azure has no script for has its own, or an image that serves it."""
    model = subject.model
    if model is None or subject.has_script or model.type in _SERVED[subject.kind]:
        return
    environment = subject.environment
    if environment is not None and environment.inference_config is not None:
        return
    if subject.only_azure_knows:
        return
    text = (
        f"{subject.name} has no scoring script, and its model is a {model.type}: give it a"
        " code_configuration, or save the model with MLflow"
    )
    yield error(subject.place("model"), "needs-script", text)


def check_library(subject: Subject) -> Iterator[Finding]:
    """Check that an environment of the deployment's own has the library of its MLflow model."""
    if subject.mlmodel is None or subject.resolved is None or subject.environment is None:
        return
    if subject.has_script:
        return  # it may load the model in another way
    needed = [*subject.mlmodel.saved_versions]
    if not {"mlflow", "mlflow-skinny"} & subject.package_names:
        needed.append("mlflow")
    for name in needed:
        if normal(name) not in subject.package_names:
            text = (
                f"the environment lacks {name}, without which its model can't be loaded: add it, or"
                " leave the environment out, and the model's own is used"
            )
            yield error(subject.place("environment"), "library", text)


def check_saved_version(subject: Subject) -> Iterator[Finding]:
    """Check that the library has the version that the model was saved with, or a near version."""
    if subject.mlmodel is None or subject.resolved is None:
        return
    for name, saved in subject.mlmodel.saved_versions.items():
        has = subject.resolved.get(normal(name))
        if has is None or _alike(name, saved, has):
            continue
        where = subject.place("environment") if subject.environment else _model_place(subject)
        text = (
            f"the model was saved with {name} {saved}, and the environment has {has}, which may not"
            f" load it: pin {name}=={saved}, or save the model anew"
        )
        yield warning(where, "saved-version", text)


def check_saved_python(subject: Subject) -> Iterator[Finding]:
    """Check that a pickled model is not loaded by an older Python than it was saved with.

    A model with functions of its own (pyfunc) is loaded by that Python alone, as they are pickled
    as bytecode.
    """
    model, environment = subject.mlmodel, subject.environment
    if model is None or environment is None or subject.wanted is None or not model.saved_python:
        return
    saved = version_of(model.saved_python)[:2]
    has = version_of(subject.wanted.python or "")[:2]
    own = model.loader_module == "mlflow.pyfunc.model"
    if len(saved) < 2 or len(has) < 2 or not (model.pickle or own):
        return
    if has < saved or (own and has != saved):
        text = (
            f"the model was pickled by Python {model.saved_python}, and the environment has"
            f" {subject.wanted.python}, which may not load it: declare python={saved[0]}.{saved[1]}"
        )
        yield warning(subject.place("environment"), "saved-python", text)


def check_declared_twice(subject: Subject) -> Iterator[Finding]:
    """Check that the files of a model ask for the same packages: Azure reads conda.yaml alone."""
    model, wanted = subject.mlmodel, subject.wanted
    if model is None or wanted is None or subject.environment is not None:
        return
    try:
        own = model_environment(model.folder)
    except DeclarationError:  # running it here reports that
        return
    if own is None or own.source == wanted.source:
        return
    here, there = _by_name(own), _by_name(wanted)
    for name in sorted(here.keys() & there.keys()):
        if here[name] != there[name]:
            text = (
                f"{wanted.source} says {there[name]}, which is what Azure installs, and"
                f" {own.source} {here[name]}, which is what runs here: say the same in both"
            )
            yield warning(Place(Path(wanted.source), 0), "declared-twice", text)


def check_sample(subject: Subject) -> Iterator[Finding]:
    """Check that the script that Azure writes for a model without one finds a sample of what the
    model takes and returns, which it does before it loads the model."""
    model = subject.mlmodel
    if subject.kind != "online" or subject.has_script or model is None:
        return
    if subject.only_azure_knows or subject.has_own_server:
        return
    found = _without_sample(model)
    if found is not None:
        part, way_out = found
        text = (
            "the script that Azure writes for a model without one makes a sample of what the model"
            f" takes and returns, and can make none of {part}, so that the container doesn't"
            f" start: {way_out}, or give the deployment a code_configuration"
        )
        yield error(_model_place(subject), "sample", text)


def _without_sample(model: MlModel) -> tuple[str, str] | None:
    """Return the part of a model that the generated script fails over, and a way out.

    Source: the script itself, which tests/local/serving/record_azure.py names.
    """
    for output in model.outputs:
        if output.get("type") not in (*SCALARS, "tensor"):
            part = f"output {output.get('name', 0)!r} of the signature, an {output.get('type')}"
            return part, "save the model with a signature of its inputs only"
    if model.loader_module == "mlflow.transformers":
        return None  # of whose input it takes words
    if model.example is None:
        for column in model.signature.loose_columns:
            if isinstance(column.name, str) and column.type not in SCALARS:
                part = f"input {column.name!r} of the signature, an {column.type}"
                return part, "save the model with columns of plain types"
    elif model.example not in ("dataframe", "ndarray") and _holds_object(model.example_file):
        part = "the input example, an object that is neither a DataFrame nor arrays by name"
        return part, "save the model with a DataFrame for input_example"
    return None


def _holds_object(file: Path | None) -> bool:
    """Return whether a file holds a JSON object with something in it."""
    try:
        held = json.loads(file.read_bytes()) if file is not None else None
    except (OSError, ValueError, RecursionError):
        return False  # then the script goes by the signature
    return isinstance(held, dict) and bool(held)


def _by_name(declared: DeclaredEnvironment) -> dict[str, str]:
    named = ((name_of(requirement), requirement) for requirement in declared.requirements)
    return {name: requirement for name, requirement in named if name is not None}


def _alike(name: str, saved: str, has: str) -> bool:
    digits = _ALIKE.get(name, _ALIKE_ELSEWHERE)
    return re.split(r"[.+]", saved)[:digits] == re.split(r"[.+]", has)[:digits]


def _model_place(subject: Subject) -> Place:
    assert subject.mlmodel is not None
    return Place(subject.mlmodel.folder / "MLmodel", 0)
