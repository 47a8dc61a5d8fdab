"""Finds what changes between two commits: pins of stack files, and declared models' files.

Nothing of the commits is run. Their files are read as anybody's: from git, into a folder that is
thrown away.
"""

from __future__ import annotations

import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from runner.assets.content import hash_path
from runner.comparison.records import cut
from runner.declarations import AssetReference, Catalog, Model, parse_reference
from runner.declarations.catalog import ENDPOINTS, survey_catalog
from runner.declarations.document import MappingNode, Node, ScalarNode
from runner.declarations.overlay import read_config
from runner.declarations.problem import DeclarationError
from runner.errors import RunnerError, WrongUsage
from runner.project import LOCAL
from runner.pull_request.changes import SOURCE, Change, Changes, before, write_changes

_MOST = 200  # changes, and problems
_PATIENCE = 300  # seconds for git to answer


@dataclass(frozen=True)
class _Tree:
    """Holds the parts of a commit's files that say what is scored."""

    root: Path
    catalog: Catalog
    pins: Mapping[tuple[str, str], str]  # environment, ENDPOINT/DEPLOYMENT
    unread: frozenset[str]  # environments whose stack file can't be read
    problems: tuple[str, ...]


def find_changes(repository: Path, base: str, head: str, folder: Path) -> Changes:
    """Write what a branch changes, and the files that are needed to compare it, into a folder.

    It has changed what differs from where it branched off `base`. Raises WrongUsage where git
    doesn't know the commits.
    """
    head = _git(repository, "rev-parse", "--verify", "--end-of-options", f"{head}^{{commit}}")
    base = _git(repository, "rev-parse", "--verify", "--end-of-options", f"{base}^{{commit}}")
    base = _git(repository, "merge-base", base, head)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="changes-") as scratch:
        trees = [
            _read_tree(repository, commit, Path(scratch, name))
            for commit, name in ((base, "old"), (head, "new"))
        ]
        changes = [*_pins(*trees), *_files(*trees)]
        problems = trees[1].problems
    if len(changes) > _MOST:
        problems = (f"{len(changes) - _MOST} more changes are not looked at", *problems)
    found = Changes(base, head, tuple(changes[:_MOST]), problems[:_MOST])
    write_changes(folder, found)
    if found.changes:
        (folder / SOURCE).write_bytes(_archive(repository, head))
    for place, change in enumerate(found.changes):
        if change.environment is None and change.old is not None:
            parent, _, name = change.old.rpartition("/")
            before(folder, place).write_bytes(_archive(repository, f"{base}:{parent}", name))
    return found


def _git_bytes(repository: Path, *words: str) -> bytes:
    command = ["git", "--literal-pathspecs", "-C", str(repository), *words]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WrongUsage(f"git {words[0]}: {error}") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["it failed"]
        raise WrongUsage(f"git {words[0]}: {said[-1]}; fetch the commits and their history")
    return done.stdout


def _git(repository: Path, *words: str) -> str:
    return _git_bytes(repository, *words).decode().strip()


def _archive(repository: Path, tree: str, *names: str) -> bytes:
    return _git_bytes(
        repository, "archive", "--format=tar", tree, *(["--", *names] if names else [])
    )


def _read_tree(repository: Path, commit: str, root: Path) -> _Tree:
    names = _git(repository, "ls-tree", "--name-only", "-z", commit).split("\0")
    stacks = [name for name in names if name.startswith("Pulumi.") and name.endswith(".yaml")]
    wanted = [*stacks, *(name for name in names if name == "models")]
    root.mkdir()
    (root / "models").mkdir()
    if wanted:
        with tarfile.open(fileobj=BytesIO(_archive(repository, commit, *wanted))) as tar:
            _unpack(tar, root)
    try:
        catalog, wrong = survey_catalog(root / "models")
    except DeclarationError as error:
        catalog, wrong = Catalog(root / "models"), list(error.problems)
    problems = [_said(root, str(problem)) for problem in wrong]
    pins: dict[tuple[str, str], str] = {}
    unread = set()
    for name in sorted(stacks):
        environment = name.removeprefix("Pulumi.").removesuffix(".yaml")
        if environment in (LOCAL, "yaml", ""):
            continue
        try:
            config = read_config(root / name)
        except DeclarationError as error:
            unread.add(environment)
            problems += [_said(root, str(problem)) for problem in error.problems]
            continue
        pins |= {(environment, place): pin for place, pin in _pinned(config)}
    return _Tree(root, catalog, pins, frozenset(unread), tuple(problems))


