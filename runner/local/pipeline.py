"""The steps of a deployed pipeline, which have to be commands, run on this machine as one job.

The steps run one after the other, each in its own copy of its code, in the job's environment. A
step's output for another step lies in the job's folder, below `steps`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from runner.assets.content import scan_code
from runner.assets.kinds import ASSET_KINDS, is_folder, kind_of_type
from runner.declarations import AssetReference, Catalog, PipelineDeployment
from runner.declarations.component import (
    CommandComponent,
    PipelineComponent,
    Step,
    find_component_file,
    read_command_component,
    read_pipeline_component,
    step_of,
)
from runner.declarations.references import PREFIX, parse_reference
from runner.errors import EnvironmentRefused, WrongUsage
from runner.files.atomic import remove
from runner.invocation.pipeline import Taken, asked_inputs, literal
from runner.invocation.request import Request
from runner.jobs.folder import code_folder, job_folder, now
from runner.jobs.input_paths import check_type, existing
from runner.jobs.interpreter import differing
from runner.jobs.run_tags import usual_experiment
from runner.jobs.secrets import unwritten
from runner.local.command_job import Command, write_command
from runner.local.home import make_folder
from runner.local.interpreters import EnvironmentSource, Interpreters
from runner.local.invocation import find_data
from runner.local.jobs import begin_job, name_job
from runner.local.tracking.plan import RunInput, RunPlan
from runner.local.training import copy_code
from runner.local.venvs import keep_interpreter
from runner.venvs.interpreter import Interpreter
from runner.venvs.needs import script_needs
from runner.workspace import Assets, Invocation, Job, JobStatus

_BOUND = re.compile(
    r"\$\{\{\s*parent\.(?:(?P<side>inputs|outputs)|jobs\.(?P<step>\w+)\.outputs)\.(?P<name>\w+)"
    r"\s*\}\}"
)
_USED = re.compile(r"\$\{\{\s*(?P<side>inputs|outputs)\.(?P<name>\w+)(?:\.path)?\s*\}\}")
_NAME = re.compile(r"\w+")
_OPTIONAL = re.compile(r"\$\[\[(.*?)\]\]", re.DOTALL)
_ON_AZURE = "name an environment of Azure with --env"


@dataclass(frozen=True)
class _RunnableStep:
    """A step of a pipeline with its component, which is on this machine."""

    name: str
    step: Step
    component: CommandComponent
    before: frozenset[str] = field(default_factory=frozenset)  # the steps whose outputs it reads


def begin_pipeline(
    home: Path,
    catalog: Catalog,
    request: Request,
    invocation: Invocation,
    assets: Assets,
    interpreters: Interpreters,
) -> Job:
    """Begin the job of a deployment that runs a pipeline.

    Raises WrongUsage for inputs that it does not take, and EnvironmentRefused for what only Azure
    runs, before there is a job.
    """
    assert request.pipeline is not None
    if invocation.output_path is not None:
        raise WrongUsage("--output-path is for models here: leave it out for a pipeline")
    pipeline = _pipeline_of(request.pipeline)
    taken = Taken(
        pipeline.file.name,
        {name: asdict(item) for name, item in pipeline.inputs.items()},
        {name: asdict(item) for name, item in pipeline.outputs.items()},
    )
    asked = asked_inputs(taken, invocation.inputs, request.data)
    files = {
        name: _data(assets, catalog, name, text, taken.type_of(name))
        for name, text in asked.items()
        if taken.is_data(name)
    }
    usual = {
        name: item.default for name, item in pipeline.inputs.items() if item.default is not None
    }
    given = {name: literal(taken, name, text) for name, text in asked.items() if name not in files}
    values = {name: _written(value) for name, value in {**usual, **given}.items()}
    parts = _in_order(pipeline)
    name = name_job(request.endpoint)
    paths = {key: file.path for key, file in files.items()}
    folder = job_folder(home, name)
    command = _command(assets, catalog, pipeline, parts, {**values, **paths}, folder)
    interpreter = _interpreter(parts, interpreters)
    make_folder(home, folder)
    try:
        code_folder(folder).mkdir()
        for part in parts:
            target = code_folder(folder) / part.name
            if isinstance(part.component.code, Path):
                copy_code(part.component.code, scan_code(part.component.code, home), target)
            else:
                target.mkdir()
        run = RunPlan(usual_experiment(), name, {}, values, files)
        write_command(replace(command, run=run, python=interpreter.python), folder)
        keep_interpreter(home, interpreter, folder)
    except BaseException:
        remove(folder)  # no job knows of it
        raise
    job = Job(
        name=name,
        type="pipeline",
        status=JobStatus.QUEUED,
        created_at=now(),
        endpoint=request.endpoint,
        deployment=request.deployment,
        input=next((file.shown for file in files.values()), None),
    )
    begun = begin_job(
        home, job, {name: command.environment_variables[name] for name in command.secrets}
    )
    return replace(begun, notices=(*request.notices, *differing(interpreter)))


def variables_of(deployment: PipelineDeployment) -> dict[str, str]:
    """Return the declared variables of all steps, by their names in the job's command.

    Raises as `begin_pipeline`.
    """
    return _variables(_in_order(_pipeline_of(deployment)))


def _variables(parts: list[_RunnableStep]) -> dict[str, str]:
    return {
        f"{part.name}__{name}": value
        for part in parts
        for name, value in part.step.environment_variables.items()
    }


def _pipeline_of(deployment: PipelineDeployment) -> PipelineComponent:
    component = deployment.component
    if isinstance(component, Path):
        return read_pipeline_component(component)
    found = find_component_file(deployment.file.parent, component)
    if found is None:
        raise EnvironmentRefused(
            f"deployment {deployment.name!r} runs {component}, whose steps are not on this machine:"
            f" {_ON_AZURE}, or put the component's file into {deployment.file.parent}"
        )
    return read_pipeline_component(found)


def _in_order(pipeline: PipelineComponent) -> list[_RunnableStep]:
    """Return the steps, each after those it depends on. Raises EnvironmentRefused, WrongUsage."""
    waiting = {name: _part(pipeline, name) for name in pipeline.jobs}
    for part in waiting.values():
        if unknown := sorted(part.before - waiting.keys()):
            raise WrongUsage(f"{pipeline.file}: step {part.name!r} reads of no step {unknown[0]!r}")
    ordered: list[_RunnableStep] = []
    while waiting:
        ready = [part for part in waiting.values() if not part.before & waiting.keys()]
        if not ready:
            raise WrongUsage(f"{pipeline.file}: steps wait for each other: {', '.join(waiting)}")
        ordered += ready
        for part in ready:
            del waiting[part.name]
    return ordered


def _part(pipeline: PipelineComponent, name: str) -> _RunnableStep:
    """Return a step that can run here. Raises EnvironmentRefused, WrongUsage."""
    where = f"step {name!r} of {pipeline.file.name}"
    kind = str(pipeline.jobs[name].get("type", "command"))
    if kind != "command":
        raise EnvironmentRefused(f"{where} is of type {kind}, which only Azure runs: {_ON_AZURE}")
    step = step_of(pipeline, name)
    component = step.component
    if isinstance(component, AssetReference):
        found = find_component_file(pipeline.file.parent, component)
        if found is None:
            raise EnvironmentRefused(
                f"{where} runs {component}, which is not on this machine: {_ON_AZURE}, or put its"
                f" file into {pipeline.file.parent}"
            )
        component = found
    if isinstance(component, Path):
        component = read_command_component(component)
    if component.code is not None and not isinstance(component.code, Path):
        raise EnvironmentRefused(f"the code of {where} is not on this machine ({component.code})")
    # These become names of folders.
    for called in (name, *component.outputs, *pipeline.outputs):
        if not _NAME.fullmatch(called):
            raise WrongUsage(f"{where}: found the name {called!r}, allowed: letters, digits and _")
    before = {found["step"] for found in _bindings(step) if found["step"]}
    return _RunnableStep(name, step, component, frozenset(before))


def _bindings(step: Step) -> Iterator[re.Match[str]]:
    for bound in (*step.inputs.values(), *step.outputs.values()):
        yield from _BOUND.finditer(str(_path_of(bound)))


def _path_of(bound: Any) -> Any:
    """Return what a name is bound to: a value, or the path of a mapping."""
    return bound.get("path", bound.get("value")) if isinstance(bound, Mapping) else bound


def _interpreter(parts: list[_RunnableStep], interpreters: Interpreters) -> Interpreter:
    """Return the Python of all steps. Raises EnvironmentRefused if they declare several."""
    found: Interpreter | None = None
    for part in parts:
        code = part.component.code if isinstance(part.component.code, Path) else None
        needs = replace(script_needs(code), runs_runner=False)
        source = EnvironmentSource(f"step {part.name!r}", part.component.environment, needs)
        chosen = interpreters.choose(source)
        if found is not None and chosen.python != found.python:
            raise EnvironmentRefused(
                f"step {part.name!r} declares another environment than {parts[0].name!r}, and a"
                f" pipeline has one here: {_ON_AZURE}, or add --env-manager local"
            )
        found = found or chosen
    assert found is not None, "a pipeline has steps"
    return found


def _command(
    assets: Assets,
    catalog: Catalog,
    pipeline: PipelineComponent,
    parts: list[_RunnableStep],
    given: Mapping[str, str],
    folder: Path,
) -> Command:
    """Return the steps as one shell command, which ends with the first step that fails."""
    steps = folder / "steps"
    inputs: dict[str, str] = {}
    lines = [f"rm -rf {shlex.quote(str(steps))}"]
    for part in parts:
        outputs, made = _outputs(part, pipeline, steps)
        values = _inputs(assets, catalog, part, pipeline, given, steps)
        inputs |= {f"{part.name}__{name}": value for name, value in {**values, **outputs}.items()}
        text = _command_of(part, values, outputs)
        # Values have names, as any user of this machine can read the command.
        exported = "".join(
            f'export {name}="${part.name}__{name}"\n' for name in part.step.environment_variables
        )
        lines += [
            f"echo {shlex.quote(f'step {part.name}')}",
            *made,
            f"(\ncd {shlex.quote(str(code_folder(folder) / part.name))} || exit 1\n{exported}{text}"
            f"\n) || {{ echo {shlex.quote(f'step {part.name} failed')}; exit 1; }}",
        ]
    written = {name: is_folder(item.type) for name, item in pipeline.outputs.items()}
    variables = _variables(parts)
    return Command(
        "\n".join(lines),
        RunPlan("", ""),
        inputs,
        written,
        environment_variables=variables,
        secrets=unwritten(variables),
    )


def _outputs(
    part: _RunnableStep, pipeline: PipelineComponent, steps: Path
) -> tuple[dict[str, str], list[str]]:
    """Return where a step writes for other steps, and the commands that make those places."""
    places: dict[str, str] = {}
    made: list[str] = []
    for name, declared in part.component.outputs.items():
        found = _BOUND.fullmatch(str(_path_of(part.step.outputs.get(name))).strip())
        if found is not None and found["side"] == "outputs":
            if found["name"] not in pipeline.outputs:
                raise WrongUsage(f"{pipeline.file}: there is no output {found['name']!r}")
            continue
        place = steps / part.name / name
        places[name] = str(place)
        made_folder = place if is_folder(declared.type) else place.parent
        made.append(f"mkdir -p {shlex.quote(str(made_folder))}")
    return places, made


def _inputs(
    assets: Assets,
    catalog: Catalog,
    part: _RunnableStep,
    pipeline: PipelineComponent,
    given: Mapping[str, str],
    steps: Path,
) -> dict[str, str]:
    """Return the inputs of a step by name, without optional ones that are not given."""
    values: dict[str, str] = {
        name: _written(item.default)
        for name, item in part.component.inputs.items()
        if item.default is not None
    }
    for name, bound in part.step.inputs.items():
        declared = part.component.inputs.get(name)
        if declared is None:
            raise WrongUsage(f"{pipeline.file}: step {part.name!r} has no input {name!r}")
        path = _path_of(bound)
        found = _BOUND.fullmatch(str(path).strip())
        if found is not None and found["step"]:
            values[name] = str(steps / found["step"] / found["name"])
        elif found is not None:
            if found["name"] in given:
                values[name] = given[found["name"]]
        elif isinstance(bound, Mapping) and "path" in bound:
            values[name] = _asset(assets, catalog, pipeline.file.parent, str(path), declared.type)
        else:
            values[name] = _written(path)
    lacking = [
        name
        for name, item in part.component.inputs.items()
        if name not in values and not item.optional
    ]
    if lacking:
        raise WrongUsage(f"{pipeline.file}: step {part.name!r} is not given {lacking[0]!r}")
    return values


def _asset(assets: Assets, catalog: Catalog, start: Path, path: str, type_: str) -> str:
    """Return the path of what a step names itself: an asset, or files beside the pipeline."""
    if path.startswith(PREFIX):
        reference = parse_reference(path)
        if type_ in ASSET_KINDS["model"].types and kind_of_type(type_) == "model":
            return assets.asset("model", str(reference)).path
        return find_data(assets, catalog, reference).path
    found = existing(start / path)
    if found is None:
        raise WrongUsage(f"no file or folder {start / path}")
    return str(found.absolute())


def _data(assets: Assets, catalog: Catalog, name: str, text: str, type_: str) -> RunInput:
    """Return an input of the call: files of this machine, or a data asset."""
    if text.startswith(PREFIX):
        asset = find_data(assets, catalog, parse_reference(text, "data"))
        return RunInput(asset.reference, asset.path, asset.content_hash)
    found = existing(text)
    if found is None:
        raise WrongUsage(f"input {name!r}: no file or folder {text}")
    check_type(found, type_)
    return RunInput(text, str(found.absolute()))


def _command_of(part: _RunnableStep, values: Mapping[str, str], outputs: Mapping[str, str]) -> str:
    """Return a step's command, with the job's names for its values and places."""

    def kept(match: re.Match[str]) -> str:
        used = [
            reference["name"]
            for reference in _USED.finditer(match[1])
            if reference["side"] == "inputs"
        ]
        return match[1] if all(name in values for name in used) else ""

    def named(match: re.Match[str]) -> str:
        side, name = match["side"], match["name"]
        if side == "outputs" and name not in outputs:
            found = _BOUND.fullmatch(str(_path_of(part.step.outputs.get(name))).strip())
            if found is None:
                raise WrongUsage(f"step {part.name!r} has no output {name!r}")
            return f"${{{{outputs.{found['name']}}}}}"
        if side == "inputs" and name not in values:
            raise WrongUsage(f"step {part.name!r} has no input {name!r}")
        return f"${{{{inputs.{part.name}__{name}}}}}"

    return _USED.sub(named, _OPTIONAL.sub(kept, part.component.command)).strip()


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
