"""The models and data assets of a workspace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from runner.assets.kinds import AssetKind
from runner.errors import EnvironmentRefused

if TYPE_CHECKING:
    from runner.assets.content import Content
    from runner.workspace.runs import Origin


# The tags that name the environment that a version was copied from, and the version there.
PROMOTED_FROM, PROMOTED_VERSION = "promoted_from", "promoted_version"


@dataclass(frozen=True)
class Asset:
    """A version of a model or of a data asset."""

    kind: AssetKind
    name: str
    version: str
    type: str  # mlflow_model, custom_model · uri_file, uri_folder
    content_hash: str  # hex SHA-256 of the names and contents; empty where it is not known
    path: str  # where this environment keeps it
    base_name: str  # of the file or folder it was registered from
    created_at: str  # ISO 8601, UTC
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    job: str | None = None  # the job that produced it
    origin: Origin | None = None  # what is known of that job's run
    properties: Mapping[str, str] = field(default_factory=dict)
    stage: str | None = None  # of a model

    @property
    def reference(self) -> str:
        return f"azureml:{self.name}:{self.version}"

    @property
    def made_elsewhere(self) -> bool:
        """Tell whether a job or another environment made it, not the files that are declared."""
        return bool(self.job) or PROMOTED_FROM in self.tags


@dataclass(frozen=True)
class Registration:
    """A model or data asset to register, as a declaration or a command line gives it."""

    name: str
    path: Path | str  # on this machine, or an address; see `runner.jobs.addresses`
    type: str | None  # None: it is guessed from the files
    version: str | None = None  # None: the next one, unless the content is registered already
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    job: str | None = None
    names: tuple[str, ...] | None = None  # the files of a folder that count; None: all of it
    properties: Mapping[str, str] = field(default_factory=dict)
    # Other declared keys of az ml's, such as stage or datastore: an environment obeys each, refuses
    # it by name, or says that it means nothing there.
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Transfer:
    """The progress of an upload, of a download, or of the reading and storing of files."""

    verb: Literal["reading", "storing", "uploading", "downloading"]
    name: str  # of the file, folder or asset
    bytes_done: int
    bytes_all: int


OnProgress = Callable[[Transfer], None]  # called as a transfer advances, from any thread


def refuse_sharing(environment: str, registry: str) -> EnvironmentRefused:
    """Return the error for sharing from a workspace that is none of Azure ML."""
    return EnvironmentRefused(
        f"registry {registry!r} takes models of workspaces of Azure, and {environment} is none:"
        f" promote the model to one first, with --to ENV, and from there to the registry"
    )


class Assets(Protocol):
    """The models and data assets of a workspace, by name and version."""

    def register(self, kind: AssetKind, registration: Registration) -> Asset:
        """Register a version; content that the name has already gives the version that has it."""
        ...

    def assets(self, kind: AssetKind, name: str | None = None) -> list[Asset]:
        """List all versions of a name, newest first, or the latest of every name, by name."""
        ...

    def asset(self, kind: AssetKind, reference: str) -> Asset:
        """Return the version that `NAME`, `NAME:VERSION` or `NAME@latest` means."""
        ...

    def download_asset(self, kind: AssetKind, reference: str, target: Path) -> Path:
        """Copy the files of an asset to `target`, which may not exist yet, and return that."""
        ...

    def contents(self, kind: AssetKind, reference: str) -> Content:
        """Return the files of an asset, which are read only as they are asked for."""
        ...

    def receive(self, asset: Asset, content: Content) -> Asset:
        """Register a copy of another workspace's asset, as the next version of its name.

        Where the name has the content already, that version is returned as it is. Raises
        `EnvironmentRefused` where the content has another hash than the asset; nothing is
        registered then.
        """
        ...

    def share(self, reference: str, registry: str) -> Asset:
        """Copy a model's version to a registry of Azure, under the same name and version.

        Where the registry has the content already, that is returned as it is.
        """
        ...

    def register_code(self, name: str, folder: Path) -> str | None:
        """Make a scoring script's folder available to deployments and return its reference.

        The same content again keeps its version. None where code runs from where it lies.
        """
        ...