def _unpack(tar: tarfile.TarFile, root: Path) -> None:
    """Unpack regular files and folders; a link may lead anywhere, and is left out."""
    plain = [member for member in tar if member.isreg() or member.isdir()]
    tar.extractall(root, members=plain, filter="data")


def _said(root: Path, text: str) -> str:
    return cut(text.replace(f"{root}{os.sep}", ""), 400)


def _pinned(config: MappingNode) -> Iterator[tuple[str, str]]:
    """Yield ENDPOINT/DEPLOYMENT and the model it is pinned to, as it stands."""
    for endpoint, found in _entries(config, ENDPOINTS):
        for deployment, node in _entries(found, "deployments"):
            model = node.entries.get("model") if isinstance(node, MappingNode) else None
            if isinstance(model, ScalarNode):
                yield cut(f"{endpoint}/{deployment}"), cut(model.text)


def _entries(node: Node, key: str) -> Iterator[tuple[str, Node]]:
    below = node.entries.get(key) if isinstance(node, MappingNode) else None
    if isinstance(below, MappingNode):
        yield from below.entries.items()


def _pins(old: _Tree, new: _Tree) -> Iterator[Change]:
    """Yield the pins that differ; those of a file that can't be read are not known."""
    for key in sorted(old.pins.keys() | new.pins.keys()):
        environment, pinned = key
        was, now = old.pins.get(key), new.pins.get(key)
        if was == now or environment in old.unread | new.unread:
            continue
        model = _name(now or was or "")
        place = _scored_as(new.catalog, model, pinned)
        yield Change(model, environment, *place, pinned=pinned, old=was, new=now)


def _files(old: _Tree, new: _Tree) -> Iterator[Change]:
    """Yield the declared models whose files differ."""
    for name in sorted(old.catalog.models.keys() | new.catalog.models.keys()):
        was, now = (_path(tree, tree.catalog.models.get(name)) for tree in (old, new))
        if was == now and (was is None or _hash(old.root / was) == _hash(new.root / was)):
            continue
        if was and now and _hash(old.root / was) == _hash(new.root / now):
            continue  # moved
        place = _scored_as(new.catalog, name, "")
        yield Change(name, None, *place, pinned="", old=was, new=now)


def _hash(path: Path) -> str | None:
    try:
        return hash_path(path)
    except (OSError, RunnerError):
        return None


def _path(tree: _Tree, model: Model | None) -> str | None:
    """Return where a model's files lie in the repository; None where they don't."""
    if model is None or not isinstance(model.path, Path):
        return None
    path = Path(os.path.normpath(model.path))
    if not path.is_relative_to(tree.root) or not path.exists():
        return None
    return path.relative_to(tree.root).as_posix()


def _name(reference: str) -> str:
    try:
        return parse_reference(reference, "models").name
    except RunnerError:
        return reference


def _scored_as(catalog: Catalog, model: str, pinned: str) -> tuple[str | None, str | None]:
    """Return the batch endpoint and deployment to score as: the pinned one, or one of the model."""
    batch = [
        (endpoint, name, deployment)
        for endpoint, behind in catalog.batch_deployments.items()
        for name, deployment in behind.items()
    ]
    for endpoint, name, _ in batch:
        if f"{endpoint}/{name}" == pinned:
            return endpoint, name

    def rank(place: tuple[str, str]) -> tuple[bool, tuple[str, str]]:
        declared = catalog.batch_endpoints.get(place[0])
        return declared is None or declared.defaults.deployment_name != place[1], place

    fitting = [
        (endpoint, name)
        for endpoint, name, deployment in batch
        if isinstance(deployment.model, AssetReference | Model) and deployment.model.name == model
    ]
    return min(fitting, key=rank, default=(None, None))
