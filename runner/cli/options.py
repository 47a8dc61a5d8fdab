"""The options that commands share, and what completes their values."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from runner.venvs.interpreter import ENV_MANAGERS, EnvManager

if TYPE_CHECKING:
    from datetime import timedelta

    from click.shell_completion import CompletionItem

    from runner.workspace import Abilities, AssetKind, EndpointInfo, Workspace

Function = TypeVar("Function", bound=Callable[..., Any])
Goal = Literal["maximize", "minimize"]  # of a metric, as a sweep of az ml calls them
Completion = Callable[..., "list[CompletionItem]"]
Opener = Callable[..., "Workspace"]  # takes the environment and, where given, its stack output


@dataclass
class Session:
    """Holds what the options say about the whole command, wherever on the line they stand."""

    opener: Opener | None = None  # None: the project's environments are opened
    chosen: str | None = None
    stack_output: Path | None = None
    verbose: bool = False
    env_manager: EnvManager | None = None

    @property
    def environment(self) -> str:
        from runner.project import default_environment

        return self.chosen or default_environment()

    def open(self) -> Workspace:
        if self.env_manager is not None and not self.abilities().makes_venvs:
            from runner.errors import WrongUsage

            raise WrongUsage(
                "--env-manager is for this machine: elsewhere the platform makes the declared"
                " environment; leave it out"
            )
        workspace = self.open_other(self.environment, self.stack_output)
        workspace.env_manager = self.env_manager
        return workspace

    def abilities(self) -> Abilities:
        """Return what the environment can do, without opening its workspace where that is known."""
        if self.opener is not None:
            return self.open_other(self.environment, self.stack_output).abilities
        from runner.environments import find_abilities

        return find_abilities(self.environment, self.stack_output)

    def open_other(self, environment: str, stack_output: Path | None) -> Workspace:
        """Open the workspace of an environment by name, whatever the options say."""
        from runner.cli.failure import print_warning
        from runner.cli.printing import nearer, print_note
        from runner.cli.transfers import TransferView

        given = () if stack_output is None else (stack_output,)
        if self.opener is None:
            from runner.environments import open_workspace

            workspace = open_workspace(environment, stack_output)
        else:
            workspace = self.opener(environment, *given)
        workspace.on_transfer = TransferView().show
        workspace.on_notice = print_warning
        workspace.on_step = lambda text: print_note(nearer(text))
        return workspace


pass_session = click.make_pass_decorator(Session)


def _session(ctx: click.Context) -> Session:
    session = ctx.find_object(Session)
    assert session is not None, "the command line starts in runner.cli.main"
    return session


def completes(listed: Callable[[click.Context], Iterable[str]]) -> Completion:
    """Make of what lists names the callback that completes the one that is typed."""

    def complete(
        ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        try:
            names = list(listed(ctx))
        except Exception:  # a shell in the middle of a line has no place for an error
            return []
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]

    return complete


def _endpoints(ctx: click.Context, kind: str | None) -> list[EndpointInfo]:
    endpoints = _session(ctx).open().endpoints()
    return [endpoint for endpoint in endpoints if kind in (None, endpoint.kind)]


def endpoint_names(kind: str | None = None) -> Completion:
    """Complete the names of endpoints, of `batch` or `online` ones where a kind is given."""
    return completes(lambda ctx: (endpoint.name for endpoint in _endpoints(ctx, kind)))


job_names = completes(lambda ctx: (job.name for job in _session(ctx).open().jobs(limit=50)))


def asset_names(kind: AssetKind) -> Completion:
    """Complete the names of the workspace's models or data."""
    return completes(
        lambda ctx: sorted({asset.name for asset in _session(ctx).open().assets(kind)})
    )


def deployment_names(kind: str) -> Completion:
    """Complete the deployments of the endpoint on the line, else of all endpoints of the kind."""

    def listed(ctx: click.Context) -> Iterable[str]:
        # A line that ends in an option without its value leaves its arguments unread, in `args`.
        typed = {ctx.params.get("endpoint"), *ctx.args}
        endpoints = _endpoints(ctx, kind)
        chosen = [endpoint for endpoint in endpoints if endpoint.name in typed] or endpoints
        return (deployment.name for endpoint in chosen for deployment in endpoint.deployments)

    return completes(listed)


@completes
def model_folders(_ctx: click.Context) -> Iterable[str]:
    """Return the folders of the project's `models`."""
    from runner.project import find_project

    return sorted(path.name for path in find_project().models.iterdir() if path.is_dir())


@completes
def declared_jobs(ctx: click.Context) -> Iterable[str]:
    """Return the jobs that the model folder on the line declares."""
    from runner.declarations import read_catalog
    from runner.project import find_project

    return read_catalog(find_project().models).jobs.get(ctx.params.get("model") or "", {})


@completes
def schedule_names(ctx: click.Context) -> Iterable[str]:
    """Return the schedules in the stack file, of the endpoint on the line if there is one."""
    from runner.project import find_project, read_environment_catalog

    catalog = read_environment_catalog(find_project(), _session(ctx).environment)
    typed = (ctx.params.get("endpoint"), *ctx.args)
    owners = [name for name in catalog.schedules if name in typed] or list(catalog.schedules)
    return sorted({name for owner in owners for name in catalog.schedules[owner]})


@completes
def checked_names(_ctx: click.Context) -> Iterable[str]:
    """Return the endpoints, models and model folders that the project declares."""
    from runner.checks.choice import names_in
    from runner.declarations import survey_catalog
    from runner.project import find_project

    return sorted(names_in(survey_catalog(find_project().models)[0]))


