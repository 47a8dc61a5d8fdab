"""Parses references to assets: azureml:name:version, azureml:name@label and their long forms."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from runner.assets.kinds import Segment
from runner.declarations.document import Node, shown
from runner.declarations.names import ASSET_NAME_RULE, is_asset_name
from runner.declarations.problem import refusal
from runner.declarations.reader import Using, read_path, read_str, refused
from runner.errors import WrongUsage

PREFIX = "azureml:"
FORMS = "azureml:<name>:<version> or azureml:<name>@latest"

_REGISTRY = re.compile(
    r"azureml://registries/(?P<registry>[^/]+)/(?P<kind>[^/]+)/(?P<name>[^/]+)"
    r"(?:/versions/(?P<version>[^/]+)|/labels/(?P<label>[^/]+))?"
)
_ARM = re.compile(
    r"azureml:(?P<workspace>/?subscriptions/[^/]+/resourceGroups/[^/]+/providers"
    r"/Microsoft\.MachineLearningServices/workspaces/[^/]+)/(?P<kind>[^/]+)/(?P<name>[^/]+)"
    r"(?:/versions/(?P<version>[^/]+)|/labels/(?P<label>[^/]+))",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


@dataclass(frozen=True)
class AssetReference:
    """An asset by name and either a version or a label, in this workspace unless said otherwise.

    A reference with neither is to the label `latest`, as in Azure. str() gives it back in the
    form `az` takes.
    """

    name: str
    version: str | None = None
    label: str | None = None
    kind: str | None = None  # models, data, environments; known for the long forms only
    registry: str | None = None  # the registry that holds it
    workspace: str | None = None  # the ARM id of the workspace that holds it

    def __str__(self) -> str:
        where = f"versions/{self.version}" if self.version else f"labels/{self.label}"
        if self.registry:
            return f"azureml://registries/{self.registry}/{self.kind}/{self.name}/{where}"
        if self.workspace:
            return f"{PREFIX}{self.workspace}/{self.kind}/{self.name}/{where}"
        tail = f":{self.version}" if self.version else f"@{self.label}"
        return f"{PREFIX}{self.name}{tail}"

    @property
    def exact(self) -> bool:
        """Return whether it always means the same version."""
        return self.version is not None


def parse_reference(text: str, kind: Segment | None = None) -> AssetReference:
    """Parse a reference to an asset, of one kind where `kind` is given. Raises WrongUsage."""
    reference = _parse_long(text) if "/" in text else _parse_short(text)
    if reference is None:
        raise WrongUsage(f"{shown(text)} is not a reference to an asset, allowed: {FORMS}")
    if kind and reference.kind and reference.kind != kind:
        raise WrongUsage(f"{shown(text)} is a reference to {reference.kind}, allowed: {kind}")
    for part in (reference.name, reference.version, reference.label):
        if part is not None and not is_asset_name(part):
            raise WrongUsage(f"{shown(part)} in {shown(text)}, allowed: {ASSET_NAME_RULE}")
    return reference


def is_uri(text: str) -> bool:
    """Return whether a text is an address of something rather than a local path."""
    return _SCHEME.match(text) is not None and not text.startswith("file:")


def read_location(node: Node, key: str) -> Path | str:
    """Read a local path as an absolute Path; an address (https:, azureml://, runs:) as its text."""
    text = read_str(node, key)
    if not is_uri(text):
        return read_path(node, key)
    if not text.isprintable() or " " in text:
        raise refused(node, key, "a path or an address")
    return text


def read_reference(node: Node, key: str, kind: Segment) -> AssetReference:
    """Read a node that is a reference. Raises DeclarationError."""
    text = read_str(node, key)
    try:
        return parse_reference(text, kind)
    except WrongUsage as error:
        raise refusal(node.place, key, str(error)) from None


def read_data_input(node: Node, key: str) -> str:
    """Read the `input` that a batch endpoint scores unless a call names other data.

    It is an `azureml:` reference, an address, or a path from the file's folder.
    """
    text = read_str(node, key)
    if text.startswith(PREFIX) and not text.startswith(PREFIX + "//"):
        return str(read_reference(node, key, "data"))
    if not text.strip() or not text.isprintable():
        raise refused(node, key, "an azureml: reference, an address or a path")
    return text if is_uri(text) else str(node.place.file.parent / text)


def _parse_short(text: str) -> AssetReference | None:
    if not text.startswith(PREFIX):
        return None
    body = text.removeprefix(PREFIX)
    if "@" in body:
        name, _, label = body.rpartition("@")
        return AssetReference(name, label=label)
    name, separator, version = body.partition(":")
    if separator:
        return AssetReference(name, version=version)
    return AssetReference(name, label="latest")


def _parse_long(text: str) -> AssetReference | None:
    found = _REGISTRY.fullmatch(text) or _ARM.fullmatch(text)
    if found is None:
        return None
    parts = found.groupdict()
    label = parts["label"] or (None if parts["version"] else "latest")
    return AssetReference(
        parts["name"],
        version=parts["version"],
        label=label,
        kind=parts["kind"].lower(),
        registry=parts.get("registry"),
        workspace=parts.get("workspace"),
    )


Location = Annotated[Path | str, Using(read_location)]
