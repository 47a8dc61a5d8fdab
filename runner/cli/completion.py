"""`runner completion`."""

from __future__ import annotations

import click

from runner.cli.options import Command, common


@click.command(
    cls=Command,
    epilog="""\b
Examples:
  eval "$(runner completion bash)"                 for this shell
  runner completion zsh > ~/.zfunc/_runner         for every zsh
  runner completion fish > ~/.config/fish/completions/runner.fish""",
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@common
def completion(shell: str) -> None:
    """Print the shell's completion script.

    Commands, options and the names of endpoints, jobs, models and environments are completed.
    """
    from click.shell_completion import get_completion_class

    from runner.cli import runner

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(kind(runner, {}, "runner", "_RUNNER_COMPLETE").source())
