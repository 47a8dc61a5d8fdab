"""The inputs of a job: data of the workspace, of a volume or of this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from runner.assets.registering import Registrar, find_or_register
from runner.azure.errors import ServiceError
from runner.databricks.places import is_in_volume, place_of
from runner.databricks.volume import type_at
from runner.declarations.references import parse_reference
from runner.errors import EnvironmentRefused, WrongUsage
from runner.invocation.input_data import form_of
from runner.jobs.input_paths import choose_input
from runner.remote.inputs import check_input_type, register_input
from runner.workspace import Asset

if TYPE_CHECKING:
    from runner.databricks.connection import Connection
    from runner.declarations import Catalog


@dataclass(frozen=True)
class Input:
    """The place that a job reads an input from."""

    path: str  # of the volume the jobs lie in, from its root; of any other, whole
    shown: str  # as it was asked for
    notices: tuple[str, ...] = ()


def find_input(
    connection: Connection, catalog: Catalog, asked: str, type_: str | None, assets: Registrar
) -> Input:
    """Find an input, and register it where it is a path, or declared and not there yet.

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
        check_input_type(found.reference, found.type, type_)
        return Input(_in_volume(connection, found.path), found.reference)
    if form == "path":
        chosen = choose_input(asked, catalog.data, type_)
        asset, notices = register_input(chosen, assets)
        return Input(_in_volume(connection, asset.path), chosen.shown, notices)
    raise WrongUsage(
        f"{asked.partition('?')[0]!r} is no input that Databricks reads; allowed: a path of this"
        " machine, azureml:NAME:VERSION, /Volumes/CATALOG/SCHEMA/VOLUME/PATH"
    )


def _of_place(connection: Connection, place: str, asked: str, type_: str | None) -> Input:
    """Look at an input in a volume before a cluster is started for it."""
    path = _in_volume(connection, place)
    try:
        found = type_at(connection, place)
    except ServiceError as error:
        if error.status != 403:
            raise
        return Input(path, asked)  # the identity that runs the job may read it
    if type_ is not None and type_ != found:
        raise WrongUsage(f"{asked} is a {found}, not a {type_}")
    return Input(path, asked)


def _in_volume(connection: Connection, path: str) -> str:
    """Return a place as a job reads it. Raises EnvironmentRefused for one outside of volumes."""
    if not is_in_volume(path):
        raise EnvironmentRefused(
            f"{path} lies outside of the volumes of Unity Catalog, which are what a job reads: make"
            f" one over it with `CREATE EXTERNAL VOLUME NAME LOCATION '{path}'`, and name its"
            " /Volumes path"
        )
    root = f"{connection.outputs.volume}/"
    return path.removeprefix(root).rstrip("/")
