"""The content of a file as a model's `predict` is given it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runner.profile.sketch import frame_columns

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Feed:
    """A file as it is handed to a model."""

    data: Any  # an array or a DataFrame; an Arrow table where all its columns are numbers
    rows: int | None  # None where only the answer tells how many there are
    notes: tuple[str, ...] = ()  # sentences to warn of what the file has otherwise than it should
    way_out: str = ""  # what to do where MLflow refuses the data
    table: pa.Table | None = None  # the same rows, where they were read as a table

    def columns(self) -> dict[str, Any]:
        """Return the rows' columns by name as Arrow arrays; None for one that Arrow can't hold.

        There are none where the model is given tensors or images.
        """
        if self.table is not None:
            return dict(zip(self.table.column_names, self.table.columns))
        return frame_columns(self.data) if hasattr(self.data, "iloc") else {}
