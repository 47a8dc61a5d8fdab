"""Declares data assets: a file, a folder or a table each."""

from dataclasses import dataclass, field

from runner.assets.kinds import DataType
from runner.declarations.auto_delete import AutoDelete
from runner.declarations.document import MappingNode
from runner.declarations.names import AssetName, Version
from runner.declarations.reader import Declared, Texts, read_record
from runner.declarations.references import Location


@dataclass(frozen=True, kw_only=True)
class Data(Declared):
    """A data asset, as the SDK's DataSchema has it."""

    name: AssetName
    path: Location
    version: Version | None = None
    type: DataType = "uri_folder"
    description: str = ""
    tags: Texts = field(default_factory=dict)
    properties: Texts = field(default_factory=dict)
    datastore: str | None = None
    auto_delete_setting: AutoDelete | None = None


def data_from(node: MappingNode) -> Data:
    """Read a data asset's file. Raises DeclarationError."""
    return read_record(node, Data)
