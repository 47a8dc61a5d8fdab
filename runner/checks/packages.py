"""Checks that Azure can make a declared environment, and that it holds what executors need."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from runner.azure_executor import MONITORING, SERVER, online_needs
from runner.checks.finding import Finding, error, warning
from runner.checks.source_code import Source, calls
from runner.checks.subject import Subject, place_in
from runner.declarations.document import ListNode, MappingNode, Node, ScalarNode, read_document
from runner.declarations.problem import DeclarationError, Place
from runner.venvs.names import name_of, version_of

# Packages of conda's that only other systems have: an environment exported there names them.
_ELSEWHERE = re.compile(
    r"(pywin32|pywinpty|wincertstore|win_inet_pton|vs2015_runtime|vc|vc14_runtime|ucrt|menuinst"
    r"|m2w64-.*|msys2-.*|libcxxabi|pyobjc-.*)"
)
# Builds before these versions are made for NumPy 1, and not all of them say so to pip.
# Source: https://numpy.org/doc/stable/numpy_2_0_migration_guide and the packages' own notes.
_FOR_NUMPY_2: Mapping[str, tuple[int, ...]] = {
    "pandas": (2, 2, 2),
    "pyarrow": (16,),
    "scikit-learn": (1, 4, 2),
    "scipy": (1, 13),
}
# A requirements file, or a package by its path.
_LOCAL = re.compile(
    r"(-r|--requirement|-c|--constraint|-e|--editable)[\s=]*(?!https?:|git\+)\S"
    r"|(\.{1,2})?/|file:|[^\s:@]+\.(whl|tar\.gz|zip)\s*$"
)
_OLDEST_PYTHON = (3, 9)
# Older servers import distutils. Up to 3.12, conda's pip brings setuptools, which has it.
_WITHOUT_DISTUTILS = (3, 13)
_FIRST_WITHOUT_DISTUTILS = (1, 4)  # of the servers
_OF_BATCH = ("azureml-core", "azureml-defaults", "azureml-sdk", "azureml-dataset-runtime")
_OF_TRACKING = ("azureml-mlflow", "azureml-defaults", "azureml-sdk")
_LOG_MODELS = ("log_model", "autolog")
# The beginnings of the names of functions that call the tracking server.
_TRACKS = ("autolog", "log_", "register_model", "set_experiment", "set_tag", "start_run")


def check_subject(subject: Subject) -> Iterator[Finding]:
    """Check the environment of a deployment or job, its own or its model's."""
    yield from check_environment_required(subject)
    yield from check_conda_builds(subject)
    yield from check_other_systems(subject)
    yield from check_local_files(subject)
    yield from check_batch_executor(subject)
    yield from check_inference_server(subject)
    yield from check_monitoring(subject)
    yield from check_old_python(subject)
    yield from check_old_server(subject)
    yield from check_numpy_2(subject)
    yield from check_tracking(subject)
    yield from check_logged_models(subject)


def check_environment_required(subject: Subject) -> Iterator[Finding]:
    """Check that a deployment with a script has an environment, as the model's is not used then."""
    if subject.has_script and subject.declared.environment is None:
        text = (
            f"{subject.name} has a scoring script and no environment, which Azure refuses, even"
            " where the model brings one: name an image and a conda file under environment"
        )
        yield error(subject.place("code_configuration"), "environment", text)


def check_conda_builds(subject: Subject) -> Iterator[Finding]:
    """Check that no package of conda's is pinned to a build, which exists for one system only."""
    builds = [
        (node.place, node.text)
        for node in _conda_packages(subject)
        if node.text.count("=") == 2 and "==" not in node.text
    ]
    if builds:
        place, text = builds[0]
        bare = text.rpartition("=")[0]
        more = f", and {len(builds) - 1} more" if len(builds) > 1 else ""
        yield warning(
            place,
            "conda-build",
            f"{text} names a build{more}, which another system than the one it was exported on"
            f" hasn't: write {bare}, or export with `conda env export --no-builds`",
        )


def check_other_systems(subject: Subject) -> Iterator[Finding]:
    """Check that no package of conda's exists for Windows or macOS alone."""
    for node in _conda_packages(subject):
        name = _name(node)
        if _ELSEWHERE.fullmatch(name):
            text = (
                f"{name} is a package of Windows or macOS, which Linux hasn't: take it out, or"
                " export with `conda env export --from-history`"
            )
            yield error(node.place, "other-system", text)


