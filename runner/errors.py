"""Holds the errors that a person can act on, by exit status; each is printed as one line."""


class RunnerError(Exception):
    """An error a person can act on: its text names the thing and the way out."""

    exit_status = 1


class JobFailed(RunnerError):
    """The job itself failed: its input, its model or its script."""

    exit_status = 1


class WrongUsage(RunnerError):
    """The command, or a declaration it reads, asks for something that makes no sense."""

    exit_status = 2


class EnvironmentRefused(RunnerError):
    """The environment can't be reached, lacks what was named, or refuses the request."""

    exit_status = 3


class NotFound(EnvironmentRefused):
    """The environment has nothing of that name."""


class Interrupted(RunnerError):
    """Somebody pressed Ctrl-C; the text says what that leaves behind."""

    exit_status = 130
