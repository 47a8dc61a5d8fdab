"""The options and commands that `runner models` and `runner data` have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runner.assets.kinds import ASSET_KINDS
from runner.cli.options import (
    Function,
    PathOrAddress,
    Session,
    asset_names,
    common,
    existing_path,
    format_option,
    pairs,
    pass_session,
)

if TYPE_CHECKING:
    from runner.assets.kinds import AssetKind
    from runner.declarations import Data, Model
    from runner.workspace import Asset, Registration, Workspace


def registration_options(kind: AssetKind) -> Callable[[Function], Function]:
    """Add PATH and the options that say what to register, as `az ml <kind> create` has them."""
    facts = ASSET_KINDS[kind]
    options = [
        click.argument("source", metavar="[PATH|FILE.yml]", required=False, type=PathOrAddress()),
        click.option(
            "--file",
            "-f",
            metavar="FILE.yml",
            type=existing_path(dir_okay=False),
            help=f"The declaration of the {facts.noun}; other options override it.",
        ),
        click.option("--name", metavar="NAME", help=f"The name of the {facts.noun}."),
        click.option(
            "--version",
            metavar="VERSION",
            help="Its version.  [default: the next; the same for content that is there already]",
        ),
        click.option(
            "--type",
            type=click.Choice(facts.readable_types),
            help="What kind it is.  [default: as declared, else as found]",
        ),
        click.option(
            "--path",
            metavar="PATH",
            type=PathOrAddress(),
            help="The file or folder itself, or the address of what a job or run made.",
        ),
        click.option("--description", metavar="TEXT", help="What it is, in a sentence."),
        click.option(
            "--tag",
            "tags",
            metavar="KEY=VALUE",
            multiple=True,
            callback=pairs,
            help="A tag. May be repeated.",
        ),
    ]

    def add(function: Function) -> Function:
        for option in reversed(options):
            function = option(function)
        return function

    return add


def registration(
    kind: AssetKind,
    source: Path | str | None,
    file: Path | None,
    name: str | None,
    version: str | None,
    type: str | None,  # noqa: A002 - the option's name
    path: Path | str | None,
    description: str | None,
    tags: Mapping[str, str],
    job: str | None = None,
    made: Callable[[], str] | None = None,
    other_ways: str = "",
) -> Registration:
    """Return the registration that the options ask for.

    `made` finds the address of the output of `job`, if one is named.
    `other_ways` are what the command has besides the options here, as the end of the error where
    nothing is named. Raises WrongUsage and DeclarationError.
    """
    from dataclasses import replace

    from runner.assets.registering import registration_of
    from runner.workspace import Registration

    file, path = _told_apart(kind, source, file, path)
    if made and path:
        raise click.UsageError("a path and --from-job exclude each other")
    declared = _declared(kind, file) if file else None
    found = made() if made else path or (declared.path if declared else None)
    if found is None:
        raise click.UsageError(
            f"nothing to register: give -f {kind}.yml, or --name NAME --path PATH{other_ways}"
        )
    chosen = name or (declared.name if declared else None)
    if chosen is None:
        raise click.UsageError(
            f"--name is missing: what shall the {ASSET_KINDS[kind].noun} be called?"
        )
    if declared:
        base = registration_of(replace(declared, path=found), chosen)
    else:
        base = Registration(chosen, found, _type_of(kind, found))
    return replace(
        base,
        type=type or base.type,
        version=version or base.version,
        description=base.description if description is None else description,
        tags={**base.tags, **tags},
        job=job,
    )


def register_asset(workspace: Workspace, kind: AssetKind, wanted: Registration) -> Asset:
    """Register, and say so where the content has a version that is not the latest."""
    from runner.cli.failure import print_warning

    asset = workspace.register(kind, wanted)
    if wanted.version is None:
        latest = workspace.asset(kind, f"azureml:{asset.name}@latest")
        if latest.version != asset.version and latest.created_at > asset.created_at:
            print_warning(
                f"{asset.reference} has this content already, and @latest is {latest.reference}:"
                " give --version to make it the latest"
            )
    return asset


def asset_argument(kind: AssetKind) -> Callable[[Function], Function]:
    """Add the argument `reference`, which names one version of an asset."""
    return click.argument(
        "reference", metavar="NAME[:VERSION|@latest]", shell_complete=asset_names(kind)
    )


def add_list(group: click.Group, kind: AssetKind) -> None:
    """Give the group its `list`."""
    facts = ASSET_KINDS[kind]
    command = f"runner {facts.plural} list"

    @group.command(
        "list",
        help=f"List {facts.plural}: the latest version of each, or every version of one.",
        epilog=f"\b\nExamples:\n  {command}\n  {command} --name {facts.example}",
    )
    @click.option(
        "--name",
        metavar="NAME",
        shell_complete=asset_names(kind),
        help="Every version of this one.",
    )
    @format_option("table", "json")
    @common
    @pass_session
    def list_assets(session: Session, name: str | None, format_: str) -> None:
        from runner.cli.printing import print_assets, print_json, print_note
        from runner.workspace import as_json

        found = session.open().assets(kind, name)
        if format_ == "json":
            print_json(as_json(found))
        elif found:
            print_assets(found)
        else:
            print_note(f"no {facts.plural} yet; `{facts.adding} -f FILE` adds one")


def add_show(group: click.Group, kind: AssetKind) -> None:
    """Give the group its `show`."""
    facts = ASSET_KINDS[kind]
    command = f"runner {facts.plural} show {facts.example}"

    @group.command(
        "show",
        help=f"Show one version of a {facts.noun}; the latest where none is named.",
        epilog=f"\b\nExamples:\n  {command}\n  {command}:1 -o json",
    )
    @asset_argument(kind)
    @format_option("table", "json")
    @common
    @pass_session
    def show(session: Session, reference: str, format_: str) -> None:
        print_registered(session.open().asset(kind, full_reference(reference)), format_)


def add_download(group: click.Group, kind: AssetKind) -> None:
    """Give the group its `download`."""
    facts = ASSET_KINDS[kind]
    command = f"runner {facts.plural} download {facts.example}"

    @group.command(
        "download",
        help=f"Copy one version of a {facts.noun} to a folder.",
        epilog=f"\b\nExamples:\n  {command}\n  {command}:1 --download-path copy",
    )
    @asset_argument(kind)
    @click.option(
        "--download-path",
        "-p",
        "target",
        metavar="DIR",
        type=click.Path(file_okay=False, path_type=Path),
        help=f"Where to.  [default: a folder here, named as the {facts.noun}]",
    )
    @common
    @pass_session
    def download(session: Session, reference: str, target: Path | None) -> None:
        workspace = session.open()
        asset = workspace.asset(kind, full_reference(reference))
        print(workspace.download_asset(kind, asset.reference, target or Path(asset.name)))


def full_reference(text: str) -> str:
    """Return `name`, `name:1` or `name@latest` as the reference that workspaces take."""
    return text if text.startswith("azureml:") else f"azureml:{text}"


def print_registered(asset: Asset, format_: str) -> None:
    """Print one asset, as details or JSON."""
    from runner.cli.printing import print_asset, print_json
    from runner.workspace import as_json

    if format_ == "json":
        print_json(as_json(asset))
    else:
        print_asset(asset)


def _told_apart(
    kind: AssetKind, source: Path | str | None, file: Path | None, path: Path | str | None
) -> tuple[Path | None, Path | str | None]:
    """Return the declaration and the path; the bare argument is one or the other."""
    if source is None:
        return file, path
    if isinstance(source, Path) and source.suffix in (".yml", ".yaml") and source.is_file():
        if file:
            raise click.UsageError(f"two declarations: {source} and --file {file}")
        return source, path
    if path:
        raise click.UsageError(f"two paths: {source} and --path {path}")
    return file, source


def _declared(kind: AssetKind, file: Path) -> Model | Data:
    from runner.declarations import Data, Model, read_as

    return read_as(file, Model) if kind == "model" else read_as(file, Data)


def _type_of(kind: AssetKind, found: Path | str) -> str | None:
    """Return the type of a path, by its content; the workspace looks at an address."""
    return ASSET_KINDS[kind].guess_type(found) if isinstance(found, Path) else None