def check_local_files(subject: Subject) -> Iterator[Finding]:
    """Check that no line below pip is a file of this machine: only the conda file itself is sent.

    That of a model is sent with the files that lie beside it.
    """
    if subject.environment is None:
        return
    for node in _pip_lines(subject):
        if _LOCAL.match(node.text):
            text = (
                f"{node.text} is a file of this machine, and only the conda file is sent: write its"
                " packages here, or name a Dockerfile under build"
            )
            yield error(node.place, "local-file", text)


def check_batch_executor(subject: Subject) -> Iterator[Finding]:
    """Check that the environment of a batch deployment's script has azureml-core."""
    if subject.kind != "batch" or not subject.has_script:
        return
    if _lacks(subject, _OF_BATCH):
        text = (
            "the environment lacks azureml-core, without which Azure's batch executor can't run the"
            " script: add it under pip"
        )
        yield error(conda_place(subject), "batch-executor", text)


def check_inference_server(subject: Subject) -> Iterator[Finding]:
    """Check that an environment that an online deployment declares has the server that runs its
    script, be that its own or what Azure writes."""
    if SERVER in _container_lacks(subject):
        text = (
            "the environment lacks azureml-inference-server-http, without which the container of"
            " the deployment doesn't start: add it under pip"
        )
        yield error(conda_place(subject), "inference-server", text)


def check_monitoring(subject: Subject) -> Iterator[Finding]:
    """Check that the packages of a model without a script have what Azure's script imports."""
    if subject.mlmodel is not None and MONITORING in _container_lacks(subject):
        own = subject.environment is None
        whose = "the model's packages lack" if own else "the environment lacks"
        way = 'save it with extra_pip_requirements=["azureml-ai-monitoring"]' if own else ""
        text = (
            "the script that Azure writes for a model without one imports azureml.ai.monitoring,"
            f" and {whose} azureml-ai-monitoring, so its container doesn't start:"
            f" {way or 'add it under pip'}"
        )
        yield error(conda_place(subject), "monitoring", text)


def check_old_python(subject: Subject) -> Iterator[Finding]:
    """Check that Azure's inference server still runs on the declared Python."""
    if subject.kind != "online" or subject.wanted is None or not subject.wanted.python:
        return
    version = version_of(subject.wanted.python)
    if version[:2] < _OLDEST_PYTHON:
        text = (
            f"Python {subject.wanted.python} is older than Azure's inference server runs on:"
            " declare 3.10 or newer, and save the model anew with it"
        )
        named = [node.place for node in _conda_packages(subject) if _name(node) == "python"]
        yield warning(next(iter(named), conda_place(subject)), "old-python", text)


def check_old_server(subject: Subject) -> Iterator[Finding]:
    """Check that the Python is not too new for the inference server."""
    resolved = subject.resolved or {}
    if subject.kind != "online" or subject.wanted is None or SERVER not in resolved:
        return
    too_new = version_of(subject.wanted.python or "0")[:2] >= _WITHOUT_DISTUTILS
    old = version_of(resolved[SERVER]) < _FIRST_WITHOUT_DISTUTILS
    if too_new and old and "setuptools" not in subject.package_names:
        text = (
            f"{SERVER} {resolved[SERVER]} imports distutils, which Python {subject.wanted.python}"
            " has no more, so that the container doesn't start: ask for 1.4 or newer"
        )
        yield error(requirement_place(subject, SERVER), "old-server", text)


def check_numpy_2(subject: Subject) -> Iterator[Finding]:
    """Check that no package is built for NumPy 1 where NumPy 2 would be installed."""
    resolved = subject.resolved or {}
    if version_of(resolved.get("numpy", "0"))[0] < 2:
        return
    for name, first in _FOR_NUMPY_2.items():
        if name in resolved and version_of(resolved[name]) < first:
            text = (
                f"{name} {resolved[name]} is built for NumPy 1, and NumPy {resolved['numpy']} would"
                f" be installed, with which it can't be imported: add numpy<2, or {name}>="
                + ".".join(map(str, first))
            )
            yield error(requirement_place(subject, name), "numpy-2", text)


def check_tracking(subject: Subject) -> Iterator[Finding]:
    """Check that a job that logs with MLflow has the package that reaches Azure's tracking."""
    if subject.kind != "command" or not _lacks(subject, _OF_TRACKING):
        return
    if any(name[0] == "mlflow" and name[-1].startswith(_TRACKS) for _, name, _ in _calls(subject)):
        text = (
            "the script logs with MLflow, and the environment lacks azureml-mlflow, without which"
            " MLflow can't reach the job's tracking on Azure: add it under pip"
        )
        yield error(conda_place(subject), "tracking", text)


