"""What makes an environment, and the version that its content names."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from runner.declarations.document import read_document
from runner.declarations.environment import Environment
from runner.declarations.reader import plain

_DIGITS = 12  # of a version


def version_of(environment: Environment, context: str | None = None) -> str:
    """Digits of the SHA-256 of what makes an environment; not of what describes it.

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
    """The conda file as `az` sends it: written anew, so that a comment makes no new version.

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
