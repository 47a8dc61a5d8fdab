"""The folders of code in the volume, `<volume>/code/<hash>/`: each content is sent once."""

from __future__ import annotations

from pathlib import Path

from runner.assets.content import hash_content, hash_file, scan_code
from runner.databricks.connection import Connection
from runner.databricks.files import read_file, write_file
from runner.databricks.volume import upload
from runner.errors import EnvironmentRefused
from runner.workspace import OnProgress, Transfer

_DONE = ".complete"  # beside the folder, once all of it is there


def send_code(
    connection: Connection, folder: Path, on_progress: OnProgress = lambda _: None
) -> str:
    """Send a folder of code unless it is there, and return its path from the volume's root.

    Raises as `scan_code`, and EnvironmentRefused.
    """
    content = scan_code(folder)
    hashes = {file.name: hash_file(file) for file in content.files}
    content_hash = hash_content(content.shape, hashes.items())
    place = f"code/{content_hash[:32]}"
    whole = f"{connection.outputs.volume}/{place}"
    if read_file(connection, whole + _DONE) is not None:
        return place
    name = folder.absolute().name
    sent = upload(
        connection,
        whole,
        content,
        hashes,
        lambda done: on_progress(Transfer("uploading", name, done, content.size)),
    )
    if sent != content_hash:
        raise EnvironmentRefused(f"{folder} changed while it was being sent: try again")
    write_file(connection, whole + _DONE, content_hash.encode())
    return place
