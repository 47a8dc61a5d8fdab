"""Reads `input`, the data that a batch endpoint scores unless a call names other."""

from runner.declarations.document import Node
from runner.declarations.problem import refusal
from runner.declarations.reader import read_str, refused
from runner.declarations.references import PREFIX, is_uri, parse_reference
from runner.errors import WrongUsage


def read_input(node: Node, key: str) -> str:
    """Read an `azureml:` reference, an address, or a path, which is taken from the stack file."""
    text = read_str(node, key)
    if text.startswith(PREFIX) and not text.startswith(PREFIX + "//"):
        try:
            return str(parse_reference(text, "data"))
        except WrongUsage as error:
            raise refusal(node.place, key, str(error)) from None
    if not text.strip() or not text.isprintable():
        raise refused(node, key, "an azureml: reference, an address or a path")
    return text if is_uri(text) else str(node.place.file.parent / text)
