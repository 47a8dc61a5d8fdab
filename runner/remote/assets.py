"""The lookup, the hash and the download of models and data assets, the same on every platform."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from runner.assets.content import Content, counted, hash_content, hash_file
from runner.assets.fetching import fresh_folder, write
from runner.assets.kinds import AssetKind
from runner.assets.rules import check_copy, parse_asset, unknown_name, unknown_version
from runner.files.atomic import check_absent
from runner.workspace import Asset, OnProgress, Transfer

_AT_ONCE = 8  # names whose latest version is asked for


def find_asset(
    kind: AssetKind,
    reference: str,
    get: Callable[[str, str | None], Asset | None],
    versions: Callable[[str], list[str]],
) -> Asset:
    """Return the version that `azureml:name:version` or `azureml:name@latest` means.

    The prefix can be left out, and a name alone means its latest version. `get` finds a version of
    a name, or its latest where the version is None. `versions` lists those of a name, and raises
    NotFound where there are none. Raises WrongUsage for a text that is no reference, and NotFound.
    """
    wanted = parse_asset(kind, reference)
    found = get(wanted.name, wanted.version)
    if found is not None:
        return found
    raise unknown_version(kind, wanted.name, wanted.version, versions(wanted.name))


def list_assets(
    kind: AssetKind,
    name: str | None,
    names: Callable[[], list[str]],
    versions: Callable[[str], list[Asset]],
    latest: Callable[[str], Asset | None],
) -> list[Asset]:
    """Return all versions of a name, newest first, or the latest version of every name.

    Raises NotFound for an unknown name.
    """
    if name is not None:
        found = versions(name)
        if not found:
            raise unknown_name(kind, name, names())
        return found
    known = names()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return [asset for asset in pool.map(latest, known) if asset is not None]


def hash_files(
    content: Content, base_name: str, on_progress: OnProgress
) -> tuple[str, dict[str, str]]:
    """Read a content, and return its hash and the hash of each of its files by name."""
    read = counted(
        content, lambda done: on_progress(Transfer("reading", base_name, done, content.size))
    )
    hashes = {file.name: hash_file(file) for file in read.files}
    return hash_content(content.shape, hashes.items()), hashes


def download_asset(
    find: Callable[[], Asset],
    contents: Callable[[Asset], Content],
    target: Path,
    on_progress: OnProgress,
) -> Path:
    """Copy the asset that `find` returns to `target`, and return that.

    Raises WrongUsage where the target exists, and EnvironmentRefused where it can't be written
    or the files are not those that were registered.
    """
    check_absent(target)
    asset = find()
    content = contents(asset)

    def show(done: int) -> None:
        on_progress(Transfer("downloading", asset.reference, done, content.size))

    only = content.files[0].name if content.shape == "file" else None
    with fresh_folder(target, only) as folder:
        check_copy(asset, write(content, folder, show))
    return target
