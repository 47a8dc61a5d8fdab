"""Checks of a resource's inputs against the providers' own types, by reflection."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import typing
from collections.abc import Iterator, Mapping
from enum import Enum
from types import NoneType
from typing import Any

from pulumi._types import input_type_py_to_pulumi_names

from tests.infra.mocks import SECRET, Declared

_SIMPLE: Mapping[Any, tuple[type, ...]] = {
    str: (str,),
    bool: (bool,),
    int: (int, float),  # a number on the wire
    float: (int, float),
}


def complaints(resource: Declared) -> list[str]:
    """Find what of a resource its SDK type doesn't know, or misses."""
    own = "pulumi_databricks" if resource.lake else f"pulumi_azure_native.{resource.module}"
    module = importlib.import_module(own)
    name = resource.kind.partition(":")[2]
    file = _file_of(module, name)
    # Named so where a part of another resource has the other name.
    args = getattr(file, f"{name}InitArgs", None) or getattr(file, f"{name}Args")
    return list(_of_mapping(resource.inputs, args, resource.name))


def _file_of(module: Any, name: str) -> Any:
    return inspect.getmodule(getattr(module, name))


def _of_mapping(value: Any, args: Any, where: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{where}: found {value!r}, not a {args.__name__}"
        return
    wire = _wire_names(args)
    parameters = list(inspect.signature(args.__init__).parameters.values())[1:]
    known = {wire.get(parameter.name, parameter.name): parameter for parameter in parameters}
    for key in value.keys() - known.keys():
        yield f"{where}.{key}: unknown to {args.__name__}"
    for key, parameter in known.items():
        if key in value:
            yield from _of_value(value[key], parameter.annotation, args, f"{where}.{key}")
        elif parameter.default is inspect.Parameter.empty:
            yield f"{where}.{key}: required by {args.__name__}"


def _of_value(value: Any, hint: Any, args: Any, where: str) -> Iterator[str]:
    if isinstance(value, Mapping) and SECRET in value.values():
        value = value["value"]
    found = [_resolved(choice, args) for choice in _alternatives(hint)]
    answers = [list(_of_one(value, choice, args, where)) for choice in found]
    if all(answers):
        yield from min(answers, key=len)


def _of_one(value: Any, hint: Any, args: Any, where: str) -> Iterator[str]:
    origin = typing.get_origin(hint)
    if hint is Any:
        return
    if origin is not None and issubclass(origin, Mapping):
        for key, item in dict(value).items() if isinstance(value, Mapping) else ():
            yield from _of_value(item, typing.get_args(hint)[1], args, f"{where}.{key}")
        if not isinstance(value, Mapping):
            yield f"{where}: found {value!r}, not a mapping"
    elif origin is not None:
        if not isinstance(value, list):
            yield f"{where}: found {value!r}, not a list"
            return
        for item in value:
            yield from _of_value(item, typing.get_args(hint)[0], args, f"{where}[]")
    elif isinstance(hint, type) and issubclass(hint, Enum):
        if value not in [member.value for member in hint]:
            yield f"{where}: found {value!r}, none of {hint.__name__}"
    elif hint in _SIMPLE:
        if not isinstance(value, _SIMPLE[hint]):
            yield f"{where}: found {value!r}, not a {hint.__name__}"
    else:
        yield from _of_mapping(value, hint, where)


def _alternatives(hint: Any) -> list[Any]:
    """Return the types that a value may have; where an enum is one of them, text alone is not."""
    if typing.get_origin(hint) is not typing.Union:
        return [hint]
    flat: list[Any] = []
    for choice in typing.get_args(hint):
        if choice is not NoneType and not re.match(r"\S*(Awaitable|Output)\[", _name(choice)):
            flat += _alternatives(choice)
    named = [choice for choice in flat if isinstance(choice, typing.ForwardRef)]
    return named if named and str in flat else flat


def _name(hint: Any) -> str:
    return hint.__forward_arg__ if isinstance(hint, typing.ForwardRef) else str(hint)


def _resolved(hint: Any, args: Any) -> Any:
    if not isinstance(hint, typing.ForwardRef):
        return hint
    package = args.__module__.rpartition(".")[0]
    for file in ("_inputs", "_enums"):
        if importlib.util.find_spec(f"{package}.{file}") is None:
            continue
        module = importlib.import_module(f"{package}.{file}")
        if hasattr(module, hint.__forward_arg__):
            return getattr(module, hint.__forward_arg__)
    raise LookupError(f"{hint.__forward_arg__} is in no file of {package}")


def _wire_names(args: Any) -> Mapping[str, str]:
    return input_type_py_to_pulumi_names(args)
