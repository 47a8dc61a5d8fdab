"""Holds the rules of every workspace for an asset's name, version, type and reference."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from stat import S_ISDIR
from typing import TYPE_CHECKING

from runner.assets.kinds import ASSET_KINDS
from runner.declarations.names import ASSET_NAME_RULE, is_asset_name
from runner.declarations.references import PREFIX, AssetReference, parse_reference
from runner.errors import EnvironmentRefused, NotFound, WrongUsage
from runner.nearest import nearest

if TYPE_CHECKING:
    from runner.assets.kinds import AssetKind
    from runner.workspace import Asset, Registration

_LONGEST_VERSION = 30
_SHOWN_VERSIONS = 10


def check_registration(
    kind: AssetKind, registration: Registration, found: Path | None = None
) -> None:
    """Raise `WrongUsage` for a name, version or type that can't be, or a path of another type.

    `found` is where on this machine lies what an address means. Nothing is loaded.
    """
    facts = ASSET_KINDS[kind]
    name, version, type_ = registration.name, registration.version, registration.type
    if not is_asset_name(name):
        raise WrongUsage(f"{name!r} can't name a {facts.noun}: it takes {ASSET_NAME_RULE}")
    if version is not None and not (is_asset_name(version) and len(version) <= _LONGEST_VERSION):
        raise WrongUsage(
            f"{version!r} can't be a version: it takes 1 to {_LONGEST_VERSION} letters, digits, "
            "hyphens, underscores and dots, beginning with a letter or digit"
        )
    if type_ is not None and type_ not in facts.types:
        raise WrongUsage(f"{type_!r} is no type of {facts.noun}{nearest(type_, facts.types)}")
    _check_content(registration, found)


def parse_asset(kind: AssetKind, reference: str) -> AssetReference:
    """Parse a reference to an asset of this workspace; the prefix can be left out.

    Raises `WrongUsage` for one to elsewhere, and for a label that is not `latest`.
    """
    text = reference if reference.startswith(PREFIX) else PREFIX + reference
    facts = ASSET_KINDS[kind]
    wanted = parse_reference(text, facts.segment)
    if wanted.registry or wanted.workspace:
        raise WrongUsage(
            f"{reference!r} is in another workspace or a registry, which is out of reach here:"
            f" register the {facts.noun} in this workspace, or choose another environment"
        )
    if wanted.label not in (None, "latest"):
        raise WrongUsage(
            f"{reference!r} has the label {wanted.label!r}, and there is only 'latest': write "
            f"{PREFIX}{wanted.name}@latest or {PREFIX}{wanted.name}:VERSION"
        )
    return wanted


def next_version(versions: Sequence[str]) -> str:
    """Return the next whole number, as Azure counts."""
    return str(1 + max((int(version) for version in versions if version.isdecimal()), default=0))


def unknown_name(kind: AssetKind, name: str, names: Sequence[str]) -> NotFound:
    """Return the error for a name that the workspace lacks."""
    return NotFound(
        f"no {ASSET_KINDS[kind].noun} {name!r} in this workspace{nearest(name, names)};"
        f" `{ASSET_KINDS[kind].adding} -f FILE` adds one"
    )


def unknown_version(
    kind: AssetKind, name: str, version: str | None, versions: Sequence[str]
) -> NotFound:
    """Return the error for a version that a name lacks."""
    shown = ", ".join(versions[:_SHOWN_VERSIONS])
    more = ", …" if len(versions) > _SHOWN_VERSIONS else ""
    return NotFound(
        f"{ASSET_KINDS[kind].noun} {name!r} has no version {version!r}; it has {shown}{more}"
    )


def taken_version(kind: AssetKind, name: str, version: str, other: str) -> EnvironmentRefused:
    """Return the error for a version that exists with `other` content or type."""
    return EnvironmentRefused(
        f"{ASSET_KINDS[kind].noun} {name!r} version {version} exists with other {other};"
        " leave the version out to get the next one"
    )


def check_copy(asset: Asset, content_hash: str) -> None:
    """Raise `EnvironmentRefused` unless what arrived of an asset is what was registered."""
    if asset.content_hash not in ("", content_hash):
        raise EnvironmentRefused(
            f"{asset.reference} is not what was registered: its files have the hash"
            f" {content_hash[:12]}, and its own is {asset.content_hash[:12]};"
            " register it again from its source"
        )


def _check_content(registration: Registration, found: Path | None) -> None:
    """Check that what lies on this machine is what its type says."""
    shown, type_ = registration.path, registration.type
    path = shown if isinstance(shown, Path) else found
    if path is None:
        return
    try:
        folder = S_ISDIR(path.stat().st_mode)
        described = folder and (path / "MLmodel").is_file()
        empty = described and (path / "MLmodel").stat().st_size == 0
    except OSError:
        return  # it can't be stored either, and that says why
    if type_ == "uri_file" and folder:
        raise WrongUsage(f"{shown} is a folder: register it as uri_folder, or name a file in it")
    if type_ in ("uri_folder", "mltable") and not folder:
        raise WrongUsage(f"{shown} is a file: register it as uri_file, or name its folder")
    if type_ == "mlflow_model" and not described:
        raise WrongUsage(
            f"{shown} is not an MLflow model, it has no file MLmodel: name the folder that has "
            "one, or register it as custom_model"
        )
    if type_ == "mlflow_model" and empty:
        raise WrongUsage(f"{str(shown).rstrip('/')}/MLmodel is empty: save the model again")
