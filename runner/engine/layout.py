"""The places in a job's folder where the engine keeps its own files."""

from __future__ import annotations

from pathlib import Path

from runner.engine.parts import Key


def plan_file(folder: Path) -> Path:
    return folder / "plan.json"


def journal_file(folder: Path) -> Path:
    return folder / "journal.jsonl"


def loaded_file(folder: Path) -> Path:
    """Return the file that each run of the job touches when a worker has loaded the model."""
    return folder / "loaded"


def logs_folder(folder: Path) -> Path:
    return folder / "logs"


def worker_log(folder: Path, slot: int) -> Path:
    """Return the log of what a worker prints."""
    return logs_folder(folder) / f"worker-{slot}.txt"


def preloading_log(folder: Path) -> Path:
    """Return the log of what another Python prints before workers are forked there."""
    return logs_folder(folder) / "preloading.txt"


def worker_logs(folder: Path) -> list[Path]:
    """Return the logs of the workers so far."""
    return sorted(logs_folder(folder).glob("worker-*.txt"))


def output_folder(folder: Path) -> Path:
    """Return the folder of the job's output; scripts find it as AZUREML_BI_OUTPUT_PATH."""
    return folder / "output"


def pieces_folder(folder: Path) -> Path:
    return folder / "pieces"


def piece(folder: Path, key: Key) -> Path:
    """Return the file for the lines of a finished part of a mini-batch."""
    mini_batch, part = key
    return pieces_folder(folder) / f"{mini_batch:08d}-{part:06d}"


def profile_piece(folder: Path, key: Key) -> Path:
    """Return the file for the profile of a finished part of a mini-batch."""
    return piece(folder, key).with_suffix(".profile")


def profile_draft(folder: Path, key: Key, process: int) -> Path:
    """Return the file for a part's profile by a process before it counts, as with `draft`."""
    return piece(folder, key).with_suffix(f".{process}.profile.draft")


def profile_file(folder: Path) -> Path:
    """Return the file for the profile of the whole job."""
    return folder / "profile.json"


def draft(folder: Path, key: Key, process: int) -> Path:
    """Return the file for a part's lines by a process before they count.

    The process id keeps a worker that outlived a killed job out of the resumed job's drafts.
    """
    return piece(folder, key).with_suffix(f".{process}.draft")
