"""From a declared model or data asset to one that is registered."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import EnvironmentRefused, NotFound
from runner.workspace import Asset, Assets, Registration

if TYPE_CHECKING:
    from runner.asset_kinds import AssetKind
    from runner.declarations import AssetReference, Data, Model


def registration_of(declaration: Model | Data, name: str) -> Registration:
    """What registers a declaration under a name.

    Raises EnvironmentRefused for a declaration of files that are not on this machine.
    """
    if not isinstance(declaration.path, Path):
        raise EnvironmentRefused(
            f"{declaration.path} is not on this machine; copy it here and name the copy in"
            f" {declaration.file}"
        )
    return Registration(
        name=name,
        path=declaration.path,
        type=declaration.type,
        version=declaration.version,
        description=declaration.description,
        tags=declaration.tags,
    )


def find_or_register(
    assets: Assets,
    kind: AssetKind,
    reference: AssetReference,
    declared: Mapping[str, Model] | Mapping[str, Data],
) -> Asset | Model | Data:
    """The asset, registered from its declaration if the workspace lacks it.

    One that is declared to lie at an address stays a declaration: there is nothing to send.
    Raises NotFound where the asset is neither registered nor declared.
    """
    try:
        return assets.asset(kind, str(reference))
    except NotFound:
        declaration = declared.get(reference.name)
        if declaration is None or reference.version not in (None, declaration.version):
            raise
        if not isinstance(declaration.path, Path):
            return declaration
        return assets.register(kind, registration_of(declaration, reference.name))
