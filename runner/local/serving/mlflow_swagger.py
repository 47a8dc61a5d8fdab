"""Describes a service that scores an MLflow model, as `/swagger.json` gives it.

Sources: Microsoft's azureml-inference-server-http and inference-schema, and their answers
recorded in tests/local/serving/recorded.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

# The version that is asked for, and the version that the document names.
_VERSIONS = {"2": "2.0", "2.0": "2.0", "3": "3.0.3", "3.0": "3.0.3", "3.1": "3.1.0"}
ANYTHING: dict[str, Any] = {"type": "object", "example": {}}
_ERROR = {"type": "object", "properties": {"message": {"type": "string"}}}
_BEARER = {"type": "apiKey", "name": "Authorization", "in": "header"}
_JSON = "application/json"
_KINDS = {
    bool: {"type": "boolean"},
    int: {"type": "integer", "format": "int64"},
    float: {"type": "number", "format": "double"},
    str: {"type": "string"},
}


def described(sample: Any) -> dict[str, Any]:
    """Return the schema of a value of JSON like this one, with it as the example."""
    if isinstance(sample, (list, tuple)):
        # The last item of a list decides its type.
        items = _without_example(described(sample[-1])) if sample else {"type": "object"}
        return {"type": "array", "items": items, "example": list(sample)}
    if isinstance(sample, dict):
        properties = {key: _without_example(described(value)) for key, value in sample.items()}
        return {
            "type": "object",
            "required": list(sample),
            "properties": properties,
            "example": sample,
        }
    return {**_KINDS.get(type(sample), {"type": "object"}), "example": sample}


def described_frame(sample: Any, orient: str) -> dict[str, Any]:
    """Return the schema of a table that is written in that way of pandas."""
    return {**described(sample), "format": f"pandas.DataFrame:{orient}"}


def described_array(dtype: str, example: list[Any]) -> dict[str, Any]:
    """Return the schema of an array, from NumPy's name of its type and nested lists."""
    kind = _kind_of(dtype)
    depth, inner = 1, example
    while inner and isinstance(inner[0], list):
        depth, inner = depth + 1, inner[0]
    schema: dict[str, Any] = kind
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return {**schema, "example": _written(example, kind["type"]), "format": "numpy.ndarray"}


def described_zeros(dtype: str, shape: Sequence[int]) -> dict[str, Any]:
    """Return the schema of an array of that shape, where -1 is any number of things."""
    example: Any = False if dtype == "bool" else 0
    for length in reversed([1 if place == 0 and n == -1 else n for place, n in enumerate(shape)]):
        example = [example] * length
    return described_array(dtype, example)


