"""Finds the input of a job: data of the workspace, a datastore, an address or this machine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runner.assets.kinds import ASSET_KINDS, AssetKind, InputType, guess_data_type
from runner.assets.registering import Registrar, find_or_register
from runner.azureml.storage import parse_place
from runner.declarations.references import parse_reference
from runner.declarations.scoring_request import address_type
from runner.errors import WrongUsage
from runner.invocation.input_data import DATA_ID, form_of
from runner.jobs.input_paths import choose_input
from runner.remote.inputs import check_input_type, register_input
from runner.workspace import Asset, OnProgress, Registration

if TYPE_CHECKING:
    from runner.azureml.assets import FindRun
    from runner.azureml.connection import Connection
    from runner.declarations import Catalog, Data, Model

_PROVIDER = "/providers/Microsoft.MachineLearningServices"


@dataclass(frozen=True)
class Input:
    """An input, as Azure is given it."""

    uri: str
    type: InputType
    shown: str  # as it was asked for
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class InputAssets:
    """The workspace's assets, for a job that waits for its input.

    Versions are written without azure-ai-ml, whose import would take longer than all else at the
    start of a small job.
    """

    connection: Connection
    on_progress: OnProgress
    find_run: FindRun

    def asset(self, kind: AssetKind, reference: str) -> Asset:
        from runner.azureml.registered import find

        return find(self.connection, kind, reference)

    def register(self, kind: AssetKind, registration: Registration) -> Asset:
        from runner.azureml.assets import register

        return register(self.connection, kind, registration, self.on_progress, self.find_run)


def find_input(
    connection: Connection, catalog: Catalog, asked: str, type_: str | None, assets: Registrar
) -> Input:
    """Return the input that is asked for; a path, or declared data, is registered if need be.

    Raises NotFound, and WrongUsage for data of another type than `type_`, or no input at all.
    """
    form, named = form_of(asked), DATA_ID.fullmatch(asked)
    if named is not None:
        return _of_asset(connection, assets.asset("data", _own_reference(connection, named)), type_)
    if form == "datastore":
        return Input(_place_uri(asked), address_type(asked, type_), asked)
    if form == "https":
        # The part behind a question mark may be a signature.
        return Input(asked, address_type(asked, type_), asked.partition("?")[0])
    if form == "asset":
        reference = parse_reference(asked, "data")
        found = find_or_register(assets, "data", reference, catalog.data)
        return _of_asset(connection, found, type_)
    if form == "address":
        raise WrongUsage(
            f"{asked.partition('?')[0]!r} is no input Azure reads; allowed: a path,"
            " azureml:NAME:VERSION, azureml://datastores/NAME/paths/PATH, https://..."
        )
    chosen = choose_input(asked, catalog.data, type_)
    asset, notices = register_input(chosen, assets)
    return Input(asset_id(connection, asset), guess_data_type(chosen.path), chosen.shown, notices)


def asset_id(connection: Connection, asset: Asset) -> str:
    """Return an asset's id, by which a job keeps its lineage."""
    segment = ASSET_KINDS[asset.kind].segment
    return f"{connection.outputs.resource_id}/{segment}/{asset.name}/versions/{asset.version}"


def _own_reference(connection: Connection, named: re.Match[str]) -> str:
    """Return the reference for a data asset's id. Raises WrongUsage for another workspace's."""
    if not connection.is_own(named["subscription"], named["group"], named["workspace"]):
        raise WrongUsage(
            f"{named[0]!r} is in another workspace than {connection.outputs.workspace!r}: register"
            " the data asset in this one, or choose its environment"
        )
    return f"azureml:{named['name']}:{named['version']}"


def _place_uri(asked: str) -> str:
    """Return a place in a datastore as Azure reads it. Raises WrongUsage."""
    parse_place(asked)
    if asked.startswith("azureml://"):
        return asked
    path = asked.removeprefix("azureml:").replace(_PROVIDER, "")
    return f"azureml:/{path}"


def _of_asset(connection: Connection, asset: Asset | Model | Data, asked: str | None) -> Input:
    shown = asset.reference if isinstance(asset, Asset) else str(asset.path)
    check_input_type(shown, asset.type, asked)
    kind: InputType = "uri_file" if asset.type == "uri_file" else "uri_folder"
    uri = asset_id(connection, asset) if isinstance(asset, Asset) else shown
    return Input(uri, kind, shown)
