"""Writes pins, the versions that an environment runs, into `Pulumi.<env>.yaml`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.declarations.catalog import ENDPOINTS, Catalog
from runner.declarations.deployment import Deployment
from runner.declarations.document import MappingNode, Node, ScalarNode, describe, read_document
from runner.declarations.model import Model
from runner.declarations.overlay import MODELS, Stack, lay_over, model_folder
from runner.declarations.problem import DeclarationError, Place, refusal
from runner.declarations.yaml_edit import Keys, set_value
from runner.errors import EnvironmentRefused, WrongUsage
from runner.files.atomic import replace_atomically, temporary_path
from runner.jobs.addresses import is_job_address, parse_job_address
from runner.nearest import nearest

_BOM = "\ufeff"


@dataclass(frozen=True)
class Pin:
    """The versions one deployment runs, as `azureml:<name>:<version>`; None leaves it as it is."""

    endpoint: str
    deployment: str
    model: str | None = None
    code: str | None = None

    @property
    def values(self) -> Iterator[tuple[Keys, str]]:
        """Yield the keys that lead to each version in the stack file, and the version."""
        at = ("config", ENDPOINTS, self.endpoint, "deployments", self.deployment)
        if self.model is not None:
            yield (*at, "model"), self.model
        if self.code is not None:
            yield (*at, "code_configuration", "code"), self.code


def deployments_to_pin(
    catalog: Catalog,
    stack: Stack,
    model: str,
    path: Path | str | None = None,
    named: Sequence[str] = (),
) -> list[Deployment]:
    """Return the deployments that a new version of a model is for, as they are declared.

    Those are the ones `named`, each `endpoint/deployment`. Without names they are the batch
    deployments that the stack pins to the model, and where it pins none, those that are declared
    with it, by its name or by the `path` it is registered from. Online deployments answer while
    they change, so they are only taken where they are named. Raises DeclarationError for a stack
    that doesn't fit the declarations and WrongUsage where there is no such deployment, or the
    stack leaves it out.
    """
    laid = lay_over(catalog, stack)
    if named:
        asked = [_named(catalog, text) for text in named]
        for deployment in asked:
            _check_kept(catalog, stack, [deployment])
        return asked
    batch = [found for behind in catalog.batch_deployments.values() for found in behind.values()]
    pinned = [
        deployment
        for deployment in batch
        if deployment.name in _pins(stack, deployment)
        and _is_kept(catalog, stack, deployment)
        and _is_of(laid.batch_deployments[deployment.endpoint_name][deployment.name], model, None)
    ]
    found = pinned or [deployment for deployment in batch if _is_of(deployment, model, path)]
    if not found:
        raise WrongUsage(
            f"no batch deployment is declared with the model {model!r}: name the one to pin with"
            " --deployment ENDPOINT/DEPLOYMENT"
        )
    _check_kept(catalog, stack, found)
    return [deployment for deployment in found if _is_kept(catalog, stack, deployment)]


def _is_kept(catalog: Catalog, stack: Stack, deployment: Deployment) -> bool:
    """Return whether a stack has the endpoint of a deployment."""
    return stack.models is None or model_folder(catalog, deployment.endpoint_name) in stack.models


def _check_kept(catalog: Catalog, stack: Stack, deployments: Sequence[Deployment]) -> None:
    """Raise WrongUsage where a stack has none of these deployments' endpoints."""
    if any(_is_kept(catalog, stack, deployment) for deployment in deployments):
        return
    endpoint = deployments[0].endpoint_name
    folder = model_folder(catalog, endpoint)
    raise WrongUsage(f"{stack.file.name} leaves {endpoint!r} out: add {folder!r} to {MODELS} there")


def _pins(stack: Stack, deployment: Deployment) -> frozenset[str]:
    """Return the names of the endpoint's deployments whose model the stack sets."""
    overlay = stack.endpoints.get(deployment.endpoint_name)
    entries = overlay.deployments.entries if overlay else {}
    return frozenset(
        name
        for name, node in entries.items()
        if isinstance(node, MappingNode) and "model" in node.entries
    )


def _is_of(deployment: Deployment, model: str, path: Path | str | None) -> bool:
    declared = deployment.model
    if declared is None:
        return False
    if declared.name == model:
        return True
    if path is None or not isinstance(declared, Model):
        return False
    return _place(declared.path) == _place(path)


def _place(path: Path | str) -> Path | str:
    """Return a path or an address in a form that can be compared."""
    if isinstance(path, Path):
        return path.absolute()
    return str(parse_job_address(path)) if is_job_address(path) else path.rstrip("/")


def _named(catalog: Catalog, text: str) -> Deployment:
    endpoint, _, name = text.partition("/")
    behind: Mapping[str, Mapping[str, Deployment]] = {
        **catalog.batch_deployments,
        **catalog.online_deployments,
    }
    if name in behind.get(endpoint, {}):
        return behind[endpoint][name]
    known = [f"{name}/{deployment}" for name, found in behind.items() for deployment in found]
    raise WrongUsage(f"no deployment {text!r} is declared{nearest(text, known)}")


def write_pins(file: Path, pins: Iterable[Pin]) -> list[Pin]:
    """Write pins into a stack file, and return those that were not there already.

    The file is replaced whole, or left as it is; one that says all of it already is not touched.
    Raises DeclarationError where the place of a pin holds something else, is shared through an
    anchor or an alias, or can't be changed by itself, and EnvironmentRefused where the file can't
    be written.
    """
    file = file.resolve()
    wanted = list(pins)
    before = read_document(file, may_be_empty=True)
    changed = [
        pin for pin in wanted if any(_text(before, keys) != value for keys, value in pin.values)
    ]
    if not changed:
        return []
    raw = file.read_bytes()
    mark = _BOM if raw.decode().startswith(_BOM) else ""
    text, expected = raw.decode().removeprefix(_BOM), _plain(before)
    for pin in changed:
        for keys, value in pin.values:
            text = set_value(file, text, keys, value)
            _put(expected, keys, value)
    _replace(file, raw, mark + text, expected, changed[0])
    return changed


def _replace(file: Path, raw: bytes, text: str, expected: Any, first: Pin) -> None:
    """Put the new text in the file's place, once reading it again gives what is expected."""
    import shutil

    try:
        with (
            temporary_path(file.parent, f".{file.name}.") as draft,
            replace_atomically(file, draft),
        ):
            with draft.open("xb") as stream:
                stream.write(text.encode())
            shutil.copymode(file, draft)
            if not _says(draft, expected):
                key = ".".join(next(iter(first.values))[0])
                found = "found YAML of a form that can't be pinned by itself: change it by hand"
                raise refusal(Place(file, 0), key, found)
            if file.read_bytes() != raw:
                raise EnvironmentRefused(
                    f"{file} was changed meanwhile by somebody else: pin again"
                )
    except OSError as error:
        raise EnvironmentRefused(
            f"{file} can't be written ({error.strerror}): make it and its folder writable"
        ) from error


def _says(file: Path, expected: Any) -> bool:
    try:
        return bool(_plain(read_document(file)) == expected)
    except DeclarationError:
        return False


def _text(node: Node, keys: Sequence[str]) -> str | None:
    for key in keys:
        if not isinstance(node, MappingNode) or key not in node.entries:
            return None
        node = node.entries[key]
    return node.text if isinstance(node, ScalarNode) else describe(node)


def _plain(node: Node) -> Any:
    """Return a tree without its places, with the kind of every value."""
    if isinstance(node, MappingNode):
        return {key: _plain(below) for key, below in node.entries.items()}
    if isinstance(node, ScalarNode):
        return (node.kind, node.text)
    return [_plain(item) for item in node.items]


def _put(tree: Any, keys: Keys, value: str) -> None:
    for key in keys[:-1]:
        if not isinstance(tree.get(key), dict):
            tree[key] = {}
        tree = tree[key]
    tree[keys[-1]] = ("text", value)
