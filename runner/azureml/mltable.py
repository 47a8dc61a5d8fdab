"""Reads the file MLTable of a table, which lists the paths that the table consists of."""

from __future__ import annotations

from pathlib import Path

from runner.errors import WrongUsage

_KINDS = ("pattern", "file", "folder")  # of which each path has one


def referenced_uris(folder: Path) -> list[str]:
    """Return the paths in a table's file MLTable; Azure keeps them for lineage.

    Raises WrongUsage where there is no such file, or it can't be read.
    """
    import yaml

    file = folder / "MLTable"
    try:
        content = yaml.safe_load(file.read_bytes())
        found = [path[kind] for path in content["paths"] for kind in _KINDS if path.get(kind)]
    except FileNotFoundError:
        raise WrongUsage(f"{folder} has no file MLTable, by which Azure reads a table") from None
    except (OSError, yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise WrongUsage(
            f"{file} can't be read ({type(error).__name__}: {reason}); it needs paths, a list of"
            " {file: PATH}, {folder: PATH} or {pattern: PATH}"
        ) from None
    return [str(path) for path in found]
