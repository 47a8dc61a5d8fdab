"""Prints an error as one line that names the thing and the way out."""

from __future__ import annotations

import sys

import click

from runner.errors import Interrupted, RunnerError

INTERRUPTED = Interrupted.exit_status
# The beginnings of click's own messages of wrong usage, which has a capital letter there.
_BY_CLICK = ("Missing ", "No such ", "Invalid ", "Got ", "Option ")
_HEAD, _TAIL = 700, 300  # characters kept of a longer line; the way out stands at its end


def report(error: Exception, verbose: bool = False) -> int:
    """Print the error on stderr, after its traceback where asked, and return the exit status."""
    if verbose and not isinstance(error, (click.ClickException, click.Abort)):
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    lines, status = _lines_and_status(error)
    for line in lines:
        print_error(line)
    return status


def print_error(text: str) -> None:
    """Print one line on stderr, in red where it is a terminal."""
    _print_line("error:", "red", text)


def print_warning(text: str) -> None:
    """Print one line on stderr, in yellow where it is a terminal."""
    _print_line("warning:", "yellow", text)


def _print_line(label: str, colour: str, text: str) -> None:
    from runner.cli.printing import nearer, printable, styled

    text = printable(nearer(text))
    if len(text) > _HEAD + _TAIL:
        text = f"{text[:_HEAD]} ... {text[-_TAIL:]}"
    print(f"{styled(label, sys.stderr, fg=colour)} {text}", file=sys.stderr)


def _lines_and_status(error: Exception) -> tuple[list[str], int]:
    """Return the lines to print, one for each problem, and the exit status."""
    if isinstance(error, RunnerError):
        # Only declarations have several problems; a line break elsewhere is part of a name.
        problems = getattr(error, "problems", None)
        return [str(problem) for problem in problems or [error]], error.exit_status
    if isinstance(error, click.Abort):
        return ["interrupted"], INTERRUPTED
    if isinstance(error, click.NoSuchOption) and error.possibilities and error.ctx:
        # Of an option's names only those that its help has: not the former ones.
        current = {name for option in error.ctx.command.params for name in option.opts}
        suggested = sorted(current.intersection(error.possibilities))
        error = click.NoSuchOption(error.option_name, possibilities=suggested, ctx=error.ctx)
    if isinstance(error, click.UsageError):
        text = " ".join(error.format_message().split())
        if text.startswith(_BY_CLICK):
            text = text[0].lower() + text[1:]
        command = error.ctx.command_path if error.ctx else "runner"
        return [f"{text.removesuffix('.')}; see `{command} --help`"], error.exit_code
    if isinstance(error, click.ClickException):
        return [" ".join(error.format_message().split())], error.exit_code
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return [f"{_path(error.filename)}: {error.strerror}"], 1
    if isinstance(error, OSError) and error.strerror:
        return [error.strerror], 1
    text = " ".join(str(error).split())
    name = type(error).__name__
    return [f"unexpected {name}: {text}; run again with -v for the traceback"], 1


def _path(name: str | bytes | int) -> str:
    import os

    return os.fsdecode(name) if isinstance(name, bytes) else str(name)
