"""`runner models`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from runner.cli.assets import (
    add_download,
    add_list,
    add_show,
    asset_argument,
    full_reference,
    print_registered,
    register_asset,
    registration,
    registration_options,
)
from runner.cli.comparison import TOLERANCE, share
from runner.cli.options import (
    Group,
    Option,
    Session,
    asset_names,
    common,
    deployment_names,
    endpoint_names,
    env_manager_option,
    environment_names,
    existing_path,
    format_option,
    job_names,
    pass_session,
)
from runner.cli.pins import find_targets, pin_model, pin_options

_REGISTRY = "azureml://registries/"  # what --to begins with where it is no environment


@click.group(
    cls=Group,
    epilog="""\b
Examples:
  runner models list
  runner models register -f models/diabetes/model.yml
  runner models promote diabetes-mlflow:3 --from dev --to prod --pin""",
)
@common
def models() -> None:
    """Register models, look at them, fetch and promote them."""


@models.command(
    epilog="""\b
Examples:
  runner models register -f models/diabetes/model.yml
  runner models register --name diabetes-mlflow --path models/diabetes/model
  runner models register --name diabetes-mlflow --from-job NAME
  runner models register -f models/diabetes/model.yml --env dev --pin"""
)
@registration_options("model")
@click.option(
    "--from-job",
    "job",
    metavar="JOB",
    shell_complete=job_names,
    help="Register what this job wrote.",
)
@click.option(
    "--output-name",
    metavar="OUTPUT",
    help="Which output of the job.  [default: model, else the only model that it logged]",
)
@click.option(
    "--artifact",
    metavar="PATH",
    help="Which model or artifact that the job logged, such as model.",
)
@pin_options
@format_option("table", "json")
@common
@pass_session
def register(
    session: Session,
    /,
    job: str | None,
    output_name: str | None,
    artifact: str | None,
    pin: bool,
    deployments: tuple[str, ...],
    format_: str,
    source: Path | str | None,
    file: Path | None,
    path: Path | str | None,
    **options: Any,
) -> None:
    """Register a model.

    It comes from its declaration, from a path, or from the job that made it; where nothing is
    named, from the only model that the project declares. The same content registered again keeps
    its version.

    With --pin the version is written into the environment's Pulumi.<env>.yaml. Deployments with a
    scoring script get their code registered and pinned, too.
    """
    if not (source or file or path or job):
        file = _only_declared()
    if (output_name or artifact) and not job:
        raise click.UsageError("--output-name and --artifact say what of --from-job: add it")
    if output_name and artifact:
        raise click.UsageError("--output-name and --artifact exclude each other")
    workspace = session.open()

    def made() -> str:
        from runner.jobs.addresses import JobOutput, artifact_of

        assert job is not None
        if artifact:
            return str(artifact_of(job, artifact))
        return str(JobOutput(job, output_name)) if output_name else workspace.model_address(job)

    wanted = registration(
        "model",
        source,
        file,
        path=path,
        job=job,
        made=made if job else None,
        other_ways=", or --name NAME --from-job JOB",
        **options,
    )
    targets = find_targets(session.environment, wanted.name, wanted.path, deployments, pin)
    registered = register_asset(workspace, "model", wanted)
    print_registered(registered, format_)
    if targets:
        pin_model(workspace, targets, registered)


@models.command(
    epilog="""\b
Examples:
  runner models promote diabetes-mlflow:3 --from dev --to prod
  runner models promote diabetes-mlflow --from dev --to prod --pin
  runner models promote diabetes-mlflow:3 --from dev --to azureml://registries/NAME"""
)
@asset_argument("model")
@click.option(
    "--from",
    "source",
    metavar="ENV",
    shell_complete=environment_names,
    help="The environment that has the model.  [default: that of --env]",
)
@click.option(
    "--to",
    "target",
    metavar="ENV",
    required=True,
    shell_complete=environment_names,
    help="The environment that gets it, or a registry of Azure: azureml://registries/NAME.",
)
@click.option(
    "--from-stack-output",
    "source_output",
    cls=Option,
    former=("--from-outputs",),
    metavar="FILE",
    type=existing_path(dir_okay=False),
    help="The stack's output of --from, as --stack-output has it.",
)
@click.option(
    "--to-stack-output",
    "target_output",
    cls=Option,
    former=("--to-outputs",),
    metavar="FILE",
    type=existing_path(dir_okay=False),
    help="The stack's output of --to.",
)
@pin_options
@format_option("table", "json")
@common
@pass_session
def promote(
    session: Session,
    /,
    reference: str,
    source: str | None,
    target: str,
    source_output: Path | None,
    target_output: Path | None,
    pin: bool,
    deployments: tuple[str, ...],
    format_: str,
) -> None:
    """Copy a version of a model to another environment.

    The files go from one workspace to the other, and their hash is checked on the way; only those
    from or to Databricks lie on this machine meanwhile. Tags say where the copy came from. The
    same content again keeps its version there, and what was cut off can be run again.

    To a registry Azure copies the files by itself, and the version keeps its number.
    """
    from runner.cli.promote import promote
    from runner.commit import checked_out_commit
    from runner.environments import takes_stack_output
    from runner.project import STACK_OUTPUT, find_project, stack_output_variable

    def output_of(environment: str, given: Path | None) -> Path | None:
        return given or (session.stack_output if takes_stack_output(environment) else None)

    origin = source or session.environment
    if target.startswith(_REGISTRY):
        if pin or deployments:
            raise click.UsageError(
                f"--pin writes an environment's stack file, and {target} is none"
            )
        here = session.open_other(origin, output_of(origin, source_output))
        registry = target.removeprefix(_REGISTRY).strip("/")
        print_registered(here.share(full_reference(reference), registry), format_)
        return
    if origin == target:
        raise click.UsageError(f"--from and --to are both {target}: a copy needs two environments")
    both = takes_stack_output(origin) and takes_stack_output(target)
    if both and not (source_output and target_output):
        # One workspace's output for both ends would copy it onto itself.
        if session.stack_output or stack_output_variable():
            raise click.UsageError(
                f"--stack-output and {STACK_OUTPUT} describe one workspace, and there are two: give"
                " --from-stack-output and --to-stack-output"
            )
    elif not both:
        source_output = output_of(origin, source_output)
        target_output = output_of(target, target_output)
    name = full_reference(reference).removeprefix("azureml:").partition("@")[0].partition(":")[0]
    targets = find_targets(target, name, None, deployments, pin)
    here = session.open_other(origin, source_output)
    there = session.open_other(target, target_output)
    commit = checked_out_commit(find_project().root)
    promoted = promote(here, there, full_reference(reference), commit)
    print_registered(promoted, format_)
    if targets:
        pin_model(there, targets, promoted)


