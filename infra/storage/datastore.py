"""A datastore as a stack file names it, in the keys of `az ml datastore create`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

from infra.stack_config import DATASTORE_KEYS, DATASTORES, StackConfig, matches
from runner.declarations.reader import Check

DatastoreType = Literal["azure_blob", "azure_data_lake_gen2", "azure_file"]
# The key with the place in an account, for each type.
_PLACES: Mapping[DatastoreType, str] = {
    "azure_blob": "container_name",
    "azure_data_lake_gen2": "filesystem",
    "azure_file": "file_share_name",
}
# Azure makes these with the workspace.
_KEPT = (
    *("workspaceartifactstore", "workspaceblobstore", "workspacefilestore"),
    "workspaceworkingdirectory",
)
_NAME = re.compile(r"[A-Za-z0-9_]{1,255}")

Account = Annotated[str, Check(matches(r"[a-z0-9]{3,24}"), "a storage account's name")]
Place = Annotated[
    str,
    Check(matches(r"[a-z0-9](?!.*--)[a-z0-9-]{1,61}[a-z0-9]"), "3 to 63 small letters, digits, -"),
]


@dataclass(frozen=True, kw_only=True)
class Datastore:
    """A container, a file system or a file share of a storage account."""

    type: DatastoreType
    account_name: Account
    container_name: Place | None = None
    filesystem: Place | None = None
    file_share_name: Place | None = None
    description: str = ""
    key: str | None = field(default=None, repr=False, metadata={"given": True})  # of the account


def datastores_from(config: StackConfig) -> dict[str, Datastore]:
    """Read the datastores by name, each with its account's key where one is given."""
    found: dict[str, Datastore] = config.value(DATASTORES, Mapping[str, Datastore], {})
    for name, datastore in found.items():
        for text in _refused(name, datastore):
            config.refuse(text, DATASTORES, name)
    keys = _keys(config, found)
    for name, datastore in found.items():
        if datastore.type == "azure_file" and name not in keys:
            text = (
                "has no key, and Azure ML reads no file share without one: `pulumi config set"
                f" --secret --path {DATASTORE_KEYS}.{name}` asks for it"
            )
            config.refuse(text, DATASTORES, name)
    return {name: replace(datastore, key=keys.get(name)) for name, datastore in found.items()}


def _refused(name: str, datastore: Datastore) -> list[str]:
    texts = []
    if not _NAME.fullmatch(name):
        texts.append("is no name of a datastore, allowed: letters, digits and _")
    if name.lower() in _KEPT:
        texts.append("is a datastore that every workspace is made with, allowed: another name")
    wanted = _PLACES[datastore.type]
    for place in _PLACES.values():
        given = getattr(datastore, place)
        if place == wanted and given is None:
            texts.append(f"has no {place}, which type: {datastore.type} requires")
        if place != wanted and given is not None:
            texts.append(f"has {place}, allowed with type: {datastore.type}: {wanted}")
    return texts


def _keys(config: StackConfig, datastores: Mapping[str, Datastore]) -> dict[str, str]:
    """Return the accounts' keys by the datastore's name."""
    given: Any = config.hidden(DATASTORE_KEYS)
    if given is None:
        return {}
    problems = []
    if not isinstance(given, dict) or not all(isinstance(key, str) for key in given.values()):
        problems.append("found something else, which is not shown, allowed: keys by datastore")
        given = {}
    if not config.is_secret(DATASTORE_KEYS):
        problems.append(
            "found in clear, allowed: secrets: `pulumi config set --secret --path"
            f" {DATASTORE_KEYS}.NAME`, and another key, as this one was in a file"
        )
    for name in given:
        if name not in datastores:
            problems.append(f"has a key for {name}, allowed: {', '.join(datastores) or 'none'}")
        elif datastores[name].type == "azure_data_lake_gen2":
            problems.append(f"has a key for {name}, and Azure ML reads a lake by roles only")
    for text in problems:
        config.refuse(text, DATASTORE_KEYS)
    return {} if problems else given
