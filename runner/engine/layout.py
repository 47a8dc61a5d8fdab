"""Where the engine keeps what is its own inside a job's folder."""

from __future__ import annotations

from pathlib import Path

from runner.engine.parts import Key


def plan_file(folder: Path) -> Path:
    return folder / "plan.json"


def journal_file(folder: Path) -> Path:
    return folder / "journal.jsonl"


def loaded_file(folder: Path) -> Path:
    """Touched when a worker has loaded the model, in each run of the job."""
    return folder / "loaded"


def logs_folder(folder: Path) -> Path:
    return folder / "logs"


def worker_log(folder: Path, slot: int) -> Path:
    """Where what a worker prints ends up."""
    return logs_folder(folder) / f"worker-{slot}.txt"


def preloading_log(folder: Path) -> Path:
    """Where what another Python prints ends up, before workers are forked there."""
    return logs_folder(folder) / "preloading.txt"


def worker_logs(folder: Path) -> list[Path]:
    """What the workers have printed so far, a file for each."""
    return sorted(logs_folder(folder).glob("worker-*.txt"))


def output_folder(folder: Path) -> Path:
    """Where the job's output grows; scripts find it as AZUREML_BI_OUTPUT_PATH."""
    return folder / "output"


def pieces_folder(folder: Path) -> Path:
    return folder / "pieces"


def piece(folder: Path, key: Key) -> Path:
    """Where the lines of a finished part of a mini-batch lie."""
    mini_batch, part = key
    return pieces_folder(folder) / f"{mini_batch:08d}-{part:06d}"


def profile_piece(folder: Path, key: Key) -> Path:
    """Where the profile of a finished part of a mini-batch lies."""
    return piece(folder, key).with_suffix(".profile")


def profile_draft(folder: Path, key: Key, process: int) -> Path:
    """Where a process writes a part's profile before it counts, as with `draft`."""
    return piece(folder, key).with_suffix(f".{process}.profile.draft")


def profile_file(folder: Path) -> Path:
    """The profile of the whole job."""
    return folder / "profile.json"


def draft(folder: Path, key: Key, process: int) -> Path:
    """Where a process writes a part's lines before they count.

    The process id keeps a worker that outlived a killed job out of the resumed job's drafts.
    """
    return piece(folder, key).with_suffix(f".{process}.draft")