@completes
def environment_names(_ctx: click.Context) -> Iterable[str]:
    """Return the project's environments."""
    from runner.environments import list_environments
    from runner.project import find_project

    return list_environments(find_project())


def _choose_environment(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value is not None:
        _session(ctx).chosen = value


def _choose_stack_output(ctx: click.Context, _param: click.Parameter, value: Path | None) -> None:
    if value is not None:
        _session(ctx).stack_output = value


def _choose_env_manager(
    ctx: click.Context, _param: click.Parameter, value: EnvManager | None
) -> None:
    _session(ctx).env_manager = value


def _be_verbose(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        _session(ctx).verbose = True


class Option(click.Option):
    """An option that is also taken by its `former` names, which help and completion leave out."""

    def __init__(self, *names: Any, former: tuple[str, ...], **options: Any) -> None:
        super().__init__(*names, **options)
        self._former = former

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        super().add_to_parser(parser, ctx)
        names, self.opts = self.opts, list(self._former)
        super().add_to_parser(parser, ctx)
        self.opts = names


_env = click.option(
    "--env",
    "-e",
    metavar="ENV",
    expose_value=False,
    is_eager=True,  # so that completing another option's value sees it
    callback=_choose_environment,
    shell_complete=environment_names,
    help="The environment to work in.  [default: RUNNER_ENV, else local]",
)
_stack_output = click.option(
    "--stack-output",
    cls=Option,
    former=("--outputs",),
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    expose_value=False,
    is_eager=True,
    callback=_choose_stack_output,
    help="The stack's output as JSON, in place of Pulumi's state.  [default: RUNNER_STACK_OUTPUT]",
)
_verbose = click.option(
    "--verbose",
    "-v",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_be_verbose,
    help="Show more: logs as they come, the traceback of an error.",
)


def format_option(*formats: str) -> Callable[[Function], Function]:
    """Return the option -o, as az has it: one of the formats, of which the first is the default."""
    return click.option(
        "--output",
        "-o",
        "format_",
        metavar="FORMAT",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help=f"The format of the result: {', '.join(formats[:-1])} or {formats[-1]}.",
    )


env_manager_option = click.option(
    "--env-manager",
    type=click.Choice(ENV_MANAGERS),
    expose_value=False,
    callback=_choose_env_manager,
    help="What makes the declared environment on this machine. auto takes the runner's own packages"
    " where they are those that are declared, and uv where they are not; local takes the runner's"
    " own in any case.  [default: RUNNER_ENV_MANAGER, else scoring:envManager in"
    " Pulumi.local.yaml, else auto]",
)
no_wait_option = click.option(
    "--no-wait",
    is_flag=True,
    help="Print the job's name and leave it running.",
)


def _new_place(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    """Refuse a folder that exists before the job begins that is to be copied there."""
    if value is not None and os.path.lexists(value):
        raise click.BadParameter(f"{value} exists already; name another place", ctx, param)
    return value


download_option = click.option(
    "--download-path",
    "download",
    cls=Option,
    former=("--download",),
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    callback=_new_place,
    help="When the job is done, copy its results and logs there; must not exist.",
)


def common(function: Function) -> Function:
    """Add the options of every command; the last on the line wins."""
    return _env(_stack_output(_verbose(function)))


def job_argument(required: bool = False) -> Callable[[Function], Function]:
    """Add NAME, a job; where it may be left out, the latest job is meant."""
    return click.argument("name", required=required, shell_complete=job_names)


def pairs(_ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Read repeated KEY=VALUE options; a key given twice keeps its last value."""
    read = {}
    for text in values:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise click.BadParameter(f"{text!r} is not {param.metavar}", param=param)
        read[key.strip()] = value
    return read


def age(ctx: click.Context, param: click.Parameter, value: str | None) -> timedelta | None:
    """Read a number with its unit: minutes, hours, days or weeks."""
    if value is None:
        return None
    import re
    from datetime import timedelta

    read = re.fullmatch(r"(\d{1,6})([mhdw])", value.strip().lower())
    if read is None:
        raise click.BadParameter(f"{value!r} is no age; write 90m, 12h, 30d or 8w", ctx, param)
    unit = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}[read[2]]
    return timedelta(**{unit: int(read[1])})


_TEXT = "TEXT"  # the metavar of what names nothing


class Command(click.Command):
    """A command that refuses empty arguments, which a shell variable without a value leaves.

    Only what is a TEXT may be empty.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:
            # As typed: what reads a value may make something else of an empty one.
            try:
                typed, _, _ = self.make_parser(ctx).parse_args(list(args))
            except click.UsageError as error:
                error.ctx = ctx  # whose help is named; Click leaves it out of some
                raise
            for param in self.get_params(ctx):
                if typed.get(param.name or "") == "" and param.metavar != _TEXT:
                    raise click.BadParameter("it is empty; name something", ctx, param)
        return super().parse_args(ctx, args)


class Group(Command, click.Group):
    """A group of commands that shows its help where it stands alone on the line."""

    command_class = Command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, args or ["--help"])

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(self.commands)  # as written, not by the alphabet


class PathOrAddress(click.Path):
    """A path that must be there, as a Path; an address, such as azureml://…, as its text."""

    def __init__(self) -> None:
        super().__init__(exists=True, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from runner.declarations.references import is_uri

        if isinstance(value, str) and is_uri(value):
            return value
        return super().convert(value, param, ctx)


def existing_path(**kinds: bool) -> click.Path:
    """Return the type of an option that takes a path, which must be there, as a Path."""
    return click.Path(exists=True, path_type=Path, **kinds)
