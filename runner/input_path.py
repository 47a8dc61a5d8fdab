"""The file or folder that a job's input is read from, where it is a path on this machine."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

from runner.errors import NotFound, WrongUsage


def input_path(given: str, data_assets: Container[str], input_type: str | None = None) -> Path:
    """The path with its `~` expanded.

    Raises NotFound where there is nothing, with a hint where `given` is the name of a declared
    data asset, and WrongUsage where what is there is not of the type that was asked for.
    """
    path = existing(given.removeprefix("file://"))
    if path is None:
        hint = "check the path, or name a data asset as azureml:NAME@latest"
        if given in data_assets:
            hint = f"for the data asset write azureml:{given}@latest"
        raise NotFound(f"no file or folder {given}; {hint}")
    check_type(path, input_type)
    return path


def existing(given: str | Path) -> Path | None:
    """The path of a file or folder that is there, with its `~` expanded; else None."""
    try:
        path = Path(given).expanduser()
        path.stat()
    except PermissionError:
        raise
    except (OSError, RuntimeError, ValueError):  # a name too long, ~NOBODY, a NUL
        return None
    return path


def check_type(path: Path, input_type: str | None) -> None:
    """Raise WrongUsage where a file is asked for as a folder, or the other way round."""
    if input_type == "uri_file" and not path.is_file():
        raise WrongUsage(f"data {path} is a folder, not a uri_file")
    if input_type == "uri_folder" and not path.is_dir():
        raise WrongUsage(f"data {path} is a file, not a uri_folder")
