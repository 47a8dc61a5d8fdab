"""Dealing large files of a plan out in slices: which ones, and where they are cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from runner.engine import drivers
from runner.engine.plan import InputFile, Plan
from runner.engine.slices import Slice
from runner.engine.stopped import check_stop

SLICE = 2 << 20  # bytes; larger slices cost memory, smaller ones calls
_NOWHERE = (Slice(0, 0, 0, 0),)  # of a file that can't be read


@dataclass(frozen=True)
class Cuts:
    """The slices of each large file by its name, and why some of these files can't be read."""

    slices: dict[str, tuple[Slice, ...]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def large_files(plan: Plan) -> list[InputFile]:
    """Return the files that are dealt out in slices, if the model lets them."""
    above = plan.settings.slice_above
    if plan.whole_files or not above or not _can_be_cut_here():
        return []
    large = [file for file in plan.files if file.size > above]
    return large if large and drivers.takes_slices(plan) else []


def _can_be_cut_here() -> bool:
    """Tell whether these packages are installed here. A job that is scored in another Python needs
    them only there; then its files stay whole."""
    return all(find_spec(module) is not None for module in ("numpy", "pyarrow"))


def most_parts(plan: Plan) -> int:
    """Return about how many parts there will be at the most, before anything is read."""
    return plan.mini_batches + sum(file.size // _size(plan) for file in large_files(plan))


def cut_large_files(
    plan: Plan, stop: Callable[[], bool], log: Callable[[str], None] = lambda line: None
) -> Cuts:
    """Find the slices of each large file, which reads it from end to end.

    Raises Stopped when `stop` says so.
    """
    cuts = Cuts()
    for file in large_files(plan):
        slices: list[Slice] = []
        try:
            for found in drivers.cut(Path(plan.input) / file.name, _size(plan)):
                check_stop(stop)
                slices.append(found)
        except drivers.BadFile as error:
            cuts.slices[file.name] = _NOWHERE
            cuts.refused[file.name] = f"{file.name}: {error}"
            continue
        if len(slices) > 1:
            cuts.slices[file.name] = tuple(slices)
            log(f"{file.name} is dealt out in {len(slices):,} slices")
    return cuts


def _size(plan: Plan) -> int:
    return min(SLICE, plan.settings.slice_above)
