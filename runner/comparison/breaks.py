"""Finds what works with one of two versions and not with the other, before answers are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from runner.comparison.pairing import mismatches, runs_of
from runner.comparison.records import cut
from runner.comparison.report import Break, SideName
from runner.comparison.scoring import Scored, Subject
from runner.counting import many
from runner.engine.mlmodel import MlModel, read_mlmodel
from runner.errors import JobFailed

_MOST_NAMED = 5  # files or classes of a sentence
_MOST_COLUMNS = 20
_LONGEST = 300  # characters of an error


def mlmodel_of(subject: Subject) -> MlModel | None:
    """Return what a model says of itself; None where it is no MLflow model, or a broken one."""
    if not (subject.path / "MLmodel").is_file():
        return None
    try:
        return read_mlmodel(subject.path)
    except JobFailed:
        return None


def signature_breaks(old: MlModel | None, new: MlModel | None) -> Iterator[Break]:
    """Yield the differences of two signatures, each by the name of its column."""
    if old is None or new is None:
        return
    before, after = _columns(old), _columns(new)
    if bool(before) != bool(after):
        who, other = ("new", "old") if after else ("old", "new")
        yield Break("signature", "new", f"the {who} version has a signature and the {other} none")
        return
    yield from _first(_column_breaks(before, after))
    gone, come = _outputs(old), _outputs(new)
    if gone and come and gone != come:
        told = f"the signature's output was {', '.join(gone)} and is {', '.join(come)}"
        yield Break("signature", "new", cut(told, _LONGEST))


def _column_breaks(
    before: dict[str, tuple[str, bool]], after: dict[str, tuple[str, bool]]
) -> Iterator[Break]:
    for name in after:
        kind, required = after[name]
        shown = repr(cut(name, 80))
        if name not in before:
            need = "needs" if required else "takes"
            told = f"the new version {need} column {shown} ({kind}), which the old one does not"
            yield Break("signature", "new", told)
            continue
        was, was_required = before[name]
        if was != kind:
            yield Break("signature", "new", f"column {shown} was {was} and is {kind}")
        if required and not was_required:
            yield Break("signature", "new", f"column {shown} could be left out and can't any more")
    for name in before:
        if name not in after:
            told = f"the new version does not take column {cut(name, 80)!r} any more"
            yield Break("signature", "new", told)


def _first(breaks: Iterable[Break]) -> Iterator[Break]:
    found = list(breaks)
    yield from found[:_MOST_COLUMNS]
    if len(found) > _MOST_COLUMNS:
        more = len(found) - _MOST_COLUMNS
        yield Break("signature", "new", f"{more:,} more differences of columns")


def _columns(model: MlModel) -> dict[str, tuple[str, bool]]:
    """Return type by name of a signature's inputs, and whether each has to be there."""
    signature = model.signature
    found = {column.name: (column.type, column.required) for column in signature.columns}
    for place, loose in enumerate(signature.loose_columns):
        found[str(place if loose.name is None else loose.name)] = (loose.type, True)
    for place, tensor in enumerate(signature.tensors):
        found[f"tensor {place}"] = (f"{tensor.type}{list(tensor.shape)}", True)
    return found


def _outputs(model: MlModel) -> list[str]:
    return [
        " ".join(
            str(part)
            for part in (output.get("name"), output.get("type"), output.get("tensor-spec"))
            if part is not None
        )
        for output in model.outputs
    ]


def scoring_breaks(old: Scored, new: Scored) -> Iterator[Break]:
    """Yield what one version scored and the other did not, or with another number of rows."""
    scores: tuple[tuple[SideName, Scored, Scored], ...] = (("old", old, new), ("new", new, old))
    for name, scored, other in scores:
        if scored.error is not None and other.error is None:
            told = f"the {name} version scores nothing: {cut(scored.error, _LONGEST)}"
            yield Break("refused", name, told)
    if old.error is not None or new.error is not None:
        return
    for name, scored, other in scores:
        failed = _failures(scored)
        only = [file for file in failed if file not in _failures(other)]
        if only:
            first = cut(failed[only[0]], _LONGEST)
            told = f"{many(len(only), 'file')} failed with the {name} version alone: {first}"
            yield Break("files", name, told)
    uneven = list(mismatches(runs_of(old), runs_of(new)).values())
    if uneven:
        told = (
            f"{cut(uneven[0].name, 80)} has {many(uneven[0].old, 'answer')} of the old version and"
            f" {uneven[0].new:,} of the new one"
        )
        more = f"; so have {len(uneven) - 1:,} more other numbers" if len(uneven) > 1 else ""
        yield Break("rows", "new", f"{told}{more}: they can't be joined")


def _failures(scored: Scored) -> dict[str, str]:
    """Return why files failed, by name."""
    found: dict[str, str] = {}
    for attempt in scored.attempts:
        for file in attempt.files:
            if file.error is not None:
                found[file.name] = file.error
            elif attempt.outcome == "failed":
                found[file.name] = f"{file.name}: {attempt.reason}"
    return found


def class_breaks(name: str, new: Sequence[str], gone: Sequence[str]) -> Iterator[Break]:
    """Yield the classes of a part of the answers that only one of the versions has."""
    if new:
        told = f"{cut(name, 80)}: {_listed(new)} answered by the new version alone"
        yield Break("classes", "new", told)
    if gone:
        told = f"{cut(name, 80)}: {_listed(gone)} answered by the old version alone"
        yield Break("classes", "new", told)


def _listed(classes: Sequence[str]) -> str:
    named = ", ".join(cut(name, 60) for name in classes[:_MOST_NAMED])
    more = len(classes) - _MOST_NAMED
    rest = f" and {more:,} more" if more > 0 else ""
    return f"{named}{rest} {'is' if len(classes) == 1 else 'are'}"
