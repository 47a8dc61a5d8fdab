"""Checks that the files that a declaration names are there, and spelled as Linux wants it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from runner.checks.finding import Finding, error
from runner.checks.subject import SCRIPT, Subject, names_in, place_in
from runner.declarations import Catalog, CommandJob, Environment, JobInput, SparkJob
from runner.declarations.problem import Place
from runner.nearest import nearest


def check_subject(subject: Subject) -> Iterator[Finding]:
    """Check the files that a deployment or job names itself."""
    yield from check_code_folder(subject)
    yield from check_entry_script(subject)
    yield from check_shell_scripts(subject)
    yield from check_job_inputs(subject)
    if isinstance(subject.declared.environment, Environment):
        yield from check_environment_files(subject.declared.environment)
    model = subject.model
    if model is not None and model.file == subject.declared.file and isinstance(model.path, Path):
        yield from _missing(model.path, subject.place("model", "path"), "the model's path")


def check_assets(catalog: Catalog) -> Iterator[Finding]:
    """Check the files of models, data and environments that have a declaration of their own."""
    for model in catalog.models.values():
        if isinstance(model.path, Path):
            yield from _missing(model.path, place_in(model.source, "path"), "the model's path")
    for data in catalog.data.values():
        if isinstance(data.path, Path):
            yield from _missing(data.path, place_in(data.source, "path"), "the data's path")
    for environment in catalog.environments.values():
        yield from check_environment_files(environment)


def check_code_folder(subject: Subject) -> Iterator[Finding]:
    """Check that the folder of code is there, and is a folder."""
    if subject.code is None:
        return
    place = subject.code_place
    yield from _missing(subject.code, place, "the folder of code")
    if subject.code.is_file():
        text = f"{subject.code} is a file: name the folder that it lies in"
        yield error(place, "missing-file", text)


def check_entry_script(subject: Subject) -> Iterator[Finding]:
    """Check that the script that Azure starts lies in the code, under a path for Linux."""
    if subject.code is None or subject.entry is None or not subject.code.is_dir():
        return
    if isinstance(subject.declared, CommandJob):
        place, noun = subject.place("command"), "the script of the command"
    elif isinstance(subject.declared, SparkJob):
        place, noun = subject.place("entry", "file"), "the job's program"
    else:
        place, noun = subject.place(*SCRIPT), "the scoring script"
    name = os.path.relpath(subject.entry, subject.code)
    if "\\" in name and not subject.entry.is_file():
        slashed = name.replace("\\", "/")
        text = f"{noun} is {name}, and Linux knows no folders in that: write {slashed}"
        yield error(place, "backslash", text)
        return
    if name.startswith(".."):
        text = (
            f"{noun} is {name}, outside the folder of code, of which alone Azure has a copy: move"
            " it there, or name a folder above as code"
        )
        yield error(place, "missing-file", text)
        return
    yield from _missing(subject.entry, place, noun, subject.code)


def check_shell_scripts(subject: Subject) -> Iterator[Finding]:
    """Check that shell scripts of the command are there, with the line ends of Linux."""
    place = subject.place("command")
    for script in subject.shell_scripts:
        yield from _missing(script, place, "the script of the command", subject.code)
        line = _carriage_return(script)
        if line:
            text = (
                "the line ends as on Windows, and a shell on Linux takes the carriage return for a"
                " part of it: save the file with LF, and have .gitattributes say `*.sh text eol=lf`"
            )
            yield error(script, "line-ends", text, line)


def check_job_inputs(subject: Subject) -> Iterator[Finding]:
    """Check that the inputs that a job reads of this machine are there."""
    if not isinstance(subject.declared, CommandJob | SparkJob):
        return
    for name, given in subject.declared.inputs.items():
        if isinstance(given, JobInput) and isinstance(given.path, Path):
            yield from _missing(
                given.path, subject.place("inputs", name, "path"), f"the input {name}"
            )


def check_environment_files(environment: Environment) -> Iterator[Finding]:
    """Check that the conda file, or the Dockerfile with its folder, is there."""
    if isinstance(environment.conda_file, Path):
        place = place_in(environment.source, "conda_file")
        yield from _missing(environment.conda_file, place, "the conda file")
    build = environment.build
    if build is not None and isinstance(build.path, Path):
        folder, file = build.path, build.path / build.dockerfile_path
        yield from _missing(folder, place_in(environment.source, "build", "path"), "the folder")
        if folder.is_dir():
            place = place_in(environment.source, "build", "dockerfile_path")
            yield from _missing(file, place, "the Dockerfile", folder)


def _missing(path: Path, place: Place, noun: str, base: Path | None = None) -> Iterator[Finding]:
    """Check that a path is there, and is spelled as on Linux.

    Below `base` where it is given, else below the folder of the file that names it.
    """
    base = base or place.file.parent
    if not path.exists():
        there = names_in(path.parent)
        hint = nearest(path.name, there) if there else ""
        text = f"{noun} {path} isn't there{hint or ': correct the path, or add it'}"
        yield error(place, "missing-file", text)
        return
    wrong = _misspelled(path, base)
    if wrong:
        text = (
            f"{noun} {path} is spelled {wrong} on this machine, and Linux tells capitals apart:"
            " write it as it is spelled"
        )
        yield error(place, "capitals", text)


def _misspelled(path: Path, base: Path) -> str | None:
    """Return the true name of a part of a path that is only there as capitals don't matter here."""
    try:
        relative = Path(os.path.relpath(path, base))
    except ValueError:  # on another drive
        return None
    folder = Path(os.path.normpath(base))
    for part in relative.parts:
        if part not in ("..", ".") and (names := names_in(folder)) and part not in names:
            same = [name for name in names if name.lower() == part.lower()]
            return same[0] if same else None
        folder = folder.parent if part == ".." else folder / part
    return None


def _carriage_return(script: Path) -> int:
    """Return the first line that ends with a carriage return; 0 for none."""
    try:
        lines = script.read_bytes().split(b"\n")
    except OSError:
        return 0
    return next((number for number, line in enumerate(lines, 1) if line.endswith(b"\r")), 0)