def described_parts(parts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the schema of an object whose values have these schemas."""
    return {
        "type": "object",
        "required": list(parts),
        "properties": {name: _without_example(part) for name, part in parts.items()},
        "example": {name: part["example"] for name, part in parts.items()},
    }


def document(version: str, inputs: Mapping[str, Any], output: Mapping[str, Any]) -> Any:
    """Return the whole description in that version, or None where there is none in it.

    `inputs` are the schemas of `input_data` and `params`, with their examples.
    """
    says = _VERSIONS.get(version)
    # Version 2 has no lists of several kinds.
    if says is None or (
        says == "2.0"
        and not (_is_uniform(inputs["input_data"]["example"]) and _is_uniform(output["example"]))
    ):
        return None
    schemas = {
        "ServiceInput": {
            "type": "object",
            "properties": {name: _without_example(schema) for name, schema in inputs.items()},
            "example": {name: schema["example"] for name, schema in inputs.items()},
        },
        "ServiceOutput": output,
        "ErrorResponse": _ERROR,
    }
    name = os.environ.get("SERVICE_NAME", "ML service")
    info = {"title": name, "version": os.environ.get("SERVICE_VERSION", "1.0")}
    return _version_2(info, schemas) if says == "2.0" else _version_3(says, info, schemas)


def _version_2(info: Mapping[str, Any], schemas: Mapping[str, Any]) -> dict[str, Any]:
    def responses(good: Mapping[str, Any]) -> dict[str, Any]:
        return {"200": good, "default": {"schema": {"$ref": "#/definitions/ErrorResponse"}}}

    text = {"type": "string"}
    version = {"name": "version", "in": "query", "required": False, "type": "integer"}
    body = {"name": "serviceInputPayload", "in": "body"}
    scored = {"schema": {"$ref": "#/definitions/ServiceOutput"}}
    return {
        "swagger": "2.0",
        "info": info,
        "schemes": ["https"],
        "consumes": [_JSON],
        "produces": [_JSON],
        "securityDefinitions": {"Bearer": _BEARER},
        "paths": _paths(
            responses({"schema": text, "examples": {_JSON: "Healthy"}}),
            {
                "parameters": [{**body, "schema": {"$ref": "#/definitions/ServiceInput"}}],
                "responses": responses(scored),
            },
            {**version, "enum": [2, 3]},
            responses({"schema": text}),
        ),
        "definitions": schemas,
    }


def _version_3(version: str, info: Mapping[str, Any], schemas: Mapping[str, Any]) -> dict[str, Any]:
    def content(schema: Any, kind: str = _JSON) -> dict[str, Any]:
        return {"content": {kind: {"schema": schema}}}

    def part(name: str) -> dict[str, Any]:
        return content({"$ref": f"#/components/schemas/{name}"})

    def responses(good: Mapping[str, Any]) -> dict[str, Any]:
        return {"200": good, "default": part("ErrorResponse")}

    text = {"type": "string"}
    asked = {"name": "version", "in": "query", "required": False}
    return {
        "openapi": version,
        "info": info,
        "security": [{"Bearer": []}],
        "paths": _paths(
            responses(content({**text, "example": "Healthy"}, "text/plain")),
            {"requestBody": part("ServiceInput"), "responses": responses(part("ServiceOutput"))},
            {**asked, "schema": {"type": "integer", "enum": [2, 3]}},
            responses(content(text, "text/plain")),
        ),
        "components": {"schemas": schemas, "securitySchemes": {"Bearer": _BEARER}},
    }


def _paths(health: Any, score: Mapping[str, Any], version: Any, description: Any) -> dict[str, Any]:
    asked = os.environ.get("SERVICE_PATH_PREFIX", "").strip("/")
    prefix = f"/{asked}" if asked else ""
    return {
        f"{prefix}/": {"get": {"operationId": "ServiceHealthCheck", "responses": health}},
        f"{prefix}/score": {
            "post": {"operationId": "RunMLService", "security": [{"Bearer": []}], **score}
        },
        f"{prefix}/swagger.json": {
            "get": {
                "operationId": "GetSwaggerSpec",
                "parameters": [version],
                "responses": description,
            }
        },
    }


def _without_example(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != "example"}


def _kind_of(dtype: str) -> dict[str, str]:
    if dtype == "bool":
        return {"type": "boolean"}
    if dtype.startswith(("int", "uint")):
        return {"type": "integer", "format": dtype}
    if dtype.startswith("float"):
        return {"type": "number", "format": "double" if dtype == "float64" else "float"}
    if dtype.startswith("datetime"):
        return {"type": "string", "format": "date-time"}
    if dtype.startswith(("bytes", "void")):
        return {"type": "string", "format": "binary"}
    return {"type": "string"} if dtype.startswith("str") else {"type": "object"}


def _written(value: Any, kind: str) -> Any:
    if isinstance(value, list):
        return [_written(item, kind) for item in value]
    if kind == "number":
        return float(value)
    return int(value) if kind == "integer" else str(value)


def _is_uniform(example: Any) -> bool:
    if isinstance(example, dict):
        return all(map(_is_uniform, example.values()))
    if isinstance(example, Sequence) and not isinstance(example, str) and example:
        kinds = {type(item) for item in example}
        return len(kinds) == 1 and (kinds != {list} or all(map(_is_uniform, example)))
    return True
