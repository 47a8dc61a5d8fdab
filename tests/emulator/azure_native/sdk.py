"""What the Python SDK's own source says of a type; importing it would take seconds."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PROPERTY = re.compile(r'@pulumi\.getter(?:\(name="(\w+)"\))?\n\s+def (\w+)\(self\) ->')
_GIVEN = re.compile(r'__props__\.__dict__\["(\w+)"\] = (.+)')
_REQUIRED = re.compile(r"Missing required property '(\w+)'")
_API_VERSION = re.compile(r"Uses Azure REST API version (\S+?)\.\s")
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True)
class Declared:
    """A type's property names as the SDK sends them, and the version of Resource Manager's API."""

    inputs: frozenset[str]
    required: frozenset[str]
    outputs: frozenset[str]
    api_version: str


@cache
def declared(module: str, name: str) -> Declared:
    """Read what the SDK says of a type. Raises `FileNotFoundError` for one it does not have."""
    source = (_package() / module / f"{_CAPITAL.sub('_', name).lower()}.py").read_text("utf-8")
    arguments, _, resource = source.partition("(pulumi.CustomResource):")
    sent = {snake: camel or snake for camel, snake in _PROPERTY.findall(arguments + resource)}
    initialise = resource.partition("def _internal_init(")[2].partition("super(")[0]
    version = _API_VERSION.search(source)
    assert version is not None, f"the SDK names no API version for {module}:{name}"
    return Declared(
        inputs=frozenset(
            sent[given] for given, value in _GIVEN.findall(initialise) if value != "None"
        ),
        required=frozenset(sent[given] for given in _REQUIRED.findall(initialise)),
        outputs=frozenset(camel or snake for camel, snake in _PROPERTY.findall(resource)),
        api_version=version.group(1),
    )


def plugin_version() -> str:
    """Give the version that the SDK asks the plugin for."""
    metadata = (_package() / "pulumi-plugin.json").read_text("utf-8")
    found = re.search(r'"version":\s*"([^"]+)"', metadata)
    assert found is not None
    return found.group(1)


@cache
def _package() -> Path:
    spec = importlib.util.find_spec("pulumi_azure_native")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent
