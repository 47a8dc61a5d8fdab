"""Finds the files of a version of a model by what a person calls it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from runner.assets.content import hash_path, scan
from runner.assets.kinds import ASSET_KINDS
from runner.comparison.scoring import Subject
from runner.declarations import BatchDeployment, Catalog, Data, Model, parse_reference
from runner.errors import EnvironmentRefused, NotFound, WrongUsage
from runner.invocation.input_data import form_of
from runner.jobs.input_paths import Chosen, choose_input, counted_names, existing
from runner.workspace import Workspace

_PREFIX = "azureml:"
_DECLARATIONS = (".yml", ".yaml")


def is_path(text: str) -> bool:
    """Return whether a version is named by its path: anything with a slash, a dot or ~ before it,
    and a declaration."""
    if text.startswith(_PREFIX):
        return False
    return "/" in text or text.startswith((".", "~")) or text.endswith(_DECLARATIONS)


def named_model(text: str) -> str | None:
    """Return the name of the model that a version is named with; None for a path, and where the
    version or label stands alone.

    Raises WrongUsage for what is no reference.
    """
    if is_path(text) or _stands_alone(text):
        return None
    return parse_reference(_full(text, ""), "models").name


def declared_at(text: str, catalog: Catalog) -> str | None:
    """Return the name of the model that is declared with the files, or by the declaration, that a
    path names; None for anything else."""
    path = existing(text) if is_path(text) else None
    if path is None:
        return None
    for declared in catalog.models.values():
        places = (declared.file, declared.path)
        if any(isinstance(place, Path) and place.resolve() == path.resolve() for place in places):
            return declared.name
    return None


def _stands_alone(text: str) -> bool:
    return text.isdecimal() or text.startswith("@")


def _full(text: str, name: str) -> str:
    if text.startswith(_PREFIX):
        return text
    if text.isdecimal():
        return f"{_PREFIX}{name}:{text}"
    return f"{_PREFIX}{name}{text}" if text.startswith("@") else f"{_PREFIX}{text}"


def find_version(
    workspace: Workspace, text: str, name: str | None, catalog: Catalog, folder: Path
) -> Subject:
    """Return the version that a text names; a registered one that is elsewhere is fetched into
    `folder`, and nothing is written where it comes from.

    `name` is the model's, for a version or a label that stands alone. Raises WrongUsage, NotFound,
    and EnvironmentRefused.
    """
    if is_path(text):
        return _at_path(text, catalog)
    if _stands_alone(text) and name is None:
        raise WrongUsage(f"{text} is a version of which model? write NAME:{text.lstrip('@')}")
    reference = _full(text, name or "")
    try:
        asset = workspace.asset("model", reference)
    except NotFound as error:
        if existing(text) is not None:
            raise NotFound(f"{error}; for the files of that name write ./{text}") from None
        raise
    if workspace.abilities.stores_files:
        path = Path(asset.path)
    else:
        path = workspace.download_asset("model", asset.reference, folder / asset.base_name)
    return Subject(
        label=asset.reference.removeprefix(_PREFIX),
        path=path,
        type=asset.type,
        content_hash=asset.content_hash or hash_path(path),
        size=scan(path).size,
        name=asset.name,
        base_name=asset.base_name,
    )


def find_working_tree(
    name: str | None, deployment: BatchDeployment | None, catalog: Catalog
) -> Subject:
    """Return the model as it is declared and lies in the project.

    Raises WrongUsage where none is.
    """
    declared = catalog.models.get(name) if name else None
    if declared is None and deployment is not None and isinstance(deployment.model, Model):
        declared = deployment.model
    if declared is None or not isinstance(declared.path, Path):
        what = f"model {name!r} is" if name else "the model is"
        raise WrongUsage(
            f"{what} not declared with files of this project: name the version to compare with"
        )
    found = _of_declaration(declared)
    return replace(found, label=f"{found.label} (working tree)")


def _at_path(text: str, catalog: Catalog) -> Subject:
    path = existing(text)
    if path is None:
        raise NotFound(f"no file or folder {text}: check the path of the model")
    if path.suffix in _DECLARATIONS:
        for declared in catalog.models.values():
            if declared.file.resolve() == path.resolve():
                return _of_declaration(declared)
        raise WrongUsage(f"{text} is no declaration of a model of this project: name its folder")
    return _at(path, text, ASSET_KINDS["model"].guess_type(path))


def _of_declaration(declared: Model) -> Subject:
    path = declared.path
    if not isinstance(path, Path):
        raise EnvironmentRefused(f"{path} is not on this machine: fetch it, and name its folder")
    return replace(_at(path, str(path), declared.type), name=declared.name)


def _at(path: Path, label: str, kind: str) -> Subject:
    from runner.short_paths import shorten_paths

    content = scan(path)
    return Subject(
        label=shorten_paths(label, Path.cwd()),
        path=path.absolute(),
        type=kind,
        content_hash=hash_path(path),
        size=content.size,
        base_name=path.name,
    )


def find_data(
    workspace: Workspace, asked: str, declared: Mapping[str, Data], folder: Path
) -> tuple[str, Chosen, tuple[str, ...]]:
    """Return the data by its name, its files on this machine, and lines on what is not scored.

    Registered data is read where it lies, or fetched into `folder`; data that is only declared is
    read from its path, and not registered. Raises as `choose_input`, and EnvironmentRefused for
    data that is neither here nor an asset.
    """
    form = form_of(asked)
    if form == "path":
        chosen = choose_input(asked, declared)
        if chosen.names is not None:
            return chosen.shown, chosen, ()
        names, notices = counted_names(chosen.path)
        return chosen.shown, replace(chosen, names=names), notices
    if form != "asset":
        raise EnvironmentRefused(
            f"data {asked} is not on this machine: fetch it, and give its path"
        )
    try:
        asset = workspace.asset("data", asked)
    except NotFound:
        reference = parse_reference(asked, "data")
        here = declared.get(reference.name)
        if here is None or reference.exact or not isinstance(here.path, Path):
            raise
        names, notices = counted_names(here.path)
        return str(here.path), Chosen(here.path, names), notices
    if workspace.abilities.stores_files:
        return asset.reference, Chosen(Path(asset.path)), ()
    path = workspace.download_asset("data", asset.reference, folder / (asset.base_name or "data"))
    return asset.reference, Chosen(path), ()
