"""Checks what is sent to Azure: that all is sent that runs there, and not too much besides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from runner.assets.content import Content, scan, scan_code
from runner.assets.ignore_files import NEVER_CODE, find_ignore_rules
from runner.checks.finding import Finding, error, warning
from runner.checks.subject import Subject, place_in
from runner.declarations import Catalog, Data, Environment, Model
from runner.declarations.problem import Place
from runner.errors import WrongUsage

# Microsoft's own limit of what is kept of a job's code, beyond which it asks for a datastore.
# Source: https://learn.microsoft.com/azure/machine-learning/how-to-save-write-experiment-files
_MOST_BYTES = 300 << 20
_MOST_FILES = 2000


def check_subject(subject: Subject) -> Iterator[Finding]:
    """Check the folder of code of a deployment or job, and that of its image."""
    if isinstance(subject.declared.environment, Environment):
        yield from check_build_folder(subject.declared.environment)
    if subject.code is None or not subject.code.is_dir():
        return
    place = subject.code_place
    try:
        content = scan_code(subject.code)
    except WrongUsage as problem:
        yield error(place, "upload", str(problem))
        return
    yield from check_left_out_code(subject, content)
    yield from check_code_size(place, subject.code, content)


def check_assets(catalog: Catalog) -> Iterator[Finding]:
    """Check the files of models, data and images that have a declaration of their own."""
    for environment in catalog.environments.values():
        yield from check_build_folder(environment)
    assets: list[Model | Data] = [*catalog.models.values(), *catalog.data.values()]
    for asset in assets:
        if not isinstance(asset.path, Path) or not asset.path.exists():
            continue
        place = place_in(asset.source, "path")
        try:
            content = scan(asset.path)
        except WrongUsage as problem:
            yield error(place, "upload", str(problem))
            continue
        if isinstance(asset, Model):
            yield from check_left_out_of_model(asset, content, place)


def check_left_out_code(subject: Subject, content: Content) -> Iterator[Finding]:
    """Check that no ignore file leaves out what the deployment or job starts."""
    assert subject.code is not None
    for script in (subject.entry, *subject.shell_scripts):
        if script is None or not script.is_file() or not script.is_relative_to(subject.code):
            continue
        name = script.relative_to(subject.code).as_posix()
        if name not in {file.name for file in content.files}:
            yield from _left_out(subject.code, name, "the script that Azure starts")


def check_left_out_of_model(model: Model, content: Content, place: Place) -> Iterator[Finding]:
    """Check that no ignore file leaves out what an MLflow model can't be loaded without."""
    assert isinstance(model.path, Path)
    if model.type != "mlflow_model" or content.shape == "file":
        return
    sent = {file.name for file in content.files}
    for file in sorted(path for path in model.path.rglob("*") if path.is_file()):
        name = file.relative_to(model.path).as_posix()
        if name not in sent and not _is_clutter(name):
            yield from _left_out(model.path, name, "a file of the model")


def check_build_folder(environment: Environment) -> Iterator[Finding]:
    """Check that a Dockerfile's folder can be sent, with that file and not too much else."""
    build = environment.build
    if build is None or not isinstance(build.path, Path) or not build.path.is_dir():
        return
    place = place_in(environment.source, "build", "path")
    try:
        content = scan(build.path)
    except WrongUsage as problem:
        yield error(place, "upload", str(problem))
        return
    yield from check_code_size(place, build.path, content)
    sent = {file.name for file in content.files}
    if build.dockerfile_path not in sent and (build.path / build.dockerfile_path).is_file():
        yield from _left_out(build.path, build.dockerfile_path, "the Dockerfile")


def check_code_size(place: Place, code: Path, content: Content) -> Iterator[Finding]:
    """Check that the code is code, and not what a project keeps beside it."""
    if content.size <= _MOST_BYTES and len(content.files) <= _MOST_FILES:
        return
    sizes: dict[str, int] = {}
    for file in content.files:
        top = file.name.partition("/")[0]
        sizes[top] = sizes.get(top, 0) + file.size
    largest = max(sizes, key=lambda name: sizes[name])
    text = (
        f"{len(content.files)} files of {content.size >> 20} MB are sent with {code}, most of it"
        f" {largest}, and Azure is made for {_MOST_BYTES >> 20} MB in {_MOST_FILES} files: leave"
        f" out what no script needs in {code / '.amlignore'}, or keep data as data"
    )
    yield warning(place, "code-size", text)


def _left_out(folder: Path, name: str, noun: str) -> Iterator[Finding]:
    rules = find_ignore_rules(folder, NEVER_CODE)
    if rules is None or rules.path is None:
        return
    pattern = rules.deciding(name)
    text = f"leaves out {name}, {noun}: {rules.way_out}"
    yield error(rules.path, "left-out", text, pattern.line if pattern else 0)


def _is_clutter(name: str) -> bool:
    """Return whether a file is one that systems, editors and git leave behind."""
    parts = name.split("/")
    if "input_example" in parts[-1]:
        return True
    return any(part.startswith(".") or part == "__pycache__" for part in parts) or parts[
        -1
    ].endswith((".pyc", ".md", ".log"))
