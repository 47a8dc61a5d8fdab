"""The inputs of a job that are registered assets, or files of this machine."""

from __future__ import annotations

from pathlib import Path

from runner.assets.kinds import INPUT_TYPES, guess_data_type
from runner.assets.registering import Registrar
from runner.errors import WrongUsage
from runner.jobs.input_paths import Chosen, counted_names
from runner.workspace import Asset, Registration


def check_input_type(shown: str, type_: str | None, asked: str | None) -> None:
    """Raise WrongUsage for data of a type that no job reads, or of another type than `asked`."""
    if type_ not in INPUT_TYPES:
        raise WrongUsage(f"{shown} is of type {type_}, allowed: {', '.join(INPUT_TYPES)}")
    if asked is not None and asked != type_:
        raise WrongUsage(f"{shown} is a {type_}, not a {asked}")


def register_input(chosen: Chosen, assets: Registrar) -> tuple[Asset, tuple[str, ...]]:
    """Register files of this machine for a job, and return the asset with what is to be noticed.

    They are sent once, however many jobs read them. They become a data asset of their own, named by
    their content, so that no asset of another name gets a version that nobody meant.
    """
    from runner.assets.content import hash_path

    path = chosen.path
    asset = assets.register(
        "data",
        Registration(
            name=f"input-{hash_path(path, chosen.names)[:16]}",
            path=path,
            type=guess_data_type(path),
            description=f"{Path(chosen.shown).name}, sent as a job's input",
            names=chosen.names,
        ),
    )
    return asset, counted_names(path)[1] if chosen.names is None else ()
