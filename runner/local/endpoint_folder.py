"""An online endpoint's folder in the local workspace: its key, and who serves it.

<home>/endpoints/<name>/
    key                          what requests must send; readable by its owner only
    lock                         held by the process that serves the endpoint
    server.json                  where that process listens, once it does
    served.json                  how long deployments took when they were last served
    models/<name>/<version>/     models as scoring scripts find them, links to the workspace's files
    spark/                       how Spark starts, for models that are Spark's
    invoke.txt                   what the model printed in the last call without a server
"""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from runner.files.atomic import temporary_path, write_atomically
from runner.local.files import link_out
from runner.local.home import make_folder
from runner.local.job_lock import owner
from runner.workspace import Asset


@dataclass(frozen=True)
class Address:
    """Where a server listens, as a client on this machine reaches it."""

    host: str
    port: int

    @property
    def uri(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/score"


def endpoint_folder(home: Path, name: str) -> Path:
    """Return the endpoint's folder, and make it if it is missing. Raises EnvironmentRefused."""
    return make_folder(home, home / "endpoints" / name, exist_ok=True)


def key_file(folder: Path) -> Path:
    return folder / "key"


def read_key(folder: Path) -> str:
    """Return the endpoint's key, which is made at random when it is first asked for."""
    path = key_file(folder)
    if not path.exists():
        with temporary_path(folder, "key.") as draft:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(32) + "\n")
            # A link, not a move: if two make a key at the same time, both get the first.
            with suppress(FileExistsError):
                os.link(draft, path)
    return path.read_text(encoding="ascii").strip()


def announce(folder: Path, address: Address) -> None:
    """Write where the endpoint is served. The caller has to hold its lock."""
    write_atomically(folder / "server.json", json.dumps(asdict(address)))


def withdraw(folder: Path) -> None:
    """Remove the address of the endpoint. The caller has to hold its lock."""
    (folder / "server.json").unlink(missing_ok=True)


def served_at(folder: Path) -> Address | None:
    """Return where the endpoint is served now; None if it is not, or not yet."""
    if owner(folder) is None:
        return None
    try:
        return Address(**json.loads((folder / "server.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def lay_out_model(home: Path, folder: Path, model: Asset) -> Path:
    """Lay a model out under its own name, and return the folder for AZUREML_MODEL_DIR."""
    target = folder / "models" / model.name / model.version
    if target.exists():
        link_out(home, model.content_hash, target / model.base_name, model.reference)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary_path(target.parent) as draft:
            link_out(home, model.content_hash, draft / model.base_name)
            # It fails if another process came first, with the same content.
            with suppress(OSError):
                draft.rename(target)
    return target
