"""The copy of a job's folder between the driver's disk and the volume, while the job runs.

Volumes take neither appends nor writes in the middle of a file, so the job works on the driver's
own disk, and whole files are copied. A piece is copied before the journal that names it: whatever
the volume's journal knows as done can be taken up again from the volume alone.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from runner.engine.layout import (
    journal_file,
    loaded_file,
    logs_folder,
    output_folder,
    pieces_folder,
    plan_file,
)
from runner.engine.plan import read_plan
from runner.errors import JobFailed
from runner.processes import python_command

_EVERY = 2.0  # seconds between two looks
_RESULTS = ("failures.csv", "report.html", "summary.json")  # with the summary all are there


def restore(place: Path, folder: Path) -> None:
    """Bring what an earlier run of the job left in the volume to the driver's disk."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in (journal_file(place), plan_file(place), place / "starts.txt"):
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(path, folder / path.name)
    for kept in (pieces_folder, logs_folder, output_folder):
        copy_files(kept(place), kept(folder))


def copy_files(source: Path, target: Path) -> None:
    """Copy the files of a folder and those below it; nothing where there is no folder.

    Not their times and permissions: a volume has none to give, and takes none. Raises OSError.
    """
    for path in sorted(source.rglob("*")):
        if path.is_file():
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


class Mirror:
    """Copies what has changed since the last time."""

    def __init__(self, folder: Path, place: Path) -> None:
        self._folder = folder
        self._place = place
        self._copied: dict[Path, tuple[int, int]] = {}

    def look(self) -> None:
        """Copy what a job that is taken up again needs, and what tells how far it has come.

        Raises OSError where the volume refuses.
        """
        journal = journal_file(self._folder)
        try:
            known = journal.read_bytes()
        except FileNotFoundError:
            known = b""
        if not self._appends():
            for path in sorted(output_folder(self._folder).rglob("*")):
                if path.is_file():
                    self._copy(path)
        for piece in sorted(pieces_folder(self._folder).glob("*")):
            if piece.suffix != ".draft":
                self._copy(piece)
        for path in (
            plan_file(self._folder),
            self._folder / "starts.txt",
            loaded_file(self._folder),
            *sorted(logs_folder(self._folder).glob("*.txt")),
        ):
            self._copy(path)
        # The journal as it was before the pieces were copied, without a half-written last line.
        self._write(journal_file(self._place), known[: known.rfind(b"\n") + 1])

    def finish(self) -> None:
        """Copy what is left of the job in the end. Raises OSError where the volume refuses."""
        self.look()
        for name in _RESULTS:
            self._copy(self._folder / name)

    def _appends(self) -> bool:
        """Tell whether the output is put together in the end; otherwise a script writes it."""
        try:
            plan = read_plan(plan_file(self._folder))
        except FileNotFoundError:
            return True
        return plan.settings.output_action == "append_row"

    def _copy(self, path: Path) -> None:
        try:
            status = path.stat()
        except FileNotFoundError:  # it is replaced just now, and comes with the next look
            return
        mark = (status.st_size, status.st_mtime_ns)
        if self._copied.get(path) == mark:
            return
        target = self._place / path.relative_to(self._folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(path, target)
            self._copied[path] = mark

    def _write(self, target: Path, content: bytes) -> None:
        mark = (len(content), hash(content))
        if self._copied.get(target) != mark:
            target.write_bytes(content)
            self._copied[target] = mark


@contextlib.contextmanager
def mirrored(folder: Path, place: Path) -> Iterator[None]:
    """Copy a job's folder into the volume until the block ends, and what is left then.

    A process of its own does so, because the job's forks its workers and so may have no threads.
    Raises JobFailed where the volume takes the results of a job that ended well no longer.
    """
    copying = subprocess.Popen(
        python_command("runner.databricks.mirror", str(folder), str(place)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield
    finally:
        failed = sys.exception() is not None
        said, _ = copying.communicate()  # its input ends, by which it knows that it is to finish
        if copying.returncode and not failed:
            raise JobFailed(said.strip() or f"{place} could not be written")


def refused(path: Path, error: OSError) -> JobFailed:
    """Return the error for a volume that takes no files."""
    return JobFailed(
        f"{path} can't be written ({error.strerror or error}): grant the job's user WRITE VOLUME"
        " and resume it"
    )


def main(folder: str, place: str) -> int:
    """Copy until the input ends, which it does when the job's process ends, however that is.

    The files that are left are copied then. Prints why where the volume takes it no longer.
    """
    import select

    mirror = Mirror(Path(folder), Path(place))
    while not select.select([sys.stdin], [], [], _EVERY)[0]:
        with contextlib.suppress(OSError):  # the next look may succeed; the last one tells
            mirror.look()
    try:
        mirror.finish()
    except OSError as error:
        print(refused(Path(place), error))
        return 1
    return 0
