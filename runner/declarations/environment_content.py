"""Works out the version of a declared environment from the files and names that make it."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from runner.declarations.document import read_document
from runner.declarations.environment import Environment
from runner.declarations.reader import plain
from runner.package_names import normal

_DIGITS = 12  # of a version
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def version_of(environment: Environment, context: str | None = None) -> str:
    """Return the first digits of the SHA-256 of what makes an environment, descriptions aside.

    `context` is the content of a build's folder, where that is on this machine.
    """
    build, inference = environment.build, environment.inference_config
    content: dict[str, Any] = {
        "image": environment.image,
        "conda_file": conda_text(environment),
        "build": build and [context or str(build.path), build.dockerfile_path],
        "os_type": environment.os_type,
        "inference_config": inference and asdict(inference),
    }
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def conda_text(environment: Environment) -> str | None:
    """Return the conda file as `az` sends it: written anew, so that a comment makes no new version.

    Raises DeclarationError where its file can't be read or holds something else.
    """
    conda = environment.conda_file
    if isinstance(conda, Path):
        conda = plain(read_document(conda))
    if conda is None:
        return None
    import yaml

    text: str = yaml.safe_dump(dict(conda), sort_keys=True, allow_unicode=True)
    return text


def conda_packages(conda: Mapping[str, Any]) -> frozenset[str]:
    """Return the normalized names of the packages that a conda file asks conda and pip for.

    The packages that these require are not among them, nor any that a line names by a path or an
    address.
    """
    names = set()
    for item in conda.get("dependencies") or ():
        lines = (item.get("pip") or ()) if isinstance(item, Mapping) else (item,)
        for line in lines:
            found = _NAME.match(str(line).rpartition("::")[2].strip())
            if found:
                names.add(normal(found[0]))
    return frozenset(names)
