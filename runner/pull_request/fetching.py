"""Fetches the registered versions that a pull request's pins name, and loads none."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from runner.assets.content import hash_path
from runner.comparison.records import cut
from runner.errors import RunnerError, WrongUsage
from runner.pull_request.changes import Change, Changes, Fetched, Held, archive, write_fetched
from runner.workspace import Asset, Workspace
from runner.workspace.assets import PROMOTED_FROM, PROMOTED_VERSION

Open = Callable[[str], Workspace]  # the workspace of an environment by its name


def fetch_versions(
    changes: Changes, folder: Path, environments: tuple[str, ...], open_workspace: Open
) -> list[Fetched]:
    """Fetch both versions of every pin that changes into a folder, an archive each.

    A version that can't be reached is noted beside its change. `environments` are those that may be
    asked.
    """
    folder.mkdir(parents=True, exist_ok=True)
    opened: dict[str, Workspace] = {}

    def workspace(environment: str) -> Workspace:
        if environment not in environments:
            raise WrongUsage(f"environment {environment} is not there yet")
        if environment not in opened:
            opened[environment] = open_workspace(environment)
        return opened[environment]

    fetched = [
        _fetch(place, change, folder, workspace)
        for place, change in enumerate(changes.changes)
        if change.environment and change.old and change.new
    ]
    write_fetched(folder, fetched)
    return fetched


def _fetch(place: int, change: Change, folder: Path, workspace: Open) -> Fetched:
    assert change.environment is not None
    found = Fetched(place, None, None)
    try:
        assets = [
            workspace(change.environment).asset("model", reference or "")
            for reference in (change.old, change.new)
        ]
        old, new = (asset.content_hash for asset in assets)
        if old and old == new:
            # Nothing is fetched: the hash says that the files are the same.
            held = Held(old, assets[0].base_name)
            return replace(found, old=held, new=held)
        held_old, held_new = (_hold(change.environment, a, folder, workspace) for a in assets)
    except RunnerError as error:
        line = (str(error).splitlines() or ["it can't be reached"])[0]
        return replace(found, error=cut(line, 400))
    return replace(found, old=held_old, new=held_new)


def _hold(environment: str, asset: Asset, folder: Path, workspace: Open) -> Held:
    if asset.content_hash and archive(folder, asset.content_hash).exists():
        return Held(asset.content_hash, _name(asset))
    try:
        return _download(environment, asset, folder, workspace)
    except RunnerError:
        source = _promoted_from(asset, workspace)
        if source is None:
            raise
        return _download(*source, folder, workspace)


def _promoted_from(asset: Asset, workspace: Open) -> tuple[str, Asset] | None:
    """Return the version that a version is a copy of, where its content hash is the same.

    An environment behind a closed network tells of its versions and keeps their files to itself.
    """
    origin, version = (asset.tags.get(tag) for tag in (PROMOTED_FROM, PROMOTED_VERSION))
    if not (origin and version and asset.content_hash):
        return None
    try:
        found = workspace(origin).asset("model", f"azureml:{asset.name}:{version}")
    except RunnerError:
        return None
    return (origin, found) if found.content_hash == asset.content_hash else None


def _download(environment: str, asset: Asset, folder: Path, workspace: Open) -> Held:
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        path = workspace(environment).download_asset(
            "model", asset.reference, Path(scratch, _name(asset))
        )
        content_hash = hash_path(path)
        if asset.content_hash and content_hash != asset.content_hash:
            raise WrongUsage(f"the files of {asset.reference} have another content hash than it")
        draft = Path(scratch, "draft.tar")
        with tarfile.open(draft, "w") as tar:
            tar.add(path, arcname=_name(asset))
        draft.replace(archive(folder, content_hash))
    return Held(content_hash, _name(asset))


def _name(asset: Asset) -> str:
    return Path(asset.base_name).name or "model"
