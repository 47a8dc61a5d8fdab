"""The types of a Python SDK, read from its source, as importing it would take seconds."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PROPERTY = re.compile(
    r'@pulumi\.getter(?:\(name="(\w+)"\))?\n(?:\s+@.*\n)*\s+def (\w+)\(self\) ->'
)
_GIVEN = re.compile(r'__props__\.__dict__\["(\w+)"\] = (.+)')
_REQUIRED = re.compile(r"Missing required property '(\w+)'")
_API_VERSION = re.compile(r"Uses Azure REST API version (\S+?)\.\s")
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True)
class Declared:
    """A type's property names as the SDK sends them, and the version of Azure's API."""

    inputs: frozenset[str]
    required: frozenset[str]
    outputs: frozenset[str]
    api_version: str


@dataclass(frozen=True)
class Sdk:
    """One provider's Python SDK, by the name of its package."""

    package: str

    def plugin_version(self) -> str:
        """Give the version that the SDK asks the plugin for."""
        metadata = (_folder(self.package) / "pulumi-plugin.json").read_text("utf-8")
        found = re.search(r'"version":\s*"([^"]+)"', metadata)
        assert found is not None
        return found.group(1)

    def file(self, name: str) -> str:
        """Give the name of the module that holds a type."""
        return _file(name)

    def declared(self, path: str) -> Declared:
        """Read what the SDK says of a type, such as `storage/StorageAccount`.

        Raises `FileNotFoundError` for one that it does not have.
        """
        return _declared(self.package, path)


@cache
def _declared(package: str, path: str) -> Declared:
    module, _, name = path.rpartition("/")
    file = _folder(package) / module / f"{_file(name)}.py"
    source = file.read_text("utf-8")
    arguments, _, resource = source.partition("(pulumi.CustomResource):")
    sent = {snake: camel or snake for camel, snake in _PROPERTY.findall(arguments + resource)}
    initialise = resource.partition("def _internal_init(")[2].partition("super(")[0]
    version = _API_VERSION.search(source)
    return Declared(
        inputs=frozenset(
            sent[given] for given, value in _GIVEN.findall(initialise) if value != "None"
        ),
        required=frozenset(sent[given] for given in _REQUIRED.findall(initialise)),
        outputs=frozenset(camel or snake for camel, snake in _PROPERTY.findall(resource)),
        api_version=version.group(1) if version else "",
    )


def _file(name: str) -> str:
    return _CAPITAL.sub("_", name).lower()


@cache
def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent
