"""What a job reads: data of the workspace, of a volume or of this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runner.assets.kinds import INPUT_TYPES, guess_data_type
from runner.assets.registering import Registrar, find_or_register
from runner.azure.errors import ServiceError
from runner.databricks.places import is_in_volume, place_of
from runner.databricks.volume import type_at
from runner.declarations.references import parse_reference
from runner.errors import EnvironmentRefused, WrongUsage
from runner.invocation.input_data import form_of
from runner.jobs.input_paths import Chosen, choose_input, counted_names
from runner.workspace import Asset, Registration

if TYPE_CHECKING:
    from runner.databricks.connection import Connection
    from runner.declarations import Catalog


@dataclass(frozen=True)
class Input:
    """Where a job reads from."""

    path: str  # of the volume the jobs lie in, from its root; of any other, whole
    shown: str  # as it was asked for
    notices: tuple[str, ...] = ()


def find_input(
    connection: Connection, catalog: Catalog, asked: str, type_: str | None, assets: Registrar
) -> Input:
    """What is asked for, which is registered where it is a path, or declared and not there yet.

    Raises NotFound, and WrongUsage for what is of another type than `type_`, or no input at all.
    """
    form, place = form_of(asked), place_of(asked)
    if place is not None:
        return _of_place(connection, place, asked, type_)
    if form == "asset":
        reference = parse_reference(asked, "data")
        if reference.registry or reference.workspace:
            raise EnvironmentRefused(
                f"{asked} lies in another workspace or registry: register the data in this one"
            )
        found = find_or_register(assets, "data", reference, catalog.data)
        if not isinstance(found, Asset):
            raise EnvironmentRefused(
                f"{found.path} of {found.file} can't be read from Databricks: copy it to a volume"
                " and name its /Volumes path"
            )
        return _of_asset(connection, found, type_)
    if form == "path":
        return _of_path(connection, choose_input(asked, catalog.data, type_), assets)
    raise WrongUsage(
        f"{asked.partition('?')[0]!r} is no input that Databricks reads; allowed: a path of this"
        " machine, azureml:NAME:VERSION, /Volumes/CATALOG/SCHEMA/VOLUME/PATH"
    )


def _of_place(connection: Connection, place: str, asked: str, type_: str | None) -> Input:
    """What lies in a volume, which is looked at before a cluster starts for it."""
    path = _in_volume(connection, place)
    try:
        found = type_at(connection, place)
    except ServiceError as error:
        if error.status != 403:
            raise
        return Input(path, asked)  # who runs the job may read it
    if type_ is not None and type_ != found:
        raise WrongUsage(f"{asked} is a {found}, not a {type_}")
    return Input(path, asked)


def _of_asset(connection: Connection, asset: Asset, asked: str | None) -> Input:
    if asset.type not in INPUT_TYPES:
        raise WrongUsage(
            f"{asset.reference} is of type {asset.type}, allowed: {', '.join(INPUT_TYPES)}"
        )
    if asked is not None and asked != asset.type:
        raise WrongUsage(f"{asset.reference} is a {asset.type}, not a {asked}")
    return Input(_in_volume(connection, asset.path), asset.reference)


def _of_path(connection: Connection, chosen: Chosen, assets: Registrar) -> Input:
    """Files of this machine: sent once, however many jobs read them.

    They become a data asset of their own, named by their content, so that no asset of another name
    gets a version nobody meant.
    """
    from runner.assets.content import hash_path

    path = chosen.path
    asset = assets.register(
        "data",
        Registration(
            name=f"input-{hash_path(path, chosen.names)[:16]}",
            path=path,
            type=guess_data_type(path),
            description=f"{Path(chosen.shown).name}, sent as a job's input",
            names=chosen.names,
        ),
    )
    notices = counted_names(path)[1] if chosen.names is None else ()
    return Input(_in_volume(connection, asset.path), chosen.shown, notices)


def _in_volume(connection: Connection, path: str) -> str:
    """A place as a job reads it. Raises EnvironmentRefused for one outside of the volumes."""
    if not is_in_volume(path):
        raise EnvironmentRefused(
            f"{path} lies outside of the volumes of Unity Catalog, which are what a job reads: make"
            f" one over it with `CREATE EXTERNAL VOLUME NAME LOCATION '{path}'`, and name its"
            " /Volumes path"
        )
    root = f"{connection.outputs.volume}/"
    return path.removeprefix(root).rstrip("/")
