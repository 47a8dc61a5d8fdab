"""Reads `auto_delete_setting`: when Azure deletes an asset by itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from runner.declarations.document import Node
from runner.declarations.reader import Text, Using, read_record


@dataclass(frozen=True)
class _AutoDelete:
    """The setting as the SDK's AutoDeleteSettingSchema has it."""

    condition: Literal["created_greater_than", "last_accessed_greater_than"] | None = None
    value: Text | None = None  # a length of time, such as 30d


def read_auto_delete(node: Node, key: str) -> Mapping[str, str]:
    """Read the setting as az ml takes it, with its condition in the one spelling."""
    setting = read_record(node, _AutoDelete, key)
    return {name: value for name, value in vars(setting).items() if value is not None}


AutoDelete = Annotated[Mapping[str, str], Using(read_auto_delete)]
