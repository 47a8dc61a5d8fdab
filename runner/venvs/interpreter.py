"""The record of the Python that runs a model, a script or a training job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

# The values of MLflow's option, and auto: the runner's own environment where that satisfies what is
# declared, and uv where it doesn't.
EnvManager = Literal["auto", "uv", "conda", "local"]
ENV_MANAGERS: Final[tuple[EnvManager, ...]] = get_args(EnvManager)


@dataclass(frozen=True)
class OtherVersion:
    """A package that is declared in another version than the runner's own environment has."""

    name: str
    declared: str  # as it is declared, such as ==1.5.2
    installed: str | None  # None: not installed


@dataclass(frozen=True)
class Interpreter:
    """A Python executable, and what a person is told of it."""

    python: str | None = None  # path of the executable; None: the one that runs the runner
    version: str | None = None  # of that Python, such as 3.10.13
    venv: str | None = None  # the name of the virtual environment that was made for it
    source: str | None = None  # what declares the environment, None where nothing does
    others: tuple[OtherVersion, ...] = ()  # of which the runner's own environment differs
    notices: tuple[str, ...] = ()  # sentences, such as that an image is not used here
