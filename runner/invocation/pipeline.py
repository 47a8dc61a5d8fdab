"""Matches the inputs of a call to those that a deployed pipeline's component takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from runner.assets.kinds import INPUT_TYPES
from runner.errors import WrongUsage
from runner.nearest import nearest

_NUMBERS: Mapping[str, Callable[[str], int | float]] = {"integer": int, "number": float}
_LITERALS = ("string", "boolean", "enum", *_NUMBERS)


@dataclass(frozen=True)
class Taken:
    """The inputs and outputs of a pipeline component, by name, as they are declared."""

    component: str  # for messages
    inputs: Mapping[str, Mapping[str, Any]]
    outputs: Mapping[str, Mapping[str, Any]]

    def type_of(self, name: str) -> str:
        return str(self.inputs[name].get("type"))

    def is_data(self, name: str) -> bool:
        """Return whether an input is files. Raises WrongUsage for neither files nor a value."""
        type_ = self.type_of(name)
        if type_ in INPUT_TYPES:
            return True
        if type_ in _LITERALS:
            return False
        known = ", ".join((*INPUT_TYPES, *_LITERALS))
        raise WrongUsage(f"input {name!r} of {self.component} is a {type_}, allowed: {known}")


def asked_inputs(taken: Taken, inputs: Mapping[str, str], data: str) -> dict[str, str]:
    """Return the inputs of a call by name; `data` stands for the only one that is files.

    Empty `data` is none. Raises WrongUsage for inputs that the component has not, or lacks.
    """
    asked = {_only_data(taken, inputs): data, **inputs} if data else dict(inputs)
    for name in asked:
        if name not in taken.inputs:
            raise WrongUsage(f"no input {name!r} of {taken.component}{nearest(name, taken.inputs)}")
    lacking = [
        name
        for name, declared in taken.inputs.items()
        if name not in asked and not declared.get("optional") and declared.get("default") is None
    ]
    if lacking:
        raise WrongUsage(
            f"{taken.component} needs {', '.join(lacking)}: give --inputs {lacking[0]}=VALUE"
        )
    return asked


def literal(taken: Taken, name: str, text: str) -> str | int | float | bool:
    """Return a value of an input as its type has it. Raises WrongUsage for no value of its type."""
    type_ = taken.type_of(name)
    if type_ == "boolean":
        if text.lower() not in ("true", "false"):
            raise WrongUsage(f"input {name!r} is {text!r}, allowed: true or false")
        return text.lower() == "true"
    read = _NUMBERS.get(type_)
    if read is None:
        return text
    try:
        return read(text)
    except ValueError:
        raise WrongUsage(f"input {name!r} is {text!r}, allowed: {type_}") from None


def _only_data(taken: Taken, asked: Mapping[str, str]) -> str:
    """Return the one input that --data means."""
    free = [
        name for name in taken.inputs if taken.type_of(name) in INPUT_TYPES and name not in asked
    ]
    if len(free) != 1:
        raise WrongUsage(
            f"--data means the only input of {taken.component} that is data, and there are"
            f" {', '.join(free) or 'none'}: give --inputs NAME=VALUE"
        )
    return free[0]
