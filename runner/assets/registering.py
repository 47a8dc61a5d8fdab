"""Registers declared models and data assets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from runner.errors import NotFound
from runner.jobs.addresses import is_job_address
from runner.workspace import Asset, Registration

if TYPE_CHECKING:
    from runner.assets.kinds import AssetKind
    from runner.declarations import AssetReference, Data, Model


# Keys of a declaration that only some environments have a use for.
_MORE = (
    "stage",
    "flavors",
    "datastore",
    "auto_delete_setting",
    "system_metadata",
    "default_deployment_template",
    "allowed_deployment_templates",
)


class Registrar(Protocol):
    """Finds models and data, and registers what is not there."""

    def asset(self, kind: AssetKind, reference: str) -> Asset: ...
    def register(self, kind: AssetKind, registration: Registration) -> Asset: ...


def registration_of(declaration: Model | Data, name: str) -> Registration:
    """Return the registration of a declaration under a name."""
    return Registration(
        name=name,
        path=declaration.path,
        type=declaration.type,
        version=declaration.version,
        description=declaration.description,
        tags=declaration.tags,
        properties=declaration.properties,
        more={key: value for key in _MORE if (value := getattr(declaration, key, None))},
    )


def find_or_register(
    assets: Registrar,
    kind: AssetKind,
    reference: AssetReference,
    declared: Mapping[str, Model] | Mapping[str, Data],
) -> Asset | Model | Data:
    """Return the asset, registered from its declaration if the workspace lacks it.

    One that is declared to lie at an address stays a declaration, for there is nothing to send,
    unless it is what a job made.
    Raises NotFound where the asset is neither registered nor declared.
    """
    try:
        return assets.asset(kind, str(reference))
    except NotFound:
        declaration = declared.get(reference.name)
        if declaration is None or reference.version not in (None, declaration.version):
            raise
        if isinstance(declaration.path, str) and not is_job_address(declaration.path):
            return declaration
        return assets.register(kind, registration_of(declaration, reference.name))
