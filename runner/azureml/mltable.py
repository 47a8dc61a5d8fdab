"""Tables: folders with a file MLTable, which says what they are read from."""

from __future__ import annotations

from pathlib import Path

from runner.errors import WrongUsage

_KINDS = ("pattern", "file", "folder")  # of which each path has one


def referenced_uris(folder: Path) -> list[str]:
    """The paths that a table reads, as its file MLTable has them; Azure keeps them for lineage.

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