def check_logged_models(subject: Subject) -> Iterator[Finding]:
    """Check that a job doesn't log models with an MLflow that Azure's tracking doesn't know yet."""
    resolved = subject.resolved or {}
    version = resolved.get("mlflow") or resolved.get("mlflow-skinny") or "0"
    if subject.kind != "command" or version_of(version)[0] < 3:
        return
    for source, name, call in _calls(subject):
        no_models = any(
            word.arg == "log_models" and getattr(word.value, "value", None) is False
            for word in call.keywords
        )
        if name[-1] in _LOG_MODELS and name[0] == "mlflow" and not no_models:
            text = (
                f"{'.'.join(name)}() of MLflow {version} asks Azure's tracking for logged models,"
                " which it doesn't know (404): pin mlflow<3, or save_model() into an output"
            )
            yield warning(Place(source.path, call.lineno), "logged-models", text)


def conda_place(subject: Subject) -> Place:
    """Return where packages are declared: below pip, else the conda file's packages, else it."""
    node = conda_node(subject)
    if node is None:
        if subject.environment is not None:
            return place_in(subject.environment.source, "conda_file")
        source = subject.wanted.source if subject.wanted else str(subject.declared.file)
        return Place(Path(source), 0) if Path(source).is_absolute() else subject.place()
    for item in _dependencies(subject):
        if isinstance(item, MappingNode) and "pip" in item.entries:
            return item.key_places["pip"]
    return node.key_places.get("dependencies", node.place)


def requirement_place(subject: Subject, name: str) -> Place:
    """Return where a package is asked for, else where packages are."""
    for requirement, place in (subject.wanted.places if subject.wanted else {}).items():
        if name_of(requirement) == name:
            return parse_place(place)
    return conda_place(subject)


def parse_place(text: str) -> Place:
    """Return the place of `file:line`, or of `file (who declares it there)`."""
    file, _, line = text.rpartition(":")
    if line.isdecimal() and file:
        return Place(Path(file), int(line))
    return Place(Path(re.sub(r" \(.*\)$", "", text)), 0)


def conda_node(subject: Subject) -> MappingNode | None:
    """Return the content of the conda file that counts; None where none can be read."""
    environment = subject.environment
    if environment is not None:
        written = environment.source.entries.get("conda_file")
        if isinstance(written, MappingNode):
            return written
        file = environment.conda_file if isinstance(environment.conda_file, Path) else None
    elif subject.mlmodel is not None and not subject.has_script:
        file = subject.mlmodel.folder / "conda.yaml"
    else:
        return None
    try:
        return read_document(file) if file is not None else None
    except DeclarationError:
        return None


def _lacks(subject: Subject, packages: Iterable[str]) -> bool:
    """Return whether it is known that none of the packages would be installed.

    That is known of packages that are declared here, all of them or with what they bring along.
    """
    if subject.environment is not None and subject.environment.conda_file is None:
        return False
    if subject.only_azure_knows or subject.wanted is None:
        return False
    names = subject.package_names
    if any(package in names for package in packages):
        return False
    brings_others = any(name.startswith("azureml-") for name in names)
    return subject.resolved is not None or not brings_others


def _container_lacks(subject: Subject) -> list[str]:
    """Return the packages that a container is known to lack and doesn't start without."""
    environment = subject.environment
    if subject.kind != "online" or (environment is None and subject.has_script):
        return []
    if subject.has_own_server:
        return []
    image = environment.image if environment is not None else None
    needs = online_needs(subject.has_script, image)
    return [package for package, enough in needs if _lacks(subject, enough)]


def _dependencies(subject: Subject) -> tuple[Node, ...]:
    """Return the packages of the conda file, and what it has below pip."""
    node = conda_node(subject)
    return _items(node, "dependencies") if node is not None else ()


def _items(node: MappingNode, key: str) -> tuple[Node, ...]:
    found = node.entries.get(key)
    return found.items if isinstance(found, ListNode) else ()


def _conda_packages(subject: Subject) -> Iterator[ScalarNode]:
    return (item for item in _dependencies(subject) if isinstance(item, ScalarNode))


def _pip_lines(subject: Subject) -> Iterator[ScalarNode]:
    for item in _dependencies(subject):
        lines = _items(item, "pip") if isinstance(item, MappingNode) else ()
        yield from (line for line in lines if isinstance(line, ScalarNode))


def _name(spec: ScalarNode) -> str:
    """Return the package that a specification of conda's names."""
    return re.split(r"[\s=<>!~\[]", spec.text.rpartition("::")[2])[0].lower()


def _calls(subject: Subject) -> Iterator[tuple[Source, list[str], ast.Call]]:
    for source in subject.sources:
        for name, call in calls(source):
            yield source, name, call