@models.command(
    epilog="""\b
Examples:
  runner models compare 2 3
  runner models compare diabetes-mlflow@latest
  runner models compare diabetes-mlflow:2 models/diabetes/model --data data/diabetes/unlabeled
  runner models compare 2 3 --rows changed.csv --html comparison.html
  runner models compare 2 3 --env prod -o markdown --fail-over 5%"""
)
@click.argument("old", metavar="OLD", shell_complete=asset_names("model"))
@click.argument("new", metavar="[NEW]", required=False, shell_complete=asset_names("model"))
@click.option(
    "--data",
    metavar="PATH|REF",
    help="What to score: a file, a folder, a quoted pattern of files or azureml:NAME:VERSION."
    "  [default: the input the project declares for the endpoint]",
)
@click.option(
    "--endpoint",
    metavar="NAME",
    shell_complete=endpoint_names("batch"),
    help="The batch endpoint to score as.  [default: one that has the model]",
)
@click.option(
    "--deployment",
    "-d",
    metavar="NAME",
    shell_complete=deployment_names("batch"),
    help="Which deployment of it.  [default: the endpoint's default]",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0, max=1),
    default=TOLERANCE,
    show_default=True,
    metavar="SHARE",
    help="Numbers that differ by no more than this share of the larger have not changed.",
)
@click.option(
    "--fail-over",
    metavar="SHARE",
    callback=share,
    help="Exit with status 4 where more of the rows change, such as 5%.",
)
@click.option(
    "--rows",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the rows that changed there, as CSV.",
)
@click.option(
    "--html",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the comparison there, as a page.",
)
@format_option("table", "json", "markdown")
@env_manager_option
@common
@pass_session
def compare(
    session: Session,
    /,
    old: str,
    new: str | None,
    fail_over: float | None,
    rows: Path | None,
    html: Path | None,
    format_: str,
    **asked: Any,
) -> int:
    """Say what a new version of a model changes.

    Both versions score the same data on this machine, in the environment that each declares, as
    the endpoint's deployment would. OLD and NEW are versions (3, NAME:3, NAME@latest) of the
    environment, or files of a model (a path with a slash, or its declaration); without NEW it is
    the model as it lies in the project. Nothing is registered or changed anywhere.
    """
    from runner.cli.comparison import EXCEEDED, compare_versions, excess, print_comparison
    from runner.cli.printing import print_json, print_note

    comparison = compare_versions(session, old, new, rows, **asked)
    if html is not None:
        from runner.comparison.page import to_page
        from runner.files.atomic import write_atomically

        write_atomically(html, to_page(comparison))
    if format_ == "json":
        from runner.comparison.report import to_json

        print_json(to_json(comparison))
    elif format_ == "markdown":
        from runner.comparison.markdown import to_markdown

        print(to_markdown(comparison), end="")
    else:
        print_comparison(comparison)
    over = None if fail_over is None else excess(comparison, fail_over)
    if over is not None:
        print_note(over)
        return EXCEEDED
    return 0


def _only_declared() -> Path | None:
    """Return the declaration of the project's only model; None where there is no such.

    Raises UsageError where the project has several.
    """
    from runner.declarations import read_catalog
    from runner.errors import WrongUsage
    from runner.project import find_project

    try:
        project = find_project()
    except WrongUsage:
        return None
    declared = read_catalog(project.models).models
    if len(declared) > 1:
        names = ", ".join(sorted(declared))
        raise click.UsageError(f"the project declares {names}: name one with -f model.yml")
    return next((model.file for model in declared.values()), None)


add_list(models, "model")
add_show(models, "model")
add_download(models, "model")
