"""The command line, whose commands parse, call the workspace and print.

Commands live in modules of their own, imported when one is used, so that starting costs little
more than importing click.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from runner import __version__
from runner.cli.options import Group, Opener, Session, common

_SIGPIPE = 128 + 13

# name → the help shown in the list, here so that listing imports no command
COMMANDS = {
    "score": "Score data with a batch endpoint and get the results.",
    "invoke": "Send one request to an online endpoint.",
    "serve": "Serve an online endpoint on this machine.",
    "jobs": "Look at jobs, stop them, take them up again.",
    "models": "Register models, look at them, fetch and promote them.",
    "data": "Register data, look at it, fetch it.",
    "endpoints": "Look at endpoints and their deployments.",
    "train": "Run a model's training job.",
    "init": "Declare an MLflow model, with a batch endpoint and a deployment.",
    "check": "Check whether what is declared would run on Azure.",
    "ui": "Open the page of the workspace's runs.",
    "env": "Look at the project's environments.",
    "venvs": "Look at the venvs of declared environments, remove them.",
    "completion": "Print the shell's completion script.",
}


class LazyGroup(Group):
    """The group of the commands of `COMMANDS`, which imports `runner.cli.<name>` on use."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        from importlib import import_module

        command: click.Command = getattr(import_module(f"runner.cli.{name}"), name)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            from runner.nearest import nearest

            raise click.UsageError(f"no command {name!r}{nearest(name, COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["--help", "-h"]},
    epilog="""\b
Examples:
  runner score                     score the project's data, here
  runner score --env dev           the same on Azure, in the environment dev
  runner train diabetes            train a model, tracked by MLflow
  runner jobs resume               take up a job that was cut off
  runner jobs list                 what ran
  runner score --help              the options of one command""",
)
@common
@click.version_option(__version__, prog_name="runner", message="%(prog)s %(version)s")
def runner() -> None:
    """Train models and score data with them, as Azure Machine Learning does."""


def main(args: Sequence[str] | None = None, opener: Opener | None = None) -> NoReturn:
    """Run one command line and leave with its exit status.

    `opener` turns an environment's name into its workspace; by default the project's. Where nobody
    reads stdout on, the status is the command's own if it had come to its end, else that of a
    process which SIGPIPE ends: 141.
    """
    _open_closed_streams()
    from runner.cli.failure import report

    _never_fail_to_print()
    session = Session(opener)
    stdout = sys.stdout
    try:
        status = runner.main(args=args, prog_name="runner", standalone_mode=False, obj=session)
    except SystemExit as ended:
        # Of a closed pipe, too: click has put another stream in the place of its own then.
        status = ended.code if sys.stdout is stdout else _SIGPIPE
    except Exception as error:
        status = report(error, verbose=session.verbose)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _silence_stdout()
    sys.exit(status)


def _open_closed_streams() -> None:
    """Stand in for the standard streams that the process was started without.

    Else the next file that is opened would take the place of one, and what is printed.
    """
    import os
    from pathlib import Path

    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free; those below it are taken.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        if getattr(sys, name) is None:
            stream = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - until the end
            setattr(sys, name, stream)


def _never_fail_to_print() -> None:
    """Escape what a stream's encoding lacks, such as the odd bytes of a file's name."""
    from io import TextIOWrapper

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _silence_stdout() -> None:
    """Keep the interpreter from complaining, as it ends, that nobody reads on."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
