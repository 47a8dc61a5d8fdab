"""The runner itself as a wheel in the volume, so that a cluster runs what runs here.

The wheel is written by this module, and not by a build backend: then it needs no checkout, no
package more and no index, and the same files give the same bytes. It has an entry point that the
package here lacks: `score`, which a Databricks Job calls by its name.
"""

from __future__ import annotations

import base64
import io
import zipfile
from functools import cache
from hashlib import sha256
from pathlib import Path

from runner import __version__
from runner.databricks.connection import Connection
from runner.databricks.files import make_folder, read_file, write_file
from runner.errors import EnvironmentRefused

PACKAGE = "batch_scoring_runner"
ENTRY_POINT = "score"
_NAME = f"{PACKAGE}-{__version__}-py3-none-any.whl"
_INFO = f"{PACKAGE}-{__version__}.dist-info"
_TIME = (1980, 1, 1, 0, 0, 0)  # of every file in it, so that the same files give the same wheel
# The packages that read tables and load models come with the cluster's runtime, or with the
# environment that the deployment declares: the wheel must not replace them.
_METADATA = f"""\
Metadata-Version: 2.1
Name: batch-scoring-runner
Version: {__version__}
Requires-Python: >=3.11
Requires-Dist: click>=8.1
Requires-Dist: pyyaml>=6.0
"""
_WHEEL = """\
Wheel-Version: 1.0
Generator: batch-scoring-runner
Root-Is-Purelib: true
Tag: py3-none-any
"""
_ENTRY_POINTS = f"[{PACKAGE}]\n{ENTRY_POINT} = runner.databricks.cluster:score\n"


def send_wheel(connection: Connection) -> None:
    """Put this runner's wheel where the stack's jobs look for it, unless it is there.

    Beside it lies the hash of what it was made of, so nothing is built while nothing has changed.
    Raises as `find_wheel_place`.
    """
    place = find_wheel_place(connection)
    digest = _source_hash().encode()
    if read_file(connection, f"{place}.sha256") == digest:
        return
    make_folder(connection, place.rpartition("/")[0])
    write_file(connection, place, build_wheel())
    write_file(connection, f"{place}.sha256", digest)


def find_wheel_place(connection: Connection) -> str:
    """Return the path in the volume from which the stack's jobs install this runner's wheel.

    Raises EnvironmentRefused where the stack was deployed for another version.
    """
    place = connection.outputs.wheel
    stack = connection.outputs.stack or "ENV"
    if place is None:
        raise EnvironmentRefused(
            f"{connection.outputs.source} names no wheel for jobs: deploy it again with"
            f" `pulumi up --stack {stack}`"
        )
    name = place.rpartition("/")[2]
    if name != _NAME:
        raise EnvironmentRefused(
            f"the jobs of stack {stack} run {name} and this runner is {__version__}: deploy it"
            f" again with `pulumi up --stack {stack}`, or use the runner of that version"
        )
    return place


def build_wheel() -> bytes:
    """Build the wheel from the package as it lies here."""
    contents = [
        *((f"runner/{name}", content) for name, content in _sources()),
        (f"{_INFO}/METADATA", _METADATA.encode()),
        (f"{_INFO}/WHEEL", _WHEEL.encode()),
        (f"{_INFO}/entry_points.txt", _ENTRY_POINTS.encode()),
    ]
    record = "".join(f"{name},{_digest(data)},{len(data)}\n" for name, data in contents)
    contents.append((f"{_INFO}/RECORD", f"{record}{_INFO}/RECORD,,\n".encode()))
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents:
            file = zipfile.ZipInfo(name, _TIME)
            file.compress_type = zipfile.ZIP_DEFLATED
            file.external_attr = 0o644 << 16
            archive.writestr(file, data)
    return whole.getvalue()


@cache
def _sources() -> tuple[tuple[str, bytes], ...]:
    """Return the package's files with their names below it, in order."""
    package = Path(__file__).resolve().parents[1]
    return tuple(
        (path.relative_to(package).as_posix(), path.read_bytes())
        for path in sorted(package.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    )


def _source_hash() -> str:
    known = sha256(f"{_METADATA}{_WHEEL}{_ENTRY_POINTS}".encode())
    for name, content in _sources():
        known.update(f"{name} {len(content)}\n".encode() + content)
    return known.hexdigest()


def _digest(content: bytes) -> str:
    """Return a file's hash as the list of a wheel's files has it."""
    return "sha256=" + base64.urlsafe_b64encode(sha256(content).digest()).rstrip(b"=").decode()
