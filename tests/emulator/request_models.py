"""Checks bodies against the request models that the SDK ships.

Importing `azure.ai.ml` costs seconds and the models need none of it, so their package is loaded by
itself, under a name of its own.
"""

from __future__ import annotations

import datetime
import enum
import importlib
import importlib.util
import re
import sys
import types
import typing
from functools import cache
from pathlib import Path
from typing import Any

from tests.emulator.messages import Refusal

_PACKAGE = "_azure_ml_request_models"
_DURATION = re.compile(
    r"-?P(?=[\dT])(\d+Y)?(\d+M)?(\d+W)?(\d+(\.\d+)?D)?"
    r"(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?"
)


def checked(model: str, body: dict[str, Any], also: tuple[str, ...] = ()) -> dict[str, Any]:
    """Give a body as the service would read it.

    `also` names entries of `properties` that are let through though the model has none such.
    Read-only properties, which clients send back from a GET, are left out, and so are nulls; an
    enum's value is spelled as the model does. Raises `Refusal` (400), naming the property, for a
    missing, an unknown or an ill-typed one.
    """
    given = body.get("properties")
    if not also or not isinstance(given, dict):
        return _check_model(_model(model), body, "")
    known = {name: value for name, value in given.items() if name not in also}
    value = _check_model(_model(model), {**body, "properties": known}, "")
    extra = {name: value for name, value in given.items() if name in also}
    value["properties"] = {**value["properties"], **extra}
    return value


@cache
def _module() -> types.ModuleType:
    spec = importlib.util.find_spec("azure.ai")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("azure-ai-ml is not installed: its request models are needed")
    folder = Path(spec.submodule_search_locations[0]) / "ml" / "_restclient" / "arm_ml_service"
    package = types.ModuleType(_PACKAGE)
    package.__path__ = [str(folder)]
    sys.modules[_PACKAGE] = package
    return importlib.import_module(f"{_PACKAGE}.models._models")


def _model(name: str) -> Any:
    model: Any = getattr(_module(), name)
    return model


@cache
def _fields(model: Any) -> dict[str, tuple[Any, Any]]:
    """Give each property's annotation and field, by its name on the wire."""
    model.__new__(model)  # the models work their fields out when they are first made
    names = {**vars(_module()), "_models": sys.modules[f"{_PACKAGE}.models"]}
    annotations: dict[str, Any] = {}
    for part in reversed(model.__mro__):
        annotations.update(getattr(part, "__annotations__", {}))
    return {
        field._rest_name: (_resolved(annotations[attribute], names), field)
        for attribute, field in model._attr_to_rest_field.items()
    }


def _resolved(annotation: Any, names: dict[str, Any]) -> Any:
    holder = type("Holder", (), {"__annotations__": {"it": annotation}})
    return typing.get_type_hints(holder, globalns=names)["it"]


def _check_model(model: Any, value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _invalid(place or "body", "must be an object")
    model = _variant(model, value, place)
    fields = _fields(model)
    result: dict[str, Any] = {}
    for name, given in value.items():
        inner = f"{place}.{name}" if place else name
        if name not in fields:
            raise _invalid(inner, "is not a property of " + model.__name__)
        annotation, field = fields[name]
        if field._visibility == ["read"] or given is None:
            continue
        result[name] = _check_value(annotation, given, inner)
    for name, (annotation, field) in fields.items():
        if field._visibility == ["read"] or _optional(annotation):
            continue
        if name not in result:
            raise _invalid(f"{place}.{name}" if place else name, "is required")
    return result


def _variant(model: Any, value: dict[str, Any], place: str) -> Any:
    """Find the model that a discriminating property chooses."""
    variants: dict[str, Any] = model.__dict__.get("__mapping__") or {}
    if not variants:
        return model
    name = next(name for name, (_, field) in _fields(model).items() if field._is_discriminator)
    inner = f"{place}.{name}" if place else name
    chosen = value.get(name)
    if chosen is None:
        raise _invalid(inner, "is required")
    for spelled, variant in variants.items():
        if spelled.lower() == str(chosen).lower():
            return _variant(variant, value, place)
    raise _invalid(inner, f"is '{chosen}', and can be {_listed(variants)}")


def _check_value(annotation: Any, value: Any, place: str) -> Any:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return _check_union(
            [argument for argument in arguments if argument is not type(None)], value, place
        )
    if origin is typing.Literal:
        return getattr(arguments[0], "value", arguments[0])
    if origin is list:
        if not isinstance(value, list):
            raise _invalid(place, "must be a list")
        return [_check_value(arguments[0], item, f"{place}[{n}]") for n, item in enumerate(value)]
    if origin is dict:
        if not isinstance(value, dict):
            raise _invalid(place, "must be an object")
        return {
            key: _check_entry(arguments[1], item, f"{place}.{key}") for key, item in value.items()
        }
    if annotation is Any or not isinstance(annotation, type):
        return value
    if getattr(annotation, "_is_model", False):
        return _check_model(annotation, value, place)
    if issubclass(annotation, enum.Enum):
        return _check_enum(annotation, value, place)
    return _check_plain(annotation, value, place)


def _check_entry(annotation: Any, value: Any, place: str) -> Any:
    """Check what a map holds under one of its keys."""
    if value is None:  # it takes an identity or a tag away
        return None
    # The SDK sends the version of code's hash as a number, and the service reads it as a text.
    if place == "properties.properties.hash_version" and isinstance(value, int):
        return str(value)
    return _check_value(annotation, value, place)


def _check_union(choices: list[Any], value: Any, place: str) -> Any:
    enums = [
        choice for choice in choices if isinstance(choice, type) and issubclass(choice, enum.Enum)
    ]
    if enums:  # written as Union[str, AnEnum]: what the enum does not know is refused here
        return _check_enum(enums[0], value, place)
    if len(choices) == 1:
        return _check_value(choices[0], value, place)
    refusals = []
    for choice in choices:
        try:
            return _check_value(choice, value, place)
        except Refusal as refusal:
            refusals.append(refusal)
    raise refusals[0]


def _check_enum(choices: type[enum.Enum], value: Any, place: str) -> Any:
    for member in choices:
        if str(member.value).lower() == str(value).lower():
            return member.value
    raise _invalid(place, f"is '{value}', and can be {_listed(member.value for member in choices)}")


def _check_plain(annotation: Any, value: Any, place: str) -> Any:
    if annotation is datetime.timedelta:
        if not isinstance(value, str) or not _DURATION.fullmatch(value):
            raise _invalid(place, "must be an ISO 8601 duration, such as PT30S")
        return value
    if annotation is datetime.datetime:
        try:
            datetime.datetime.fromisoformat(str(value))
        except ValueError:
            raise _invalid(place, "must be an ISO 8601 time") from None
        return value
    if annotation is float and isinstance(value, int) and not isinstance(value, bool):
        return value
    wrong = not isinstance(value, annotation) or (annotation is int and isinstance(value, bool))
    if annotation in (str, int, float, bool) and wrong:
        raise _invalid(place, f"must be of type {annotation.__name__}")
    return value


def _optional(annotation: Any) -> bool:
    return type(None) in typing.get_args(annotation)


def _listed(values: Any) -> str:
    return ", ".join(f"'{value}'" for value in sorted(map(str, values)))


def _invalid(place: str, problem: str) -> Refusal:
    return Refusal(
        400,
        "UserError",
        "The request provided has the following validation errors. Please resolve them and try"
        f" again. Errors: '{place}' {problem}.",
        target=place,
    )
